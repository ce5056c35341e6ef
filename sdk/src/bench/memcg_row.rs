//! A memcg of a test machine, with a setter for every column.

use super::process_row::MIB;
use crate::columns::{NONE_U32, UNKNOWN_U64, UNLIMITED_U64};
use crate::container::{Qos, Runtime};
use crate::memcg::flags;

/// A memcg of a test machine. Made by [`Machine::memcg`](super::Machine::memcg). Unless told otherwise it has no limit, is empty, and
/// belongs to no unit, container or pod.
#[derive(Clone, Debug)]
pub struct MemcgRow {
    pub(super) path: String,
    pub(super) current_bytes: u64,
    pub(super) min_bytes: u64,
    pub(super) low_bytes: u64,
    pub(super) high_bytes: u64,
    pub(super) max_bytes: u64,
    pub(super) swap_bytes: u64,
    pub(super) anon_bytes: u64,
    pub(super) file_bytes: u64,
    pub(super) shmem_bytes: u64,
    pub(super) pressure_some_avg10: u32,
    pub(super) max_events: u64,
    pub(super) oom_kills: u64,
    pub(super) unit: String,
    pub(super) flags: u32,
    pub(super) growth_bytes_per_s: i64,
    pub(super) refaults_anon: u64,
    pub(super) refaults_file: u64,
    pub(super) refaults_per_s: u64,
    pub(super) container_id: String,
    pub(super) container_runtime: u32,
    pub(super) pod_uid: String,
    pub(super) pod_qos: u32,
}

impl MemcgRow {
    pub(super) fn new(path: &str) -> Self {
        Self {
            path: path.to_owned(),
            current_bytes: 0,
            min_bytes: 0,
            low_bytes: 0,
            high_bytes: UNLIMITED_U64,
            max_bytes: UNLIMITED_U64,
            swap_bytes: 0,
            anon_bytes: 0,
            file_bytes: 0,
            shmem_bytes: 0,
            pressure_some_avg10: 0,
            max_events: 0,
            oom_kills: 0,
            unit: String::new(),
            flags: 0,
            growth_bytes_per_s: 0,
            refaults_anon: 0,
            refaults_file: 0,
            refaults_per_s: 0,
            container_id: String::new(),
            container_runtime: NONE_U32,
            pod_uid: String::new(),
            pod_qos: NONE_U32,
        }
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
        self.pressure_some_avg10 = hundredths_percent;
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
        self.unit = unit.to_owned();
        self
    }

    /// Its container, and who runs it if its path says so.
    pub fn container(&mut self, id: &str, runtime: Option<Runtime>) -> &mut Self {
        id.clone_into(&mut self.container_id);
        self.container_runtime = runtime.map_or(NONE_U32, Runtime::number);
        self
    }

    /// Its pod of Kubernetes.
    pub fn pod(&mut self, uid: &str, qos: Qos) -> &mut Self {
        uid.clone_into(&mut self.pod_uid);
        self.pod_qos = qos.number();
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

    /// Its owner asks never to be a victim: `ManagedOOMPreference=omit`. On a real machine the host excludes its processes as well
    /// ([`ProcessRow::excluded`](super::ProcessRow::excluded)).
    pub fn oomd_omit(&mut self) -> &mut Self {
        self.flags |= flags::OOMD_OMIT;
        self
    }

    /// As on cgroup v1: no protection, no throttling, no PSI, no switches and attributes.
    pub fn version_1(&mut self) -> &mut Self {
        self.min_bytes = UNKNOWN_U64;
        self.low_bytes = UNKNOWN_U64;
        self.high_bytes = UNKNOWN_U64;
        self.pressure_some_avg10 = NONE_U32;
        self.flags = 0;
        self
    }
}
