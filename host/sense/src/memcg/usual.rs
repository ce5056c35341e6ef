//! What each systemd unit holds in quiet times: a running average, known after an hour, that follows over a
//! day.
//!
//! Only the topmost memcg of a unit has it. The average is by name, so it outlives the memcg, and as a file
//! the daemon:
//!
//! ```text
//! { "schema": "jettison.usual/1",
//!   "units": {
//!     "nginx.service": { "bytes": 73400320, "observed_ms": 86400000, "seen_at_ms": 1767225600000 } } }
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use jettison_model::column::{UNKNOWN_U64, known_u64, refill, row};
use jettison_model::{Column, Memcgs, TextColumn};
use serde::{Deserialize, Serialize};

use crate::io::kept::{KeptError, expect_schema};
use crate::now::Now;

const SCHEMA: &str = "jettison.usual/1";
/// Units that are remembered. The one that was seen least recently is forgotten.
const UNITS_MAX: usize = 1_024;
/// Names in the kernel have 255 bytes at most.
const NAME_BYTES_MAX: usize = 255;
/// More is no memory of a unit.
const BYTES_MAX: u64 = 1 << 60;
/// How often it learns.
const LEARN_MS: u64 = 60_000;
/// A longer time between two quiet ticks was not observed.
const STEP_MS_MAX: u64 = 2 * LEARN_MS;
/// How long a unit is observed before its average is known.
const KNOWN_MS: u64 = 3_600_000;
/// How far the average looks back.
const FOLLOW_MS: u64 = 86_400_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unit {
    bytes: u64,
    observed_ms: u64,
    /// The wall clock, milliseconds since 1970.
    seen_at_ms: u64,
}

impl Unit {
    /// The average over all that was observed, later over the last day.
    fn follow(&mut self, bytes: u64, ms: u64) {
        self.observed_ms = self.observed_ms.saturating_add(ms).min(FOLLOW_MS);
        let weight = |value: u64, ms: u64| u128::from(value) * u128::from(ms);
        let whole = self.observed_ms.max(1);
        let sum = weight(self.bytes, whole.saturating_sub(ms)) + weight(bytes, ms.min(whole));
        self.bytes = u64::try_from(sum / u128::from(whole)).unwrap_or(BYTES_MAX);
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    schema: String,
    units: BTreeMap<String, Unit>,
}

/// What each unit usually holds.
#[derive(Debug, Default)]
pub struct Usual {
    units: BTreeMap<String, Unit>,
    /// The boot clock.
    learned_at_ms: Option<u64>,
    /// The column as it was filled last, and the units that it was filled for.
    filled: Option<(TextColumn, Column<u64>)>,
}

impl Usual {
    /// Learns from a tick in which memory is quiet, once a minute at most. Returns whether it has learned.
    pub fn learn(&mut self, now: Now, memcgs: &Memcgs) -> bool {
        let since_ms = self.learned_at_ms.map(|at_ms| now.boot_ms.saturating_sub(at_ms));
        if since_ms.is_some_and(|ms| ms < LEARN_MS) {
            return false;
        }
        self.learned_at_ms = Some(now.boot_ms);
        self.filled = None;
        let ms = since_ms.filter(|&ms| ms <= STEP_MS_MAX).unwrap_or(0);
        for (name, bytes) in footprints(memcgs) {
            let new = Unit { bytes, observed_ms: 0, seen_at_ms: now.wall_ms };
            // A name that is known costs no copy.
            let unit = match self.units.contains_key(name) {
                true => self.units.get_mut(name),
                false => Some(self.units.entry(name.into()).or_insert(new)),
            };
            if let Some(unit) = unit {
                unit.follow(bytes, ms);
                unit.seen_at_ms = now.wall_ms;
            }
        }
        self.forget();
        true
    }

    /// Fills `usual_bytes`. Allocates only after it has learned, or where memcgs have come or gone.
    pub fn fill(&mut self, memcgs: &mut Memcgs) {
        let is_filled = |(units, _): &&(TextColumn, _)| {
            Arc::ptr_eq(&units.ends, &memcgs.units.ends) && Arc::ptr_eq(&units.bytes, &memcgs.units.bytes)
        };
        if let Some((_, column)) = self.filled.as_ref().filter(is_filled) {
            memcgs.usual_bytes = Arc::clone(column);
            return;
        }
        self.filled = None;
        let usual = |at| {
            let unit = topmost(memcgs, at).and_then(|name| self.units.get(name));
            unit.filter(|unit| unit.observed_ms >= KNOWN_MS).map_or(UNKNOWN_U64, |unit| unit.bytes)
        };
        let values: Vec<u64> = (0..memcgs.len()).map(usual).collect();
        *refill(&mut memcgs.usual_bytes) = values;
        self.filled = Some((memcgs.units.clone(), Arc::clone(&memcgs.usual_bytes)));
    }

    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let file = File { schema: SCHEMA.into(), units: self.units.clone() };
        serde_json::to_vec(&file).unwrap_or_default()
    }

    /// From the file.
    ///
    /// # Errors
    /// If that is not what [`Usual::to_bytes`] has written, in this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeptError> {
        let file: File = serde_json::from_slice(bytes)?;
        expect_schema(&file.schema, SCHEMA)?;
        if file.units.len() > UNITS_MAX {
            return Err(KeptError(format!("has over {UNITS_MAX} units")));
        }
        let odd = |(name, unit): &(&String, &Unit)| {
            unit.bytes > BYTES_MAX || unit.observed_ms > FOLLOW_MS || !is_name(name.as_bytes())
        };
        if let Some((name, _)) = file.units.iter().find(odd) {
            let name: String = name.chars().take(40).collect();
            return Err(KeptError(format!("unit {name:?}: out of range")));
        }
        Ok(Self { units: file.units, ..Self::default() })
    }

    fn forget(&mut self) {
        while self.units.len() > UNITS_MAX {
            let oldest = self.units.iter().min_by_key(|(_, unit)| unit.seen_at_ms);
            let Some(name) = oldest.map(|(name, _)| name.clone()) else { return };
            self.units.remove(&name);
        }
    }
}

fn is_name(name: &[u8]) -> bool {
    (1..=NAME_BYTES_MAX).contains(&name.len())
}

/// The unit of a row whose memcg is the unit's own.
fn topmost(memcgs: &Memcgs, at: usize) -> Option<&str> {
    let unit = Some(memcgs.units.get(at)).filter(|unit| is_name(unit))?;
    let above = memcgs.parents.get(at).copied().and_then(row);
    let is_topmost = above.is_none_or(|above| memcgs.units.get(above) != unit);
    std::str::from_utf8(unit).ok().filter(|_| is_topmost)
}

/// What each unit holds: anonymous memory, swap and shared memory. Two users may have a unit of one name; the
/// larger counts.
fn footprints(memcgs: &Memcgs) -> BTreeMap<&str, u64> {
    let mut found = BTreeMap::new();
    for at in 0..memcgs.len() {
        let bytes = |column: &[u64]| column.get(at).copied().and_then(known_u64);
        let (Some(name), Some(anon)) = (topmost(memcgs, at), bytes(&memcgs.anon_bytes)) else { continue };
        let others = [&memcgs.swap_bytes, &memcgs.shmem_bytes].map(|column| bytes(column).unwrap_or(0));
        let held = others.iter().fold(anon, |sum, &bytes| sum.saturating_add(bytes)).min(BYTES_MAX);
        let most: &mut u64 = found.entry(name).or_default();
        *most = held.max(*most);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use jettison_model::column::NONE_U32;
    use proptest::prelude::*;

    const MIB: u64 = 1 << 20;
    const MINUTE_MS: u64 = 60_000;

    /// The root, and a memcg of each name, of so many MiB; below each one of the same unit.
    fn memcgs(units: &[(&str, u64)]) -> Memcgs {
        let mut names = vec![""];
        let (mut parents, mut anon) = (vec![NONE_U32], vec![0]);
        for &(name, mib) in units {
            parents.extend([0, u32::try_from(names.len()).unwrap()]);
            names.extend([name; 2]);
            anon.extend([mib * MIB; 2]);
        }
        Memcgs {
            paths: names.iter().map(|name| name.as_bytes()).collect(),
            units: names.iter().map(|name| name.as_bytes()).collect(),
            swap_bytes: Arc::new(vec![UNKNOWN_U64; anon.len()]),
            shmem_bytes: Arc::new(vec![MIB; anon.len()]),
            parents: Arc::new(parents),
            anon_bytes: Arc::new(anon),
            ..Memcgs::default()
        }
    }

    fn at_minute(minute: u64) -> Now {
        Now { boot_ms: minute * MINUTE_MS, wall_ms: 1_767_225_600_000 + minute * MINUTE_MS }
    }

    /// In MiB, of every row.
    fn filled(usual: &mut Usual, mut memcgs: Memcgs) -> Vec<Option<u64>> {
        usual.fill(&mut memcgs);
        memcgs.usual_bytes.iter().map(|&bytes| known_u64(bytes).map(|bytes| bytes / MIB)).collect()
    }

    #[test]
    fn a_unit_is_known_after_an_hour_and_followed_over_a_day() {
        let mut usual = Usual::default();
        let table = || memcgs(&[("db.service", 99)]);
        for minute in 0..60 {
            assert!(usual.learn(at_minute(minute), &table()));
            assert!(
                !usual.learn(
                    Now { boot_ms: at_minute(minute).boot_ms + 59_999, ..at_minute(minute) },
                    &table()
                )
            );
            assert_eq!(filled(&mut usual, table()), [None; 3]);
        }
        usual.learn(at_minute(60), &table());
        assert_eq!(filled(&mut usual, table()), [None, Some(100), None], "its own memcg, with shared memory");
        for minute in 61..=120 {
            usual.learn(at_minute(minute), &memcgs(&[("db.service", 199)]));
        }
        assert_eq!(filled(&mut usual, table())[1], Some(149), "the average of two hours, rounded down");
        for minute in 121..=120 + 24 * 60 {
            usual.learn(at_minute(minute), &memcgs(&[("db.service", 999)]));
        }
        let a_day_later = filled(&mut usual, table())[1].unwrap();
        assert!((600..950).contains(&a_day_later), "{a_day_later}");
    }

    #[test]
    fn what_was_not_observed_does_not_count() {
        let mut usual = Usual::default();
        for minute in (0..600).step_by(10) {
            usual.learn(at_minute(minute), &memcgs(&[("db.service", 99)]));
        }
        assert_eq!(filled(&mut usual, memcgs(&[("db.service", 99)])), [None; 3]);
    }

    #[test]
    fn the_column_follows_the_memcgs() {
        let mut usual = Usual::default();
        let mut table = memcgs(&[("a.service", 1), ("b.service", 2)]);
        (0..=60).for_each(|minute| assert!(usual.learn(at_minute(minute), &table)));
        usual.fill(&mut table);
        let before = Arc::clone(&table.usual_bytes);
        usual.fill(&mut table);
        assert!(Arc::ptr_eq(&before, &table.usual_bytes), "nothing has changed");
        assert_eq!(filled(&mut usual, memcgs(&[("b.service", 9)])), [None, Some(3), None]);
    }

    #[test]
    fn the_units_that_were_not_seen_for_longest_are_forgotten() {
        let mut usual = Usual::default();
        let names: Vec<String> = (0..1_030).map(|unit| format!("{unit}.service")).collect();
        let of = |names: &[String]| memcgs(&names.iter().map(|name| (name.as_str(), 1)).collect::<Vec<_>>());
        usual.learn(at_minute(0), &of(&names[..20]));
        usual.learn(at_minute(1), &of(&names[10..]));
        assert_eq!(usual.units.len(), UNITS_MAX);
        assert!(names[10..].iter().all(|name| usual.units.contains_key(name)));
    }

    #[test]
    fn it_outlives_the_daemon_as_a_file_and_a_bad_file_is_named() {
        let mut usual = Usual::default();
        let table = || memcgs(&[("db.service", 99)]);
        (0..=60).for_each(|minute| assert!(usual.learn(at_minute(minute), &table())));
        let bytes = usual.to_bytes();
        let text = String::from_utf8(bytes.clone()).unwrap();
        let mut back = Usual::from_bytes(&bytes).unwrap();
        assert_eq!(filled(&mut back, table()), [None, Some(100), None]);
        let bad = |text: &str| Usual::from_bytes(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            bad(&text.replace("usual/1", "usual/2")),
            r#"has the schema "jettison.usual/2"; this version reads "jettison.usual/1""#
        );
        assert_eq!(
            bad(&text.replace("104857600", "18446744073709551615")),
            r#"unit "db.service": out of range"#
        );
        for foreign in ["", "{}", "[1]", &text[1..], &text[..text.len() - 1], &text.replace("seen", "was")] {
            assert!(!bad(foreign).is_empty());
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, amounts: Vec<u64>, ms: u64) {
            prop_assert!(Usual::from_bytes(&bytes).is_err());
            let mut unit = Unit { bytes: 0, observed_ms: 0, seen_at_ms: 0 };
            for bytes in amounts {
                unit.follow(bytes.min(BYTES_MAX), ms.min(STEP_MS_MAX));
                prop_assert!(unit.bytes <= BYTES_MAX && unit.observed_ms <= FOLLOW_MS);
            }
        }
    }
}
