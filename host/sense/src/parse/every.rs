//! All parsers at once, for fuzzing.

use std::hint::black_box;

use super::{
    arcstats, cgroup, keyed, loadavg, meminfo, mounts, oom_kill, pressure, smaps, stat, statm, status, swaps,
    value, vmstat, zoneinfo,
};
use crate::memcg::attribution::attribution;
use crate::parse::version::Version;

/// Gives the bytes to every parser. Returns how many of those that can fail succeeded.
///
/// # Panics
/// If a parser does, or returns a slice that is not part of the text.
#[must_use]
pub fn parse_with_every(text: &[u8]) -> usize {
    let is_part = |part: &[u8]| assert!(text.as_ptr_range().contains(&part.as_ptr()) || part.is_empty());
    for version in [Version::V1, Version::V2] {
        let path = cgroup::memcg_path(text, version);
        path.inspect(|path| is_part(path));
        black_box(keyed::memcg_stat(text, version).reclaimable_bytes());
    }
    for part in [cgroup::unit(text), cgroup::slice(text)] {
        assert!(part.len() <= text.len());
    }
    black_box(attribution(text));
    black_box(mounts::cgroup_mounts(text).count());
    black_box(swaps::swap_areas(text).count());
    let process = stat::stat(text).inspect(|stat| is_part(stat.comm));
    let kill = oom_kill::oom_kill(text).inspect(|kill| is_part(kill.comm));
    [
        process.is_ok(),
        kill.is_some(),
        arcstats::arcstats(text).is_ok(),
        meminfo::meminfo(text).is_ok(),
        pressure::pressure(text).is_ok(),
        status::status(text).is_ok(),
        loadavg::loadavg(text).is_ok(),
        statm::statm(text).is_ok(),
        smaps::pss_bytes(text).is_some(),
        swaps::zram_stat(text).is_some(),
        vmstat::vmstat(text).is_ok(),
        zoneinfo::watermarks(text).is_ok(),
        pressure::some_avg10(text).is_ok(),
        value::limit(text).is_some(),
        value::oom_score_adj(text).is_some(),
        keyed::entry(text, b"oom_kill").is_some(),
    ]
    .into_iter()
    .filter(|&is_taken| is_taken)
    .count()
}
