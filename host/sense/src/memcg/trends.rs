//! Rates of each memcg: growth of anonymous memory and swap, and refaults.

use jettison_model::column::{UNKNOWN_S64, UNKNOWN_U64};

use crate::rate::trend::{Point, Trend, Window, hourly};

/// What a scan found of one memcg, as far as that is known.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Found {
    /// Anonymous memory and swap, bytes.
    pub(crate) held_bytes: Option<u64>,
    /// Pages since the memcg was made.
    pub(crate) refaults: Option<u64>,
}

/// Rates per second, with the sentinels of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rates {
    pub(crate) growth_bytes_per_s: i64,
    pub(crate) growth_1h_bytes_per_s: i64,
    pub(crate) refaults_per_s: u64,
}

#[derive(Clone, Copy, Debug)]
struct History {
    inode: u64,
    held_bytes: Option<Trend>,
    held_bytes_1h: Option<Window<u64>>,
    refaults: Option<Trend>,
}

/// The histories of all memcgs of the last scan, in ascending order of inode, and those of the scan under
/// way.
///
/// A memcg is identified by the inode of its directory, which the kernel does not give to a later memcg of
/// the same name. At its first scan it has no rate, since its size before is unknown.
#[derive(Debug, Default)]
pub(crate) struct MemcgTrends {
    last: Vec<History>,
    next: Vec<History>,
    now_ms: u64,
}

impl MemcgTrends {
    /// Begins a scan.
    pub(crate) fn begin(&mut self, now_ms: u64) {
        self.next.clear();
        self.now_ms = now_ms;
    }

    /// The rates of a memcg. A value that this scan could not read has no rate, and its history stays. Memcgs
    /// come in any order.
    pub(crate) fn rates(&mut self, inode: u64, found: Found) -> Rates {
        let known = self.last.binary_search_by_key(&inode, |history| history.inode).ok();
        let new = History { inode, held_bytes: None, held_bytes_1h: None, refaults: None };
        let mut history = known.and_then(|at| self.last.get(at)).copied().unwrap_or(new);
        let growth = self.rate(&mut history.held_bytes, found.held_bytes);
        let refaults = self.rate(&mut history.refaults, found.refaults);
        let growth_1h = found.held_bytes.map_or(UNKNOWN_S64, |value| {
            let now = Point { at_ms: self.now_ms, value };
            hourly(history.held_bytes_1h.get_or_insert(Window::new(now, now)), now)
        });
        self.next.push(history);
        // A counter does not go back.
        let refaults_per_s =
            if refaults == UNKNOWN_S64 { UNKNOWN_U64 } else { refaults.max(0).cast_unsigned() };
        Rates { growth_bytes_per_s: growth, growth_1h_bytes_per_s: growth_1h, refaults_per_s }
    }

    fn rate(&self, trend: &mut Option<Trend>, value: Option<u64>) -> i64 {
        let Some(value) = value else { return UNKNOWN_S64 };
        let now = Point { at_ms: self.now_ms, value };
        trend.get_or_insert(Trend::new(now, now)).rate(now)
    }

    /// Ends the scan: what was not seen is forgotten.
    pub(crate) fn end(&mut self) {
        self.next.sort_unstable_by_key(|history| history.inode);
        std::mem::swap(&mut self.last, &mut self.next);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: Rates = Rates {
        growth_bytes_per_s: UNKNOWN_S64,
        growth_1h_bytes_per_s: UNKNOWN_S64,
        refaults_per_s: UNKNOWN_U64,
    };

    fn scan<const N: usize>(trends: &mut MemcgTrends, now_ms: u64, rows: [(u64, Found); N]) -> [Rates; N] {
        trends.begin(now_ms);
        let rates = rows.map(|(inode, found)| trends.rates(inode, found));
        trends.end();
        rates
    }

    fn found(held_bytes: u64, refaults: u64) -> Found {
        Found { held_bytes: Some(held_bytes), refaults: Some(refaults) }
    }

    fn rates(growth_bytes_per_s: i64, refaults_per_s: u64) -> Rates {
        Rates { growth_bytes_per_s, refaults_per_s, ..UNKNOWN }
    }

    #[test]
    fn each_has_its_own_rates_in_whatever_order_they_come() {
        let mut trends = MemcgTrends::default();
        let first = scan(&mut trends, 0, [(9, found(1000, 5)), (3, found(0, 0))]);
        assert_eq!(first, [UNKNOWN; 2]);
        let second = scan(&mut trends, 2000, [(3, found(4000, 100)), (5, found(70, 7)), (9, found(600, 5))]);
        assert_eq!(second, [rates(2000, 50), UNKNOWN, rates(-200, 0)]);
    }

    #[test]
    fn one_created_again_has_no_past_and_an_unreadable_value_keeps_its_history() {
        let mut trends = MemcgTrends::default();
        scan(&mut trends, 0, [(9, found(1000, 50))]);
        assert_eq!(scan(&mut trends, 1000, [(10, found(0, 0))]), [UNKNOWN], "of the same name");
        let half = Found { held_bytes: None, ..found(0, 20) };
        assert_eq!(scan(&mut trends, 2000, [(10, half)]), [rates(UNKNOWN_S64, 20)]);
        assert_eq!(
            scan(&mut trends, 3000, [(10, found(2000, 10))]),
            [rates(1000, 0)],
            "a counter that goes back"
        );
    }

    #[test]
    fn the_rate_of_an_hour_is_known_after_five_minutes_and_spans_half_of_it_at_least() {
        const MINUTE_MS: u64 = 60_000;
        let mut trends = MemcgTrends::default();
        // 600 bytes a minute for two hours.
        let hourly: Vec<i64> = (0..120)
            .map(|minute| {
                let rows = [(9, found(minute * 600, 0))];
                scan(&mut trends, minute * MINUTE_MS, rows)[0].growth_1h_bytes_per_s
            })
            .collect();
        assert_eq!(hourly[..5], [UNKNOWN_S64; 5]);
        assert!(hourly[5..].iter().all(|&rate| rate == 10), "{hourly:?}");
        // What has stopped to grow is forgotten within an hour.
        let steady: Vec<i64> = (120..185)
            .map(|minute| scan(&mut trends, minute * MINUTE_MS, [(9, found(72_000, 0))])[0])
            .map(|rates| rates.growth_1h_bytes_per_s)
            .collect();
        assert!(steady.is_sorted_by(|before, after| before >= after) && steady[64] == 0, "{steady:?}");
    }
}
