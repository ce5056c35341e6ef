//! The system calls that the machine answers, or refuses.

use jettison_model::ProcessId;
use rustix::io::Errno;

use super::machine::{Call, Crash, Machine, Manner, Process, What};

const KILL: u8 = 9;
const STOP: u8 = 19;

impl Machine {
    /// A call begins: the machine does not stand still meanwhile, and the daemon may end here.
    fn interfere(&mut self) {
        if !self.is_faulty {
            return;
        }
        if self.dice.one_in(60) {
            let pid = self.anybody();
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
        if number == KILL {
            self.killed.insert(id);
        }
        let process = self.of(id)?.clone();
        if self.is_forbidden(&process) {
            self.wronged.insert(id);
        }
        let process = self.of(id)?;
        let process = match process.refuses {
            Some(errno) => return Err(errno),
            None => process,
        };
        match number {
            KILL => {
                process.is_killed = true;
                process.ends_at_ms = Some(now_ms);
                if !process.is_stuck {
                    self.end(id.pid);
                }
            }
            STOP => process.is_stopped = true,
            _ => match process.manner {
                Manner::EndsWithin(ms) if !process.is_stopped => process.ends_at_ms = Some(now_ms + ms),
                Manner::Forks => self.fork(id.pid),
                Manner::EndsWithin(_) | Manner::Deaf => {}
            },
        }
        Ok(())
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
        Ok(())
    }
}
