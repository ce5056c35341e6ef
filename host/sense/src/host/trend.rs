//! Rates of the domain's memory, from the counts of this scan and of an earlier one.

use jettison_model::Trend;
use jettison_model::column::{UNKNOWN_U64, UNLIMITED_U64, known_u64};

use crate::host::domain::Memory;
use crate::host::stalls::Stalls;
use crate::parse::pressure::Pressure;
use crate::parse::vmstat::Vmstat;
use crate::rate::window::{Point, Window};

const US_PER_S: u64 = 1_000_000;
/// The largest value that is not a sentinel.
const MOST: u64 = UNLIMITED_U64 - 1;

/// The counts of one scan.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) memory: Memory,
    /// `None` without PSI.
    pub(crate) pressure: Option<Pressure>,
    /// Whether it is the scope's memory.
    pub(crate) has_scope_memory: bool,
    /// Whether it is the scope's pressure.
    pub(crate) has_scope_pressure: bool,
    pub(crate) vmstat: Vmstat,
}

/// The samples that rates are taken from.
#[derive(Debug)]
pub(crate) struct HostTrend {
    page_bytes: u64,
    window: Option<Window<Sample>>,
    last: Trend,
    stalls: Stalls,
    /// Whether the sums are those of the scope.
    are_of_scope: bool,
}

impl HostTrend {
    /// `vmstat` counts in pages of so many bytes.
    pub(crate) fn new(page_bytes: u64) -> Self {
        Self {
            page_bytes,
            window: None,
            last: Trend::UNKNOWN,
            stalls: Stalls::default(),
            are_of_scope: false,
        }
    }

    /// Whether all tasks have stalled since the last sample, or it is not known whether they have.
    pub(crate) fn has_stalled(&self, pressure: Option<Pressure>) -> bool {
        let total = |pressure: Option<Pressure>| pressure.and_then(|pressure| pressure.full_total_us);
        let before = self.window.and_then(|window| total(window.newest().pressure));
        total(pressure).is_some() && before != total(pressure)
    }

    /// The rates up to this sample; the previous ones if the last sample is too recent.
    pub(crate) fn next(&mut self, now_ms: u64, sample: Sample) -> Trend {
        let now = Point { at_ms: now_ms, value: sample };
        let window = self.window.get_or_insert(Window::new(now, now));
        if let Some((from, ms)) = window.advance(now) {
            self.last = trend(&from, &sample, ms, self.page_bytes);
        }
        let total_us = sample.pressure.and_then(|pressure| pressure.full_total_us);
        if std::mem::replace(&mut self.are_of_scope, sample.has_scope_pressure) != sample.has_scope_pressure {
            self.stalls.note(now_ms, None);
        }
        self.stalls.note(now_ms, total_us);
        Trend {
            memory_stall_full_10s_us_per_s: self.stalls.over(10_000, now_ms, total_us),
            memory_stall_full_30s_us_per_s: self.stalls.over(30_000, now_ms, total_us),
            ..self.last
        }
    }
}

fn trend(from: &Sample, to: &Sample, ms: u64, page_bytes: u64) -> Trend {
    let count = |of: fn(&Vmstat) -> Option<u64>| rate(of(&from.vmstat), of(&to.vmstat), 1, ms);
    let bytes = |of: fn(&Vmstat) -> Option<u64>| rate(of(&from.vmstat), of(&to.vmstat), page_bytes, ms);
    // Samples are not comparable if the scope was created, removed or given another limit in between.
    let is_same_memory =
        from.has_scope_memory == to.has_scope_memory && from.memory.total_bytes == to.memory.total_bytes;
    let is_same_pressure = from.has_scope_pressure == to.has_scope_pressure;
    let stall = |of: fn(&Pressure) -> Option<u64>| {
        let [from, to] =
            [from, to].map(|sample| sample.pressure.as_ref().and_then(of).filter(|_| is_same_pressure));
        // The sum is of another clock than the scan, so the rate may come out above 1 s/s.
        known_u64(rate(from, to, 1, ms)).map_or(UNKNOWN_U64, |us| us.min(US_PER_S))
    };
    Trend {
        refault_anon_bytes_per_s: bytes(|vmstat| vmstat.refault_anon_pages),
        refault_file_bytes_per_s: bytes(|vmstat| vmstat.refault_file_pages),
        swap_in_bytes_per_s: bytes(|vmstat| vmstat.swap_in_pages),
        swap_out_bytes_per_s: bytes(|vmstat| vmstat.swap_out_pages),
        major_faults_per_s: count(|vmstat| vmstat.major_faults),
        allocation_stalls_per_s: count(|vmstat| vmstat.allocation_stalls),
        memory_stall_some_us_per_s: stall(|pressure| pressure.some_total_us),
        memory_stall_full_us_per_s: stall(|pressure| pressure.full_total_us),
        // Of other spans than this.
        memory_stall_full_10s_us_per_s: UNKNOWN_U64,
        memory_stall_full_30s_us_per_s: UNKNOWN_U64,
        memory_exhaustion_ms: if is_same_memory {
            exhaustion_ms(from.memory.available_bytes, to.memory.available_bytes, ms)
        } else {
            UNKNOWN_U64
        },
    }
}

/// Per second. Unknown if a count is unknown or has decreased, as that of a memcg that was created again.
fn rate(from: Option<u64>, to: Option<u64>, unit: u64, ms: u64) -> u64 {
    let more = from.zip(to).and_then(|(from, to)| to.checked_sub(from));
    more.map_or(UNKNOWN_U64, |more| {
        let per_s = u128::from(more) * u128::from(unit) * 1000 / u128::from(ms.max(1));
        u64::try_from(per_s).unwrap_or(MOST).min(MOST)
    })
}

/// How long `to` lasts at the rate of the last `ms`. Until nothing is left, not until a configured level: a
/// policy knows how much is available and can compute the time to any other level.
fn exhaustion_ms(from: u64, to: u64, ms: u64) -> u64 {
    let (Some(from), Some(to)) = (known_u64(from), known_u64(to)) else {
        return UNKNOWN_U64;
    };
    match from.saturating_sub(to) {
        _ if to == 0 => 0,
        0 => UNKNOWN_U64,
        fallen => {
            let left_ms = u128::from(to) * u128::from(ms) / u128::from(fallen);
            u64::try_from(left_ms).unwrap_or(MOST).min(MOST)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const PAGE: u64 = 4096;

    fn sample(available_mib: u64) -> Sample {
        let memory = Memory {
            total_bytes: 8192 * MIB,
            available_bytes: available_mib * MIB,
            swap_total_bytes: 0,
            swap_free_bytes: 0,
        };
        Sample {
            memory,
            pressure: None,
            has_scope_memory: false,
            has_scope_pressure: false,
            vmstat: Vmstat::default(),
        }
    }

    fn stalled(some_us: u64, full_us: u64) -> Sample {
        let pressure =
            Pressure { some_total_us: Some(some_us), full_total_us: Some(full_us), ..Pressure::default() };
        Sample { pressure: Some(pressure), ..sample(100) }
    }

    fn swapping(swap_out_pages: u64, major_faults: u64) -> Sample {
        let vmstat = Vmstat {
            swap_out_pages: Some(swap_out_pages),
            major_faults: Some(major_faults),
            ..Vmstat::default()
        };
        Sample { vmstat, ..sample(100) }
    }

    /// The trend after the last of the samples.
    fn after(samples: &[(u64, Sample)]) -> Trend {
        let mut trends = HostTrend::new(PAGE);
        samples.iter().map(|&(at_ms, sample)| trends.next(at_ms, sample)).last().unwrap()
    }

    #[test]
    fn counts_become_rates() {
        let trend = after(&[(0, swapping(1000, 50)), (2_000, swapping(1512, 70))]);
        assert_eq!((trend.swap_out_bytes_per_s, trend.major_faults_per_s), (MIB, 10));
        assert_eq!((trend.swap_in_bytes_per_s, trend.refault_anon_bytes_per_s), (UNKNOWN_U64, UNKNOWN_U64));
        assert_eq!(after(&[(0, swapping(1, 1))]), Trend::UNKNOWN, "one scan has no rates");
        let back = after(&[(0, swapping(1000, 50)), (2_000, swapping(999, 50))]);
        assert_eq!((back.swap_out_bytes_per_s, back.major_faults_per_s), (UNKNOWN_U64, 0));
    }

    #[test]
    fn rates_are_of_the_last_seconds_and_stay_for_a_moment() {
        let long_ago = (0, swapping(0, 0));
        let busy = [long_ago, (10_000, swapping(0, 100)), (11_000, swapping(0, 200))];
        assert_eq!(after(&busy).major_faults_per_s, 100);
        let calm = [busy[1], busy[2], (12_000, swapping(0, 200)), (13_000, swapping(0, 200))];
        assert_eq!(after(&calm).major_faults_per_s, 0);
        let mut trends = HostTrend::new(PAGE);
        trends.next(0, swapping(0, 0));
        let settled = trends.next(1_000, swapping(0, 100));
        assert_eq!(trends.next(1_049, swapping(0, 100)), trends.last);
        assert_eq!(settled.major_faults_per_s, 100);
        let mut fresh = HostTrend::new(PAGE);
        fresh.next(0, swapping(0, 0));
        assert_eq!(fresh.next(49, swapping(0, 100)), Trend::UNKNOWN);
        assert_eq!(fresh.next(50, swapping(0, 100)).major_faults_per_s, 2_000);
    }

    #[test]
    fn stalls_are_exact_and_of_one_domain() {
        let trend = after(&[(0, stalled(5_000_000, 0)), (2_000, stalled(5_500_000, 100_000))]);
        assert_eq!((trend.memory_stall_some_us_per_s, trend.memory_stall_full_us_per_s), (250_000, 50_000));
        let whole = after(&[(0, stalled(0, 0)), (1_000, stalled(1_000_900, 0))]);
        assert_eq!(whole.memory_stall_some_us_per_s, US_PER_S);
        let scope = Sample { has_scope_pressure: true, ..stalled(9_000_000, 0) };
        let entered = after(&[(0, stalled(0, 0)), (1_000, scope)]);
        assert_eq!(entered.memory_stall_some_us_per_s, UNKNOWN_U64);
        let anew = after(&[(0, scope), (1_000, Sample { has_scope_pressure: true, ..stalled(10, 0) })]);
        assert_eq!(anew.memory_stall_some_us_per_s, UNKNOWN_U64);
        assert_eq!(after(&[(0, sample(1)), (1_000, sample(1))]).memory_stall_some_us_per_s, UNKNOWN_U64);
    }

    fn exhaustion(samples: [(u64, Sample); 2]) -> u64 {
        after(&samples).memory_exhaustion_ms
    }

    #[test]
    fn the_time_to_exhaustion_is_at_the_rate_of_fall() {
        assert_eq!(exhaustion([(0, sample(1000)), (1_000, sample(900))]), 9_000);
        assert_eq!(exhaustion([(0, sample(1000)), (2_000, sample(1))]), 2);
        assert_eq!(exhaustion([(0, sample(1000)), (1_000, sample(0))]), 0);
        assert_eq!(exhaustion([(0, sample(0)), (1_000, sample(0))]), 0, "it is already");
        for steady in [1000, 1001] {
            assert_eq!(exhaustion([(0, sample(1000)), (1_000, sample(steady))]), UNKNOWN_U64);
        }
        let mut unknown = sample(900);
        unknown.memory.available_bytes = UNKNOWN_U64;
        assert_eq!(exhaustion([(0, unknown), (1_000, sample(900))]), UNKNOWN_U64);
        let mut other = sample(900);
        other.memory.total_bytes = MIB;
        assert_eq!(exhaustion([(0, sample(1000)), (1_000, other)]), UNKNOWN_U64, "another limit");
    }

    #[test]
    fn no_rate_is_a_sentinel() {
        assert_eq!(rate(Some(0), Some(u64::MAX), PAGE, 50), MOST);
        assert_eq!(exhaustion_ms(MOST, MOST - 1, u64::MAX), MOST);
    }
}
