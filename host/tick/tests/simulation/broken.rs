//! A tick that panics: what was held is put back, and what was stopped goes on.

use jettison_model::{Ballot, Entry, Needs, Snapshot, Stance, Target, Vote};
use jettison_sense::Now;
use jettison_tick::{Consult, Consulted};

use super::machine::MIB;
use super::parts::{Side, plain};

/// Protects the process 10, and panics when it is asked for the third time.
#[derive(Default)]
struct Defect {
    asked: u32,
}

impl Consult for Defect {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn consult(&mut self, snapshot: &Snapshot) -> (Vec<Vote>, Vec<Consulted>) {
        self.asked += 1;
        assert!(self.asked < 3, "the third time");
        let row = snapshot.processes.pids.iter().position(|&pid| pid == 10).expect("it is there");
        let entry = Entry {
            target: Target::Process(row.try_into().expect("a row")),
            stance: Stance::Protect(500),
            oom_score_adj: Some(-500),
            shutdown: Vec::new(),
            reason: "kept".into(),
        };
        let answer = Ok(Ballot { entries: vec![entry] });
        let vote = Vote { policy: "defect".into(), weight: 1, shadow: false, answer };
        (vec![vote], vec![Consulted { fuel: 0, us: 0, log: Vec::new() }])
    }

    fn would_differ(&mut self, _: usize) {}
}

#[test]
fn what_is_held_is_put_back_by_a_tick_that_panics() {
    let state = tempfile::tempdir().expect("a state directory");
    let side = Side::faultless(|machine| {
        machine.add(10, 1, b"kept", 100 * MIB);
    });
    let mut ticker = side.ticker(Defect::default(), plain(), Some(state.path()));
    let adj = || side.0.borrow().processes[&10].adj;
    let mut tick = |ms: u64| ticker.tick_or_finish(Now { boot_ms: 2_000_000 + ms, wall_ms: ms });
    assert_eq!((tick(0), tick(10_000), adj()), (Ok(()), Ok(()), -500));
    let broken = tick(20_000).expect_err("it panics");
    assert_eq!((broken.what.as_str(), broken.restored, adj()), ("the third time", Some(1), 0));
}
