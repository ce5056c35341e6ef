//! How fast each process grows: a trend for each, kept in the order of the rows.

use jettison_model::ProcessId;
use jettison_model::column::UNKNOWN_S64;

use crate::trend::{Point, Trend};

/// A new process has grown for at least so long: start times have a grain of 10 ms, and the first pages come at once.
const BIRTH_MS_MIN: u64 = 100;
/// By how much a start time may seem to be before the scan that it came after: the grain of both clocks.
const GRAIN_MS: u64 = 20;

#[derive(Clone, Copy, Debug)]
struct History {
    id: ProcessId,
    bytes: Trend,
}

/// The histories of all processes of the last scan, and those of the scan under way.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    last: Vec<History>,
    next: Vec<History>,
    /// How far `last` has been merged.
    cursor: usize,
    last_at_ms: Option<u64>,
    now_ms: u64,
}

impl Growth {
    /// Begins a scan.
    pub(crate) fn begin(&mut self, now_ms: u64) {
        self.next.clear();
        self.cursor = 0;
        self.now_ms = now_ms;
    }

    /// The rate of the next process, bytes per second. Processes come in ascending order. `bytes` is `None` if
    /// this scan could not tell; then the history waits.
    pub(crate) fn rate(&mut self, id: ProcessId, age_ms: u64, bytes: Option<u64>) -> i64 {
        let before = self.take(id);
        let Some(bytes) = bytes else {
            self.next.extend(before);
            return UNKNOWN_S64;
        };
        let now = Point { at_ms: self.now_ms, value: bytes };
        let mut history = before.unwrap_or_else(|| History { id, bytes: self.birth(age_ms, now) });
        let rate = history.bytes.rate(now);
        self.next.push(history);
        rate
    }

    /// Ends the scan: who was not seen is forgotten.
    pub(crate) fn end(&mut self) {
        std::mem::swap(&mut self.last, &mut self.next);
        self.last_at_ms = Some(self.now_ms);
    }

    fn take(&mut self, id: ProcessId) -> Option<History> {
        while let Some(&history) = self.last.get(self.cursor) {
            if history.id > id {
                break;
            }
            self.cursor += 1;
            if history.id == id {
                return Some(history);
            }
        }
        None
    }

    /// A process that started after the last scan had nothing before. Of any other nobody knows.
    fn birth(&self, age_ms: u64, now: Point) -> Trend {
        let since_ms = self.last_at_ms.map_or(0, |last_at_ms| self.now_ms.saturating_sub(last_at_ms));
        let is_new = self.last_at_ms.is_some() && age_ms <= since_ms.saturating_add(GRAIN_MS);
        let older = if is_new {
            Point { at_ms: self.now_ms.saturating_sub(age_ms.min(since_ms).max(BIRTH_MS_MIN)), value: 0 }
        } else {
            now
        };
        Trend::new(older, now)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: ProcessId = ProcessId { pid: 10, start_time: 5 };
    const B: ProcessId = ProcessId { pid: 20, start_time: 5 };
    const OLD_MS: u64 = 1 << 40;

    fn scan(growth: &mut Growth, now_ms: u64, rows: &[(ProcessId, u64, Option<u64>)]) -> Vec<i64> {
        growth.begin(now_ms);
        let rates = rows.iter().map(|&(id, age_ms, bytes)| growth.rate(id, age_ms, bytes)).collect();
        growth.end();
        rates
    }

    fn scan_a(growth: &mut Growth, now_ms: u64, bytes: u64) -> i64 {
        scan(growth, now_ms, &[(A, OLD_MS, Some(bytes))])[0]
    }

    #[test]
    fn a_rate_spans_one_to_two_seconds_or_the_last_tick() {
        let mut growth = Growth::default();
        assert_eq!(scan_a(&mut growth, 0, 1000), UNKNOWN_S64);
        assert_eq!(scan_a(&mut growth, 400, 1400), 1000);
        assert_eq!(scan_a(&mut growth, 1000, 1500), 500);
        // The point at 1000 ms is the older one once it is 1 s old itself.
        assert_eq!(scan_a(&mut growth, 1900, 1500), 263);
        assert_eq!(scan_a(&mut growth, 2000, 3500), 2000);
        assert_eq!(scan_a(&mut growth, 12_000, 3500), 0);
        assert_eq!(scan_a(&mut growth, 22_000, 500), -300);
    }

    #[test]
    fn too_short_a_time_keeps_the_rate() {
        let mut growth = Growth::default();
        scan_a(&mut growth, 5000, 0);
        assert_eq!(scan_a(&mut growth, 5010, 5000), UNKNOWN_S64);
        assert_eq!(scan_a(&mut growth, 5100, 5000), 50_000);
        assert_eq!(scan_a(&mut growth, 5000, 9000), 50_000, "a clock that goes back");
        assert_eq!(scan_a(&mut growth, 5500, 9000), 18_000);
    }

    #[test]
    fn what_a_new_process_has_it_has_since_its_start() {
        let mut growth = Growth::default();
        scan_a(&mut growth, 1000, 0);
        let rates = scan(&mut growth, 11_000, &[(A, OLD_MS, Some(0)), (B, 2_000, Some(4000))]);
        assert_eq!(rates, [0, 2000]);
        let c = ProcessId { pid: 30, ..A };
        let rates = scan(&mut growth, 11_400, &[(B, 2_400, Some(4000)), (c, 1, Some(70))]);
        assert_eq!(rates, [1666, 700], "over 2.4 s, and not over 1 ms");
    }

    #[test]
    fn a_process_that_was_there_before_but_unseen_is_not_new() {
        let mut growth = Growth::default();
        scan_a(&mut growth, 1000, 0);
        let rates = scan(&mut growth, 2000, &[(B, OLD_MS, Some(1 << 30))]);
        assert_eq!(rates, [UNKNOWN_S64]);
    }

    #[test]
    fn a_pid_used_again_has_no_past_and_an_unreadable_scan_no_effect() {
        let mut growth = Growth::default();
        scan_a(&mut growth, 0, 8000);
        let again = ProcessId { start_time: 99, ..A };
        assert_eq!(scan(&mut growth, 1000, &[(again, 500, Some(500))]), [1000]);
        assert_eq!(scan(&mut growth, 2000, &[(again, 1500, None)]), [UNKNOWN_S64]);
        assert_eq!(scan(&mut growth, 3000, &[(again, 2500, Some(2500))]), [1000]);
    }

    #[test]
    fn absurd_numbers_stay_numbers() {
        let mut growth = Growth::default();
        scan_a(&mut growth, 0, 0);
        assert_eq!(scan_a(&mut growth, 1000, u64::MAX - 2), i64::MAX);
        assert_eq!(scan_a(&mut growth, 2000, 0), -i64::MAX);
    }
}
