//! A kernel that does what the test says, and writes down what it was asked to.
#![allow(dead_code, reason = "each test file uses its part")]

use std::collections::BTreeMap;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use jettison_act::Kernel;
use jettison_model::{Hold, ProcessId, Snapshot, column};
use rustix::io::Errno;

#[derive(Clone, Debug, Default)]
pub(crate) struct Process {
    pub(crate) adj: i16,
    /// The lowest value that may be written.
    pub(crate) least: i16,
    /// What every call on it fails with.
    pub(crate) fails: Option<Errno>,
    /// Ignores SIGKILL, too.
    pub(crate) is_stuck: bool,
}

#[derive(Clone, Debug, Default)]
pub(crate) struct Scripted {
    pub(crate) processes: BTreeMap<ProcessId, Process>,
    /// `pid what`, in order.
    pub(crate) calls: Vec<String>,
    pub(crate) boot: &'static str,
    /// Those that can be killed as one.
    pub(crate) memcgs: Vec<&'static str>,
}

pub(crate) fn id(pid: u32) -> ProcessId {
    ProcessId { pid, start_time: u64::from(pid) * 100 }
}

/// A real process, by field 22 of its `stat`.
pub(crate) fn identity(pid: u32) -> ProcessId {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let start_time = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().parse().unwrap();
    ProcessId { pid, start_time }
}

pub(crate) fn hold(pid: u32, original: i16, value: i16) -> Hold {
    Hold { id: id(pid), original, value }
}

impl Scripted {
    pub(crate) fn with(processes: &[(u32, i16)]) -> Self {
        let process =
            |&(pid, adj): &(u32, i16)| (id(pid), Process { adj, least: -1000, ..Process::default() });
        Self { processes: processes.iter().map(process).collect(), ..Self::default() }
    }

    pub(crate) fn adj(&self, pid: u32) -> i16 {
        self.processes[&id(pid)].adj
    }

    pub(crate) fn change(&mut self, pid: u32) -> &mut Process {
        self.processes.get_mut(&id(pid)).expect("the process is there")
    }

    /// The writes among the calls.
    pub(crate) fn writes(&self) -> usize {
        self.calls.iter().filter(|call| call.contains("adj")).count()
    }

    /// What a scan would find. `children` are (child, parent); every process is a second old at `now_ms`.
    pub(crate) fn snapshot(&self, now_ms: u64, children: &[(u32, u32)]) -> Snapshot {
        let mut snapshot = Snapshot { now_ms, ..Snapshot::default() };
        let pids: Vec<u32> = self.processes.keys().map(|id| id.pid).collect();
        let parent_of = |pid: &u32| {
            let parent = children.iter().find(|(child, _)| child == pid).map(|&(_, parent)| parent)?;
            u32::try_from(pids.binary_search(&parent).ok()?).ok()
        };
        let table = &mut snapshot.processes;
        table.parents = Arc::new(pids.iter().map(|pid| parent_of(pid).unwrap_or(column::NONE_U32)).collect());
        table.start_times = Arc::new(self.processes.keys().map(|id| id.start_time).collect());
        table.ages_ms = Arc::new(pids.iter().map(|_| 1_000).collect());
        table.oom_score_adjs = Arc::new(self.processes.values().map(|process| process.adj).collect());
        table.oom_score_adjs_now = table.oom_score_adjs.clone();
        table.pids = Arc::new(pids);
        snapshot
    }

    fn process(&mut self, id: ProcessId) -> Result<&mut Process, Errno> {
        let process = self.processes.get_mut(&id).ok_or(Errno::SRCH)?;
        process.fails.map_or(Ok(process), Err)
    }
}

impl Kernel for Scripted {
    type Handle = ProcessId;

    fn boot_id(&mut self) -> String {
        self.boot.into()
    }

    fn open(&mut self, id: ProcessId) -> Result<ProcessId, Errno> {
        self.processes.contains_key(&id).then_some(id).ok_or(Errno::SRCH)
    }

    fn signal(&mut self, &id: &ProcessId, number: u8) -> Result<(), Errno> {
        self.calls.push(format!("{} signal {number}", id.pid));
        let is_stuck = self.process(id)?.is_stuck;
        if number == 9 && !is_stuck {
            self.processes.remove(&id);
        }
        Ok(())
    }

    fn reap(&mut self, &id: &ProcessId) -> Result<(), Errno> {
        self.calls.push(format!("{} reap", id.pid));
        self.process(id).map(|_| ())
    }

    fn can_kill_memcg(&self, memcg: &[u8]) -> bool {
        self.memcgs.iter().any(|path| path.as_bytes() == memcg)
    }

    fn kill_memcg(&mut self, memcg: &[u8]) -> Result<(), Errno> {
        self.calls.push(format!("{} kill", memcg.escape_ascii()));
        self.can_kill_memcg(memcg).then_some(()).ok_or(Errno::NOENT)
    }

    fn is_gone(&mut self, id: &ProcessId) -> bool {
        !self.processes.contains_key(id)
    }

    fn pidfd<'a>(&self, _: &'a ProcessId) -> Option<BorrowedFd<'a>> {
        None
    }

    fn oom_score_adj(&mut self, _: &ProcessId, id: ProcessId) -> Result<i16, Errno> {
        Ok(self.process(id)?.adj)
    }

    fn set_oom_score_adj(&mut self, _: &ProcessId, id: ProcessId, value: i16) -> Result<(), Errno> {
        self.calls.push(format!("{} adj {value}", id.pid));
        let process = self.process(id)?;
        if value < process.least && value < process.adj {
            return Err(Errno::ACCESS);
        }
        process.adj = value;
        Ok(())
    }
}
