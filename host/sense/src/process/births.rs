//! How many children a process has started over the last ten seconds.

/// Children are counted by the five seconds in which they started.
const BUCKET_MS: u64 = 5_000;
/// Of two buckets that are whole and the one that has begun, the oldest counts in part.
const BUCKETS: usize = 3;

/// The counts of one process, the present bucket first.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Births {
    bucket: u32,
    counts: [u16; BUCKETS],
}

impl Births {
    /// Counts a child of that age.
    pub(super) fn add(&mut self, now_ms: u64, age_ms: u64) {
        self.advance(now_ms);
        let ago = self.bucket.saturating_sub(bucket(now_ms.saturating_sub(age_ms)));
        if let Some(count) = self.counts.get_mut(ago as usize) {
            *count = count.saturating_add(1);
        }
    }

    /// The children of the last ten seconds, times 100.
    pub(super) fn per_1000s(&mut self, now_ms: u64) -> u32 {
        self.advance(now_ms);
        let [present, before, oldest] = self.counts.map(u32::from);
        let hundredths = 100 - u32::try_from(now_ms % BUCKET_MS * 100 / BUCKET_MS).unwrap_or(0);
        (present + before) * 100 + oldest * hundredths
    }

    fn advance(&mut self, now_ms: u64) {
        let now = bucket(now_ms);
        let by = now.saturating_sub(self.bucket) as usize;
        self.counts.rotate_right(by.min(BUCKETS) % BUCKETS);
        self.counts.iter_mut().take(by).for_each(|count| *count = 0);
        self.bucket = now;
    }
}

fn bucket(ms: u64) -> u32 {
    u32::try_from(ms / BUCKET_MS).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_counts_for_ten_seconds_from_its_start() {
        let mut births = Births::default();
        let now_ms = 1_000_000;
        births.add(now_ms, 0);
        births.add(now_ms, 4_000);
        births.add(now_ms, 60_000);
        assert_eq!(births.per_1000s(now_ms), 200, "the third is too old");
        births.add(now_ms + 7_000, 1_000);
        assert_eq!(births.per_1000s(now_ms + 7_000), 260, "of the one before a million a part is left");
        assert_eq!(births.per_1000s(now_ms + 16_000), 80);
        assert_eq!(births.per_1000s(now_ms + 400_000), 0);
        (0..70_000).for_each(|_| births.add(now_ms + 400_000, 0));
        assert_eq!(births.per_1000s(now_ms + 400_000), 6_553_500);
    }
}
