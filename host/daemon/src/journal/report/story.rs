//! What a page tells, from the records.

use std::collections::BTreeMap;
use std::path::PathBuf;

use jettison_decide::{BUILT_IN, built_in_reason};
use jettison_model::Snapshot;
use jettison_model::column::{NONE_U32, row as row_of};
use jettison_record::{End, Record, Sample, Setup, Tick};

use crate::failure::Failure;
use crate::journal::walk::{decide_again, each};

/// Rows of an order that are shown.
const ORDER_MAX: usize = 12;
/// Decisions that are shown whole.
const DECISIONS_MAX: usize = 50;

/// Levels at one moment.
#[derive(Clone, Debug, Default)]
pub(super) struct Point {
    pub(super) at_ms: u64,
    pub(super) available_bytes: u64,
    /// Hundredths of a percent; none if unknown.
    pub(super) some_avg10: Option<u32>,
    pub(super) full_avg10: Option<u32>,
    /// What each holder has, at a tick that is recorded whole.
    pub(super) holders: Option<BTreeMap<String, u64>>,
}

/// A decision that named victims.
#[derive(Debug)]
pub(super) struct Decided {
    pub(super) at_ms: u64,
    pub(super) cause: &'static str,
    pub(super) need_bytes: u64,
    pub(super) order: Vec<Place>,
}

/// A row of its order.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) pid: u32,
    pub(super) comm: String,
    pub(super) tier: &'static str,
    pub(super) relief_bytes: u64,
    pub(super) is_victim: bool,
    pub(super) reasons: Vec<String>,
}

#[derive(Debug, Default)]
pub(super) struct Story {
    pub(super) total_bytes: u64,
    /// `warn`, `act`, `critical`.
    pub(super) levels: [u64; 3],
    pub(super) points: Vec<Point>,
    pub(super) ends: Vec<End>,
    pub(super) decisions: Vec<Decided>,
    pub(super) left_out: Vec<String>,
    pub(super) is_dry: bool,
}

impl Story {
    pub(super) fn of(journals: &[PathBuf]) -> Result<Self, Failure> {
        let mut story = Self::default();
        let left_out = each(journals, |place, record| match (record, place.setup) {
            (Record::Tick(tick), Some(setup)) => story.tick(setup, &tick),
            (Record::Sample(sample), _) => story.sample(&sample),
            (Record::End(end), _) => story.ends.push(*end),
            _ => {}
        })?;
        story.left_out = left_out;
        story.points.sort_by_key(|point| point.at_ms);
        if story.points.is_empty() {
            return Err(Failure::Failed("no tick is recorded, so there is nothing to show".into()));
        }
        Ok(story)
    }

    fn sample(&mut self, sample: &Sample) {
        self.points.push(Point {
            at_ms: sample.at_ms,
            available_bytes: sample.available_bytes,
            some_avg10: known(sample.some_avg10),
            full_avg10: known(sample.full_avg10),
            holders: None,
        });
    }

    fn tick(&mut self, setup: &Setup, tick: &Tick) {
        let host = &tick.snapshot.host;
        self.total_bytes = host.memory_total_bytes;
        self.levels = setup.settings.thresholds.of(host.memory_total_bytes);
        self.is_dry |= setup.is_dry;
        self.points.push(Point {
            at_ms: tick.snapshot.taken_at_ms,
            available_bytes: host.memory_available_bytes,
            some_avg10: known(host.memory_pressure_some_avg10),
            full_avg10: known(host.memory_pressure_full_avg10),
            holders: Some(holders(&tick.snapshot)),
        });
        if !tick.plan.victims.is_empty() && self.decisions.len() < DECISIONS_MAX {
            self.decisions.push(decided(setup, tick));
        }
    }
}

fn known(avg10: u32) -> Option<u32> {
    Some(avg10).filter(|&avg10| avg10 != NONE_U32)
}

/// Anonymous memory and swap by systemd unit; of what belongs to none, by name.
fn holders(snapshot: &Snapshot) -> BTreeMap<String, u64> {
    let (processes, memcgs) = (&snapshot.processes, &snapshot.memcgs);
    let mut holders = BTreeMap::new();
    for row in 0..processes.len() {
        let bytes = processes.anon_and_swap_bytes(row);
        let memcg = processes.memcgs.get(row).copied().and_then(row_of);
        let unit = memcg.map(|memcg| memcgs.units.get(memcg)).filter(|unit| !unit.is_empty());
        let name = unit.unwrap_or_else(|| processes.comms.get(row));
        if bytes > 0 {
            *holders.entry(String::from_utf8_lossy(name).into_owned()).or_default() += bytes;
        }
    }
    holders
}

fn decided(setup: &Setup, tick: &Tick) -> Decided {
    let (_, ranking) = decide_again(setup, tick, &tick.votes);
    let processes = &tick.snapshot.processes;
    let place = |ranked: &jettison_model::Ranked| Place {
        pid: ranked.id.pid,
        comm: String::from_utf8_lossy(processes.comms.get(ranked.row as usize)).into_owned(),
        tier: ranked.tier.as_str(),
        relief_bytes: ranked.relief_bytes,
        is_victim: tick.plan.victims.iter().any(|victim| victim.members.contains(&ranked.id)),
        reasons: {
            let entries = ranking.entries_of(ranked, &tick.votes);
            let mut reasons: Vec<String> =
                entries.map(|(vote, entry)| format!("{}: {}", vote.policy, entry.reason)).collect();
            if reasons.is_empty() {
                let reason = built_in_reason(&tick.snapshot, ranked.row as usize);
                reasons.push(format!("{BUILT_IN}: {reason}"));
            }
            reasons
        },
    };
    Decided {
        at_ms: tick.snapshot.taken_at_ms,
        cause: tick.snapshot.request.cause.as_str(),
        need_bytes: tick.snapshot.request.need_bytes,
        order: ranking.order.iter().take(ORDER_MAX).map(place).collect(),
    }
}
