//! What is held and what is put back, on a kernel that does as it is told.

mod kit;

use std::path::Path;

use jettison_act::{Actuator, HoldReport, Ledger, Recovered};
use jettison_model::{Outcome, Snapshot};
use kit::{Process, Scripted, hold, id};
use rustix::io::Errno;

const OURSELVES: u32 = 7;

fn actuator(kernel: Scripted) -> Actuator<Scripted> {
    Actuator::new(kernel, OURSELVES, false)
}

/// A ledger in a fresh state directory, and the directory.
fn ledger() -> (Ledger, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    (recover(directory.path(), &mut Scripted::default()).ledger, directory)
}

fn recover(directory: &Path, kernel: &mut Scripted) -> Recovered {
    Ledger::recover(directory, kernel)
}

fn outcomes(reports: &[HoldReport]) -> Vec<(u32, Outcome)> {
    reports.iter().map(|report| (report.id.pid, report.outcome)).collect()
}

fn sensed(ledger: &mut Ledger, kernel: &Scripted, now_ms: u64, children: &[(u32, u32)]) -> Snapshot {
    let mut snapshot = kernel.snapshot(now_ms, children);
    ledger.originals(&mut snapshot);
    snapshot
}

#[test]
fn only_differences_are_written_and_everything_is_put_back() {
    let (mut ledger, directory) = ledger();
    let mut actuator = actuator(Scripted::with(&[(10, 0), (20, 100)]));
    let holds = [hold(10, 0, -500), hold(20, 100, 300)];
    let reports = ledger.reconcile(&holds, &mut actuator);
    assert_eq!(outcomes(&reports), [(10, Outcome::Done), (20, Outcome::Done)]);
    assert_eq!((actuator.kernel().adj(10), actuator.kernel().adj(20)), (-500, 300));
    assert_eq!(ledger.reconcile(&holds, &mut actuator), []);
    assert_eq!(actuator.kernel().writes(), 2);
    assert_eq!(outcomes(&ledger.reconcile(&holds[1..], &mut actuator)), [(10, Outcome::Done)]);
    assert_eq!(actuator.kernel().adj(10), 0);
    assert_eq!(outcomes(&ledger.restore_all(&mut actuator)), [(20, Outcome::Done)]);
    assert_eq!(actuator.kernel().adj(20), 100);
    assert!(!directory.path().join("held.json").exists());
}

#[test]
fn the_snapshot_shows_what_was_there_before_us() {
    let (mut ledger, _directory) = ledger();
    let mut actuator = actuator(Scripted::with(&[(10, 5), (20, 0)]));
    ledger.reconcile(&[hold(10, 5, -500)], &mut actuator);
    let snapshot = sensed(&mut ledger, actuator.kernel(), 10_000, &[]);
    assert_eq!(*snapshot.processes.oom_score_adjs, [5, 0]);
    assert_eq!(*snapshot.processes.oom_score_adjs_now, [-500, 0]);
}

#[test]
fn what_another_wrote_since_is_left() {
    let (mut ledger, _directory) = ledger();
    let mut actuator = actuator(Scripted::with(&[(10, 0)]));
    ledger.reconcile(&[hold(10, 0, -500)], &mut actuator);
    actuator.kernel_mut().change(10).adj = -1000;
    let snapshot = sensed(&mut ledger, actuator.kernel(), 10_000, &[]);
    assert_eq!(*snapshot.processes.oom_score_adjs, [-1000]);
    assert_eq!(ledger.restore_all(&mut actuator), []);
    assert_eq!(actuator.kernel().adj(10), -1000);
}

#[test]
fn a_value_that_changed_after_the_last_scan_is_not_put_back_over() {
    let (mut ledger, _directory) = ledger();
    let mut actuator = actuator(Scripted::with(&[(10, 0)]));
    ledger.reconcile(&[hold(10, 0, -500)], &mut actuator);
    actuator.kernel_mut().change(10).adj = -7;
    assert_eq!(ledger.restore_all(&mut actuator), []);
    assert_eq!(actuator.kernel().adj(10), -7);
}

#[test]
fn children_and_grandchildren_that_inherited_a_value_get_their_parents_original() {
    let (mut ledger, _directory) = ledger();
    let mut actuator = actuator(Scripted::with(&[(10, 0), (90, -500)]));
    sensed(&mut ledger, actuator.kernel(), 10_000, &[]);
    ledger.reconcile(&[hold(10, 0, -500)], &mut actuator);
    let kernel = actuator.kernel_mut();
    // The grandchild has the lowest pid: pids have wrapped.
    kernel.processes.insert(id(5), Process { adj: -500, ..Process::default() });
    kernel.processes.insert(id(40), Process { adj: -500, ..Process::default() });
    let snapshot = sensed(&mut ledger, actuator.kernel(), 12_000, &[(40, 10), (5, 40), (90, 1)]);
    assert_eq!(*snapshot.processes.oom_score_adjs, [0, 0, 0, -500]);
    let reports = ledger.reconcile(&[hold(10, 0, -500)], &mut actuator);
    assert_eq!(outcomes(&reports), [(5, Outcome::Done), (40, Outcome::Done)]);
    let kernel = actuator.kernel();
    assert_eq!([5, 10, 40, 90].map(|pid| kernel.adj(pid)), [0, -500, 0, -500]);
}

#[test]
fn a_child_that_had_the_value_before_we_held_it_keeps_it() {
    let (mut ledger, _directory) = ledger();
    let mut actuator = actuator(Scripted::with(&[(10, 0), (20, -500)]));
    sensed(&mut ledger, actuator.kernel(), 100_000, &[(20, 10)]);
    ledger.reconcile(&[hold(10, 0, -500)], &mut actuator);
    let mut snapshot = actuator.kernel().snapshot(200_000, &[(20, 10)]);
    snapshot.processes.ages_ms = vec![199_000, 150_000].into();
    ledger.originals(&mut snapshot);
    assert_eq!(*snapshot.processes.oom_score_adjs, [0, -500]);
}

#[test]
fn a_refused_value_falls_back_to_the_lowest_permitted_and_is_not_tried_again() {
    let (mut ledger, _directory) = ledger();
    let mut actuator = actuator(Scripted::with(&[(10, 500)]));
    actuator.kernel_mut().change(10).least = 37;
    let holds = [hold(10, 500, -429)];
    assert_eq!(outcomes(&ledger.reconcile(&holds, &mut actuator)), [(10, Outcome::Capped(37))]);
    assert_eq!(actuator.kernel().adj(10), 37);
    let writes = actuator.kernel().writes();
    assert_eq!(ledger.reconcile(&holds, &mut actuator), []);
    assert_eq!(actuator.kernel().writes(), writes);
    ledger.restore_all(&mut actuator);
    assert_eq!(actuator.kernel().adj(10), 500);
}

#[test]
fn nothing_of_one_process_concerns_the_others() {
    let (mut ledger, _directory) = ledger();
    let mut kernel = Scripted::with(&[(20, 0), (30, 0), (40, 0)]);
    kernel.change(20).fails = Some(Errno::ACCESS);
    kernel.change(30).fails = Some(Errno::IO);
    let mut actuator = actuator(kernel);
    let holds = [10, 20, 30, 40].map(|pid| hold(pid, 0, -5));
    let expected =
        [(10, Outcome::Gone), (20, Outcome::Refused), (30, Outcome::Failed(5)), (40, Outcome::Done)];
    assert_eq!(outcomes(&ledger.reconcile(&holds, &mut actuator)), expected);
    assert_eq!(actuator.kernel().adj(40), -5);
}

#[test]
fn after_a_crash_the_next_daemon_puts_everything_back() {
    let directory = tempfile::tempdir().unwrap();
    let mut kernel = Scripted::with(&[(10, 0), (20, 500), (30, 0)]);
    kernel.change(20).least = 0;
    let mut ledger = recover(directory.path(), &mut kernel).ledger;
    let mut first = actuator(kernel);
    ledger.reconcile(&[hold(10, 0, -500), hold(20, 500, -5), hold(30, 0, -9)], &mut first);
    let mut kernel = first.kernel().clone();
    kernel.change(30).adj = 70;
    drop((ledger, first));
    let recovered = recover(directory.path(), &mut kernel);
    assert_eq!(outcomes(&recovered.restored), [(10, Outcome::Done), (20, Outcome::Done)]);
    assert_eq!([10, 20, 30].map(|pid| kernel.adj(pid)), [0, 500, 70], "70 was written by another program");
    assert!(recovered.problem.is_none());
    assert_eq!(recover(directory.path(), &mut kernel).restored, []);
}

#[test]
fn a_child_forked_while_no_daemon_ran_is_known_to_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let mut kernel = Scripted::with(&[(10, 0)]);
    let mut first = actuator(kernel.clone());
    recover(directory.path(), &mut kernel).ledger.reconcile(&[hold(10, 0, -500)], &mut first);
    let mut kernel = first.kernel().clone();
    kernel.processes.insert(id(20), Process { adj: -500, ..Process::default() });
    let mut ledger = recover(directory.path(), &mut kernel).ledger;
    let snapshot = sensed(&mut ledger, &kernel, 10_000, &[(20, 10)]);
    assert_eq!(*snapshot.processes.oom_score_adjs, [0, 0]);
    let mut second = actuator(kernel);
    ledger.reconcile(&[], &mut second);
    assert_eq!(second.kernel().adj(20), 0);
}

#[test]
fn a_journal_of_an_earlier_boot_is_about_other_processes() {
    let directory = tempfile::tempdir().unwrap();
    let mut kernel = Scripted::with(&[(10, 0)]);
    let mut first = actuator(kernel.clone());
    recover(directory.path(), &mut kernel).ledger.reconcile(&[hold(10, 0, -500)], &mut first);
    let mut kernel = Scripted { boot: "another", ..first.kernel().clone() };
    assert_eq!(recover(directory.path(), &mut kernel).restored, []);
    assert_eq!(kernel.adj(10), -500);
}

#[test]
fn a_journal_that_is_none_is_set_aside_and_named() {
    for text in ["", "{", "{\"version\":2,\"boot_id\":\"\",\"held\":[]}"] {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("held.json");
        std::fs::write(&file, text).unwrap();
        let recovered = recover(directory.path(), &mut Scripted::default());
        let problem = recovered.problem.unwrap().to_string();
        assert!(problem.contains("held.json: is no journal"), "{problem}");
        assert_eq!(std::fs::read_to_string(file.with_extension("json.unreadable")).unwrap(), text);
    }
}

#[test]
fn without_a_journal_nothing_is_taken_but_everything_is_let_go() {
    let (mut ledger, directory) = ledger();
    let mut actuator = actuator(Scripted::with(&[(10, 0), (20, 0)]));
    ledger.reconcile(&[hold(10, 0, -500)], &mut actuator);
    drop(directory);
    let reports = ledger.reconcile(&[hold(10, 0, -500), hold(20, 0, -500)], &mut actuator);
    assert_eq!(outcomes(&reports), [(20, Outcome::Failed(Errno::NOENT.raw_os_error()))]);
    assert_eq!(actuator.kernel().adj(20), 0);
    ledger.restore_all(&mut actuator);
    assert_eq!(actuator.kernel().adj(10), 0);
}

#[test]
fn a_process_that_one_scan_missed_is_still_held() {
    let (mut ledger, _directory) = ledger();
    let mut actuator = actuator(Scripted::with(&[(10, 0)]));
    ledger.reconcile(&[hold(10, 0, -500)], &mut actuator);
    ledger.originals(&mut Snapshot::default());
    ledger.reconcile(&[hold(10, 0, -500)], &mut actuator);
    let snapshot = sensed(&mut ledger, actuator.kernel(), 10_000, &[]);
    assert_eq!(*snapshot.processes.oom_score_adjs, [0]);
}

#[test]
fn a_dry_run_writes_nothing() {
    let mut ledger = Ledger::in_memory();
    let mut actuator = Actuator::new(Scripted::with(&[(10, 0)]), OURSELVES, true);
    assert_eq!(ledger.reconcile(&[hold(10, 0, -500)], &mut actuator), []);
    assert_eq!(ledger.restore_all(&mut actuator), []);
    assert_eq!(actuator.kernel().writes(), 0);
}

#[test]
fn a_child_that_was_forked_just_before_its_parents_value_was_put_back_gets_its_parents_original() {
    let (mut ledger, _directory) = ledger();
    let mut actuator = actuator(Scripted::with(&[(10, 0), (30, 0)]));
    sensed(&mut ledger, actuator.kernel(), 10_000, &[]);
    ledger.reconcile(&[hold(10, 0, -500), hold(30, 0, -500)], &mut actuator);
    sensed(&mut ledger, actuator.kernel(), 11_000, &[]);
    // After the scan and before the values change.
    for pid in [20, 40] {
        actuator.kernel_mut().processes.insert(id(pid), Process { adj: -500, ..Process::default() });
    }
    ledger.reconcile(&[hold(30, 0, -300)], &mut actuator);
    let snapshot = sensed(&mut ledger, actuator.kernel(), 12_000, &[(20, 10), (40, 30)]);
    assert_eq!(*snapshot.processes.oom_score_adjs, [0; 4]);
    ledger.reconcile(&[hold(30, 0, -300)], &mut actuator);
    assert_eq!([10, 20, 30, 40].map(|pid| actuator.kernel().adj(pid)), [0, 0, -300, 0]);
}

#[test]
fn a_crash_between_the_journal_and_the_write_of_another_value_leaves_nothing_behind() {
    let (mut ledger, directory) = ledger();
    let mut actuator = actuator(Scripted::with(&[(10, 0)]));
    ledger.reconcile(&[hold(10, 0, 500)], &mut actuator);
    actuator.kernel_mut().change(10).fails = Some(Errno::IO);
    ledger.reconcile(&[hold(10, 0, 300)], &mut actuator);
    let mut kernel = actuator.kernel().clone();
    kernel.change(10).fails = None;
    assert_eq!(kernel.adj(10), 500);
    assert_eq!(outcomes(&recover(directory.path(), &mut kernel).restored), [(10, Outcome::Done)]);
    assert_eq!(kernel.adj(10), 0);
}

#[test]
fn what_is_theirs_is_not_in_the_journal_any_more() {
    let (mut ledger, directory) = ledger();
    let mut actuator = actuator(Scripted::with(&[(10, 0), (20, 0)]));
    let holds = [hold(10, 0, 500), hold(20, 0, 500)];
    ledger.reconcile(&holds, &mut actuator);
    // Between the original and ours, as a value that the kernel capped would be.
    actuator.kernel_mut().change(10).adj = 70;
    sensed(&mut ledger, actuator.kernel(), 10_000, &[]);
    ledger.reconcile(&holds[1..], &mut actuator);
    let mut kernel = actuator.kernel().clone();
    recover(directory.path(), &mut kernel);
    assert_eq!((kernel.adj(10), kernel.adj(20)), (70, 0));
}
