//! How one victim goes: steps, waits, caps, and SIGKILL at the end of each.

mod kit;

use jettison_decide::escalate::{Escalation, Settings};
use jettison_model::{Order, ProcessId, Step, Target};
use kit::{id, signal, victim};

const SIGINT: u8 = 2;
const SIGUSR1: u8 = 10;
const SIGTERM: u8 = 15;
const START_MS: u64 = 1_000;
const TREE: Target = Target::Tree(0);
const MEMCG: Target = Target::Memcg(0);

/// Orders in short: `15>1` is SIGTERM to pid 1.
fn text(orders: &[Order]) -> String {
    let words = orders.iter().map(|order| match order {
        Order::Signal { id, number } => format!("{number}>{}", id.pid),
        Order::Stop { id } => format!("stop>{}", id.pid),
        Order::Kill { id } => format!("kill>{}", id.pid),
        Order::Reap { id } => format!("reap>{}", id.pid),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A unit on its way, whose members have pids from 1 on; the root is 1. Times count from its start.
struct Going {
    escalation: Escalation,
    alive: Vec<ProcessId>,
    is_critical: bool,
}

fn going(unit: Target, members: u32, shutdown: &[Step]) -> Going {
    let alive: Vec<ProcessId> = (1..=members).map(id).collect();
    let victim = victim(unit, &alive, shutdown);
    let settings = Settings { grace_ms: 5_000, grace_max_ms: 10_000, critical_grace_ms: 500 };
    Going { escalation: Escalation::new(&victim, &settings, START_MS), alive, is_critical: false }
}

impl Going {
    fn at(&mut self, ms: u64) -> String {
        text(&self.escalation.advance(START_MS + ms, &self.alive, self.is_critical))
    }

    fn dies(&mut self, pid: u32) -> &mut Self {
        self.alive.retain(|&member| member != id(pid));
        self
    }

    fn forks(&mut self, pid: u32) -> &mut Self {
        self.alive.push(id(pid));
        self
    }

    fn critical(&mut self) -> &mut Self {
        self.is_critical = true;
        self
    }

    /// When it wants to be called again.
    fn next(&self) -> Option<u64> {
        self.escalation.next_deadline_ms().map(|at| at - START_MS)
    }
}

#[test]
fn nothing_is_ordered_before_the_first_look() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 5_000)]);
    assert_eq!((unit.next(), unit.escalation.has_signalled()), (Some(0), false));
    assert_eq!(unit.at(0), "15>1");
    assert!(unit.escalation.has_signalled());
}

#[test]
fn steps_follow_each_other_and_sigkill_follows_them_all() {
    let mut unit = going(TREE, 1, &[signal(SIGINT, 1_000), signal(SIGTERM, 2_000)]);
    assert_eq!((unit.at(0).as_str(), unit.next()), ("2>1", Some(1_000)));
    assert_eq!((unit.at(999).as_str(), unit.next()), ("", Some(1_000)));
    assert_eq!((unit.at(1_000).as_str(), unit.next()), ("15>1", Some(3_000)));
    assert_eq!((unit.at(2_999).as_str(), unit.next()), ("", Some(3_000)));
    assert_eq!((unit.at(3_000).as_str(), unit.next()), ("stop>1 kill>1 reap>1", Some(3_500)));
}

#[test]
fn a_late_look_makes_no_step_later_than_it_has_to_be() {
    let mut unit = going(TREE, 1, &[signal(SIGINT, 1_000), signal(SIGTERM, 1_000)]);
    assert_eq!(unit.at(0), "2>1");
    assert_eq!((unit.at(1_900).as_str(), unit.next()), ("15>1", Some(2_000)));
    assert_eq!(unit.at(2_000), "stop>1 kill>1 reap>1");
}

#[test]
fn a_graceful_signal_goes_to_the_root_of_a_tree_and_to_every_member_of_a_memcg() {
    assert_eq!(going(Target::Process(0), 1, &[signal(SIGINT, 9)]).at(0), "2>1");
    assert_eq!(going(TREE, 3, &[signal(SIGINT, 9)]).at(0), "2>1");
    assert_eq!(going(MEMCG, 3, &[signal(SIGINT, 9)]).at(0), "2>1 2>2 2>3");
}

#[test]
fn all_are_killed_at_once_and_a_tree_is_stopped_first() {
    let mut tree = going(TREE, 2, &[signal(SIGTERM, 10)]);
    tree.at(0);
    assert_eq!(tree.at(10), "stop>1 stop>2 kill>1 kill>2 reap>1 reap>2");
    let mut memcg = going(MEMCG, 2, &[signal(SIGTERM, 10)]);
    memcg.at(0);
    assert_eq!(memcg.at(10), "kill>1 kill>2 reap>1 reap>2");
}

#[test]
fn grace_max_caps_the_sum_of_the_waits() {
    let mut unit = going(TREE, 1, &[signal(SIGINT, 9_000), signal(SIGTERM, 9_000), signal(SIGUSR1, 9_000)]);
    assert_eq!(unit.at(0), "2>1");
    assert_eq!((unit.at(9_000).as_str(), unit.next()), ("15>1", Some(10_000)));
    assert_eq!(unit.at(10_000), "stop>1 kill>1 reap>1");
}

#[test]
fn a_step_that_the_cap_leaves_no_time_for_is_not_taken() {
    let mut unit = going(TREE, 1, &[signal(SIGINT, 30_000), signal(SIGTERM, 1_000)]);
    assert_eq!((unit.at(0).as_str(), unit.next()), ("2>1", Some(10_000)));
    assert_eq!(unit.at(40_000), "stop>1 kill>1 reap>1", "a late look kills and asks no more");
}

#[test]
fn immediate_is_a_grace_of_nothing() {
    let mut unit = going(Target::Process(0), 1, &[signal(SIGTERM, 0)]);
    assert_eq!(unit.at(0), "15>1 kill>1 reap>1");
}

#[test]
fn the_deaf_are_killed_again_and_reported_overdue() {
    let mut unit = going(Target::Process(0), 1, &[signal(SIGTERM, 1_000)]);
    assert_eq!(unit.at(0), "15>1");
    assert_eq!(unit.at(1_000), "kill>1 reap>1");
    assert_eq!((unit.at(1_499).as_str(), unit.next()), ("", Some(1_500)));
    assert_eq!(unit.at(1_500), "kill>1 reap>1");
    unit.at(2_999);
    assert!(!unit.escalation.is_overdue());
    unit.at(3_000);
    assert!(unit.escalation.is_overdue() && !unit.escalation.is_over());
    assert_eq!(unit.dies(1).at(3_001), "");
    assert_eq!((unit.escalation.is_over(), unit.next()), (true, None));
}

#[test]
fn critical_cuts_what_remains() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 5_000)]);
    assert_eq!(unit.at(0), "15>1");
    assert_eq!((unit.critical().at(1_000).as_str(), unit.next()), ("", Some(1_500)));
    assert_eq!((unit.at(1_400).as_str(), unit.next()), ("", Some(1_500)), "once, not each time");
    assert_eq!(unit.at(1_500), "stop>1 kill>1 reap>1");
}

#[test]
fn critical_gives_no_time_that_was_not_there() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 5_000)]);
    unit.at(0);
    unit.critical().at(4_900);
    assert_eq!(unit.next(), Some(5_000));
    let mut short = going(TREE, 1, &[signal(SIGTERM, 100)]);
    short.critical().at(0);
    assert_eq!(short.next(), Some(100));
}

#[test]
fn relief_does_not_give_back_what_critical_has_cut() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 5_000)]);
    unit.critical().at(0);
    unit.is_critical = false;
    assert_eq!(unit.at(500), "stop>1 kill>1 reap>1");
}

#[test]
fn children_forked_while_dying_are_killed_too() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 1_000)]);
    assert_eq!(unit.at(0), "15>1");
    assert_eq!(unit.forks(7).at(500), "");
    assert_eq!(unit.at(1_000), "stop>1 stop>7 kill>1 kill>7 reap>1 reap>7");
    assert_eq!(unit.dies(1).forks(8).at(1_500), "stop>7 stop>8 kill>7 kill>8 reap>7 reap>8");
}

#[test]
fn orphans_of_a_tree_are_asked_once() {
    let mut unit = going(TREE, 3, &[signal(SIGINT, 1_000), signal(SIGUSR1, 1_000)]);
    assert_eq!(unit.at(0), "2>1");
    assert_eq!(unit.dies(1).at(100), "15>2 15>3");
    assert_eq!(unit.at(200), "");
    assert_eq!(unit.at(1_000), "");
    assert_eq!(unit.at(2_000), "stop>2 stop>3 kill>2 kill>3 reap>2 reap>3");
}

#[test]
fn a_tree_whose_root_has_gone_before_the_first_look_is_asked_all_the_same() {
    let mut unit = going(TREE, 2, &[signal(SIGINT, 1_000)]);
    assert_eq!(unit.dies(1).at(0), "15>2");
    assert!(unit.escalation.has_signalled());
}

#[test]
fn orphans_are_not_asked_when_their_time_is_over() {
    let mut unit = going(TREE, 2, &[signal(SIGINT, 1_000)]);
    assert_eq!(unit.at(0), "2>1");
    assert_eq!(unit.dies(1).at(1_000), "stop>2 kill>2 reap>2");
}

#[test]
fn a_memcg_has_no_orphans_because_everybody_was_asked() {
    let mut unit = going(MEMCG, 3, &[signal(SIGINT, 1_000), signal(SIGTERM, 1_000)]);
    assert_eq!(unit.at(0), "2>1 2>2 2>3");
    assert_eq!(unit.dies(1).at(100), "");
    assert_eq!(unit.at(1_000), "15>2 15>3");
}

#[test]
fn the_same_look_twice_orders_nothing_twice() {
    let mut unit = going(TREE, 2, &[signal(SIGINT, 0), signal(SIGTERM, 1_000)]);
    assert_eq!((unit.at(0).as_str(), unit.at(0).as_str()), ("2>1 15>1", ""));
    unit.dies(1);
    assert_eq!((unit.at(500).as_str(), unit.at(500).as_str()), ("15>2", ""));
    assert_eq!((unit.at(1_000).as_str(), unit.at(1_000).as_str()), ("stop>2 kill>2 reap>2", ""));
}

#[test]
fn once_all_are_gone_it_is_over_for_good() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 1_000)]);
    assert_eq!(unit.dies(1).at(0), "");
    assert!(unit.escalation.is_over() && !unit.escalation.has_signalled());
    assert_eq!(unit.forks(1).at(5_000), "");
}

#[test]
fn steps_that_cannot_run_are_skipped_without_their_waits() {
    let hook = || Step::Hook { name: "drain".into(), wait_ms: 4_000 };
    let mut unit = going(TREE, 1, &[hook(), signal(SIGINT, 300), Step::StopUnit { wait_ms: 3_000 }]);
    assert_eq!((unit.at(0).as_str(), unit.next()), ("2>1", Some(300)));
    let mut unit = going(TREE, 1, &[Step::StopUnit { wait_ms: 3_000 }, hook()]);
    assert_eq!((unit.at(0).as_str(), unit.next()), ("15>1", Some(5_000)));
}
