//! Parsers of kernel files: total functions of bytes. What they cannot read they name; nothing panics.

pub(crate) mod arcstats;
pub(crate) mod cgroup;
pub(crate) mod every;
pub(crate) mod keyed;
pub(crate) mod loadavg;
pub(crate) mod meminfo;
pub(crate) mod mounts;
pub(crate) mod oom_kill;
pub(crate) mod pressure;
pub(crate) mod smaps;
pub(crate) mod stat;
pub(crate) mod statm;
pub(crate) mod status;
pub(crate) mod swaps;
pub(crate) mod text;
pub(crate) mod value;
pub(crate) mod version;
pub(crate) mod vmstat;
pub(crate) mod zoneinfo;
