//! What is counted, and how it is called.

use std::collections::BTreeMap;

use jettison_model::column::NONE_U32;
use jettison_model::{Cause, Host};
use jettison_record::Counts;
use jettison_tick::{Decision, Past};

use super::histogram::Histogram;
use super::text::Text;

/// By policy, cause, kind of unit and what ended it.
type Key = (String, &'static str, &'static str, &'static str);

/// What is counted since the start.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    victims: BTreeMap<Key, Victims>,
    ticks: BTreeMap<&'static str, u64>,
    tick: Histogram,
    consultations: BTreeMap<String, Consultations>,
}

#[derive(Debug, Default)]
struct Victims {
    count: u64,
    predicted_bytes: u64,
    measured_bytes: u64,
}

#[derive(Debug, Default)]
struct Consultations {
    took: Histogram,
    /// By kind of fault.
    faults: BTreeMap<&'static str, u64>,
}

/// What is at the moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Now<'n> {
    pub(crate) host: &'n Host,
    /// `warn`, `act` and `critical`, in bytes.
    pub(crate) levels: [u64; 3],
    pub(crate) held: usize,
    pub(crate) underway: usize,
    pub(crate) quarantined: usize,
    pub(crate) kernel_kills: u64,
    pub(crate) log_lines_lost: u64,
    pub(crate) journal: Counts,
}

impl Metrics {
    /// Counts a tick and its consultations.
    pub(crate) fn tick(&mut self, cause: Cause, tick_us: u64, decision: &Decision) {
        *self.ticks.entry(cause.as_str()).or_default() += 1;
        self.tick.note(tick_us);
        for (vote, consulted) in decision.votes.iter().zip(&decision.consulted) {
            let consultations = self.consultations.entry(vote.policy.clone()).or_default();
            consultations.took.note(consulted.us);
            if let Err(fault) = &vote.answer {
                *consultations.faults.entry(fault.kind()).or_default() += 1;
            }
        }
    }

    /// Counts a victim that is gone.
    pub(crate) fn ended(&mut self, past: &Past) {
        let key = (past.policy.clone(), past.cause.as_str(), past.target, past.by.as_str());
        let victims = self.victims.entry(key).or_default();
        victims.count += 1;
        victims.predicted_bytes = victims.predicted_bytes.saturating_add(past.predicted_relief_bytes);
        victims.measured_bytes = victims.measured_bytes.saturating_add(past.measured_relief_bytes);
    }

    /// All of it as text.
    pub(crate) fn text(&self, now: &Now<'_>) -> String {
        let mut text = Text::default();
        text.family("jettison_build_info", "gauge", "The version of the daemon.");
        text.line("jettison_build_info", &[("version", env!("CARGO_PKG_VERSION"))], 1);
        self.of_victims(&mut text);
        self.of_ticks(&mut text);
        of_memory(&mut text, now);
        of_daemon(&mut text, now);
        text.finish()
    }

    fn of_victims(&self, text: &mut Text) {
        type Figure = fn(&Victims) -> u64;
        let families: [(&str, &str, Figure); 3] = [
            ("jettison_victims_total", "Victims that are gone or were given up.", |victims| victims.count),
            ("jettison_predicted_relief_bytes_total", "What their ends should have given back.", |victims| {
                victims.predicted_bytes
            }),
            ("jettison_measured_relief_bytes_total", "What their ends gave back.", |victims| {
                victims.measured_bytes
            }),
        ];
        for (name, help, figure) in families {
            text.family(name, "counter", help);
            for ((policy, cause, unit, by), victims) in &self.victims {
                let labels = [("policy", policy.as_str()), ("cause", cause), ("unit", unit), ("by", by)];
                text.line(name, &labels, figure(victims));
            }
        }
    }

    fn of_ticks(&self, text: &mut Text) {
        text.family("jettison_ticks_total", "counter", "Ticks, by cause.");
        for (cause, count) in &self.ticks {
            text.line("jettison_ticks_total", &[("cause", cause)], count);
        }
        text.family("jettison_tick_seconds", "histogram", "What a tick takes.");
        text.histogram("jettison_tick_seconds", &[], &self.tick);
        text.family("jettison_consultation_seconds", "histogram", "What a consultation of a policy takes.");
        for (policy, consultations) in &self.consultations {
            text.histogram("jettison_consultation_seconds", &[("policy", policy)], &consultations.took);
        }
        text.family(
            "jettison_policy_faults_total",
            "counter",
            "Consultations without a ballot, by kind of fault.",
        );
        for (policy, consultations) in &self.consultations {
            for (kind, count) in &consultations.faults {
                text.line("jettison_policy_faults_total", &[("policy", policy), ("kind", kind)], count);
            }
        }
    }
}

fn of_memory(text: &mut Text, now: &Now<'_>) {
    let host = now.host;
    let sizes = [
        ("jettison_memory_total_bytes", "Memory of the host, or of the scope.", host.memory_total_bytes),
        ("jettison_memory_available_bytes", "What is available of it.", host.memory_available_bytes),
        ("jettison_swap_total_bytes", "Swap.", host.swap_total_bytes),
        ("jettison_swap_free_bytes", "Free swap.", host.swap_free_bytes),
    ];
    for (name, help, bytes) in sizes {
        text.single(name, "gauge", help, bytes);
    }
    let name = "jettison_level_bytes";
    text.family(name, "gauge", "Available memory at or below which a level begins.");
    for (level, bytes) in ["warn", "act", "critical"].into_iter().zip(now.levels) {
        text.line(name, &[("level", level)], bytes);
    }
    let name = "jettison_memory_pressure_avg10_ratio";
    text.family(name, "gauge", "Share of the last ten seconds in which tasks were stalled on memory (PSI).");
    for (kind, avg10) in
        [("some", host.memory_pressure_some_avg10), ("full", host.memory_pressure_full_avg10)]
    {
        if avg10 != NONE_U32 {
            text.line(name, &[("kind", kind)], format!("{}.{:04}", avg10 / 10_000, avg10 % 10_000));
        }
    }
}

fn of_daemon(text: &mut Text, now: &Now<'_>) {
    let gauges = [
        ("jettison_held_values", "Values of oom_score_adj that are held.", now.held),
        ("jettison_victims_underway", "Victims that are not gone yet.", now.underway),
        ("jettison_policies_quarantined", "Policies in quarantine.", now.quarantined),
    ];
    for (name, help, value) in gauges {
        text.single(name, "gauge", help, value);
    }
    let Counts { written, written_bytes, lost, .. } = now.journal;
    let counters = [
        ("jettison_kernel_kills_total", "Processes that the kernel's OOM killer took.", now.kernel_kills),
        ("jettison_log_lines_lost_total", "Lines of the log that could not be written.", now.log_lines_lost),
        ("jettison_journal_records_total", "Records of the journal on disk.", written),
        ("jettison_journal_bytes_total", "Bytes of them.", written_bytes),
        ("jettison_journal_records_lost_total", "Records that were dropped.", lost),
    ];
    for (name, help, value) in counters {
        text.single(name, "counter", help, value);
    }
}
