//! The terms in an operator's words, for the log and for `explain`.

use std::fmt::{self, Write};

use jettison_sdk::Process;

use crate::blame::Blame;
use crate::candidates::{Candidate, Shape};
use crate::field::Field;
use crate::keep::{Kept, Why};
use crate::terms::Terms;
use crate::units::Units;

/// Why it is given up: "took 4.1 GiB of the 5.0 GiB that went in the last 12 min, grows 6.0 MiB/s; 4.3 GiB in
/// 1 process, 3 h old".
pub(crate) fn given_up<'s>(
    candidate: &Candidate<'s>,
    blame: &Blame,
    units: &Units<'s>,
    field: &Field<'s>,
) -> String {
    let Candidate { process, shape, terms, .. } = candidate;
    let together = match shape {
        Shape::Alone => String::new(),
        Shape::Swarm => "multiplies: ".to_owned(),
        Shape::Flock(number) => format!("one of {number} alike that together "),
    };
    let Terms { members, bytes, .. } = *terms;
    let (bytes, age) = (Bytes(bytes), Age(process.age_ms()));
    let processes = if members == 1 { "process" } else { "processes" };
    let deeds = Deeds { terms, process: *process, blame, field };
    let mut reason = format!("{together}{deeds}; {bytes} in {members} {processes}, {age} old");
    if let Some(adj) = process.oom_score_adj().filter(|&adj| adj != 0) {
        // Writing to a string cannot fail.
        _ = write!(reason, ", oom_score_adj {adj}");
    }
    if process.taken_bytes().is_none() {
        reason.push_str("; what it took is not known yet");
    }
    if let Some((top, _)) = units.headed_by(*process).filter(|(top, _)| !top.unit().is_empty()) {
        _ = write!(reason, "; all of {} would end with it", String::from_utf8_lossy(top.unit()));
    }
    reason
}

/// Why it is kept: "steady at 410 MiB, 40% of memory, 2 h old".
pub(crate) fn kept(p: Process<'_>, kept: &Kept, share_permille: i16) -> String {
    match &kept.why {
        Why::Avoided => "its unit has ManagedOOMPreference=avoid".into(),
        Why::Essential(what) => format!("{}: {what}", p.comm_lossy()),
        Why::Adjusted(adj) => format!("it was given oom_score_adj {adj}"),
        Why::Head(unit) if unit.is_empty() => "all of its container would end with it".into(),
        Why::Head(unit) => format!("all of {unit} would end with it"),
        Why::Untaken => {
            "no process took what is missing: files in memory (tmpfs) or the kernel hold it".into()
        }
        Why::Settled => {
            let (bytes, percent, age) = (Bytes(p.footprint_bytes()), share_permille / 10, Age(p.age_ms()));
            format!("steady at {bytes}, {percent}% of memory, {age} old")
        }
    }
}

/// What it took and how it grows.
struct Deeds<'a, 's> {
    terms: &'a Terms,
    process: Process<'s>,
    blame: &'a Blame,
    field: &'a Field<'s>,
}

impl fmt::Display for Deeds<'_, '_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Terms { taken_bytes, growth_bytes_per_s, .. } = *self.terms;
        let growth =
            Growth { is_known: self.process.growth_bytes_per_s().is_some(), bytes_per_s: growth_bytes_per_s };
        if !self.blame.is_known || self.field.measured_taken_bytes(self.process).is_none() {
            return write!(f, "{growth}");
        }
        let snapshot = self.field.snapshot;
        write!(f, "took {} of the {} that went", Bytes(taken_bytes), Bytes(self.blame.taken_bytes))?;
        if let Some(eased_ms) = snapshot.eased_ms_ago() {
            write!(f, " in the last {}", Age(eased_ms))?;
        }
        write!(f, ", {growth}")
    }
}

struct Growth {
    is_known: bool,
    bytes_per_s: i64,
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = Bytes(self.bytes_per_s.unsigned_abs());
        match self.is_known {
            false => write!(f, "grew {bytes}/s on average"),
            true if bytes.0 < 1 << 10 => f.write_str("steady"),
            true if self.bytes_per_s < 0 => write!(f, "shrank {bytes}/s"),
            true => write!(f, "grew {bytes}/s"),
        }
    }
}

struct Bytes(u64);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kib = self.0 >> 10;
        match kib {
            0..1_024 => write!(f, "{kib} KiB"),
            1_024..10_240 => write!(f, "{}.{} MiB", kib >> 10, ((kib & 0x3ff) * 10) >> 10),
            10_240..1_048_576 => write!(f, "{} MiB", kib >> 10),
            _ => write!(f, "{}.{} GiB", kib >> 20, ((kib & 0xf_ffff) * 10) >> 20),
        }
    }
}

struct Age(u64);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let s = self.0 / 1000;
        match s {
            0..120 => write!(f, "{s} s"),
            120..7_200 => write!(f, "{} min", s / 60),
            7_200..172_800 => write!(f, "{} h", s / 3_600),
            _ => write!(f, "{} d", s / 86_400),
        }
    }
}
