//! The policy that knows services: how a database is built, what of it may go alone, what goes before it, and
//! how it likes to end.
//!
//! It does not judge what took the memory: that is `balanced`'s to say, beside which it is loaded. What it
//! gives up weighs less than anything that is to blame, and serves to say *how*. What it keeps has a price.
//!
//! [`table`] has what is known of each service, with where it is from, [`companions`] what goes before it,
//! [`work`] what must not be broken off; [`known`] finds them in a snapshot.
#![forbid(unsafe_code)]

mod companions;
mod known;
mod table;
#[cfg(test)]
mod tests;
mod work;

use jettison_sdk::{Ballot, Description, Memcg, NoConfig, PerMemcg, Policy, Process, Signal, Snapshot, Step};

use crate::companions::SIDECAR_URGENCY;
use crate::known::{Known, Role, is_grown_worker, is_session};
use crate::table::{Ask, Service, Which};

/// What holds less is not worth ending.
const BYTES_MIN: u64 = 1 << 20;
/// A master that holds so much, and so many times what all below it hold, is not kept for their sake.
const BULK_BYTES_MIN: u64 = 64 << 20;
const BULK: u64 = 2;
/// Workers that one reload starts are no further apart.
const GENERATION_MS: u64 = 5_000;
/// By then a worker serves. HAProxy 3.1 and later parses the configuration in the new one first, and only
/// then are the old ones told to go.
const SETTLED_MS: u64 = 30_000;

/// The policy `services`.
#[derive(Clone, Copy, Debug)]
pub struct Services;

impl Policy for Services {
    type Config = NoConfig;

    fn describe() -> Description {
        let (version, summary) = (env!("CARGO_PKG_VERSION"), env!("CARGO_PKG_DESCRIPTION"));
        Description { name: "services", version, summary }
    }

    fn new(NoConfig {}: NoConfig) -> Self {
        Self
    }

    fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
        let known = Known::of(snapshot);
        let mut reloads = Reloads { known: &known, masters: Vec::new() };
        let mut primaries: PerMemcg<Option<(&Service, Process<'_>)>> = snapshot.per_memcg(|_| None);
        for (p, role) in known.iter() {
            match role {
                Role::Head(service) => {
                    if !is_the_bulk(service, p) {
                        keep(ballot, service, p);
                    }
                    if let Some(home) = p.memcg().filter(|_| service.is_tree()).and_then(home) {
                        primaries[home].get_or_insert((service, p));
                    }
                }
                Role::Part(service, head) => part(ballot, service, head, p, &mut reloads),
                Role::Companion(companion) if is_worth(p) => {
                    ballot.sacrifice(p, companion.urgency).because(companion.what);
                }
                Role::Work(work) if !is_below_work(p, &known) => work::keep(ballot, work, p),
                Role::Companion(_) | Role::Work(_) => {}
            }
        }
        let has_trees =
            known.iter().any(|(_, role)| matches!(role, Role::Head(service) if service.is_tree()));
        for p in snapshot.processes().filter(|&p| has_trees && is_worth(p) && known.of_process(p).is_none()) {
            if let Some((service, head)) = known.above(p).filter(|(service, _)| service.is_tree()) {
                let reason = format!("started by {} (pid {}), and no part of it", service.name, head.pid());
                ballot.sacrifice(p, SIDECAR_URGENCY).because(reason);
                continue;
            }
            let primary = p.memcg().and_then(home).and_then(|home| primaries[home]);
            if let Some((service, head)) = primary.filter(|&(_, head)| is_beside(p, head)) {
                let reason = format!("beside {} (pid {}), and no part of it", service.name, head.pid());
                ballot.sacrifice(p, SIDECAR_URGENCY).because(reason);
            }
        }
        Ok(())
    }
}

fn is_below_work<'s>(p: Process<'s>, known: &Known<'s>) -> bool {
    p.ancestors().any(|above| matches!(known.of_process(above), Some(Role::Work(_))))
}

fn is_worth(p: Process<'_>) -> bool {
    p.is_eligible() && p.anon_and_swap_bytes() >= BYTES_MIN
}

/// Whether a master itself holds the memory of its service: its children may go, but that helps little.
fn is_the_bulk(service: &Service, p: Process<'_>) -> bool {
    let own = p.anon_and_swap_bytes();
    if service.is_tree() || service.child.is_none() || own < BULK_BYTES_MIN {
        return false;
    }
    let below = p.subtree().filter(|&below| below != p).map(|below| below.anon_and_swap_bytes());
    let below = below.fold(0, u64::saturating_add);
    below > 0 && own / BULK > below
}

/// Keeps a service. A signal to the first process of a tree ends all of it.
fn keep(ballot: &mut Ballot, service: &Service, p: Process<'_>) {
    let unit =
        p.memcg().filter(|memcg| memcg.container_id().is_empty()).map_or(&b""[..], |memcg| memcg.unit());
    let target = if service.is_tree() { p.tree() } else { p.into() };
    let most_ms = service.end.iter().map(|ask| ask.1).max().unwrap_or(0);
    let stop = unit.ends_with(b".service").then(|| Step::stop_unit(most_ms));
    // The unit is stopped all the same, so that it is not started anew.
    let (first, rest) = service.end.split_at(service.end.iter().take_while(|ask| ask.1 == 0).count());
    let reason = match service.child {
        Some(_) => format!("{}: its children may go, it stays", service.name),
        None => format!("{}: it stays as long as anything else can help", service.name),
    };
    ballot
        .protect(target, service.strength)
        .because(reason)
        .hold(service.hold)
        .shutdown(steps(first).chain(stop).chain(steps(rest)));
}

/// What of a service may go alone. All else is kept with it.
fn part<'s>(
    ballot: &mut Ballot,
    service: &Service,
    head: Process<'s>,
    p: Process<'s>,
    reloads: &mut Reloads<'_, 's>,
) {
    let Some(child) = &service.child else { return };
    let may_go = match child.which {
        Which::Alike => true,
        Which::Sessions => is_session(p.cmdline()),
        Which::Replaced => {
            let is_newest = reloads.of(service, head).is_newest(p);
            if is_newest == Some(true) {
                let reason = format!("{}: a worker that serves since the last reload", service.name);
                ballot.protect(p, service.strength).because(reason);
            }
            is_newest == Some(false)
        }
    };
    if may_go {
        let reason = format!("{} of {} (pid {})", child.what, service.name, head.pid());
        ballot.sacrifice(p, child.urgency).because(reason).shutdown(steps(child.how));
    } else if child.which == Which::Sessions && is_grown_worker(p.cmdline(), p.anon_and_swap_bytes()) {
        let reason = format!("a worker of an extension of {} (pid {})", service.name, head.pid());
        ballot.sacrifice(p, 1).because(reason).shutdown([Step::signal(Signal::TERM, 3_000)]);
    }
}

/// The masters that reload by starting new workers beside the old, as far as they were asked for: most
/// machines have none.
struct Reloads<'a, 's> {
    known: &'a Known<'s>,
    masters: Vec<(Process<'s>, Generations)>,
}

impl<'s> Reloads<'_, 's> {
    fn of(&mut self, service: &Service, head: Process<'s>) -> Generations {
        if let Some(&(_, generations)) = self.masters.iter().find(|(master, _)| *master == head) {
            return generations;
        }
        let generations = Generations::of(service, head, self.known);
        self.masters.push((head, generations));
        generations
    }
}

/// The workers of such a master.
#[derive(Clone, Copy)]
struct Generations {
    newest_ms: u64,
    oldest_ms: u64,
}

impl Generations {
    fn of<'s>(service: &Service, head: Process<'s>, known: &Known<'s>) -> Self {
        let is_worker =
            |p: &Process<'s>| matches!(known.of_process(*p), Some(Role::Part(of, _)) if of.is(service));
        let ages = head.children().filter(is_worker).map(|worker| worker.age_ms());
        let (newest_ms, oldest_ms) =
            ages.fold((u64::MAX, 0), |(newest, oldest), age| (age.min(newest), age.max(oldest)));
        Self { newest_ms, oldest_ms }
    }

    /// Whether it is of the newest, if there are others, and the newest are settled: one that still reads its
    /// configuration serves nothing yet.
    fn is_newest(self, p: Process<'_>) -> Option<bool> {
        let newest = self.newest_ms.saturating_add(GENERATION_MS);
        (self.newest_ms >= SETTLED_MS && self.oldest_ms > newest).then_some(p.age_ms() <= newest)
    }
}

fn steps(asks: &[Ask]) -> impl Iterator<Item = Step> {
    asks.iter().map(|&Ask(signal, wait_ms)| Step::signal(signal, wait_ms))
}

/// What a service shares with its sidecars: its pod, else its unit.
fn home(memcg: Memcg<'_>) -> Option<Memcg<'_>> {
    let mut above = std::iter::successors(Some(memcg), Memcg::parent);
    if !memcg.pod_uid().is_empty() {
        return above.find(Memcg::is_pod);
    }
    let unit = memcg.unit();
    let is_home = memcg.container_id().is_empty() && unit.ends_with(b".service");
    above.filter(|_| is_home).take_while(|memcg| memcg.unit() == unit).last()
}

/// Whether it is a sidecar: not a part of the service, and not what started or runs it, which is older.
fn is_beside(p: Process<'_>, head: Process<'_>) -> bool {
    let is_other_container =
        p.memcg().zip(head.memcg()).is_some_and(|(a, b)| a.container_id() != b.container_id());
    p != head
        && (is_other_container || p.age_ms() < head.age_ms())
        && !p.ancestors().any(|above| above == head)
        && !head.ancestors().any(|above| above == p)
}

jettison_sdk::export!(Services);
