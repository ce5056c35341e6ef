//! `jettison export`: journals as lines of JSON, for databases.

use std::io::{self, BufWriter, Write};

use jettison_model::column::row as row_of;
use jettison_model::{Idle, Plan, Snapshot, Victim};
use jettison_record::{End, Record, Setup, Tick};
use serde::Serialize;

use super::panel::{Panel, Panels};
use super::replay::what_if;
use super::walk::{Place, each};
use crate::cli;
use crate::explain::percent;
use crate::failure::{Failure, printed, say};
use crate::private;

const SCHEMA: &str = "jettison.export/1";

/// One tick that was recorded whole. Columns are added, never changed.
#[derive(Debug, Serialize)]
struct Decision<'r> {
    #[serde(flatten)]
    of: Of<'r>,
    at_ms: u64,
    cause: &'static str,
    armed: bool,
    dry_run: bool,
    jettison: &'r str,
    memory_total_bytes: u64,
    memory_available_bytes: u64,
    swap_total_bytes: u64,
    swap_free_bytes: u64,
    /// Percent.
    some_avg10: Option<f64>,
    full_avg10: Option<f64>,
    need_bytes: u64,
    processes: usize,
    policies: Vec<&'r str>,
    /// Policies that had no ballot.
    faults: Vec<&'r str>,
    outcome: Option<&'static str>,
    victims: Vec<Named>,
    /// With `--policy`, of an armed tick: what would have been named, and whether that is another victim.
    instead: Option<Vec<Named>>,
    differs: Option<bool>,
}

/// A victim of a plan.
#[derive(Debug, Serialize)]
struct Named {
    pid: u32,
    comm: String,
    name: String,
    target: &'static str,
    members: usize,
    policy: String,
    reason: String,
    predicted_relief_bytes: u64,
}

/// A victim that is gone or was given up, or that the kernel took.
#[derive(Debug, Serialize)]
struct Ended<'r> {
    #[serde(flatten)]
    of: Of<'r>,
    name: String,
    #[serde(flatten)]
    end: End,
}

/// What each line has.
#[derive(Clone, Copy, Debug, Serialize)]
struct Of<'r> {
    schema: &'static str,
    record: &'static str,
    host: Option<&'r str>,
}

pub(crate) fn export(args: &cli::Export) -> Result<(), Failure> {
    let Some(path) = &args.output else { return printed(lines(args, io::stdout().lock())?) };
    let failed =
        |error: &io::Error| Failure::Failed(format!("{}: cannot be written: {error}", path.display()));
    lines(args, private::create(path).map_err(|error| failed(&error))?)?.map_err(|error| failed(&error))
}

/// Writes them all, and says what could not be read.
fn lines(args: &cli::Export, out: impl Write) -> Result<io::Result<()>, Failure> {
    let (mut out, mut written) = (BufWriter::new(out), Ok(()));
    let mut panels = Panels::default();
    let mut trouble = None;
    let left_out = each(&args.journals, |place, record| {
        if written.is_err() || trouble.is_some() {
            return;
        }
        let of = |record| Of { schema: SCHEMA, record, host: args.host.as_deref() };
        written = match (record, place) {
            (Record::Tick(tick), Place { setup: Some(setup), .. }) => {
                let is_asked = !args.policy.is_empty() && tick.snapshot.request.cause.is_armed();
                let instead = is_asked.then(|| {
                    let cache = args.cache.as_deref();
                    let panel = panels.of(setup, || Panel::of_modules(&args.policy, setup, cache));
                    trouble = panel.missing();
                    what_if(setup, &tick, panel)
                });
                line(&mut out, &Decision::of(of("decision"), setup, &tick, instead.as_ref()))
            }
            (Record::End(end), _) => line(&mut out, &Ended::of(of("victim"), *end)),
            _ => Ok(()),
        };
    })?;
    if let Some(why) = trouble {
        return Err(Failure::Usage(why));
    }
    left_out.iter().for_each(|what| say(&format!("left out  {what}")));
    Ok(written.and_then(|()| out.flush()))
}

fn line(out: &mut impl Write, record: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(&mut *out, record)?;
    writeln!(out)
}

impl<'r> Decision<'r> {
    fn of(of: Of<'r>, setup: &'r Setup, tick: &'r Tick, instead: Option<&Plan>) -> Self {
        let Tick { snapshot, votes, plan, .. } = tick;
        let (host, request) = (&snapshot.host, &snapshot.request);
        let named = |plan: &Plan| plan.victims.iter().map(|victim| Named::of(snapshot, victim)).collect();
        let roots = |plan: &Plan| plan.victims.iter().map(|victim| victim.root).collect::<Vec<_>>();
        let has_say = votes.iter().filter(|vote| !vote.shadow);
        Self {
            of,
            at_ms: snapshot.taken_at_ms,
            cause: request.cause.as_str(),
            armed: request.cause.is_armed(),
            dry_run: setup.is_dry,
            jettison: &setup.jettison,
            memory_total_bytes: host.memory_total_bytes,
            memory_available_bytes: host.memory_available_bytes,
            swap_total_bytes: host.swap_total_bytes,
            swap_free_bytes: host.swap_free_bytes,
            some_avg10: percent(host.memory_pressure_some_avg10),
            full_avg10: percent(host.memory_pressure_full_avg10),
            need_bytes: request.need_bytes,
            processes: snapshot.processes.len(),
            policies: has_say.clone().map(|vote| vote.policy.as_str()).collect(),
            faults: has_say.filter(|vote| vote.answer.is_err()).map(|vote| vote.policy.as_str()).collect(),
            outcome: plan.idle.map(Idle::as_str).or((!plan.victims.is_empty()).then_some("victims")),
            victims: named(plan),
            instead: instead.map(named),
            differs: instead.map(|instead| roots(instead) != roots(plan)),
        }
    }
}

impl Named {
    fn of(snapshot: &Snapshot, victim: &Victim) -> Self {
        let row = snapshot.processes.row_of(victim.root);
        let memcg = row.and_then(|row| snapshot.processes.memcgs.get(row).copied().and_then(row_of));
        let unit = memcg.map_or(&[][..], |memcg| snapshot.memcgs.units.get(memcg));
        let [unit, comm] = [unit, &victim.comm].map(|name| String::from_utf8_lossy(name).into_owned());
        Self {
            pid: victim.root.pid,
            name: name(&unit, &comm),
            comm,
            target: victim.unit.kind(),
            members: victim.members.len(),
            policy: victim.policy.clone(),
            reason: victim.reason.clone(),
            predicted_relief_bytes: victim.predicted_relief_bytes,
        }
    }
}

impl<'r> Ended<'r> {
    /// Command lines stay in the journal.
    fn of(of: Of<'r>, end: End) -> Self {
        Self { of, name: name(&end.service_unit, &end.comm), end: End { cmdline: None, ..end } }
    }
}

/// What a victim is counted under: its service unit, or the name of the process where it has none.
fn name(service_unit: &str, comm: &str) -> String {
    if service_unit.is_empty() { comm } else { service_unit }.to_owned()
}
