//! The daemon, from outside: in a memcg of its own, or in a dry run.

mod kit;

use std::fs;
use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;

use jettison_tests::{Hog, Memcg, wait_for};
use kit::{Daemon, ask, ask_json, file};
use rustix::process::Signal;

const MIB: u64 = 1 << 20;

fn adj(pid: u32) -> i16 {
    fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap().trim().parse().unwrap()
}

/// Field 12 of `stat`, and what its threads that are gone had (proc_pid_stat(5)).
fn major_faults(daemon: &Daemon) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{}/stat", daemon.child.id())).unwrap();
    stat.rsplit(')').next().unwrap().split_whitespace().nth(9).unwrap().parse().unwrap()
}

fn has_thread(daemon: &Daemon, name: &str) -> bool {
    let tasks = fs::read_dir(format!("/proc/{}/task", daemon.child.id())).unwrap();
    let comm = |task: std::fs::DirEntry| fs::read_to_string(task.path().join("comm")).unwrap_or_default();
    tasks.flatten().any(|task| comm(task).trim() == name)
}

/// A hog of 120 MiB that is steady.
fn steady(memcg: &Memcg) -> Hog {
    let mut steady = Hog::new(memcg, false).unwrap();
    steady.take_mib(120).unwrap();
    steady
}

/// Beside it one of 20 MiB that leaks some 80 MiB/s until it ends, or until `is_enough`. Returns how it
/// ended.
fn leak_beside(steady: &mut Hog, memcg: &Memcg, is_deaf: bool, is_enough: impl Fn() -> bool) -> ExitStatus {
    let mut leak = Hog::new(memcg, is_deaf).unwrap();
    leak.take_mib(20).unwrap();
    let ended = wait_for("the leak's end", || {
        if !is_enough() {
            // Refused once it has ended, which the next line sees.
            leak.take_mib(1).ok();
        }
        leak.ended().unwrap()
    });
    assert!(steady.ended().unwrap().is_none(), "the bigger one stays");
    assert_eq!(memcg.oom_kills().unwrap(), 0);
    ended
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn a_leak_goes_by_sigterm_and_the_bigger_one_stays() {
    let state = tempfile::tempdir().unwrap();
    let memcg = Memcg::new("run-term", 256 * MIB).unwrap();
    let mut steady = steady(&memcg);
    let mut daemon = Daemon::start(state.path(), &["--scope", memcg.path()]);
    daemon.says("is watching");
    // The drill at the start needs it. A thread takes its name when it first runs.
    wait_for("the reaper", || has_thread(&daemon, "reaper").then_some(()));
    let faults_before = major_faults(&daemon);
    let ended = leak_beside(&mut steady, &memcg, false, || false);
    assert_eq!(ended.signal(), Some(15));
    let line = daemon.says("victim is gone");
    assert_eq!(major_faults(&daemon), faults_before, "nothing is loaded in the crisis");
    assert!(line.contains("measured_relief_bytes") && line.contains("killed=false"), "{line}");
    let (status, said) = daemon.stop();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("policy=balanced"), "{said}");
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn a_victim_that_ignores_sigterm_dies_on_its_deadline() {
    let state = tempfile::tempdir().unwrap();
    let config = file(state.path(), "jettison.toml", "[act]\ngrace_ms = 300\n");
    let memcg = Memcg::new("run-deaf", 256 * MIB).unwrap();
    let mut steady = steady(&memcg);
    let mut daemon = Daemon::start(state.path(), &["--scope", memcg.path(), "--config", &config]);
    daemon.says("is watching");
    // It stops where the daemon has to act and is not yet at critical, so that the kernel has no reason to.
    let is_enough = || memcg.usage_bytes().unwrap() > 240 * MIB;
    let ended = leak_beside(&mut steady, &memcg, true, is_enough);
    assert_eq!(ended.signal(), Some(9));
    let line = daemon.says("victim is gone");
    assert!(line.contains("killed=true"), "{line}");
    let took_ms: u64 = line.split("took_ms=").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(took_ms >= 300, "SIGKILL came before the grace period was over: {line}");
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn a_dry_run_names_the_victim_and_touches_no_process() {
    let state = tempfile::tempdir().unwrap();
    let memcg = Memcg::new("run-dry", 256 * MIB).unwrap();
    let mut daemon = Daemon::start(state.path(), &["--dry-run", "--scope", memcg.path()]);
    daemon.says("is watching");
    let mut hog = Hog::new(&memcg, false).unwrap();
    hog.take_mib(245).unwrap();
    let line = daemon.says("victim");
    assert!(line.contains(&format!("pid={}", hog.pid())) && line.contains("dry_run=true"), "{line}");
    let (status, said) = daemon.stop();
    assert_eq!(status, Some(0), "{said}");
    assert!(hog.ended().unwrap().is_none());
    assert_eq!(adj(hog.pid()), 0);
    assert!(!state.path().join("held.json").exists());
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn what_a_crashed_daemon_held_is_put_back_by_the_next_and_at_its_end() {
    let state = tempfile::tempdir().unwrap();
    // The host's pressure comes from whatever else is tested now, and would be a reason to act.
    let config = file(state.path(), "jettison.toml", "[trigger]\npsi = []\n");
    let memcg = Memcg::new("run-held", 256 * MIB).unwrap();
    let args = ["--scope", memcg.path(), "--config", &config];
    let mut first = Daemon::start(state.path(), &args);
    first.says("is watching");
    let mut hog = Hog::new(&memcg, false).unwrap();
    // Between `warn` (38 MiB left) and `act` (20 MiB): a leak is made the kernel's choice, and no victim is
    // named.
    wait_for("the level of warn", || {
        hog.take_mib(5).unwrap();
        (memcg.usage_bytes().unwrap() > 226 * MIB).then_some(())
    });
    wait_for("a held value", || (adj(hog.pid()) > 0).then_some(()));
    first.signal(Signal::KILL);
    first.child.wait().unwrap();
    assert!(adj(hog.pid()) > 0 && state.path().join("held.json").exists());
    let mut second = Daemon::start(state.path(), &args);
    second.says("put back the oom_score_adj");
    second.says("is watching");
    let (status, said) = second.stop();
    assert_eq!((status, adj(hog.pid())), (Some(0), 0), "{said}");
    assert!(hog.ended().unwrap().is_none());
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn what_the_kernel_takes_is_said_and_remembered() {
    let state = tempfile::tempdir().unwrap();
    let memcg = Memcg::new("run-kernel", 64 * MIB).unwrap();
    let mut daemon = Daemon::start(state.path(), &["--dry-run", "--scope", memcg.path()]);
    daemon.says("is watching");
    wait_for("the memcg's trigger", || {
        (ask_json(state.path(), &["status"])["memcg_triggers"] == 1).then_some(())
    });
    let mut hog = Hog::new(&memcg, false).unwrap();
    let ended = wait_for("the kernel's kill", || {
        // Refused once it has ended, which the next line sees.
        hog.take_mib(8).ok();
        hog.ended().unwrap()
    });
    assert_eq!(ended.signal(), Some(9));
    let line = daemon.says("the kernel's OOM killer took a process");
    assert!(line.contains(&format!("pid={}", hog.pid())) && line.contains("is_memcg=true"), "{line}");
    let (status, history) = (ask_json(state.path(), &["status"]), ask_json(state.path(), &["history"]));
    assert_eq!(status["kernel_kills"], 1, "{status}");
    let last = &history["victims"][0];
    assert_eq!((&last["by"], &last["pid"]), (&"kernel".into(), &hog.pid().into()), "{history}");
    assert_eq!((&last["uid"], &last["user"]), (&0.into(), &"root".into()), "{history}");
    let (_, text) = ask(state.path(), &["history"]);
    assert!(text.contains("(tail) of user root: "), "{text}");
    assert!(text.contains("taken by the kernel's OOM killer: its memcg was full"), "{text}");
}

#[test]
fn one_daemon_for_one_state_directory() {
    let state = tempfile::tempdir().unwrap();
    let mut first = Daemon::start(state.path(), &["--dry-run"]);
    first.says("is watching");
    let mut second = Daemon::start(state.path(), &["--dry-run"]);
    let line = second.says("another daemon runs");
    assert!(line.contains(&state.path().display().to_string()), "{line}");
    assert_eq!(second.child.wait().unwrap().code(), Some(1));
    assert_eq!(first.stop().0, Some(0));
}

#[test]
fn a_module_that_is_no_policy_does_not_stop_the_daemon() {
    let state = tempfile::tempdir().unwrap();
    let module = file(state.path(), "site.wasm", "nonsense");
    let policy = format!("[[policy]]\nname = \"site\"\nsource = \"{module}\"\n");
    let config = file(state.path(), "jettison.toml", &policy);
    let mut daemon = Daemon::start(state.path(), &["--dry-run", "--config", &config]);
    daemon.says("is watching");
    let line = daemon.says("is not a WebAssembly policy");
    assert!(line.contains("policy=site") && line.contains("is_builtin=true"), "{line}");
    assert_eq!(daemon.stop().0, Some(0));
}

/// With a log that is not read, on a full disk, or gone, the daemon goes on and says what was lost.
#[test]
fn a_log_that_cannot_be_written_stops_nothing() {
    let (reader, full) = std::io::pipe().unwrap();
    rustix::fs::fcntl_setfl(&full, rustix::fs::OFlags::NONBLOCK).unwrap();
    while rustix::io::write(&full, &[b'.'; 4096]).is_ok() {}
    rustix::fs::fcntl_setfl(&full, rustix::fs::OFlags::empty()).unwrap();
    let (closed, without_reader) = std::io::pipe().unwrap();
    drop(closed);
    let full_disk = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let logs = [
        ("blocks", full.into(), false),
        ("closed", without_reader.into(), true),
        ("full", full_disk.into(), true),
    ];
    for (what, log, is_counted) in logs {
        let state = tempfile::tempdir().unwrap();
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_jettison"));
        command
            .args(["run", "--dry-run", "--state-dir"])
            .arg(state.path())
            .stderr::<std::process::Stdio>(log);
        let mut child = command.spawn().unwrap();
        wait_for(&format!("{what}: an answer"), || {
            assert_eq!(child.try_wait().unwrap(), None, "{what}");
            Some(()).filter(|()| ask(state.path(), &["status"]).0 == Some(0))
        });
        for _ in 0..3 {
            assert_eq!(ask(state.path(), &["reload"]).0, Some(0), "{what}");
        }
        let lost = ask_json(state.path(), &["status"])["log_lines_lost"].as_u64().unwrap();
        assert_eq!(lost > 0, is_counted, "{what}: {lost} lines lost");
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, Signal::TERM).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(0), "{what}");
    }
    drop(reader);
}
