//! When the next look is due.
//!
//! PSI alone is late without swap (a recorded trace shows 5 % of stalling with 91 MiB left), so a timer looks at
//! the levels beside the triggers: soon enough that the fastest filling seen cannot pass from here to `act`
//! unseen, and no more often than that.

/// Nothing fills memory slower than this in our reckoning: a single core writes new pages at about 1 GB/s.
const FILL_FLOOR_BYTES_PER_MS: u64 = 1_000_000;
/// Bounds of the wait between two looks.
const LOOK_MS: std::ops::RangeInclusive<u64> = 100..=10_000;

/// How long until the next look, from how many bytes lie between now and `act` in the nearest domain.
pub(super) fn next_look_ms(headroom_bytes: u64, fastest_bytes_per_ms: u64) -> u64 {
    let rate = fastest_bytes_per_ms.max(FILL_FLOOR_BYTES_PER_MS);
    (headroom_bytes / rate).clamp(*LOOK_MS.start(), *LOOK_MS.end())
}

/// Memory that would be gone within so long at the pace of the last two looks is watched as closely as below `warn`.
const SOON_MS: u64 = 10_000;

/// How fast available memory falls between two looks.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fill {
    last: Option<(u64, u64)>,
    /// Between the last two.
    now_bytes_per_ms: u64,
    fastest_bytes_per_ms: u64,
}

impl Fill {
    /// Takes in a look and returns the fastest fill so far, in bytes per millisecond.
    pub(super) fn saw(&mut self, now_ms: u64, available_bytes: u64) -> u64 {
        if let Some((at_ms, before)) = self.last {
            self.now_bytes_per_ms =
                before.saturating_sub(available_bytes) / now_ms.saturating_sub(at_ms).max(1);
            self.fastest_bytes_per_ms = self.fastest_bytes_per_ms.max(self.now_bytes_per_ms);
        }
        self.last = Some((now_ms, available_bytes));
        self.fastest_bytes_per_ms
    }

    /// Whether so many bytes are used up soon if it goes on like this: then scans must come often enough for it to be
    /// known who grows.
    pub(super) fn is_soon_gone(&self, headroom_bytes: u64) -> bool {
        headroom_bytes < self.now_bytes_per_ms.saturating_mul(SOON_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_follows_the_headroom_within_its_bounds() {
        assert_eq!(next_look_ms(0, 0), 100);
        assert_eq!(next_look_ms(3_000_000_000, 0), 3_000);
        assert_eq!(next_look_ms(100_000_000_000, 0), 10_000);
        assert_eq!(next_look_ms(10_000_000_000, 5_000_000), 2_000);
    }

    #[test]
    fn the_fastest_fill_is_remembered() {
        let mut fill = Fill::default();
        assert_eq!(fill.saw(0, 5_000), 0);
        assert_eq!(fill.saw(10, 1_000), 400);
        assert_eq!(fill.saw(20, 9_000), 400);
    }

    #[test]
    fn what_falls_fast_is_soon_gone_and_what_rises_again_is_not() {
        let mut fill = Fill::default();
        fill.saw(0, 500_000);
        assert!(!fill.is_soon_gone(1));
        fill.saw(100, 499_000);
        assert!(fill.is_soon_gone(99_999) && !fill.is_soon_gone(100_000));
        fill.saw(200, 499_500);
        assert!(!fill.is_soon_gone(1));
    }
}
