//! What a policy's consultations came to.

use jettison_tick::Samples;

/// What a policy's consultations came to since it was loaded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Stats {
    pub(crate) consultations: u64,
    pub(crate) faults: u64,
    pub(crate) faults_in_a_row: u32,
    /// Armed ticks in which a shadow policy, asked alone, would have chosen another first victim.
    pub(crate) would_differ: u64,
    fuel: Samples,
    us: Samples,
}

impl Stats {
    /// Takes in one consultation.
    pub(crate) fn note(&mut self, fuel: u64, us: u64, is_good: bool) {
        self.consultations += 1;
        self.fuel.push(fuel);
        self.us.push(us);
        if is_good {
            self.faults_in_a_row = 0;
        } else {
            self.faults += 1;
            self.faults_in_a_row += 1;
        }
    }

    /// Units of fuel: median and 99th percentile.
    pub(crate) fn fuel(&self) -> (u64, u64) {
        self.fuel.quantiles()
    }

    /// Microseconds, likewise.
    pub(crate) fn us(&self) -> (u64, u64) {
        self.us.quantiles()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_of_the_last_samples() {
        let mut stats = Stats::default();
        assert_eq!(stats.us(), (0, 0));
        (0..1_000).for_each(|_| stats.note(7, 1_000_000, true));
        (0..256).for_each(|us| stats.note(7, us, true));
        assert_eq!((stats.us(), stats.fuel(), stats.consultations), ((128, 253), (7, 7), 1_256));
    }

    #[test]
    fn faults_in_a_row_end_with_a_good_answer() {
        let mut stats = Stats::default();
        stats.note(1, 1, false);
        stats.note(1, 1, false);
        assert_eq!((stats.faults, stats.faults_in_a_row), (2, 2));
        stats.note(1, 1, true);
        assert_eq!((stats.faults, stats.faults_in_a_row), (2, 0));
    }
}
