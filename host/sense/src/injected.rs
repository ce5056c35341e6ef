//! Makes the system calls of a scan fail, one at a time: each of them, with each error that procfs and
//! cgroupfs are known to return.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use jettison_model::column::{NONE_U32, row};
use jettison_model::{Needs, Snapshot};
use jettison_tests::Running;
use rustix::io::Errno;

use crate::io::failure::{CALLS, PLAN};
use crate::io::root::Root;
use crate::now::Now;
use crate::sensor::Sensor;

const NEEDS: [Needs; 2] =
    [Needs { cmdlines: false, exes: false, pss: false, counters: false, refaults: false }, Needs::ALL];

const ERRORS: [Errno; 5] = [Errno::NOENT, Errno::SRCH, Errno::ACCESS, Errno::INTR, Errno::IO];
/// One that means absence, one that does not.
const TWO: [Errno; 2] = [Errno::NOENT, Errno::IO];

/// The result of one scan, in a form in which the entries that a failure costs can be counted.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    host: String,
    processes: BTreeMap<u32, String>,
    memcgs: BTreeMap<Vec<u8>, String>,
}

fn found(snapshot: &Snapshot) -> Found {
    let (table, memcgs) = (&snapshot.processes, &snapshot.memcgs);
    let process = |at: usize| {
        let memcg = row(table.memcgs[at]).map(|at| memcgs.paths.get(at));
        let details = (table.cmdlines.len(), table.exes.len(), table.pss_bytes.len());
        let texts = [&table.comms, &table.cmdlines, &table.exes]
            .map(|column| if column.is_empty() { b"".as_slice() } else { column.get(at) });
        let sizes =
            [&table.rss_anon_bytes, &table.rss_file_bytes, &table.swap_bytes].map(|column| column[at]);
        let (uid, adj, flags) = (table.uids[at], table.oom_score_adjs[at], table.flags[at]);
        assert!([0, table.len()].contains(&details.0) && [0, table.len()].contains(&details.1));
        format!(
            "{:?} {memcg:?} {texts:?} {sizes:?} {uid} {adj} {flags} {:?}",
            table.id(at),
            table.pss_bytes.get(at)
        )
    };
    let memcg = |at: usize| {
        let sizes = [
            &memcgs.current_bytes,
            &memcgs.max_bytes,
            &memcgs.anon_bytes,
            &memcgs.file_bytes,
            &memcgs.oom_kills,
            &memcgs.swap_bytes,
        ];
        format!("{:?} {}", sizes.map(|column| column[at]), memcgs.flags[at])
    };
    Found {
        host: format!("{:?}", snapshot.host),
        processes: (0..table.len()).map(|at| (table.pids[at], process(at))).collect(),
        memcgs: (0..memcgs.len()).map(|at| (memcgs.paths.get(at).to_vec(), memcg(at))).collect(),
    }
}

/// How many entries of `whole` are absent or different in `part`, which has no others.
fn lost<K: Ord>(whole: &BTreeMap<K, String>, part: &BTreeMap<K, String>) -> usize {
    assert!(part.keys().all(|key| whole.contains_key(key)), "nothing is made up");
    whole.iter().filter(|&(key, value)| part.get(key) != Some(value)).count()
}

struct Scan {
    found: Found,
    calls: u64,
    faults: u64,
    vanished: u64,
}

/// The second scan of a machine, in which one call fails.
fn scan(root: &Root, scope: Option<&str>, needs: Needs, plan: Option<(u64, Errno)>) -> Scan {
    let mut sensor = Sensor::new(root.clone(), scope).unwrap();
    let mut snapshot = Snapshot::default();
    let now = Now { boot_ms: 1 << 40, wall_ms: 0 };
    sensor.sense(needs, now, &mut snapshot);
    CALLS.set(0);
    PLAN.set(plan);
    sensor.sense(needs, now, &mut snapshot);
    PLAN.set(None);
    Scan {
        found: found(&snapshot),
        calls: CALLS.get(),
        faults: sensor.faults_total(),
        vanished: sensor.vanished_total(),
    }
}

fn every_call_fails_once(machine: &str, scope: Option<&str>, errors: &[Errno]) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines").join(machine);
    let root = Root::below(&directory);
    for needs in NEEDS {
        let clean = scan(&root, scope, needs, None);
        assert!(clean.calls > 50, "{machine}: the calls are counted");
        for call in 0..clean.calls {
            // An executable that we may not see is no fault.
            for &errno in errors.iter().filter(|&&errno| !(needs.exes && errno == Errno::ACCESS)) {
                let scan = scan(&root, scope, needs, Some((call, errno)));
                let what = format!("{machine} {scope:?} {needs:?} call {call} {errno:?}");
                if errno == Errno::INTR {
                    assert_eq!((&scan.found, scan.faults), (&clean.found, clean.faults), "{what}");
                }
                judge(&clean, &scan, errno, &what);
            }
        }
    }
}

fn judge(clean: &Scan, scan: &Scan, errno: Errno, what: &str) {
    let (processes, memcgs) =
        (lost(&clean.found.processes, &scan.found.processes), lost(&clean.found.memcgs, &scan.found.memcgs));
    // A memcg that cannot be listed hides its descendants, and their processes have no memcg.
    let hidden = clean.found.memcgs.len() - scan.found.memcgs.len();
    assert!(processes <= 1 || hidden > 0, "{what}: {processes} processes");
    assert!(memcgs <= 1 + hidden, "{what}: {memcgs} memcgs");
    let is_whole = scan.found == clean.found;
    let is_told = scan.faults + scan.vanished > clean.faults + clean.vanished;
    let is_absence = matches!(errno, Errno::NOENT | Errno::SRCH);
    assert!(is_whole || is_told || is_absence, "{what}: silently lost");
}

#[test]
fn every_call_of_a_scan_fails_once_on_v2() {
    every_call_fails_once("plain-v2", None, &ERRORS);
    every_call_fails_once("plain-v2", Some("/system.slice"), &TWO);
    every_call_fails_once("hostile-names", None, &TWO);
}

#[test]
fn every_call_of_a_scan_fails_once_on_kubernetes() {
    every_call_fails_once("kubernetes", None, &[Errno::IO]);
}

#[test]
fn every_call_of_a_scan_fails_once_on_v1() {
    every_call_fails_once("plain-v1", None, &ERRORS);
    every_call_fails_once("plain-v1", Some("/"), &TWO);
}

#[test]
fn every_call_of_a_scan_fails_once_with_zfs_and_zram() {
    every_call_fails_once("zfs", None, &TWO);
    every_call_fails_once("zram", None, &TWO);
}

/// Once it has answered it waits for more, and its sizes stay.
fn sleeper() -> Running {
    let mut cat =
        Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().map(Running).unwrap();
    cat.stdin.as_mut().unwrap().write_all(b"x").unwrap();
    cat.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    cat
}

/// Known processes are read in a shorter way, on the kernel's own procfs only. Only our own children are
/// compared.
#[test]
fn every_call_of_a_live_scan_fails_once() {
    every_live_call_fails_once(Sensor::sense);
}

#[test]
fn every_call_of_a_glance_fails_once() {
    every_live_call_fails_once(|sensor, needs, now, into| {
        sensor.glance(needs, now, into);
    });
}

fn every_live_call_fails_once(look: fn(&mut Sensor, Needs, Now, &mut Snapshot)) {
    let sleepers: Vec<Running> = (0..10).map(|_| sleeper()).collect();
    let pids: Vec<u32> = sleepers.iter().map(|sleeper| sleeper.0.id()).collect();
    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    let mut snapshot = Snapshot::default();
    let mut scan = |plan| {
        CALLS.set(0);
        PLAN.set(plan);
        look(&mut sensor, Needs::default(), Now { boot_ms: 1 << 40, wall_ms: 0 }, &mut snapshot);
        PLAN.set(None);
        // Without memcgs: one that cannot be listed hides its descendants.
        snapshot.processes.memcgs = Arc::new(vec![NONE_U32; snapshot.processes.len()]);
        let mut processes = found(&snapshot).processes;
        processes.retain(|pid, _| pids.contains(pid));
        (processes, CALLS.get(), sensor.faults_total() + sensor.vanished_total())
    };
    scan(None);
    let (whole, calls, _) = scan(None);
    assert_eq!(whole.len(), pids.len());
    for (call, errno) in (0..calls).zip(TWO.into_iter().cycle()) {
        let (processes, _, told) = scan(Some((call, errno)));
        let lost = lost(&whole, &processes);
        let what = format!("call {call} {errno:?}: {lost} lost, {told} told");
        assert!(lost <= 1 && (lost == 0 || told > 0), "{what}");
        assert_eq!(scan(None).0, whole, "{what}, and so it stays");
    }
}
