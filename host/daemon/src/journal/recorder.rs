//! What the daemon records, tick by tick.

use std::path::{Path, PathBuf};

use jettison_model::{Cause, Hold, Snapshot};
use jettison_record::{Counts, Directory, Found, Journal, Record, Sample, Segment, Setup, Tick, segments};
use jettison_tick::{Decision, HISTORY_MAX, MadeFrom, Past};
use std::sync::Arc;
use tracing::warn;

use super::ends::{end, past};

/// Between two samples of routine ticks, which are not recorded.
const SAMPLE_MS: u64 = 60_000;

/// Decides which tick is recorded, and hands it over.
pub(crate) struct Recorder {
    directory: PathBuf,
    /// None where there is no journal, or it cannot be kept.
    journal: Option<Journal>,
    /// The values that the last recorded plan holds.
    holds: Vec<Hold>,
    /// Victims that were recorded, since the start.
    pasts: u64,
    sampled_at_ms: u64,
}

impl Recorder {
    /// One that cannot be kept is no reason not to start.
    pub(crate) fn start(directory: PathBuf, max_mib: u32) -> Self {
        let mut recorder = Self { directory, journal: None, holds: Vec::new(), pasts: 0, sampled_at_ms: 0 };
        if max_mib == 0 {
            return recorder;
        }
        let path = recorder.directory.display().to_string();
        let say = move |written: Result<(), &std::io::Error>| match written {
            Ok(()) => warn!(path, "the journal is written again"),
            Err(error) => warn!(path, %error, "the journal cannot be written: ticks are not recorded"),
        };
        let opened = Directory::open(&recorder.directory).map_err(|not| not.to_string());
        let started = opened.and_then(|directory| {
            let bytes_max = u64::from(max_mib) << 20;
            Journal::start(directory, bytes_max, say).map_err(|error| error.to_string())
        });
        // Said, and the daemon goes on without one.
        recorder.journal = started.map_err(|why| warn!(why, "no journal is kept")).ok();
        recorder
    }

    /// Whether ticks are recorded.
    pub(crate) fn is_on(&self) -> bool {
        self.journal.is_some()
    }

    /// Where the journal is, if there is one.
    pub(crate) fn directory(&self) -> Option<&Path> {
        self.journal.as_ref().map(|_| self.directory.as_path())
    }

    /// What has become of records.
    pub(crate) fn counts(&self) -> Counts {
        self.journal.as_ref().map(Journal::counts).unwrap_or_default()
    }

    /// The last victims that daemons before us have recorded, the latest last; at least as many as are
    /// remembered, if there are.
    pub(crate) fn pasts(&self) -> Vec<Past> {
        let mut pasts = Vec::new();
        let listed = segments(std::slice::from_ref(&self.directory)).unwrap_or_default();
        // The newest first: with enough of them the older ones need not be read.
        for segment in listed.iter().rev().filter_map(|path| Segment::read(path).ok()) {
            let ends = segment.reader().without_ticks().filter_map(|found| match found {
                Found::Record(Record::End(end)) => Some(past(*end)),
                Found::Record(_) | Found::Damage(_) => None,
            });
            let mut older: Vec<Past> = ends.collect();
            older.append(&mut pasts);
            pasts = older;
            if pasts.len() >= HISTORY_MAX {
                break;
            }
        }
        pasts
    }

    /// Records what is decided with from now on.
    pub(crate) fn setup(&mut self, setup: Arc<Setup>) {
        self.holds.clear();
        self.hand_over(Record::Setup(setup));
    }

    /// Records a tick: whole if it is armed or holds other values than the last one that was recorded, else
    /// now and then its levels.
    pub(crate) fn tick(&mut self, decision: &Decision, made_from: Option<MadeFrom>) {
        let Some(MadeFrom { snapshot, state }) = made_from.filter(|_| self.is_on()) else { return };
        let cause = snapshot.request.cause;
        let has_changed = decision.plan.holds != self.holds;
        if !cause.is_armed() && !has_changed {
            return self.sample(&snapshot);
        }
        if has_changed {
            self.holds.clone_from(&decision.plan.holds);
        }
        self.sampled_at_ms = snapshot.now_ms;
        let Decision { votes, in_flight, plan, .. } = decision;
        let (votes, in_flight, plan) = (Arc::clone(votes), in_flight.clone(), plan.clone());
        self.hand_over(Record::Tick(Box::new(Tick { snapshot, votes, in_flight, state, plan, setup: 0 })));
    }

    fn sample(&mut self, snapshot: &Snapshot) {
        let Snapshot { taken_at_ms, now_ms, request, host, .. } = snapshot;
        let is_due = now_ms.saturating_sub(self.sampled_at_ms) >= SAMPLE_MS;
        if request.cause == Cause::Routine && !is_due {
            return;
        }
        self.sampled_at_ms = *now_ms;
        self.hand_over(Record::Sample(Sample {
            at_ms: *taken_at_ms,
            cause: request.cause.as_str().into(),
            total_bytes: host.memory_total_bytes,
            available_bytes: host.memory_available_bytes,
            swap_free_bytes: host.swap_free_bytes,
            some_avg10: host.memory_pressure_some_avg10,
            full_avg10: host.memory_pressure_full_avg10,
        }));
    }

    /// How many victims were recorded, since the start.
    pub(crate) fn pasts_total(&self) -> u64 {
        self.pasts
    }

    /// Records victims that are new; `total` is their number since the start.
    pub(crate) fn ended<'p>(&mut self, total: u64, new: impl Iterator<Item = &'p Past>) {
        self.pasts = total;
        new.for_each(|past| self.hand_over(Record::End(Box::new(end(past)))));
    }

    fn hand_over(&self, record: Record) {
        if let Some(journal) = &self.journal {
            journal.record(record);
        }
    }
}
