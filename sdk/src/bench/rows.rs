//! A process and a memcg of a test machine, each with a setter for every column.

use crate::columns::{NONE_U32, UNKNOWN_S16, UNKNOWN_S64, UNKNOWN_U64, UNLIMITED_U64};
use crate::container::{Qos, Runtime};
use crate::memcg::flags;

pub(super) const MIB: u64 = 1 << 20;

/// A process of a test machine. Made by [`Machine::process`](super::Machine::process).
///
/// Unless told otherwise: a child of init, of user 0, ten minutes old, with one thread, `oom_score_adj` 0, no memory at all, and
/// steady.
#[derive(Clone, Debug)]
pub struct ProcessRow {
    pub(super) pid: u32,
    pub(super) parent: u32,
    pub(super) comm: Vec<u8>,
    pub(super) memcg: Option<String>,
    pub(super) flags: u32,
    pub(super) uid: u32,
    pub(super) threads: u32,
    pub(super) age_ms: u64,
    pub(super) anon_bytes: u64,
    pub(super) file_bytes: u64,
    pub(super) shmem_bytes: u64,
    pub(super) swap_bytes: u64,
    pub(super) page_table_bytes: u64,
    pub(super) growth_bytes_per_s: i64,
    pub(super) oom_score_adj: i16,
    pub(super) cmdline: Vec<u8>,
    pub(super) exe: Vec<u8>,
    pub(super) pss_bytes: u64,
}

impl ProcessRow {
    pub(super) fn new(pid: u32, comm: &[u8]) -> Self {
        Self {
            pid,
            parent: 1,
            comm: comm.to_owned(),
            memcg: None,
            flags: 0,
            uid: 0,
            threads: 1,
            age_ms: 600_000,
            anon_bytes: 0,
            file_bytes: 0,
            shmem_bytes: 0,
            swap_bytes: 0,
            page_table_bytes: 0,
            growth_bytes_per_s: 0,
            oom_score_adj: 0,
            cmdline: Vec::new(),
            exe: Vec::new(),
            pss_bytes: UNKNOWN_U64,
        }
    }

    /// Ends the line: the pid, for [`child_of`](Self::child_of) and the verdict.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Gives it this pid instead of the next free one. Rows are in the order of pids.
    pub fn numbered(&mut self, pid: u32) -> &mut Self {
        self.pid = pid;
        self
    }

    /// Its parent, by pid; one that the machine does not have is none.
    pub fn child_of(&mut self, pid: u32) -> &mut Self {
        self.parent = pid;
        self
    }

    /// Its memcg, which the machine gets if it does not have it yet.
    pub fn memcg(&mut self, path: &str) -> &mut Self {
        self.memcg = Some(path.to_owned());
        self
    }

    /// Its effective user id.
    pub fn uid(&mut self, uid: u32) -> &mut Self {
        self.uid = uid;
        self
    }

    /// Its threads.
    pub fn threads(&mut self, threads: u32) -> &mut Self {
        self.threads = threads;
        self
    }

    /// How long ago it started.
    pub fn age_s(&mut self, age_s: u64) -> &mut Self {
        self.age_ms(age_s * 1000)
    }

    /// How long ago it started.
    pub fn age_ms(&mut self, age_ms: u64) -> &mut Self {
        self.age_ms = age_ms;
        self
    }

    /// Resident anonymous memory.
    pub fn anon_mib(&mut self, mib: u64) -> &mut Self {
        self.anon_bytes = mib * MIB;
        self
    }

    /// Resident file mappings.
    pub fn file_mib(&mut self, mib: u64) -> &mut Self {
        self.file_bytes = mib * MIB;
        self
    }

    /// Resident shared memory.
    pub fn shmem_mib(&mut self, mib: u64) -> &mut Self {
        self.shmem_bytes = mib * MIB;
        self
    }

    /// Swapped-out anonymous memory.
    pub fn swap_mib(&mut self, mib: u64) -> &mut Self {
        self.swap_bytes = mib * MIB;
        self
    }

    /// Page tables.
    pub fn page_table_mib(&mut self, mib: u64) -> &mut Self {
        self.page_table_bytes = mib * MIB;
        self
    }

    /// Proportional set size.
    pub fn pss_mib(&mut self, mib: u64) -> &mut Self {
        self.pss_bytes = mib * MIB;
        self
    }

    /// What the kernel did not tell about its memory: anonymous, file, shared, swap, page tables.
    pub fn memory_unknown(&mut self) -> &mut Self {
        self.anon_bytes = UNKNOWN_U64;
        self.file_bytes = UNKNOWN_U64;
        self.shmem_bytes = UNKNOWN_U64;
        self.swap_bytes = UNKNOWN_U64;
        self.page_table_bytes = UNKNOWN_U64;
        self
    }

    /// How fast it grows.
    pub fn growth_mib_per_s(&mut self, mib_per_s: i64) -> &mut Self {
        self.growth_bytes_per_s(mib_per_s << 20)
    }

    /// How fast it grows.
    pub fn growth_bytes_per_s(&mut self, bytes_per_s: i64) -> &mut Self {
        self.growth_bytes_per_s = bytes_per_s;
        self
    }

    /// As in the host's first snapshot.
    pub fn growth_unknown(&mut self) -> &mut Self {
        self.growth_bytes_per_s(UNKNOWN_S64)
    }

    /// Its own `oom_score_adj`.
    pub fn oom_score_adj(&mut self, adj: i16) -> &mut Self {
        self.oom_score_adj = adj;
        self
    }

    /// An `oom_score_adj` that the kernel did not tell.
    pub fn oom_score_adj_unknown(&mut self) -> &mut Self {
        self.oom_score_adj(UNKNOWN_S16)
    }

    /// A user id that the kernel did not tell.
    pub fn uid_unknown(&mut self) -> &mut Self {
        self.uid(NONE_U32)
    }

    /// A kernel thread.
    pub fn kernel_thread(&mut self) -> &mut Self {
        self.flags |= 1 | 4;
        self
    }

    /// Exited, not yet waited for.
    pub fn zombie(&mut self) -> &mut Self {
        self.flags |= 2;
        self
    }

    /// Not to be touched by the host.
    pub fn excluded(&mut self) -> &mut Self {
        self.flags |= 4;
        self
    }

    /// Outside the daemon's scope.
    pub fn out_of_scope(&mut self) -> &mut Self {
        self.flags |= 8;
        self
    }

    /// Its command line, a NUL after each argument.
    pub fn cmdline(&mut self, cmdline: &str) -> &mut Self {
        self.cmdline = cmdline.as_bytes().to_owned();
        self
    }

    /// The path of its executable.
    pub fn exe(&mut self, path: &str) -> &mut Self {
        self.exe = path.as_bytes().to_owned();
        self
    }
}

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
    /// ([`ProcessRow::excluded`]).
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
