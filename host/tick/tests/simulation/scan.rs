//! The machine as a snapshot has it.

use std::sync::Arc;

use jettison_model::Snapshot;
use jettison_model::column::{NONE_U32, UNKNOWN_U64, UNLIMITED_U64};
use jettison_model::snapshot::flags;

use super::machine::{LIMIT_BYTES, MEMCG, Machine, TOTAL_BYTES};
use super::process::Process;

impl Machine {
    /// What a scan finds.
    pub(super) fn sense(&mut self, into: &mut Snapshot) {
        self.is_disturbed = false;
        self.written.clear();
        self.processes.values_mut().for_each(|process| process.is_new = false);
        (self.sensed_available_bytes, self.sensed_left_bytes) = (self.available_bytes(), self.left_bytes());
        (into.now_ms, into.taken_at_ms) = (self.now_ms, self.now_ms);
        let host = &mut into.host;
        (host.memory_total_bytes, host.memory_available_bytes) = (TOTAL_BYTES, self.sensed_available_bytes);
        let rows: Vec<&Process> = self.processes.values().collect();
        let row_of = |pid: u32| rows.iter().position(|process| process.id.pid == pid);
        let parent = |process: &Process| row_of(process.parent).and_then(|row| u32::try_from(row).ok());
        let bits = |process: &Process| {
            u32::from(process.is_zombie) * flags::ZOMBIE
                + u32::from(process.id.pid == 4) * flags::KERNEL_THREAD
        };
        let age = |process: &Process| self.now_ms.saturating_sub(process.id.start_time * 10);
        let table = &mut into.processes;
        table.pids = column(&rows, |process| process.id.pid);
        table.start_times = column(&rows, |process| process.id.start_time);
        table.parents = column(&rows, |process| parent(process).unwrap_or(NONE_U32));
        table.memcgs = column(&rows, |process| process.memcg);
        table.comms = rows.iter().map(|process| process.comm).collect();
        table.flags = column(&rows, bits);
        table.uids = column(&rows, |_| 1000);
        table.ages_ms = column(&rows, age);
        table.rss_anon_bytes = column(&rows, |process| process.anon_bytes);
        for empty in [
            &mut table.rss_file_bytes,
            &mut table.rss_shmem_bytes,
            &mut table.swap_bytes,
            &mut table.page_table_bytes,
        ] {
            *empty = column(&rows, |_| 0);
        }
        table.oom_score_adjs = column(&rows, |process| process.adj);
        table.oom_score_adjs_now = table.oom_score_adjs.clone();
        let memcgs = &mut into.memcgs;
        memcgs.paths = [b"/".as_slice(), MEMCG].into_iter().collect();
        memcgs.units = [b"".as_slice(), b"a.service"].into_iter().collect();
        memcgs.parents = Arc::new(vec![NONE_U32, 0]);
        memcgs.max_bytes = Arc::new(vec![UNLIMITED_U64, LIMIT_BYTES]);
        memcgs.current_bytes = Arc::new(vec![UNKNOWN_U64, LIMIT_BYTES - self.sensed_left_bytes]);
        memcgs.reclaimable_bytes = Arc::new(vec![0, 0]);
    }
}

fn column<T>(rows: &[&Process], value: impl Fn(&Process) -> T) -> Arc<Vec<T>> {
    Arc::new(rows.iter().map(|process| value(process)).collect())
}
