//! The tick that runs in production, on a machine that is scripted by a seed: a hundred thousand ticks with
//! faults.
//!
//! ```text
//! episode: [ time passes, things happen ─▶ tick (may crash, may be reloaded) ─▶ safety ]*
//!          ─▶ faults stop ─▶ liveness ─▶ end
//! ```
//!
//! Every episode has a seed of its own, printed when it fails; `JETTISON_SEED=N` runs that one alone, and
//! `JETTISON_EPISODES=N` more or fewer of them.

mod broken;
mod calls;
mod checks;
mod dice;
mod machine;
mod parts;
mod process;
mod scan;
mod script;
mod standing;

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::Path;
use std::rc::Rc;

use jettison_decide::{Rule, Settings};
use jettison_sense::Now;
use jettison_tick::{Live, Ticker};

use self::checks::Checks;
use self::dice::Dice;
use self::machine::{Machine, OWN_PID};
use self::parts::{Scripted, Side};
use self::process::Crash;

const EPISODES: u64 = 100;
const TICKS_PER_EPISODE: u64 = 1_000;
/// Every pressure is over so long after the last fault: several victims, each with its grace period.
const RECOVERY_MS: u64 = 120_000;

type Simulated = Ticker<Side, Scripted, Side>;

#[test]
fn whatever_happens_no_process_is_wronged_and_everything_is_put_back() {
    let seed = number("JETTISON_SEED");
    let first = seed.unwrap_or(1);
    let episodes = number("JETTISON_EPISODES").unwrap_or(if seed.is_some() { 1 } else { EPISODES });
    let mut total = Totals::default();
    std::thread::scope(|scope| {
        let halves = [0, 1].map(|half| {
            scope
                .spawn(move || (first..first + episodes).skip(half).step_by(2).map(named).collect::<Vec<_>>())
        });
        for half in halves {
            half.join().unwrap_or_else(|failure| resume_unwind(failure)).iter().for_each(|of| total.add(of));
        }
    });
    println!("seeds {first} to {}: {total:?}", first + episodes - 1);
    // A simulation in which nothing happens proves nothing.
    if seed.is_none() && episodes >= EPISODES {
        assert!(total.ticks >= EPISODES * TICKS_PER_EPISODE, "{total:?}");
        assert!(total.victims > 1_000 && total.kills > 500 && total.crashes > 50, "{total:?}");
        assert!(total.values_held > 10_000 && total.reused_pids > 1_000, "{total:?}");
        assert!(total.memcg_kills > 50 && total.tasks_failed > 100 && total.units_stopped > 20, "{total:?}");
    }
}

/// An episode that says which one it is when it fails.
fn named(seed: u64) -> Totals {
    catch_unwind(|| episode(seed)).unwrap_or_else(|failure| {
        eprintln!("seed {seed}: to see it again, JETTISON_SEED={seed}");
        resume_unwind(failure)
    })
}

#[test]
fn a_seed_is_one_course_of_events() {
    assert_eq!(episode(7), episode(7));
}

#[expect(clippy::disallowed_methods, reason = "a seed to repeat is given in the environment")]
fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a whole number"))
}

/// What an episode came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Totals {
    ticks: u64,
    victims: u64,
    signals: u64,
    kills: u64,
    values_held: u64,
    crashes: u64,
    reused_pids: u64,
    memcg_kills: u64,
    tasks_failed: u64,
    units_stopped: u64,
}

impl Totals {
    fn add(&mut self, other: &Self) {
        self.ticks += other.ticks;
        self.victims += other.victims;
        self.signals += other.signals;
        self.kills += other.kills;
        self.values_held += other.values_held;
        self.crashes += other.crashes;
        self.reused_pids += other.reused_pids;
        self.memcg_kills += other.memcg_kills;
        self.tasks_failed += other.tasks_failed;
        self.units_stopped += other.units_stopped;
    }
}

fn episode(seed: u64) -> Totals {
    // In memory where there is such a place: the journal is replaced a hundred thousand times.
    let directory =
        tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a state directory");
    let state = directory.path().join("state");
    let mut course = Course::new(seed, &state);
    while course.checks.totals.ticks < TICKS_PER_EPISODE {
        course.step();
    }
    course.recover();
    course.finish();
    let Course { side, mut checks, .. } = course;
    let machine = side.0.borrow();
    checks.totals.reused_pids = machine.reused_pids;
    checks.totals.memcg_kills = machine.memcg_kills;
    checks.totals.tasks_failed = machine.tasks_failed;
    checks.totals.units_stopped = machine.units_stopped;
    checks.totals
}

/// One episode: the machine, the daemon on it, and the checks of both.
struct Course<'a> {
    dice: Dice,
    side: Side,
    ticker: Simulated,
    live: Live,
    is_dry: bool,
    state: &'a Path,
    /// Where the state directory is while the disk is "full".
    away: std::path::PathBuf,
    checks: Checks,
}

impl<'a> Course<'a> {
    fn new(seed: u64, state: &'a Path) -> Self {
        let mut dice = Dice(!seed);
        std::fs::create_dir_all(state).expect("a state directory");
        let side = Side(Rc::new(RefCell::new(Machine::new(seed))));
        let live = live(&mut dice);
        let is_dry = seed.is_multiple_of(8);
        let ticker = ticker(&side, &live, state, is_dry);
        side.0.borrow_mut().crashes = !is_dry;
        let checks = Checks::new(&live.settings, is_dry);
        Self { dice, side, ticker, live, is_dry, state, away: state.with_extension("away"), checks }
    }

    fn now(&self) -> Now {
        let now_ms = self.side.0.borrow().now_ms;
        Now { boot_ms: now_ms, wall_ms: now_ms }
    }

    /// As the event loop does it: wait, observe, tick if one is due.
    fn step(&mut self) {
        let is_faulty = self.side.0.borrow().is_faulty;
        let mut wait_ms = self.ticker.wait_ms(self.now().boot_ms).max(1);
        if is_faulty && self.dice.one_in(50) {
            // The host stalls: no process runs, then everything is late.
            wait_ms += self.dice.below(30_000);
        }
        self.side.0.borrow_mut().pass(wait_ms);
        if is_faulty {
            self.disturb();
        }
        if self.ticker.is_tick_due(self.now().boot_ms) {
            self.tick();
        }
    }

    /// What happens to the daemon itself: stalls are reported, the disk fills up, settings change.
    fn disturb(&mut self) {
        if self.dice.one_in(10) {
            self.ticker.note_psi(None, self.now().boot_ms);
        }
        if self.dice.one_in(40) {
            self.fill_or_free_the_disk();
        }
        if self.dice.one_in(60) {
            self.live = live(&mut self.dice);
            self.ticker.configure(self.live.clone());
            self.checks.reloaded(&self.live.settings);
        }
    }

    fn fill_or_free_the_disk(&mut self) {
        let (from, to) = if self.state.exists() {
            (self.state, self.away.as_path())
        } else {
            (self.away.as_path(), self.state)
        };
        std::fs::rename(from, to).expect("both are ours");
    }

    fn free_the_disk(&mut self) {
        if !self.state.exists() {
            self.fill_or_free_the_disk();
        }
    }

    fn tick(&mut self) {
        let now = self.now();
        self.side.0.borrow_mut().calls.clear();
        self.checks.before(&self.ticker);
        let ticker = &mut self.ticker;
        match catch_unwind(AssertUnwindSafe(|| ticker.tick(now))) {
            Ok(()) => {
                let is_disk_full = !self.state.exists();
                self.checks.after(&self.ticker, &mut self.side.0.borrow_mut(), is_disk_full);
            }
            Err(cause) if cause.is::<Crash>() => self.crash(),
            Err(failure) => resume_unwind(failure),
        }
    }

    /// The daemon is gone in the middle of a tick, and another starts.
    fn crash(&mut self) {
        self.free_the_disk();
        self.side.0.borrow_mut().crashes = false;
        let was_faulty = std::mem::replace(&mut self.side.0.borrow_mut().is_faulty, false);
        self.ticker = ticker(&self.side, &self.live, self.state, self.is_dry);
        self.checks.restarted(&mut self.side.0.borrow_mut());
        let mut machine = self.side.0.borrow_mut();
        (machine.is_faulty, machine.crashes) = (was_faulty, true);
    }

    /// Faults stop. What is under pressure then is not for long.
    fn recover(&mut self) {
        self.free_the_disk();
        // Sometimes it is told to end in the middle of a shutdown, while a process is stopped.
        let ends_early = self.dice.one_in(2);
        let is_stopping =
            |ticker: &Simulated| ticker.underway().iter().any(|victim| !victim.stopped().is_empty());
        for _ in 0..500 {
            if ends_early && !is_stopping(&self.ticker) {
                self.step();
            }
        }
        self.free_the_disk();
        {
            let mut machine = self.side.0.borrow_mut();
            machine.crashes = false;
            machine.calm();
        }
        if ends_early {
            return;
        }
        let until_ms = self.now().boot_ms + RECOVERY_MS;
        while self.now().boot_ms < until_ms {
            self.step();
        }
        self.checks.recovered(&self.ticker, &self.side.0.borrow());
    }

    fn finish(&mut self) {
        let now = self.now();
        self.ticker.finish(now);
        self.checks.finished(&self.side.0.borrow());
        assert!(!self.state.join("held.json").exists(), "a journal of nothing is left behind");
    }
}

fn ticker(side: &Side, live: &Live, state: &Path, is_dry: bool) -> Simulated {
    side.ticker(Scripted(side.clone()), live.clone(), (!is_dry).then_some(state))
}

fn live(dice: &mut Dice) -> Live {
    let mut number = |end: u64| u32::try_from(dice.below(end)).unwrap_or(0);
    let settings = Settings {
        grace_ms: number(6_000),
        grace_max_ms: 1 + number(8_000),
        critical_grace_ms: number(1_000),
        cool_down_ms: number(3_000),
        kills_per_minute_max: 4 + number(20),
        never: vec![Rule { comm: Some("sshd".into()), ..Rule::default() }],
        own_pid: OWN_PID,
        ..Settings::default()
    };
    Live { settings, interval_ms: 500 + u64::from(number(5_000)), ..Live::default() }
}
