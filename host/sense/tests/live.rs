//! The machine that runs the tests: its own procfs, its own memory hierarchy, its own PSI.

use std::fs;
use std::os::fd::AsFd;
use std::path::Path;

use jettison_model::column::{NONE_U32, row};
use jettison_model::snapshot::flags;
use jettison_model::{Needs, Snapshot};
use jettison_sense::trigger::{KernelLog, UsageThreshold};
use jettison_sense::{MemcgEvents, Now, PsiKind, PsiSpec, PsiTrigger, Root, Sensor, TriggerError};
use jettison_tests::{Hog, Memcg, wait_for};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

const MIB: u64 = 1 << 20;

fn now() -> Now {
    let uptime = fs::read_to_string(Root::live().proc.join("uptime")).unwrap();
    let seconds: f64 = uptime.split(' ').next().unwrap().parse().unwrap();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "an uptime")]
    let boot_ms = (seconds * 1000.0) as u64;
    Now { boot_ms, wall_ms: 1 }
}

fn sense(sensor: &mut Sensor, needs: Needs) -> Snapshot {
    let mut snapshot = Snapshot::default();
    sensor.sense(needs, now(), &mut snapshot);
    snapshot
}

fn row_of(snapshot: &Snapshot, pid: u32) -> usize {
    snapshot.processes.pids.binary_search(&pid).expect("the process has a row")
}

#[test]
fn we_find_ourselves_as_the_procfs_crate_does() {
    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    let snapshot = sense(&mut sensor, Needs::ALL);
    // Where we may not look into others, that is a fault, but not about ourselves.
    let ours = Root::live().proc.join(std::process::id().to_string());
    assert!(!sensor.faults().iter().any(|fault| Path::new(&fault.path).starts_with(&ours)));
    let table = &snapshot.processes;
    let at = row_of(&snapshot, std::process::id());
    let other = procfs::process::Process::myself().unwrap();
    let (stat, status) = (other.stat().unwrap(), other.status().unwrap());

    assert_eq!(table.start_times[at], stat.starttime);
    assert_eq!(table.comms.get(at), stat.comm.as_bytes());
    let parent = row(table.parents[at]).map(|parent| table.pids[parent]);
    assert_eq!(parent, u32::try_from(stat.ppid).ok());
    assert_eq!(table.uids[at], status.euid);
    assert_eq!(table.flags[at], 0);
    assert_eq!(i32::from(table.oom_score_adjs[at]), i32::from(other.oom_score_adj().unwrap()));
    assert_eq!(Path::new(std::str::from_utf8(table.exes.get(at)).unwrap()), other.exe().unwrap());
    let cmdline = other.cmdline().unwrap().join("\0") + "\0";
    assert_eq!(table.cmdlines.get(at), cmdline.as_bytes());
    // Memory moves between the two looks.
    let close = |ours: u64, theirs_kib: u64| ours.abs_diff(theirs_kib * 1024) < 8 * MIB;
    assert!(close(table.rss_anon_bytes[at], status.rssanon.unwrap()));
    assert!(close(table.rss_file_bytes[at], status.rssfile.unwrap()));
    assert!(close(table.page_table_bytes[at], status.vmpte.unwrap()));
    assert!(table.ages_ms[at] < 3_600_000);

    let host = snapshot.host;
    let meminfo = <procfs::Meminfo as procfs::Current>::current().unwrap();
    assert_eq!(host.memory_total_bytes, meminfo.mem_total);
    assert!(host.memory_available_bytes.abs_diff(meminfo.mem_available.unwrap()) < 1024 * MIB);
}

#[test]
fn the_table_of_this_machine_is_whole() {
    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    let snapshot = sense(&mut sensor, Needs::default());
    let table = &snapshot.processes;
    assert_eq!(table.pids.first(), Some(&1));
    assert_eq!(table.parents[0], NONE_U32);
    assert!(table.pids.is_sorted_by(|a, b| a < b));
    let rows = table.len();
    assert_eq!([table.parents.len(), table.memcgs.len(), table.flags.len(), table.comms.len()], [rows; 4]);
    let kernel = (0..rows).find(|&at| table.comms.get(at) == b"kthreadd");
    assert!(kernel.is_none_or(|at| table.has(at, flags::KERNEL_THREAD)));
    if sensor.hierarchy().is_some() {
        assert_eq!(snapshot.memcgs.paths.get(0), b"/");
        let paths: Vec<&[u8]> = (0..snapshot.memcgs.len()).map(|at| snapshot.memcgs.paths.get(at)).collect();
        assert!(paths.is_sorted_by(|a, b| a < b));
        assert!(row(table.memcgs[row_of(&snapshot, std::process::id())]).is_some());
    }
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn a_real_scope_bounds_the_memory_and_marks_processes_outside() {
    let memcg = Memcg::new("sense-test", 64 * MIB).unwrap();
    let hog = Hog::new(&memcg, false).unwrap();
    let path = memcg.path().to_owned();
    let mut sensor = Sensor::new(Root::live(), Some(&path)).unwrap();
    let snapshot = sense(&mut sensor, Needs::default());
    assert_eq!(sensor.faults(), []);
    assert_eq!(snapshot.host.memory_total_bytes, 64 * MIB);
    let available = snapshot.host.memory_available_bytes;
    assert!(available > 32 * MIB && available <= 64 * MIB, "{available}");
    assert_eq!(sensor.probe().unwrap().total_bytes, 64 * MIB);

    let inside = row_of(&snapshot, hog.pid());
    assert!(!snapshot.processes.has(inside, flags::OUT_OF_SCOPE));
    assert!(snapshot.processes.has(row_of(&snapshot, std::process::id()), flags::OUT_OF_SCOPE));
    let at = row(snapshot.processes.memcgs[inside]).unwrap();
    assert_eq!(snapshot.memcgs.paths.get(at), path.as_bytes());
    assert_eq!(snapshot.memcgs.max_bytes[at], 64 * MIB);
    assert!(snapshot.memcgs.current_bytes[at] <= 64 * MIB);

    assert!(sensor.scope_exists());
    drop((hog, memcg));
    assert!(!sensor.scope_exists() && sensor.probe().is_none());
    let flags_of_all = sense(&mut sensor, Needs::default()).processes.flags;
    assert!(flags_of_all.iter().all(|bits| bits & flags::OUT_OF_SCOPE != 0));
    assert_eq!(sensor.faults().len(), 1);

    let again = Memcg::new("sense-test", 128 * MIB).unwrap();
    assert_eq!(again.path(), path);
    assert!(sensor.scope_exists());
    assert_eq!(sensor.probe().map(|memory| memory.total_bytes), Some(128 * MIB));
}

#[test]
#[ignore = "needs root, to arm a PSI trigger"]
fn the_host_takes_a_trigger_or_says_why_not() {
    let root = Root::live();
    let spec = |stall_ms, window_ms| PsiSpec { kind: PsiKind::Some, stall_ms, window_ms, memcg: None };
    match PsiTrigger::arm(&root, &spec(150, 1000)) {
        Ok(trigger) if trigger.re_armed => {
            assert_eq!((trigger.stall_us, trigger.window_us), (300_000, 2_000_000));
        }
        Ok(trigger) => assert_eq!((trigger.stall_us, trigger.window_us), (150_000, 1_000_000)),
        Err(error) => panic!("{error}"),
    }
    let error = PsiTrigger::arm(&root, &spec(5000, 2000)).unwrap_err();
    assert!(matches!(error, TriggerError::Refused { .. }), "a stall longer than its window: {error}");
}

fn is_told(trigger: &impl AsFd, flags: PollFlags, wait_s: i64) -> bool {
    let mut files = [PollFd::new(trigger, flags)];
    poll(&mut files, Some(&Timespec { tv_sec: wait_s, tv_nsec: 0 })).unwrap();
    files[0].revents().contains(flags)
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn the_kernel_tells_when_a_memcg_fills() {
    let memcg = Memcg::new("trigger-test", 64 * MIB).unwrap();
    let mut hog = Hog::new(&memcg, false).unwrap();
    if memcg.version() == "v1" {
        let (path, in_vain) = (memcg.path(), MemcgEvents::arm(&Root::live(), memcg.path()).unwrap_err());
        assert!(matches!(in_vain, TriggerError::OtherVersion { .. }), "{in_vain}");
        let mark = UsageThreshold::arm(&Root::live(), path, 24 * MIB).unwrap();
        assert!(!is_told(&mark, PollFlags::IN, 0) && !mark.take().unwrap().is_over);
        hog.take_mib(32).unwrap();
        assert!(is_told(&mark, PollFlags::IN, 10), "upwards");
        let usage = mark.take().unwrap();
        assert!(usage.is_over && usage.is_crossed && usage.usage_bytes >= 24 * MIB, "{usage:?}");
        assert!(!is_told(&mark, PollFlags::IN, 0) && !mark.take().unwrap().is_crossed, "told once");
        drop(hog);
        assert!(is_told(&mark, PollFlags::IN, 10), "downwards");
        drop(memcg);
        let gone = mark.take().unwrap_err();
        assert!(matches!(gone, TriggerError::Absent { .. }), "{gone}");
    } else {
        let mut events = MemcgEvents::arm(&Root::live(), memcg.path()).unwrap();
        assert!(!is_told(&events, PollFlags::PRI, 0));
        // It dies of it, or its pipe breaks first.
        hog.take_mib(96).ok();
        assert!(is_told(&events, PollFlags::PRI, 10));
        let counts = events.take().unwrap();
        assert!(counts.max > 0, "{counts:?}");
        drop((hog, memcg));
        let gone = events.take().unwrap_err();
        assert!(matches!(gone, TriggerError::Absent { .. }), "{gone}");
    }
}

#[test]
#[ignore = "needs root, to make a memcg and to read the kernel's log"]
fn the_kernel_log_names_the_victim() {
    let mut log = KernelLog::open(&Root::live()).unwrap();
    log.oom_kills(|_| ()).unwrap();
    let memcg = Memcg::new("kmsg-test", 32 * MIB).unwrap();
    let mut hog = Hog::new(&memcg, false).unwrap();
    // It dies of it, or its pipe breaks first.
    hog.take_mib(64).ok();
    let found = wait_for("the record of the kill", || {
        assert!(is_told(&log, PollFlags::IN, 10));
        let mut found = None;
        log.oom_kills(|kill| {
            if kill.pid == hog.pid() {
                found = Some((kill.comm == b"tail", kill.is_memcg, kill.anon_rss_bytes));
            }
        })
        .unwrap();
        found
    });
    assert!(found.0 && found.1 && found.2.unwrap() > 16 * MIB, "{found:?}");
}

#[test]
fn a_memcg_that_is_not_there_is_named() {
    let root = Root::live();
    let nowhere = "/jettison-nonexistent";
    let errors = [
        UsageThreshold::arm(&root, nowhere, MIB).unwrap_err(),
        MemcgEvents::arm(&root, nowhere).unwrap_err(),
    ];
    assert!(errors.iter().any(|error| !matches!(error, TriggerError::OtherVersion { .. })), "{errors:?}");
    for error in errors {
        assert!(error.to_string().contains("nonexistent"), "{error}");
    }
}
