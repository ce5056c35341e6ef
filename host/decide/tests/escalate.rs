//! How one victim goes: steps, waits, caps, and SIGKILL at the end of each.

mod kit;

use jettison_decide::escalate::{Due, Escalation, Observation, Settings};
use jettison_model::signal::{SIGINT, SIGTERM};
use jettison_model::{Addressees, Command, ProcessId, Step, Unit, Victim};
use kit::{id, signal, victim};

const SIGUSR1: u8 = 10;
const START_MS: u64 = 1_000;
const TREE: Unit = Unit::Tree;
const MEMCG: Unit = Unit::Memcg(Vec::new());

/// Commands in short: `15>1` is SIGTERM to pid 1.
fn text(orders: &[Command]) -> String {
    let words = orders.iter().map(|order| match order {
        Command::Signal { id, number } => format!("{number}>{}", id.pid),
        Command::Stop { id } => format!("stop>{}", id.pid),
        Command::Resume { id } => format!("resume>{}", id.pid),
        Command::Kill { id } => format!("kill>{}", id.pid),
        Command::KillMemcg { memcg, .. } => format!("kill>{}", memcg.escape_ascii()),
        Command::Reap { id } => format!("reap>{}", id.pid),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// A unit on its way, whose members have pids from 1 on; the root is 1. Times count from its start.
struct Going {
    escalation: Escalation,
    alive: Vec<ProcessId>,
    time_left_ms: Option<u64>,
    enclosure: Option<&'static [u8]>,
}

fn going(unit: Unit, members: u32, shutdown: &[Step]) -> Going {
    let alive: Vec<ProcessId> = (1..=members).map(id).collect();
    let victim = victim(unit, &alive, shutdown);
    let settings = Settings { grace_ms: 5_000, grace_max_ms: 10_000, critical_grace_ms: 500 };
    let escalation = Escalation::new(&victim, &settings, START_MS);
    Going { escalation, alive, time_left_ms: None, enclosure: None }
}

impl Going {
    /// All that is due then.
    fn at(&mut self, ms: u64) -> String {
        let Self { escalation, alive, time_left_ms, enclosure } = self;
        let (time_left_ms, enclosure) = (*time_left_ms, *enclosure);
        let seen = Observation { now_ms: START_MS + ms, alive, time_left_ms, enclosure };
        let words = std::iter::from_fn(|| escalation.advance(&seen)).map(|due| match due {
            Due::Signals(orders) | Due::Commands(orders) => text(&orders),
            Due::StopUnit => "stop-unit".into(),
            Due::Hook(name) => format!("hook:{name}"),
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// A step comes to nothing.
    fn fails(&mut self, step: usize, ms: u64) -> &mut Self {
        self.escalation.fail(step, START_MS + ms);
        self
    }

    fn dies(&mut self, pid: u32) -> &mut Self {
        self.alive.retain(|&member| member != id(pid));
        self
    }

    fn forks(&mut self, pid: u32) -> &mut Self {
        self.alive.push(id(pid));
        self
    }

    /// Memory lasts for so long, less what an end takes; `None` if it does not fall.
    fn lasts(&mut self, ms: impl Into<Option<u64>>) -> &mut Self {
        self.time_left_ms = ms.into();
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
    assert_eq!((unit.next(), unit.escalation.has_begun()), (Some(0), false));
    assert_eq!(unit.at(0), "15>1");
    assert!(unit.escalation.has_begun());
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
    assert_eq!(going(Unit::Process, 1, &[signal(SIGINT, 9)]).at(0), "2>1");
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
    let mut unit = going(Unit::Process, 1, &[signal(SIGTERM, 0)]);
    assert_eq!(unit.at(0), "15>1 kill>1 reap>1");
}

#[test]
fn the_deaf_are_killed_again_and_reported_overdue() {
    let mut unit = going(Unit::Process, 1, &[signal(SIGTERM, 1_000)]);
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
fn grace_is_cut_as_far_as_the_time_until_exhaustion_demands() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 5_000)]);
    assert_eq!(unit.lasts(9_000).at(0), "15>1");
    assert_eq!(unit.next(), Some(5_000), "there is time for all of it");
    assert_eq!((unit.lasts(2_000).at(1_000).as_str(), unit.next()), ("", Some(3_000)));
    assert_eq!(
        (unit.lasts(1_200).at(2_000).as_str(), unit.next()),
        ("", Some(3_200)),
        "it falls more slowly"
    );
    assert_eq!(unit.lasts(0).at(3_200), "stop>1 kill>1 reap>1");
}

#[test]
fn the_least_grace_is_left_however_near_exhaustion_is() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 5_000)]);
    assert_eq!(unit.at(0), "15>1");
    assert_eq!((unit.lasts(0).at(1_000).as_str(), unit.next()), ("", Some(1_500)));
    assert_eq!((unit.at(1_400).as_str(), unit.next()), ("", Some(1_500)), "once, not each time");
    assert_eq!(unit.at(1_500), "stop>1 kill>1 reap>1");
}

#[test]
fn exhaustion_gives_no_time_that_was_not_there() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 5_000)]);
    unit.at(0);
    unit.lasts(0).at(4_900);
    assert_eq!(unit.next(), Some(5_000));
    let mut short = going(TREE, 1, &[signal(SIGTERM, 100)]);
    short.lasts(0).at(0);
    assert_eq!(short.next(), Some(100));
}

#[test]
fn memory_that_falls_no_more_gives_back_the_full_grace() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 5_000)]);
    unit.lasts(0).at(0);
    assert_eq!(unit.next(), Some(500));
    assert_eq!((unit.lasts(None).at(400).as_str(), unit.next()), ("", Some(5_000)));
    assert_eq!(unit.at(4_999), "");
    assert_eq!(unit.lasts(0).at(4_999), "stop>1 kill>1 reap>1", "it was warned long ago");
}

#[test]
fn a_refused_victim_is_over() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 1_000)]);
    assert_eq!(unit.at(0), "15>1");
    unit.escalation.refuse();
    assert_eq!((unit.at(1_000).as_str(), unit.next()), ("", None));
}

#[test]
fn a_tree_that_forks_is_stopped_until_no_new_member_is_found() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 1_000)]);
    assert_eq!(unit.at(0), "15>1");
    assert_eq!(unit.forks(7).at(500), "");
    assert_eq!((unit.at(1_000).as_str(), unit.next()), ("stop>1 stop>7", Some(1_001)));
    assert_eq!(unit.forks(8).at(1_001), "stop>8");
    assert_eq!(unit.at(1_001), "", "the same look again");
    assert_eq!(unit.escalation.stopped(), [id(1), id(7), id(8)]);
    assert_eq!(unit.at(1_002), "stop>1 stop>7 stop>8 kill>1 kill>7 kill>8 reap>1 reap>7 reap>8");
    assert_eq!(
        unit.dies(1).forks(9).at(1_502),
        "stop>7 stop>8 stop>9 kill>7 kill>8 kill>9 reap>7 reap>8 reap>9"
    );
}

#[test]
fn a_tree_that_forks_faster_than_it_is_stopped_is_killed_as_it_is() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 0)]);
    assert_eq!(unit.forks(2).at(0), "15>1 stop>1 stop>2");
    for pid in 3..7 {
        assert_eq!(unit.forks(pid).at(u64::from(pid) * 41), format!("stop>{pid}"));
    }
    assert!(unit.forks(7).at(250).ends_with("kill>7 reap>1 reap>2 reap>3 reap>4 reap>5 reap>6 reap>7"));
}

#[test]
fn an_enclosure_is_killed_as_one_and_nothing_in_it_is_stopped() {
    for unit in [TREE, MEMCG] {
        let mut unit = going(unit, 1, &[signal(SIGTERM, 1_000)]);
        unit.enclosure = Some(b"/job");
        assert_eq!(unit.at(0), "15>1");
        assert_eq!(unit.forks(2).at(1_000).as_str(), "kill>/job kill>1 kill>2 reap>1 reap>2");
        unit.enclosure = None;
        assert!(!unit.at(1_500).contains("/job"), "another process has moved in");
    }
}

#[test]
fn an_enclosure_that_is_there_only_later_ends_the_stopping() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 0)]);
    assert_eq!(unit.forks(2).at(0), "15>1 stop>1 stop>2");
    unit.enclosure = Some(b"/job");
    assert_eq!(unit.forks(3).at(0), "kill>/job kill>1 kill>2 kill>3 reap>1 reap>2 reap>3");
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
    assert!(unit.escalation.has_begun());
}

#[test]
fn orphans_are_not_asked_when_their_time_is_over() {
    let mut unit = going(TREE, 2, &[signal(SIGINT, 1_000)]);
    assert_eq!(unit.at(0), "2>1");
    assert_eq!(unit.dies(1).at(1_000), "stop>2 kill>2 reap>2");
}

#[test]
fn a_memcg_has_no_orphans_because_all_were_asked() {
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
    assert!(unit.escalation.is_over());
    assert_eq!(unit.forks(1).at(5_000), "");
}

fn hook(wait_ms: u32) -> Step {
    Step::Hook { name: "drain".into(), wait_ms }
}

#[test]
fn hooks_and_the_service_manager_have_their_waits_too() {
    let mut unit = going(TREE, 1, &[hook(4_000), Step::StopUnit { wait_ms: 3_000 }, signal(SIGINT, 100)]);
    assert_eq!((unit.at(0).as_str(), unit.next()), ("hook:drain", Some(4_000)));
    assert!(unit.escalation.has_begun());
    assert_eq!((unit.at(4_000).as_str(), unit.next()), ("stop-unit", Some(7_000)));
    assert_eq!(unit.at(7_000), "2>1");
    assert_eq!(unit.at(7_100), "stop>1 kill>1 reap>1");
}

#[test]
fn a_step_that_fails_takes_its_wait_with_it() {
    let mut unit = going(TREE, 1, &[hook(4_000), signal(SIGINT, 300), Step::StopUnit { wait_ms: 3_000 }]);
    assert_eq!(unit.at(0), "hook:drain");
    assert_eq!((unit.fails(0, 40).at(40).as_str(), unit.next()), ("2>1", Some(340)));
    assert_eq!(unit.at(340), "stop-unit");
    assert_eq!(unit.fails(2, 350).at(350), "stop>1 kill>1 reap>1", "SIGINT has had its time");
}

#[test]
fn when_every_step_has_failed_sigterm_stands_in() {
    let mut unit = going(TREE, 1, &[Step::StopUnit { wait_ms: 3_000 }, hook(3_000)]);
    assert_eq!(unit.at(0), "stop-unit");
    assert_eq!(unit.fails(0, 0).at(0), "hook:drain");
    assert_eq!((unit.fails(1, 1_000).at(1_000).as_str(), unit.next()), ("15>1", Some(6_000)));
    assert_eq!(unit.at(6_000), "stop>1 kill>1 reap>1");
}

#[test]
fn when_even_that_fails_nothing_is_waited_for() {
    let mut unit = going(TREE, 1, &[signal(SIGINT, 3_000)]);
    assert_eq!(unit.at(0), "2>1");
    assert_eq!(unit.fails(0, 0).at(0), "15>1");
    assert_eq!(unit.fails(1, 0).at(0), "stop>1 kill>1 reap>1");
}

#[test]
fn a_step_that_fails_after_its_wait_changes_nothing_for_the_next() {
    let mut unit = going(TREE, 1, &[hook(1_000), signal(SIGINT, 2_000)]);
    unit.at(0);
    assert_eq!(unit.at(1_000), "2>1");
    assert_eq!((unit.fails(0, 1_500).at(1_500).as_str(), unit.next()), ("", Some(3_000)));
    assert_eq!(unit.at(3_000), "stop>1 kill>1 reap>1");
    assert_eq!(unit.fails(1, 3_001).at(3_001), "", "too late for that");
}

#[test]
fn what_the_host_slept_is_no_part_of_the_grace() {
    let mut unit = going(TREE, 1, &[signal(SIGTERM, 2_000), signal(SIGINT, 3_000)]);
    unit.at(0);
    unit.escalation.has_slept(3_600_000);
    assert_eq!((unit.at(3_601_999).as_str(), unit.next()), ("", Some(3_602_000)));
    assert_eq!(unit.at(3_602_000), "2>1");
    unit.escalation.has_slept(10_000);
    assert_eq!((unit.at(3_614_999).as_str(), unit.next()), ("", Some(3_615_000)), "nor of the cap");
    assert_eq!(unit.at(3_615_000), "stop>1 kill>1 reap>1");
    unit.escalation.has_slept(10_000);
    assert!(!unit.escalation.is_overdue(), "nor of what a killed process takes to end");
    assert_eq!((unit.at(3_625_499).as_str(), unit.next()), ("", Some(3_625_500)));
}

#[test]
fn failures_are_no_way_around_the_caps() {
    let mut unit = going(TREE, 1, &[hook(9_000), hook(9_000)]);
    unit.at(0);
    assert_eq!(unit.fails(0, 8_000).at(8_000), "hook:drain");
    assert_eq!((unit.fails(1, 9_000).at(9_000).as_str(), unit.next()), ("15>1", Some(10_000)));
    assert_eq!(unit.at(10_000), "stop>1 kill>1 reap>1");
}

#[test]
fn of_a_tree_whose_root_stays_all_tops_are_asked() {
    let alive: Vec<ProcessId> = (1..=3).map(id).collect();
    let victim = Victim {
        addressees: Addressees::These(vec![id(1), id(3)]),
        ..victim(TREE, &alive, &[signal(SIGTERM, 1_000)])
    };
    let settings = Settings { grace_ms: 5_000, grace_max_ms: 10_000, critical_grace_ms: 500 };
    let escalation = Escalation::new(&victim, &settings, START_MS);
    let mut unit = Going { escalation, alive, time_left_ms: None, enclosure: None };
    assert_eq!(unit.at(0), "15>1 15>3");
    assert_eq!(unit.dies(1).at(10), "", "one of them is there");
    assert_eq!(unit.dies(3).at(20), "15>2");
}
