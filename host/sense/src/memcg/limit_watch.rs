//! Checks between ticks of memcgs that have a limit of their own.
//!
//! The last scan has found them. Their files stay open, so a check costs one read for each memcg that is far
//! from its limit, and two for one that is near.

use std::cmp::Reverse;
use std::ffi::CString;
use std::os::fd::OwnedFd;

use jettison_model::column::{UNKNOWN_S64, known_u64, row, set};
use jettison_model::{Limit, Memcgs};

use crate::io::file::{Buffer, KeptFile};
use crate::memcg::hierarchy::Hierarchy;
use crate::memcg::paths::MemcgPaths;
use crate::parse::keyed::memcg_stat;
use crate::parse::value::limit;
use crate::parse::version::Version;
use crate::rate::trend::{Point, Trend};

/// How many memcgs are watched. Each keeps two files open.
const WATCHED_MAX: usize = 256;
/// One with a smaller limit can hold nothing that is worth a victim.
const LIMIT_MIN_BYTES: u64 = 1 << 20;
/// Of those that are not, near is what has less than this part of its limit left.
const NEAR: u64 = 4;
/// After a longer time without a look, what was held before says nothing of how it grows now.
const GAP_MS: u64 = 3_000;

/// A memcg's own limit and what is left below it, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Left {
    /// `memory.max` or `memory.limit_in_bytes`.
    pub limit_bytes: u64,
    /// The limit less the usage, plus what the kernel can reclaim without swapping.
    pub left_bytes: u64,
}

#[derive(Debug)]
struct Watched {
    path: Vec<u8>,
    limit_bytes: u64,
    usage: KeptFile,
    stat: KeptFile,
    /// What it holds that does not come back, and when that was looked at last.
    held: Option<(Trend, u64)>,
}

impl Watched {
    fn new(path: &[u8], limit_bytes: u64, version: Version) -> Option<Self> {
        let below = path.strip_prefix(b"/").unwrap_or(path);
        let kept = |name: &str| CString::new([below, b"/", name.as_bytes()].concat()).ok().map(KeptFile::new);
        let usage = match version {
            Version::V1 => "memory.usage_in_bytes",
            Version::V2 => "memory.current",
        };
        let (usage, stat) = (kept(usage)?, kept("memory.stat")?);
        Some(Self { path: path.to_vec(), limit_bytes, usage, stat, held: None })
    }

    /// How fast that grows; `None` before the second look in a row.
    fn growth(&mut self, now_ms: u64, bytes: u64) -> Option<i64> {
        let now = Point { at_ms: now_ms, value: bytes };
        let mut before = self.held.take().filter(|(_, at_ms)| now_ms.saturating_sub(*at_ms) <= GAP_MS);
        let rate = before.as_mut().map(|(trend, _)| trend.rate(now));
        self.held = Some((before.map_or_else(|| Trend::new(now, now), |(trend, _)| trend), now_ms));
        rate.filter(|&rate| rate != UNKNOWN_S64)
    }

    /// `None` if the memcg has been removed, or its file has no number.
    fn left(
        &mut self,
        directory: &OwnedFd,
        version: Version,
        buffer: &mut Buffer,
        is_near: &impl Fn(Left) -> bool,
    ) -> Option<Left> {
        let usage = limit(self.usage.read(directory, buffer).ok()?)?;
        let left = Left { limit_bytes: self.limit_bytes, left_bytes: self.limit_bytes.saturating_sub(usage) };
        if !is_near(left) {
            return Some(left);
        }
        let stat = memcg_stat(self.stat.read(directory, buffer).ok()?, version);
        let reclaimable = stat.reclaimable_bytes().unwrap_or(0);
        Some(Left { left_bytes: left.left_bytes.saturating_add(reclaimable).min(self.limit_bytes), ..left })
    }
}

/// The memcgs whose limits are watched.
#[derive(Debug)]
pub(crate) struct LimitWatch {
    version: Version,
    directory: OwnedFd,
    watched: Vec<Watched>,
}

impl LimitWatch {
    pub(crate) fn new(hierarchy: &Hierarchy, directory: OwnedFd) -> Self {
        Self { version: hierarchy.version, directory, watched: Vec::new() }
    }

    /// Takes the limits of the last scan: first those that are near their limit, of these and of the others
    /// those that hold most. Thousands of memcgs that are empty or tiny displace none that matters. A memcg
    /// that was watched before with the same limit keeps its files open.
    pub(crate) fn set(&mut self, memcgs: &Memcgs, is_watched: impl Fn(&[u8]) -> bool) {
        let mut rows: Vec<((bool, Reverse<u64>), usize, u64)> = (0..memcgs.len())
            .filter(|&row| is_watched(memcgs.paths.get(row)))
            .filter_map(|row| {
                let limit = Limit::of(*memcgs.max_bytes.get(row)?).bytes()?;
                let usage = memcgs.current_bytes.get(row).copied().and_then(known_u64).unwrap_or(0);
                let is_far = limit.saturating_sub(usage) >= limit / NEAR;
                Some(((is_far, Reverse(usage)), row, limit)).filter(|_| limit >= LIMIT_MIN_BYTES)
            })
            .collect();
        rows.sort_unstable();
        let mut before = std::mem::take(&mut self.watched);
        for (_, row, limit) in rows.into_iter().take(WATCHED_MAX) {
            let path = memcgs.paths.get(row);
            let same = before.iter().position(|old| old.path == path && old.limit_bytes == limit);
            let watched = same.map(|at| before.swap_remove(at));
            self.watched.extend(watched.or_else(|| Watched::new(path, limit, self.version)));
        }
    }

    /// Reads usage and reclaimable memory of the watched memcgs again, into their rows, with how fast they
    /// grow: of anonymous and shared memory here. All else of the table stays.
    pub(crate) fn refresh(&mut self, now_ms: u64, buffer: &mut Buffer, into: &mut Memcgs) {
        let Self { version, directory, watched } = self;
        for one in watched {
            let Some(row) = row(MemcgPaths(&into.paths).row_of(&one.path)) else { continue };
            let usage = one.usage.read(directory, buffer).ok().and_then(limit);
            let stat = one.stat.read(directory, buffer).ok().map(|text| memcg_stat(text, *version));
            let held = stat.and_then(|stat| stat.anon?.checked_add(stat.shmem.unwrap_or(0)));
            let growth = held.and_then(|bytes| one.growth(now_ms, bytes));
            if let Some(growth) = growth {
                set(&mut into.growth_bytes_per_s, row, growth);
            }
            let found = [
                (&mut into.current_bytes, usage),
                (&mut into.reclaimable_bytes, stat.and_then(|stat| stat.reclaimable_bytes())),
                (&mut into.anon_bytes, stat.and_then(|stat| stat.anon)),
                (&mut into.shmem_bytes, stat.and_then(|stat| stat.shmem)),
            ];
            for (column, value) in found {
                if let Some(value) = value {
                    set(column, row, value);
                }
            }
        }
    }

    /// Paths and limits of the watched memcgs, in no particular order.
    pub(crate) fn watched(&self) -> impl Iterator<Item = (&[u8], u64)> {
        self.watched.iter().map(|one| (one.path.as_slice(), one.limit_bytes))
    }

    /// The least left below any watched limit, of those that are near it if any is. Reclaimable memory is
    /// read only where `is_near`.
    pub(crate) fn nearest(&mut self, buffer: &mut Buffer, is_near: impl Fn(Left) -> bool) -> Option<Left> {
        let Self { version, directory, watched } = self;
        let left = watched.iter_mut().filter_map(|one| one.left(directory, *version, buffer, &is_near));
        left.min_by_key(|&left| (!is_near(left), left.left_bytes))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::io::file::open_root;
    use crate::io::root::Root;

    #[test]
    fn in_focus_the_growth_of_a_memcg_is_that_of_now() {
        let folder = tempfile::tempdir().unwrap();
        let memcg = folder.path().join("sys/fs/cgroup/a");
        std::fs::create_dir_all(&memcg).unwrap();
        std::fs::write(folder.path().join("sys/fs/cgroup/cgroup.controllers"), "memory\n").unwrap();
        std::fs::write(memcg.join("memory.current"), "9\n").unwrap();
        let hierarchy = Hierarchy::find(&Root::below(folder.path())).unwrap();
        let mut watch = LimitWatch::new(&hierarchy, open_root(&hierarchy.mount).unwrap());
        let mut memcgs = Memcgs {
            paths: [b"/a".as_slice()].into_iter().collect(),
            max_bytes: Arc::new(vec![100 << 20]),
            growth_bytes_per_s: Arc::new(vec![50]),
            ..Memcgs::default()
        };
        watch.set(&memcgs, |_| true);
        let mut growth = |now_ms: u64, anon: u64| {
            std::fs::write(memcg.join("memory.stat"), format!("anon {anon}\nshmem 7\n")).unwrap();
            watch.refresh(now_ms, &mut Buffer::new(), &mut memcgs);
            memcgs.growth_bytes_per_s[0]
        };
        assert_eq!(growth(10_000, 1_000), 50, "as the last scan found it");
        assert_eq!(growth(10_500, 2_000), 2_000);
        assert_eq!(growth(11_500, 2_000), 666);
        assert_eq!(growth(12_600, 2_000), 0, "it was asked to end, and grows no more");
        assert_eq!(growth(20_000, 9_000), 0, "too long ago");
    }
}
