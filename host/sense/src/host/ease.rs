//! When memory was last at ease, and what has gone since then.

use jettison_model::Host;
use jettison_model::column::{UNKNOWN_U64, known_u64};

/// What a working set has lost is missed when it is read again, so a stall shows up later than what took it:
/// at its start, the mark of ease is one that is once to twice as old as this.
const LAG_MS: u64 = 120_000;
/// All tasks stall on memory for so much of a second.
const STALLED_US_PER_S: u64 = 100_000;

/// The looks that found available memory above `warn`, and no task stalled.
#[derive(Debug, Default)]
pub(crate) struct Ease {
    marks: Option<Marks<Eased>>,
    measure: Measure,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Eased {
    pub(crate) at_ms: u64,
    pub(crate) total_bytes: u64,
    pub(crate) available_bytes: u64,
}

/// What was so at the last look at ease, and at two before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Marks<T> {
    last: T,
    newer: T,
    older: T,
}

/// From which mark on something counts as taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Measure {
    /// Memory is at ease: from this look on.
    #[default]
    Now,
    /// The same, and this look is the newer one of the two marks before.
    Apart,
    /// Memory is short: from the last look that was at ease.
    Last,
    /// Tasks stall while much is called available: from the older mark.
    Older,
}

impl<T: Copy> Marks<T> {
    pub(crate) fn new(first: T) -> Self {
        Self { last: first, newer: first, older: first }
    }

    /// Memory is at ease, and this is so.
    pub(crate) fn set(&mut self, now: T, measure: Measure) {
        self.last = now;
        if measure == Measure::Apart {
            (self.older, self.newer) = (self.newer, now);
        }
    }

    pub(crate) fn of(&self, measure: Measure) -> T {
        if measure == Measure::Older { self.older } else { self.last }
    }

    /// The last, the newer and the older one.
    pub(crate) fn to_array(self) -> [T; 3] {
        [self.last, self.newer, self.older]
    }

    pub(crate) fn from_array([last, newer, older]: [T; 3]) -> Self {
        Self { last, newer, older }
    }
}

impl Measure {
    pub(crate) fn is_at_ease(self) -> bool {
        matches!(self, Self::Now | Self::Apart)
    }
}

impl Ease {
    pub(crate) fn marks(&self) -> Option<Marks<Eased>> {
        self.marks
    }

    /// Begins with the marks of a sensor before this one.
    pub(crate) fn remember(&mut self, marks: Marks<Eased>) {
        self.marks = Some(marks);
    }

    pub(crate) fn is_at_ease(&self) -> bool {
        self.marks.is_some() && self.measure.is_at_ease()
    }

    /// Looks at the memory of a snapshot. What cannot be read is not at ease.
    pub(crate) fn look(&mut self, now_ms: u64, host: &Host, warn_bytes: u64) -> Measure {
        let available_bytes = known_u64(host.memory_available_bytes).filter(|&bytes| bytes > warn_bytes);
        let eased = available_bytes.filter(|_| !is_stalled(host)).map(|available_bytes| Eased {
            at_ms: now_ms,
            total_bytes: host.memory_total_bytes,
            available_bytes,
        });
        self.measure = match eased {
            Some(eased) => self.ease(eased),
            // A stall that follows on a shortage, or a shortage on a stall, is the same one.
            None if !self.measure.is_at_ease() => self.measure,
            None if available_bytes.is_some() => Measure::Older,
            None => Measure::Last,
        };
        self.measure
    }

    fn ease(&mut self, eased: Eased) -> Measure {
        let Some(marks) = &mut self.marks else {
            self.marks = Some(Marks::new(eased));
            return Measure::Apart;
        };
        let is_apart = eased.at_ms.saturating_sub(marks.newer.at_ms) >= LAG_MS;
        let measure = if is_apart { Measure::Apart } else { Measure::Now };
        marks.set(eased, measure);
        measure
    }

    /// Fills what has gone since then, of which processes have taken `by_processes_bytes`. Unknown where the
    /// memory is not the same: a scope was removed, or has another limit.
    pub(crate) fn fill(&self, now_ms: u64, by_processes_bytes: u64, host: &mut Host) {
        let eased = self.marks.map(|marks| marks.of(self.measure));
        host.eased_ms_ago = eased.map_or(UNKNOWN_U64, |eased| now_ms.saturating_sub(eased.at_ms));
        let same = eased.filter(|eased| eased.total_bytes == host.memory_total_bytes);
        let taken = same.zip(known_u64(host.memory_available_bytes));
        let taken = taken.map(|(eased, available)| eased.available_bytes.saturating_sub(available));
        host.taken_bytes = taken.unwrap_or(UNKNOWN_U64);
        let unexplained = taken.map(|taken| taken.saturating_sub(by_processes_bytes));
        host.taken_by_nobody_bytes = unexplained.unwrap_or(UNKNOWN_U64);
    }
}

/// Whether tasks stall on the host's memory, however much is called available. Tasks that stall at the limit
/// of their own memcg leave memory free.
fn is_stalled(host: &Host) -> bool {
    let stalls = [host.trend.memory_stall_full_us_per_s, host.trend.memory_stall_full_10s_us_per_s];
    host.is_reclaimed_from()
        && stalls.into_iter().filter_map(known_u64).any(|stall| stall >= STALLED_US_PER_S)
}

#[cfg(test)]
mod tests {
    use super::*;
    use jettison_model::Trend;

    fn host(free: u64, now_us: u64, over_10_s_us: u64) -> Host {
        let trend = Trend {
            memory_stall_full_us_per_s: now_us,
            memory_stall_full_10s_us_per_s: over_10_s_us,
            ..Trend::UNKNOWN
        };
        Host {
            memory_total_bytes: 2_000 << 20,
            memory_available_bytes: 500,
            memory_free_bytes: free << 20,
            trend,
            ..Host::default()
        }
    }

    #[test]
    fn memory_on_which_all_tasks_stall_is_not_at_ease() {
        let is_at_ease = |host: Host| Ease::default().look(1, &host, 150).is_at_ease();
        assert!(is_at_ease(host(40, UNKNOWN_U64, UNKNOWN_U64)), "not known to stall");
        assert!(is_at_ease(host(40, 99_999, 99_999)));
        assert!(!is_at_ease(host(40, 100_000, 0)));
        assert!(!is_at_ease(host(40, 0, 100_000)), "a moment of peace is not ease");
        assert!(is_at_ease(host(400, 500_000, 500_000)), "in a memcg of their own");
    }

    #[test]
    fn what_was_taken_counts_from_before_the_stall() {
        let mut ease = Ease::default();
        ease.look(1_000, &Host { memory_available_bytes: 800, ..host(300, 0, 0) }, 150);
        let mut stalled = host(20, 600_000, 300_000);
        ease.look(5_000, &stalled, 150);
        ease.fill(5_000, 250, &mut stalled);
        assert_eq!(
            (stalled.eased_ms_ago, stalled.taken_bytes, stalled.taken_by_nobody_bytes),
            (4_000, 300, 50)
        );
    }

    /// Seconds since the mark, and what was taken since.
    fn look(ease: &mut Ease, at_s: u64, available: u64, stall_us: u64) -> (u64, u64) {
        let mut host = Host { memory_available_bytes: available, ..host(20, stall_us, 0) };
        ease.look(at_s * 1_000, &host, 150);
        ease.fill(at_s * 1_000, 0, &mut host);
        (host.eased_ms_ago / 1_000, host.taken_bytes)
    }

    #[test]
    fn a_stall_is_measured_from_well_before_it() {
        let mut ease = Ease::default();
        for (at_s, available) in [(0, 900), (100, 800), (120, 700), (240, 600), (260, 300)] {
            assert_eq!(look(&mut ease, at_s, available, 0), (0, 0), "at ease");
        }
        assert_eq!(look(&mut ease, 270, 290, 600_000), (150, 410));
        assert_eq!(look(&mut ease, 280, 140, 600_000), (160, 560), "the level makes no other shortage of it");
        assert_eq!(look(&mut ease, 290, 300, 0), (0, 0), "over");
        assert_eq!(look(&mut ease, 300, 290, 600_000), (180, 410), "and again");
    }

    #[test]
    fn a_shortage_is_measured_from_its_start() {
        let mut ease = Ease::default();
        look(&mut ease, 0, 900, 0);
        look(&mut ease, 240, 300, 0);
        assert_eq!(look(&mut ease, 250, 140, 0), (10, 160));
        assert_eq!(look(&mut ease, 260, 160, 600_000), (20, 140), "a stall that follows it");
    }
}
