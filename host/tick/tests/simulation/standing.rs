//! A host on which nothing moves: what was decided last stands.

use jettison_model::{Ballot, Fault, Needs, Snapshot, Vote};
use jettison_sense::Now;
use jettison_tick::{Consult, Consulted, Live};

use super::machine::MIB;
use super::parts::{Side, plain};

/// Says nothing, counts how often it is asked, and may be at fault.
#[derive(Default)]
struct Counting {
    asked: u32,
    is_faulty: bool,
}

impl Consult for Counting {
    fn needs(&self) -> Needs {
        Needs::default()
    }

    fn consult(&mut self, _: &Snapshot) -> (Vec<Vote>, Vec<Consulted>) {
        self.asked += 1;
        let fault = Fault::Refused { message: "not today".into() };
        let answer = if self.is_faulty { Err(fault) } else { Ok(Ballot::default()) };
        let vote = Vote { policy: "counting".into(), weight: 1, shadow: false, answer };
        (vec![vote], vec![Consulted { fuel: 0, us: 0, log: Vec::new() }])
    }

    fn would_differ(&mut self, _: usize) {}
}

#[test]
fn policies_are_asked_once_a_minute_while_nothing_moves() {
    let state = tempfile::tempdir().expect("a state directory");
    let side = Side::faultless(|machine| {
        machine.add(10, 1, b"quiet", 100 * MIB);
    });
    let live = Live { interval_ms: 10_000, ..plain() };
    let mut ticker = side.ticker(Counting::default(), live, Some(state.path()));
    let mut asked_after = |s: u64, is_still: bool, is_faulty: bool, is_changed: bool| {
        let boot_ms = 2_000_000 + s * 1_000;
        side.0.borrow_mut().is_still = is_still;
        side.0.borrow_mut().now_ms = boot_ms;
        if is_changed {
            ticker.policies_mut().is_faulty = is_faulty;
        }
        ticker.is_tick_due(boot_ms);
        ticker.tick(Now { boot_ms, wall_ms: s });
        ticker.pipeline().policies().asked
    };
    assert_eq!(asked_after(0, true, false, false), 1);
    assert_eq!([10, 20, 50].map(|s| asked_after(s, true, false, false)), [1; 3]);
    assert_eq!(asked_after(60, true, false, false), 2, "it may go by the age of a process");
    assert_eq!(asked_after(70, false, false, false), 3, "something has moved");
    assert_eq!(asked_after(80, true, false, false), 3);
    assert_eq!(asked_after(90, true, true, true), 4, "the policies have changed");
    assert_eq!([100, 110].map(|s| asked_after(s, true, true, false)), [5, 6], "it was at fault");
}
