//! Flat keyed files of a memcg: `memory.stat`, `memory.events`, `memory.oom_control`.
//! (Documentation/admin-guide/cgroup-v2.rst, cgroup-v1/memory.rst.)

use super::text::{cut, lines, number};
use crate::parse::version::Version;

/// The values of `memory.stat` that are used, in bytes unless noted, descendants included. `None` where this
/// kernel has no such line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct MemcgStat {
    pub(crate) anon: Option<u64>,
    pub(crate) file: Option<u64>,
    pub(crate) shmem: Option<u64>,
    pub(crate) inactive_file: Option<u64>,
    pub(crate) active_file: Option<u64>,
    /// v2 only.
    pub(crate) slab_reclaimable: Option<u64>,
    /// Pages of anonymous memory that were swapped in soon after they had been reclaimed.
    pub(crate) refault_anon: Option<u64>,
    /// Likewise of page cache. Before Linux 5.9 `workingset_refault` counts these alone.
    pub(crate) refault_file: Option<u64>,
    /// v1 only: the least limit of the memcg and all its ancestors, also of those outside of a container.
    pub(crate) hierarchical_limit: Option<u64>,
}

impl MemcgStat {
    /// Nothing is known.
    pub(crate) const NONE: Self = Self {
        anon: None,
        file: None,
        shmem: None,
        inactive_file: None,
        active_file: None,
        slab_reclaimable: None,
        refault_anon: None,
        refault_file: None,
        hierarchical_limit: None,
    };

    /// What the kernel can reclaim without swapping; `None` if none of it is known.
    pub(crate) fn reclaimable_bytes(&self) -> Option<u64> {
        let parts = [self.inactive_file, self.active_file, self.slab_reclaimable];
        parts.into_iter().flatten().reduce(u64::saturating_add)
    }

    /// All refaults, in pages; `None` if neither kind is known.
    pub(crate) fn refaults(&self) -> Option<u64> {
        [self.refault_anon, self.refault_file].into_iter().flatten().reduce(u64::saturating_add)
    }
}

/// A key and a number on each line. Other lines are skipped, since kernels add lines of all kinds.
///
/// ```text
/// anon 734003200                          v2
/// total_rss 566231040                     v1
/// hierarchical_memory_limit 1073741824    v1
/// ```
pub(crate) fn memcg_stat(text: &[u8], version: Version) -> MemcgStat {
    let mut found = MemcgStat::NONE;
    for (key, value) in entries(text) {
        let slot = match (version, key) {
            (Version::V2, b"anon") | (Version::V1, b"total_rss") => &mut found.anon,
            (Version::V2, b"file") | (Version::V1, b"total_cache") => &mut found.file,
            (Version::V2, b"shmem") | (Version::V1, b"total_shmem") => &mut found.shmem,
            (Version::V2, b"inactive_file") | (Version::V1, b"total_inactive_file") => {
                &mut found.inactive_file
            }
            (Version::V2, b"active_file") | (Version::V1, b"total_active_file") => &mut found.active_file,
            (Version::V2, b"slab_reclaimable") => &mut found.slab_reclaimable,
            (Version::V2, b"workingset_refault_anon") | (Version::V1, b"total_workingset_refault_anon") => {
                &mut found.refault_anon
            }
            (Version::V2, b"workingset_refault_file" | b"workingset_refault")
            | (Version::V1, b"total_workingset_refault_file") => &mut found.refault_file,
            (Version::V1, b"hierarchical_memory_limit") => &mut found.hierarchical_limit,
            _ => continue,
        };
        *slot = Some(value);
    }
    found
}

/// The value of one key.
pub(crate) fn entry(text: &[u8], wanted: &[u8]) -> Option<u64> {
    entries(text).find_map(|(key, value)| (key == wanted).then_some(value))
}

/// All keys, with their values.
pub(super) fn entries(text: &[u8]) -> impl Iterator<Item = (&[u8], u64)> {
    lines(text).filter_map(|line| {
        let (key, value) = cut(line, b' ')?;
        Some((key, number(value)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_generation_has_its_own_words() {
        let v2 =
            b"anon 1\nfile 2\nslab_reclaimable 3\nshmem 4\nactive_file 5\ninactive_file 6\ntotal_rss 9\n";
        let parsed = memcg_stat(v2, Version::V2);
        assert_eq!((parsed.anon, parsed.file, parsed.shmem), (Some(1), Some(2), Some(4)));
        assert_eq!(parsed.reclaimable_bytes(), Some(14));
        let v1 = b"cache 1\nrss 2\nactive_file 3\nhierarchical_memory_limit 4\ntotal_cache 5\n\
            total_rss 6\ntotal_shmem 7\ntotal_inactive_file 8\ntotal_active_file 9\n";
        let parsed = memcg_stat(v1, Version::V1);
        assert_eq!((parsed.anon, parsed.file, parsed.shmem), (Some(6), Some(5), Some(7)));
        assert_eq!((parsed.reclaimable_bytes(), parsed.hierarchical_limit), (Some(17), Some(4)));
    }

    #[test]
    fn refaults_are_of_two_kinds_or_before_5_9_of_one() {
        let refaults = |text: &str, version| {
            let parsed = memcg_stat(text.as_bytes(), version);
            (parsed.refault_anon, parsed.refault_file, parsed.refaults())
        };
        let v2 = "workingset_refault_anon 3\nworkingset_refault_file 4\n";
        assert_eq!(refaults(v2, Version::V2), (Some(3), Some(4), Some(7)));
        assert_eq!(refaults("workingset_refault 5\n", Version::V2), (None, Some(5), Some(5)));
        assert_eq!(refaults(v2, Version::V1), (None, None, None), "without those below it");
        let v1 = "total_workingset_refault_anon 1\ntotal_workingset_refault_file 2\n";
        assert_eq!(refaults(v1, Version::V1), (Some(1), Some(2), Some(3)));
    }

    #[test]
    fn garbage_lines_are_skipped_and_absent_ones_unknown() {
        let parsed = memcg_stat(b"anon -5\nfile\n\nshmem 4 4\n\xff 1\nanon 7", Version::V2);
        assert_eq!((parsed.anon, parsed.file, parsed.shmem), (Some(7), None, None));
        assert_eq!(parsed.reclaimable_bytes(), None);
        assert_eq!(entry(b"low 0\nmax 12\noom_kill 3\n", b"oom_kill"), Some(3));
        assert_eq!(entry(b"oom 3\n", b"oom_kill"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>) {
            prop_assert!(entries(&text).count() <= text.len());
            prop_assert_eq!(memcg_stat(&text, Version::V1).slab_reclaimable, None);
        }

        #[test]
        fn what_was_formatted_parses_back(values: [u64; 3]) {
            let [inactive, active, slab] = values;
            let text = format!("inactive_file {inactive}\nx y\nactive_file {active}\nslab_reclaimable {slab}\n");
            let parsed = memcg_stat(text.as_bytes(), Version::V2);
            prop_assert_eq!(
                [parsed.inactive_file, parsed.active_file, parsed.slab_reclaimable],
                [Some(inactive), Some(active), Some(slab)]
            );
        }
    }
}
