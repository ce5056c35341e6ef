//! The system calls that the machine answers, or refuses.

use jettison_act::{Ended, Task, TaskId};
use jettison_model::ProcessId;
use jettison_model::signal::{SIGCONT, SIGKILL, SIGSTOP, SIGTERM};
use rustix::io::Errno;

use super::machine::Machine;
use super::process::{Call, Crash, Manner, Process, What};

impl Machine {
    /// A call begins: the machine does not stand still meanwhile, and the daemon may end here.
    fn interfere(&mut self) {
        if !self.is_faulty {
            return;
        }
        if self.dice.one_in(60) {
            let pid = self.any_pid();
            if let (Some(pid), true) = (pid, self.dice.one_in(2)) {
                self.end(pid);
            } else {
                self.spawn();
            }
        }
        if self.crashes && self.dice.one_in(400) {
            // Not a failure: no message is wanted.
            std::panic::resume_unwind(Box::new(Crash));
        }
    }

    /// The process of an open handle.
    fn of(&mut self, id: ProcessId) -> Result<&mut Process, Errno> {
        self.processes.get_mut(&id.pid).filter(|process| process.id == id).ok_or(Errno::SRCH)
    }

    pub(super) fn open(&mut self, id: ProcessId) -> Result<ProcessId, Errno> {
        self.interfere();
        self.of(id).map(|process| process.id)
    }

    pub(super) fn signal(&mut self, id: ProcessId, number: u8) -> Result<(), Errno> {
        self.interfere();
        self.calls.push(Call { id, what: What::Signal(number) });
        let now_ms = self.now_ms;
        if number == SIGKILL {
            self.killed.insert(id);
        }
        let process = self.of(id)?.clone();
        // A process that the daemon has stopped may be resumed, even if it is excluded by now.
        let resumes_ours = number == SIGCONT && process.is_stopped;
        if self.is_forbidden(&process) && !resumes_ours {
            self.wronged.insert(id);
        }
        let process = self.of(id)?;
        let process = match process.refuses {
            Some(errno) => {
                self.refused.insert(id);
                return Err(errno);
            }
            None => process,
        };
        match number {
            SIGKILL => {
                process.is_killed = true;
                process.ends_at_ms = Some(now_ms);
                if !process.is_stuck {
                    self.end(id.pid);
                }
            }
            SIGSTOP => process.is_stopped = true,
            SIGCONT => process.is_stopped = false,
            _ => match process.manner {
                Manner::EndsWithin(ms) if !process.is_stopped => process.ends_at_ms = Some(now_ms + ms),
                Manner::Forks => self.fork(id.pid),
                Manner::EndsWithin(_) | Manner::Deaf => {}
            },
        }
        Ok(())
    }

    /// Kills every process in the memcg. Those that no scan has seen yet cannot be checked.
    pub(super) fn kill_memcg(&mut self) {
        self.interfere();
        self.memcg_kills += 1;
        for id in self.inside() {
            let Some(process) = self.processes.get_mut(&id.pid) else { continue };
            let is_new = process.is_new;
            (process.is_killed, process.ends_at_ms) = (true, Some(self.now_ms));
            let is_stuck = process.is_stuck;
            if !is_new {
                self.calls.push(Call { id, what: What::Signal(SIGKILL) });
            }
            self.killed.insert(id);
            if !is_stuck {
                self.end(id.pid);
            }
        }
    }

    /// A helper is asked: it fails at once, or later, or does what it is there for, or never comes back.
    pub(super) fn help(&mut self, id: TaskId, task: &Task) {
        let (kind, takes_ms) = (self.dice.below(4), self.dice.below(6_000));
        let (at_ms, result) = match kind {
            0 => (self.now_ms, Err("it is not there".to_owned())),
            1 => (self.now_ms + takes_ms, Err("it took too long".to_owned())),
            2 => (u64::MAX, Ok(())),
            _ => (self.now_ms + takes_ms, Ok(())),
        };
        self.tasks_failed += u64::from(result.is_err());
        if kind > 1 && matches!(task, Task::StopUnit { .. }) {
            self.units_stopped += 1;
            for id in self.inside() {
                let Some(process) = self.processes.get_mut(&id.pid) else { continue };
                process.ends_at_ms = Some(self.now_ms + takes_ms);
                if !process.is_new {
                    self.calls.push(Call { id, what: What::Signal(SIGTERM) });
                }
            }
        }
        self.tasks.push((id, at_ms, result));
    }

    pub(super) fn take_ended(&mut self) -> Vec<Ended> {
        let now_ms = self.now_ms;
        let ended = self.tasks.extract_if(.., |(_, at_ms, _)| *at_ms <= now_ms);
        ended.map(|(id, _, result)| Ended { id, result, freed_bytes: 0 }).collect()
    }

    /// The processes in the memcg.
    fn inside(&self) -> Vec<ProcessId> {
        let is_inside = |process: &&Process| process.memcg == 1 && !process.is_zombie;
        self.processes.values().filter(is_inside).map(|process| process.id).collect()
    }

    pub(super) fn reap(&mut self, id: ProcessId) -> Result<(), Errno> {
        self.interfere();
        let is_killed = self.killed.contains(&id);
        self.calls.push(Call { id, what: What::Reap { is_killed } });
        let process = self.of(id)?;
        if process.is_killed { Ok(()) } else { Err(Errno::INVAL) }
    }

    pub(super) fn is_gone(&mut self, id: ProcessId) -> bool {
        self.of(id).map_or(true, |process| process.is_zombie)
    }

    pub(super) fn adj(&mut self, id: ProcessId) -> Result<i16, Errno> {
        self.interfere();
        let process = self.of(id)?;
        process.refuses.map_or(Ok(process.adj), Err)
    }

    pub(super) fn set_adj(&mut self, id: ProcessId, value: i16) -> Result<(), Errno> {
        self.interfere();
        self.calls.push(Call { id, what: What::Adjust });
        let process = self.of(id)?;
        if let Some(errno) = process.refuses {
            return Err(errno);
        }
        (process.adj, process.is_written) = (value, true);
        self.written.insert(id, value);
        Ok(())
    }
}
