//! The terms in words, for the log and for `explain`.

use std::fmt::{self, Write};

use jettison_sdk::Process;

use crate::candidates::{Candidate, Unit};
use crate::terms::Terms;

/// Why it is given up: "grew 61 MiB/s, 180 MiB in 1 process, 4 s old".
pub(crate) fn given_up(candidate: &Candidate<'_>) -> String {
    let Candidate { process, unit, terms, .. } = candidate;
    let together = match unit {
        Unit::Alone => String::new(),
        Unit::Swarm => "a swarm, ".to_owned(),
        Unit::Flock(birds) => format!("one of {birds} alike, together "),
    };
    let Terms { members, bytes, growth_bytes_per_s, .. } = *terms;
    let grew = Growth { known: process.growth_bytes_per_s().is_some(), bytes_per_s: growth_bytes_per_s };
    let (bytes, age) = (Bytes(bytes), Age(process.age_ms()));
    let processes = if members == 1 { "process" } else { "processes" };
    let mut reason = format!("{together}{grew}, {bytes} in {members} {processes}, {age} old");
    if let Some(adj) = process.oom_score_adj().filter(|&adj| adj != 0) {
        // Writing to a string cannot fail.
        _ = write!(reason, ", oom_score_adj {adj}");
    }
    reason
}

/// Why it is kept: "steady at 410 MiB, 40% of memory, 2 h old".
pub(crate) fn kept(p: Process<'_>, share_permille: i16) -> String {
    let (bytes, percent, age) = (Bytes(p.footprint_bytes()), share_permille / 10, Age(p.age_ms()));
    format!("steady at {bytes}, {percent}% of memory, {age} old")
}

struct Growth {
    known: bool,
    bytes_per_s: i64,
}

impl fmt::Display for Growth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = Bytes(self.bytes_per_s.unsigned_abs());
        match self.known {
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
