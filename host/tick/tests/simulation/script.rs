//! Courses without dice: a machine of a few processes, no policies, and what the tick makes of them.

use std::path::Path;

use jettison_model::Exclusion;
use jettison_model::signal::SIGTERM;
use jettison_sense::Now;
use jettison_tick::{NoPolicies, Past, Ticker};
use rustix::io::Errno;

use super::machine::{MIB, Machine};
use super::parts::{Side, plain};
use super::process::{Process, What};

struct Course {
    side: Side,
    ticker: Ticker<Side, NoPolicies, Side>,
}

impl Course {
    fn new(state: &Path, fill: impl FnOnce(&mut Machine)) -> Self {
        let side = Side::faultless(fill);
        let ticker = side.ticker(NoPolicies, plain(), Some(state));
        Self { side, ticker }
    }

    /// As the event loop does it, for so long.
    fn run(&mut self, ms: u64) {
        let until_ms = self.side.0.borrow().now_ms + ms;
        while self.side.0.borrow().now_ms < until_ms {
            let now_ms = self.side.0.borrow().now_ms;
            let wait_ms = self.ticker.wait_ms(now_ms).clamp(1, until_ms - now_ms);
            self.side.0.borrow_mut().pass(wait_ms);
            let now_ms = self.side.0.borrow().now_ms;
            if self.ticker.is_tick_due(now_ms) {
                self.ticker.tick(Now { boot_ms: now_ms, wall_ms: now_ms });
            }
        }
    }

    fn past(&self) -> Vec<Past> {
        self.ticker.history().cloned().collect()
    }

    fn pids(&self) -> Vec<u32> {
        self.past().iter().map(|past| past.pid).collect()
    }

    /// What was sent to a process, in order.
    fn signals_to(&self, pid: u32) -> Vec<What> {
        let machine = self.side.0.borrow();
        let calls = machine.calls.iter().filter(|call| call.id.pid == pid);
        calls.map(|call| call.what).filter(|what| *what != What::Adjust).collect()
    }
}

/// A process that no plan can take, to fill the machine.
fn lock(process: &mut Process) {
    (process.adj, process.original) = (-1000, -1000);
}

#[test]
fn a_victim_that_may_not_be_signalled_is_given_up_at_once_and_the_next_one_goes() {
    let directory = tempfile::tempdir().expect("a state directory");
    let mut course = Course::new(directory.path(), |machine| {
        machine.add(10, 1, b"foreign", 300 * MIB).refuses = Some(Errno::PERM);
        machine.add(11, 1, b"worker", 250 * MIB);
        lock(machine.add(12, 1, b"locked", 380 * MIB));
    });
    course.run(50);
    let [refused] = &course.past()[..] else { panic!("{:?}", course.past()) };
    assert_eq!((refused.pid, refused.took_ms), (10, 0));
    assert!(refused.is_refused && !refused.was_killed, "{refused:?}");
    assert_eq!(refused.steps, ["SIGTERM failed"]);
    assert!(course.ticker.underway().iter().all(|victim| victim.key().0.pid == 11));
    course.run(500);
    assert_eq!(
        course.signals_to(11),
        [What::Signal(SIGTERM)],
        "it has cost no time: no signal, no cool-down"
    );
    course.run(120_000);
    assert_eq!(course.pids(), [10, 11], "the next plan takes the next one");
    assert!(!course.past()[1].is_refused);
    assert_eq!(course.signals_to(10), [What::Signal(SIGTERM)], "no second signal, and no SIGKILL");
    let snapshot = course.ticker.pipeline().snapshot();
    let excluded = &course.ticker.last().expect("a tick").ranking.excluded;
    let mut of_foreign =
        excluded.iter().filter(|(row, _)| snapshot.processes.pids.get(*row as usize) == Some(&10));
    assert_eq!(of_foreign.next().map(|(_, why)| *why), Some(Exclusion::NotPermitted));
}

/// A victim of 100 MiB shares its memory, so that its end gives nothing back. Two are left: one of 60 MiB in
/// the memcg, and one of 55 MiB outside. 40 MiB are needed.
fn after_no_relief(memcg: u32) -> Vec<u32> {
    let directory = tempfile::tempdir().expect("a state directory");
    let mut course = Course::new(directory.path(), |machine| {
        let sharing = machine.add(10, 1, b"sharing", 100 * MIB);
        (sharing.mm, sharing.memcg) = (12, memcg);
        machine.add(11, 1, b"inside", 60 * MIB).memcg = 1;
        lock(machine.add(12, 1, b"locked", 100 * MIB));
        machine.add(13, 1, b"outside", 55 * MIB);
        lock(machine.add(14, 1, b"filler", 725 * MIB));
    });
    course.run(120_000);
    let past = course.past();
    assert_eq!(past[0].measured_relief_bytes, 0, "{past:?}");
    course.pids()
}

#[test]
fn a_memcg_whose_victim_gives_nothing_back_is_trusted_less() {
    assert_eq!(after_no_relief(1), [10, 13], "30 of the 60 MiB in there are trusted to come");
    assert_eq!(after_no_relief(0), [10, 11], "the other memcg is trusted as before");
}
