//! What each process holds and how fast that grows. The histories are in the order of the rows.
//!
//! A process holds its anonymous memory, its swap and the shared memory of its own (`shared.rs`).

use std::sync::Arc;

use jettison_model::column::{NONE_U32, UNKNOWN_S64, UNKNOWN_U64, known_u64, refill, reuse, row, set};
use jettison_model::{ProcessId, Processes};

use crate::host::ease::{Marks, Measure};
use crate::process::births::Births;
use crate::process::shared::{Shared, own_bytes};
use crate::rate::trend::{Point, Trend, Window, hourly};

/// The least time over which a new process has grown. Start times have a resolution of 10 ms, and the first
/// pages are allocated at once.
const BIRTH_MS_MIN: u64 = 100;
/// By how much the start of a new process may seem to be before the last scan: the resolution of both clocks.
const GRAIN_MS: u64 = 20;

/// What a scan found of one process.
#[derive(Clone, Copy, Debug)]
struct Seen {
    id: ProcessId,
    age_ms: u64,
    /// Anonymous memory and swap.
    anon_and_swap_bytes: Option<u64>,
    /// All shared memory that it maps.
    shmem_bytes: u64,
    /// The part of it that no relative maps.
    alone_bytes: u64,
    /// Not read at this look: all is as at the last one.
    is_kept: bool,
}

impl Seen {
    /// Of what the columns have of it: anonymous memory, swap and shared memory, and of that what is alone.
    fn read(id: ProcessId, age_ms: u64, [anon, swap, shmem]: [u64; 3], alone_bytes: u64) -> Self {
        let anon_and_swap = known_u64(anon).zip(known_u64(swap));
        Self {
            id,
            age_ms,
            anon_and_swap_bytes: anon_and_swap.and_then(|(anon, swap)| anon.checked_add(swap)),
            shmem_bytes: known_u64(shmem).unwrap_or(0),
            alone_bytes,
            is_kept: false,
        }
    }
}

/// Rates per second, with the sentinels of columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rates {
    second: i64,
    hour: i64,
}

const UNKNOWN: Rates = Rates { second: UNKNOWN_S64, hour: UNKNOWN_S64 };

/// What was held, at the last scan that could read it.
#[derive(Clone, Copy, Debug)]
struct Held {
    second: Trend,
    hour: Window<u64>,
    bytes: u64,
    shmem_bytes: u64,
    own_shmem_bytes: u64,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct History {
    id: ProcessId,
    held: Option<Held>,
    /// What it held when memory was at ease: 0 if it has started since then, `None` if that is not known.
    eased_bytes: Option<Marks<u64>>,
    births: Births,
    /// At the last look that read it.
    rates: Rates,
    is_read: bool,
}

impl History {
    pub(super) fn id(&self) -> ProcessId {
        self.id
    }

    /// Memory is at ease: from now on what it holds now does not count as taken.
    pub(super) fn ease(&mut self, measure: Measure) {
        if let Some(held) = self.held {
            self.eased_bytes.get_or_insert(Marks::new(held.bytes)).set(held.bytes, measure);
        }
    }

    /// What it holds beyond what it held when memory was at ease.
    pub(super) fn taken_bytes(&self, measure: Measure) -> Option<i64> {
        let (held, eased) = (self.held.filter(|_| self.is_read)?, self.eased_bytes?.of(measure));
        let signed = |bytes| i64::try_from(bytes).unwrap_or(i64::MAX);
        Some(signed(held.bytes.saturating_sub(eased)) - signed(eased.saturating_sub(held.bytes)))
    }
}

/// The histories of all processes of the last scan, and those of the scan under way.
#[derive(Debug, Default)]
pub(crate) struct Growth {
    last: Vec<History>,
    next: Vec<History>,
    /// The rows of processes that no scan before has seen.
    new: Vec<u32>,
    /// How far `last` has been merged.
    cursor: usize,
    last_at_ms: Option<u64>,
    now_ms: u64,
    before: Option<Before>,
}

/// What the sensor before this one knew, up to the first scan.
#[derive(Debug)]
struct Before {
    eased_at_ms: u64,
    /// In order.
    held: Vec<(ProcessId, Marks<u64>)>,
}

impl Growth {
    /// Begins with what each process held when memory was last at ease, which was at that time.
    pub(super) fn remember(&mut self, eased_at_ms: u64, held: Vec<(ProcessId, Marks<u64>)>) {
        self.before = Some(Before { eased_at_ms, held });
    }

    /// What a process that is seen for the first time held when memory was at ease.
    fn eased_bytes(&self, seen: Seen) -> Option<Marks<u64>> {
        if self.is_new(seen.age_ms) {
            return Some(Marks::new(0));
        }
        let before = self.before.as_ref()?;
        let started_at_ms = self.now_ms.saturating_sub(seen.age_ms);
        match before.held.binary_search_by(|(id, _)| id.cmp(&seen.id)) {
            Ok(at) => before.held.get(at).map(|&(_, marks)| marks),
            Err(_) => (started_at_ms > before.eased_at_ms).then(|| Marks::new(0)),
        }
    }

    /// Follows the processes of a scan, whose parents are known, and fills what follows from their past.
    /// `is_kept` says by rows which of them were not read.
    pub(crate) fn fill(&mut self, now_ms: u64, shared: &Shared, is_kept: &[bool], table: &mut Processes) {
        self.begin(now_ms);
        let second = refill(&mut table.growth_bytes_per_s);
        let hour = refill(&mut table.growth_1h_bytes_per_s);
        let sizes =
            table.rss_anon_bytes.iter().zip(table.swap_bytes.iter()).zip(table.rss_shmem_bytes.iter());
        let ids = table.pids.iter().zip(table.start_times.iter()).zip(table.ages_ms.iter());
        for (at, (((&pid, &start_time), &age_ms), ((&anon, &swap), &shmem))) in ids.zip(sizes).enumerate() {
            let id = ProcessId { pid, start_time };
            let seen = Seen::read(id, age_ms, [anon, swap, shmem], shared.alone_bytes(at));
            let rates = self.follow(Seen { is_kept: is_kept.get(at).copied().unwrap_or(false), ..seen });
            second.push(rates.second);
            hour.push(rates.hour);
        }
        self.count_births(table);
        self.end();
    }

    /// The same where the processes are those of the last scan, and only these rows were read.
    pub(crate) fn patch(&mut self, now_ms: u64, shared: &Shared, rows: &[usize], table: &mut Processes) {
        self.now_ms = now_ms;
        for &at in rows {
            let Some(mut history) = self.last.get(at).copied() else { continue };
            let bytes = |column: &[u64]| column.get(at).copied().unwrap_or(UNKNOWN_U64);
            let sizes = [&table.rss_anon_bytes, &table.swap_bytes, &table.rss_shmem_bytes];
            let age_ms = table.ages_ms.get(at).copied().unwrap_or(0);
            let sizes = sizes.map(|column| bytes(column));
            let seen = Seen::read(history.id, age_ms, sizes, shared.alone_bytes(at));
            let rates = self.see(&mut history, seen);
            if let Some(slot) = self.last.get_mut(at) {
                *slot = history;
            }
            set(&mut table.growth_bytes_per_s, at, rates.second);
            set(&mut table.growth_1h_bytes_per_s, at, rates.hour);
        }
        // None has started. What was counted fades.
        let births = Arc::make_mut(&mut table.births_per_1000s).iter_mut();
        for (slot, history) in births.zip(&mut self.last).filter(|(slot, _)| **slot != 0) {
            *slot = history.births.per_1000s(now_ms);
        }
        self.last_at_ms = Some(now_ms);
    }

    /// The histories, in the order of the rows of the last scan.
    pub(super) fn histories(&mut self) -> &mut [History] {
        &mut self.last
    }

    /// What is known of each process when memory was at ease, in order.
    pub(super) fn eased(&self) -> impl Iterator<Item = (ProcessId, Marks<u64>)> {
        self.last.iter().filter_map(|history| Some((history.id(), history.eased_bytes?)))
    }

    fn begin(&mut self, now_ms: u64) {
        reuse(&mut self.next);
        self.new.clear();
        self.cursor = 0;
        self.now_ms = now_ms;
    }

    /// The rates of the next process. Processes come in ascending order. Where this scan could not read what
    /// it holds, the history stays as it is.
    fn follow(&mut self, seen: Seen) -> Rates {
        let mut history = self.take(seen.id).unwrap_or_else(|| {
            self.new.extend(u32::try_from(self.next.len()));
            let eased_bytes = self.eased_bytes(seen);
            let births = Births::default();
            History { id: seen.id, held: None, eased_bytes, births, rates: UNKNOWN, is_read: false }
        });
        let rates = if seen.is_kept { history.rates } else { self.see(&mut history, seen) };
        self.next.push(history);
        rates
    }

    /// The rates of a process that was read.
    fn see(&self, history: &mut History, seen: Seen) -> Rates {
        history.is_read = seen.anon_and_swap_bytes.is_some();
        history.rates = match seen.anon_and_swap_bytes {
            Some(bytes) => self.hold(history, bytes, seen),
            None => UNKNOWN,
        };
        history.rates
    }

    fn hold(&self, history: &mut History, anon_and_swap_bytes: u64, seen: Seen) -> Rates {
        let before = history.held.map(|held| (held.own_shmem_bytes, held.shmem_bytes));
        let own = own_bytes(before, seen.shmem_bytes, seen.alone_bytes);
        let bytes = anon_and_swap_bytes.saturating_add(own);
        let now = Point { at_ms: self.now_ms, value: bytes };
        let held = history.held.get_or_insert_with(|| Held {
            second: self.birth(seen.age_ms, now),
            hour: Window::new(now, now),
            bytes,
            shmem_bytes: 0,
            own_shmem_bytes: 0,
        });
        (held.bytes, held.shmem_bytes, held.own_shmem_bytes) = (bytes, seen.shmem_bytes, own);
        Rates { second: held.second.rate(now), hour: hourly(&mut held.hour, now) }
    }

    /// Each new process counts for its parent, which may have a higher pid. Which children have started
    /// and ended before the first scan is not known.
    fn count_births(&mut self, table: &mut Processes) {
        for &at in &self.new {
            let age_ms = table.ages_ms.get(at as usize).copied().unwrap_or(u64::MAX);
            let parent = table.parents.get(at as usize).copied().and_then(row);
            if let Some(parent) = parent.and_then(|parent| self.next.get_mut(parent)) {
                parent.births.add(self.now_ms, age_ms);
            }
        }
        let births = refill(&mut table.births_per_1000s);
        let (now_ms, is_first) = (self.now_ms, self.last_at_ms.is_none());
        births.extend(self.next.iter_mut().map(|history| match is_first {
            true => NONE_U32,
            false => history.births.per_1000s(now_ms),
        }));
    }

    /// Ends the scan: a process that was not seen is forgotten.
    fn end(&mut self) {
        std::mem::swap(&mut self.last, &mut self.next);
        self.last_at_ms = Some(self.now_ms);
        self.before = None;
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

    /// Whether a process of that age started after the last scan.
    fn is_new(&self, age_ms: u64) -> bool {
        self.last_at_ms.is_some() && age_ms <= self.since_ms().saturating_add(GRAIN_MS)
    }

    fn since_ms(&self) -> u64 {
        self.last_at_ms.map_or(0, |last_at_ms| self.now_ms.saturating_sub(last_at_ms))
    }

    /// A process that started after the last scan had no memory before. Of any other process the past is
    /// unknown.
    fn birth(&self, age_ms: u64, now: Point) -> Trend {
        let older = if self.is_new(age_ms) {
            let ms = age_ms.min(self.since_ms()).max(BIRTH_MS_MIN);
            Point { at_ms: self.now_ms.saturating_sub(ms), value: 0 }
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
        let seen = |id, age_ms, anon_and_swap_bytes| Seen {
            id,
            age_ms,
            anon_and_swap_bytes,
            shmem_bytes: 0,
            alone_bytes: 0,
            is_kept: false,
        };
        let rates =
            rows.iter().map(|&(id, age_ms, bytes)| growth.follow(seen(id, age_ms, bytes)).second).collect();
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
