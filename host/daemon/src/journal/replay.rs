//! `jettison replay`: decides again what was decided, and what else could have been.

use std::collections::BTreeMap;
use std::io::{self, Write};

use jettison_model::text::Escaped;
use jettison_model::{Fault, Vote};
use jettison_record::{Record, Setup, Tick, plan_bytes, votes_bytes};
use serde::Serialize;

use super::changes::{Change, Changes, print};
use super::panel::{Panel, Panels};
use super::time::shown;
use super::walk::{Place, decide_again, each};
use crate::cli;
use crate::failure::{Failure, printed};

/// `jettison replay --json`. Fields are added, never changed.
#[derive(Debug, Default, Serialize)]
struct Replayed {
    schema: &'static str,
    ticks: u64,
    armed: u64,
    /// Armed ticks that named victims.
    with_victims: u64,
    /// Of the first tick and the last.
    from: u64,
    to: u64,
    /// Ticks whose recorded ballots give the recorded plan, to the byte.
    same_plan: u64,
    policies: BTreeMap<String, Asked>,
    /// The first that differs, in words.
    first_difference: Option<String>,
    /// With `--policy`: where other victims would have been named.
    #[serde(skip_serializing_if = "Option::is_none")]
    changes: Option<Vec<Change>>,
    /// What could not be read.
    left_out: Vec<String>,
}

/// What came of asking a recorded policy again.
#[derive(Debug, Default, Serialize)]
struct Asked {
    same: u64,
    different: u64,
    /// Its fault then depended on more than its module and the snapshot.
    not_asked: u64,
    /// Why it cannot be asked.
    missing: Option<String>,
}

pub(crate) fn replay(args: &cli::Replay) -> Result<(), Failure> {
    let mut replayed = Replayed { schema: "jettison.replay/1", ..Replayed::default() };
    let mut panels = Panels::default();
    let mut changes = Changes::default();
    let mut trouble = None;
    let left_out = each(&args.journals, |place, record| {
        let (Record::Tick(tick), Some(setup)) = (record, place.setup) else { return };
        replayed.count(&tick);
        if args.policy.is_empty() {
            let panel = panels.of(setup, || Panel::of_setup(setup, args.cache.as_deref()));
            replayed.again(place, setup, &tick, panel);
        } else if tick.snapshot.request.cause.is_armed() {
            let panel = panels.of(setup, || Panel::of_modules(&args.policy, setup, args.cache.as_deref()));
            trouble = trouble.take().or_else(|| panel.missing());
            changes.tick(&tick.snapshot, &tick.plan, &what_if(setup, &tick, panel));
        }
    })?;
    if let Some(why) = trouble {
        return Err(Failure::Usage(why));
    }
    replayed.left_out = left_out;
    replayed.changes = (!args.policy.is_empty()).then_some(changes.all);
    written(args.json, &replayed, text)?;
    match replayed.first_difference {
        Some(what) => Err(Failure::Failed(format!("the replay differs: {what}"))),
        None => Ok(()),
    }
}

/// The plan with other policies. What the recorded ones said before means nothing then.
pub(super) fn what_if(setup: &Setup, tick: &Tick, panel: &Panel) -> jettison_model::Plan {
    let mut tick = tick.clone();
    tick.state.last_good.clear();
    let votes = panel.votes(&tick.snapshot);
    decide_again(setup, &tick, &votes).0
}

impl Replayed {
    fn count(&mut self, tick: &Tick) {
        let at = tick.snapshot.taken_at_ms;
        self.from = if self.ticks == 0 { at } else { self.from.min(at) };
        self.to = self.to.max(at);
        self.ticks += 1;
        self.armed += u64::from(tick.snapshot.request.cause.is_armed());
        self.with_victims += u64::from(!tick.plan.victims.is_empty());
    }

    fn differs(&mut self, place: &Place<'_>, tick: &Tick, what: &str) {
        let (file, at) = (place.file.display(), shown(tick.snapshot.taken_at_ms));
        self.first_difference.get_or_insert_with(|| {
            format!("{file}: the tick at {at} ({} ms): {what}", tick.snapshot.taken_at_ms)
        });
    }

    fn again(&mut self, place: &Place<'_>, setup: &Setup, tick: &Tick, panel: &Panel) {
        let (plan, _) = decide_again(setup, tick, &tick.votes);
        let (then, now) = (plan_bytes(&tick.plan), plan_bytes(&plan));
        if then == now {
            self.same_plan += 1;
        } else {
            self.differs(place, tick, &format!("the plan of the recorded ballots: {}", first(&then, &now)));
        }
        for (seat, then) in panel.seats.iter().zip(tick.votes.iter()) {
            let asked = self.policies.entry(then.policy.clone()).or_default();
            if let Err(why) = &seat.policy {
                asked.missing.get_or_insert_with(|| why.clone());
                continue;
            }
            if depends_on_more(then) {
                asked.not_asked += 1;
                continue;
            }
            let now = seat.vote(&tick.snapshot);
            let [then, now] = [then, &now].map(|vote| votes_bytes(std::slice::from_ref(vote)));
            if then == now {
                asked.same += 1;
            } else {
                asked.different += 1;
                let what = format!("the ballot of {}: {}", seat.config.name, first(&then, &now));
                self.differs(place, tick, &what);
            }
        }
    }
}

/// Faults of the host, of time and of the past come from more than the module and the snapshot.
fn depends_on_more(vote: &Vote) -> bool {
    match &vote.answer {
        Ok(_) => false,
        Err(fault) => matches!(
            fault,
            Fault::Missing { .. }
                | Fault::Distrusted { .. }
                | Fault::Fetch { .. }
                | Fault::Compile { .. }
                | Fault::OutOfTime { .. }
                | Fault::Quarantined { .. }
                | Fault::Host { .. }
        ),
    }
}

/// Where two texts begin to differ, with some of each.
fn first(then: &[u8], now: &[u8]) -> String {
    const SHOWN: usize = 60;
    let at = then.iter().zip(now).take_while(|(then, now)| then == now).count();
    let from = at.saturating_sub(SHOWN / 2);
    let [then, now] = [then, now].map(|all| {
        let some = all.get(from..all.len().min(at + SHOWN)).unwrap_or_default();
        Escaped(some).to_string()
    });
    format!("from byte {at} on recorded `{then}`, now `{now}`")
}

/// Prints JSON or text.
pub(super) fn written<T: Serialize>(
    is_json: bool,
    what: &T,
    text: impl FnOnce(&mut io::StdoutLock<'_>, &T) -> io::Result<()>,
) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = if is_json {
        serde_json::to_writer_pretty(&mut out, what).map_err(io::Error::from).and_then(|()| writeln!(out))
    } else {
        text(&mut out, what)
    };
    printed(written)
}

fn text(out: &mut io::StdoutLock<'_>, replayed: &Replayed) -> io::Result<()> {
    let Replayed { ticks, armed, with_victims, from, to, same_plan, .. } = replayed;
    for line in &replayed.left_out {
        writeln!(out, "left out  {}", Escaped(line.as_bytes()))?;
    }
    if *ticks == 0 {
        return writeln!(out, "no tick is recorded");
    }
    let (from, to) = (shown(*from), shown(*to));
    writeln!(out, "ticks     {ticks} from {from} to {to} UTC: {armed} armed, {with_victims} with victims")?;
    if let Some(changes) = &replayed.changes {
        writeln!(out, "what if   {} would have differed", changes.len())?;
        return changes.iter().try_for_each(|change| print(out, change, ["recorded", "instead"]));
    }
    writeln!(out, "plans     {same_plan} of {ticks} are the same, by the recorded ballots")?;
    for (name, asked) in &replayed.policies {
        let name = Escaped(name.as_bytes());
        match &asked.missing {
            Some(why) => writeln!(out, "policy    {name} is not asked: {}", Escaped(why.as_bytes()))?,
            None => {
                let all = asked.same + asked.different;
                write!(out, "policy    {name}: {} of {all} ballots are the same", asked.same)?;
                match asked.not_asked {
                    0 => writeln!(out)?,
                    more => writeln!(out, "; {more} faults are not asked again")?,
                }
            }
        }
    }
    Ok(())
}
