//! `/proc/vmstat` (proc_vmstat(5); names in mm/vmstat.c).

use super::keyed::entries;
use super::text::Malformed;

/// The counters of `vmstat` that are used, since boot. `None` where this kernel has no such line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Vmstat {
    pub(crate) refault_anon_pages: Option<u64>,
    pub(crate) refault_file_pages: Option<u64>,
    pub(crate) swap_in_pages: Option<u64>,
    pub(crate) swap_out_pages: Option<u64>,
    pub(crate) major_faults: Option<u64>,
    pub(crate) allocation_stalls: Option<u64>,
    /// Since Linux 4.13.
    pub(crate) oom_kills: Option<u64>,
}

/// A name and a number on each line. Kernels add and drop lines, so any may be absent, but not all of them.
///
/// ```text
/// workingset_refault_anon 12
/// pswpin 3
/// allocstall_normal 2
/// oom_kill 1
/// ```
pub(crate) fn vmstat(text: &[u8]) -> Result<Vmstat, Malformed> {
    let mut found = Vmstat::default();
    for (key, value) in entries(text) {
        let slot = match key {
            b"workingset_refault_anon" => &mut found.refault_anon_pages,
            // Before Linux 5.9 there were shadow entries of file pages only.
            b"workingset_refault_file" | b"workingset_refault" => &mut found.refault_file_pages,
            b"pswpin" => &mut found.swap_in_pages,
            b"pswpout" => &mut found.swap_out_pages,
            b"pgmajfault" => &mut found.major_faults,
            b"oom_kill" => &mut found.oom_kills,
            // One line for each type of zone; before Linux 4.10 one for all.
            key if key.starts_with(b"allocstall") => {
                let others = found.allocation_stalls.unwrap_or(0);
                found.allocation_stalls = Some(others.saturating_add(value));
                continue;
            }
            _ => continue,
        };
        *slot = Some(value);
    }
    if found == Vmstat::default() {
        return Err(Malformed("none of the counters that are looked for"));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn new_and_old_kernels_have_their_own_names() {
        let new =
            b"nr_free_pages 5\nworkingset_refault_anon 1\nworkingset_refault_file 2\npswpin 3\npswpout 4\n\
            allocstall_dma 1\nallocstall_normal 2\nallocstall_movable 30\npgmajfault 6\noom_kill 7\n";
        let expected = Vmstat {
            refault_anon_pages: Some(1),
            refault_file_pages: Some(2),
            swap_in_pages: Some(3),
            swap_out_pages: Some(4),
            major_faults: Some(6),
            allocation_stalls: Some(33),
            oom_kills: Some(7),
        };
        assert_eq!(vmstat(new), Ok(expected));
        let old = b"workingset_refault 8\nworkingset_activate 9\npgmajfault 6\nallocstall 3\n";
        let expected = Vmstat {
            refault_file_pages: Some(8),
            major_faults: Some(6),
            allocation_stalls: Some(3),
            ..Vmstat::default()
        };
        assert_eq!(vmstat(old), Ok(expected));
    }

    #[test]
    fn garbage_is_named() {
        let none = Err(Malformed("none of the counters that are looked for"));
        for garbage in ["", "pswpin", "pswpin -1", "pswpin 1 2", "pswpinn 1", "nr_free_pages 5"] {
            assert_eq!(vmstat(garbage.as_bytes()), none, "{garbage}");
        }
        let most = format!("allocstall_dma {0}\nallocstall_normal {0}\n", u64::MAX);
        assert_eq!(vmstat(most.as_bytes()).map(|found| found.allocation_stalls), Ok(Some(u64::MAX)));
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, line in "(pswpin|allocstall|oom_kill)[ 0-9\n]{0,60}") {
            prop_assert!(vmstat(&text).is_err());
            vmstat(line.as_bytes()).ok();
        }

        #[test]
        fn what_was_formatted_parses_back(counts: [u64; 3]) {
            let [swap_in, swap_out, faults] = counts;
            let text = format!("pgpgin 1\npswpin {swap_in}\npswpout {swap_out}\npgfault 9\npgmajfault {faults}\n");
            let found = vmstat(text.as_bytes()).unwrap();
            prop_assert_eq!(
                [found.swap_in_pages, found.swap_out_pages, found.major_faults],
                counts.map(Some)
            );
        }
    }
}
