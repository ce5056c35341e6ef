//! A memcg of a test machine, with a setter for every column.

use super::cells::Cells;
use super::process_row::MIB;
use super::rows::rows;
use crate::columns::{Memcgs, NONE_U32, Text, UNKNOWN_S64, UNKNOWN_U64, UNLIMITED_U64};
use crate::container::{Qos, Runtime};
use crate::memcg::flags;

rows! {
    /// A memcg of a test machine. Made by [`Machine::memcg`](super::Machine::memcg). Unless told otherwise it
    /// has no limit, is empty, and belongs to no unit, container or pod.
    MemcgRow of Memcgs {
        key { path: String, }
        numbers {
            current_bytes: u64 = 0,
            min_bytes: u64 = 0,
            low_bytes: u64 = 0,
            high_bytes: u64 = UNLIMITED_U64,
            max_bytes: u64 = UNLIMITED_U64,
            swap_bytes: u64 = 0,
            anon_bytes: u64 = 0,
            file_bytes: u64 = 0,
            shmem_bytes: u64 = 0,
            pressures_some_avg10: u32 = 0,
            pressures_full_avg10: u32 = 0,
            max_events: u64 = 0,
            oom_kills: u64 = 0,
            flags: u32 = 0,
            growth_bytes_per_s: i64 = 0,
            usual_bytes: u64 = UNKNOWN_U64,
            growth_1h_bytes_per_s: i64 = UNKNOWN_S64,
            refaults_anon: u64 = 0,
            refaults_file: u64 = 0,
            refaults_per_s: u64 = 0,
            container_runtimes: u32 = NONE_U32,
            pod_qos_classes: u32 = NONE_U32,
        }
        texts { units, container_ids, pod_uids, }
    }
}

impl MemcgRow {
    /// As in the host's first snapshot: no rate over the last second is known.
    pub(super) fn forget_rates(&mut self) {
        (self.growth_bytes_per_s, self.refaults_per_s) = (UNKNOWN_S64, UNKNOWN_U64);
    }

    /// Charged now: memory.current.
    pub fn current_mib(&mut self, mib: u64) -> &mut Self {
        self.current_bytes = mib * MIB;
        self
    }

    /// Hard protection: memory.min.
    pub fn min_mib(&mut self, mib: u64) -> &mut Self {
        self.min_bytes = mib * MIB;
        self
    }

    /// Best-effort protection: memory.low.
    pub fn low_mib(&mut self, mib: u64) -> &mut Self {
        self.low_bytes = mib * MIB;
        self
    }

    /// Throttling limit: memory.high.
    pub fn high_mib(&mut self, mib: u64) -> &mut Self {
        self.high_bytes = mib * MIB;
        self
    }

    /// Hard limit: memory.max.
    pub fn max_mib(&mut self, mib: u64) -> &mut Self {
        self.max_bytes = mib * MIB;
        self
    }

    /// Swap charged now.
    pub fn swap_mib(&mut self, mib: u64) -> &mut Self {
        self.swap_bytes = mib * MIB;
        self
    }

    /// Anonymous memory.
    pub fn anon_mib(&mut self, mib: u64) -> &mut Self {
        self.anon_bytes = mib * MIB;
        self
    }

    /// Page cache.
    pub fn file_mib(&mut self, mib: u64) -> &mut Self {
        self.file_bytes = mib * MIB;
        self
    }

    /// Shared memory and tmpfs.
    pub fn shmem_mib(&mut self, mib: u64) -> &mut Self {
        self.shmem_bytes = mib * MIB;
        self
    }

    /// How fast its anonymous memory and swap grow.
    pub fn growth_mib_per_s(&mut self, mib_per_s: i64) -> &mut Self {
        self.growth_bytes_per_s = mib_per_s << 20;
        self
    }

    /// What the unit of that name has held in quiet times. Unknown unless told, like the next.
    pub fn usual_mib(&mut self, mib: u64) -> &mut Self {
        self.usual_bytes = mib * MIB;
        self
    }

    /// How fast it grows over the last hour.
    pub fn growth_1h_bytes_per_s(&mut self, bytes_per_s: i64) -> &mut Self {
        self.growth_1h_bytes_per_s = bytes_per_s;
        self
    }

    /// Pages that were read again since it was made: from swap, and of page cache.
    pub fn refaults(&mut self, anon: u64, file: u64) -> &mut Self {
        (self.refaults_anon, self.refaults_file) = (anon, file);
        self
    }

    /// Pages that are read again, of both kinds.
    pub fn refaults_per_s(&mut self, pages_per_s: u64) -> &mut Self {
        self.refaults_per_s = pages_per_s;
        self
    }

    /// PSI `some avg10`, hundredths of a percent.
    pub fn pressure_some_avg10(&mut self, hundredths_percent: u32) -> &mut Self {
        self.pressures_some_avg10 = hundredths_percent;
        self
    }

    /// PSI `full avg10`, hundredths of a percent.
    pub fn pressure_full_avg10(&mut self, hundredths_percent: u32) -> &mut Self {
        self.pressures_full_avg10 = hundredths_percent;
        self
    }

    /// How often the hard limit was hit.
    pub fn max_events(&mut self, events: u64) -> &mut Self {
        self.max_events = events;
        self
    }

    /// Processes that the kernel's OOM killer took.
    pub fn oom_kills(&mut self, kills: u64) -> &mut Self {
        self.oom_kills = kills;
        self
    }

    /// Its systemd unit.
    pub fn unit(&mut self, unit: &str) -> &mut Self {
        self.units = unit.into();
        self
    }

    /// Its container, and the runtime if its path says so.
    pub fn container(&mut self, id: &str, runtime: Option<Runtime>) -> &mut Self {
        self.container_ids = id.into();
        self.container_runtimes = runtime.map_or(NONE_U32, Runtime::number);
        self
    }

    /// Its pod of Kubernetes.
    pub fn pod(&mut self, uid: &str, qos: Qos) -> &mut Self {
        self.pod_uids = uid.into();
        self.pod_qos_classes = qos.number();
        self
    }

    /// The kernel's OOM killer takes all of it or nothing: memory.oom.group.
    pub fn oom_group(&mut self) -> &mut Self {
        self.flags |= flags::OOM_GROUP;
        self
    }

    /// Its owner asks for others to go first: `ManagedOOMPreference=avoid`.
    pub fn oomd_avoid(&mut self) -> &mut Self {
        self.flags |= flags::OOMD_AVOID;
        self
    }

    /// Its owner asks never to be a victim: `ManagedOOMPreference=omit`. On a real machine the host excludes
    /// its processes as well ([`ProcessRow::excluded`](super::ProcessRow::excluded)).
    pub fn oomd_omit(&mut self) -> &mut Self {
        self.flags |= flags::OOMD_OMIT;
        self
    }

    /// As on cgroup v1: no protection, no throttling, no PSI, no switches and attributes.
    pub fn version_1(&mut self) -> &mut Self {
        self.min_bytes = UNKNOWN_U64;
        self.low_bytes = UNKNOWN_U64;
        self.high_bytes = UNKNOWN_U64;
        self.pressures_some_avg10 = NONE_U32;
        self.pressures_full_avg10 = NONE_U32;
        self.flags = 0;
        self
    }
}
