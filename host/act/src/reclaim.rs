//! `memory.reclaim` of cgroup v2, Linux 5.19 (admin-guide/cgroup-v2.rst), on a thread of its own: the write
//! returns when the kernel has reclaimed what it was asked for, or has given up.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{SyncSender, sync_channel};

use jettison_model::text::Escaped;

use crate::live::directory_of;
use crate::task::{EndSender, TaskId};

const STACK_BYTES: usize = 64 << 10;

/// Has the kernel reclaim. Its thread starts with the first task.
#[derive(Debug)]
pub(crate) struct Reclaimer {
    memcgs: Option<PathBuf>,
    ended: EndSender,
    thread: Option<SyncSender<Request>>,
}

/// A bite to take.
#[derive(Debug)]
struct Request {
    id: TaskId,
    directory: PathBuf,
    bytes: u64,
}

impl Reclaimer {
    /// `memcgs` is where the memory hierarchy is mounted.
    pub(crate) fn new(memcgs: Option<PathBuf>, ended: EndSender) -> Self {
        Self { memcgs, ended, thread: None }
    }

    /// Has the kernel reclaim so much from a memcg. The end has how much less it holds then.
    pub(crate) fn start(&mut self, id: TaskId, memcg: Vec<u8>, bytes: u64) {
        if let Err(why) = self.hand_over(id, &memcg, bytes) {
            self.ended.send(id, Err(format!("memory.reclaim of {}: {why}", Escaped(&memcg))));
        }
    }

    fn hand_over(&mut self, id: TaskId, memcg: &[u8], bytes: u64) -> Result<(), String> {
        let mount = self.memcgs.as_ref().ok_or("this host has no memory hierarchy")?;
        let directory = directory_of(mount, memcg).ok_or("it is no memcg below the root")?;
        let request = Request { id, directory, bytes };
        let thread = match &self.thread {
            Some(thread) => thread,
            None => self.thread.insert(serve(self.ended.clone())?),
        };
        // One bite at a time: a second one would wait for the first.
        thread.try_send(request).map_err(|error| format!("another bite is not done yet ({error})"))
    }
}

fn serve(ended: EndSender) -> Result<SyncSender<Request>, String> {
    let (sender, receiver) = sync_channel::<Request>(1);
    std::thread::Builder::new()
        .name("reclaim".into())
        .stack_size(STACK_BYTES)
        .spawn(move || {
            for Request { id, directory, bytes } in receiver {
                ended.send_freed(id, reclaim(&directory, bytes));
            }
        })
        .map_err(|error| format!("no thread to reclaim: {error}"))?;
    Ok(sender)
}

/// How much less the memcg holds afterwards.
fn reclaim(directory: &Path, bytes: u64) -> Result<u64, String> {
    let before = held(directory)?;
    let file = directory.join("memory.reclaim");
    let failed = |error: &std::io::Error| {
        if error.kind() == ErrorKind::NotFound {
            return format!("{}: not there: it needs cgroup v2 and Linux 5.19", file.display());
        }
        format!("{}: {error}", file.display())
    };
    // Never made anew: where it is absent, that is an error.
    let mut opened = File::options().write(true).open(&file).map_err(|error| failed(&error))?;
    match opened.write_all(bytes.to_string().as_bytes()) {
        Ok(()) => {}
        // The kernel took less than it was asked for.
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        Err(error) => return Err(failed(&error)),
    }
    Ok(before.saturating_sub(held(directory)?))
}

fn held(directory: &Path) -> Result<u64, String> {
    let file = directory.join("memory.current");
    let text = std::fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
    let text = text.trim();
    text.parse().map_err(|error| format!("{}: {text:?} is not a number of bytes: {error}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::{EndReceiver, Ended, ends};
    use jettison_tests::wait_for;

    fn ended(receiver: &EndReceiver) -> Ended {
        wait_for("the bite to end", || receiver.take().pop())
    }

    #[test]
    fn a_bite_asks_for_its_bytes_and_tells_what_is_gone() {
        let mount = tempfile::tempdir().unwrap();
        let unit = mount.path().join("a.service");
        std::fs::create_dir(&unit).unwrap();
        std::fs::write(unit.join("memory.current"), "1000\n").unwrap();
        std::fs::write(unit.join("memory.reclaim"), "").unwrap();
        let (sender, receiver) = ends().unwrap();
        let mut reclaimer = Reclaimer::new(Some(mount.path().into()), sender);
        reclaimer.start(TaskId(1), b"/a.service".into(), 400);
        assert_eq!(ended(&receiver), Ended { id: TaskId(1), result: Ok(()), freed_bytes: 0 });
        assert_eq!(std::fs::read_to_string(unit.join("memory.reclaim")).unwrap(), "400");
    }

    #[test]
    fn what_cannot_be_reclaimed_from_is_told() {
        let mount = tempfile::tempdir().unwrap();
        let unit = mount.path().join("old.service");
        std::fs::create_dir(&unit).unwrap();
        let (sender, receiver) = ends().unwrap();
        let mut reclaimer = Reclaimer::new(Some(mount.path().into()), sender.clone());
        let mut why = |memcg: &[u8]| {
            reclaimer.start(TaskId(1), memcg.into(), 400);
            ended(&receiver).result.unwrap_err().replace(&mount.path().display().to_string(), "MOUNT")
        };
        assert_eq!(why(b"/"), "memory.reclaim of /: it is no memcg below the root");
        assert_eq!(
            why(b"/gone.service"),
            "MOUNT/gone.service/memory.current: No such file or directory (os error 2)"
        );
        std::fs::write(unit.join("memory.current"), "1000\n").unwrap();
        assert_eq!(
            why(b"/old.service"),
            "MOUNT/old.service/memory.reclaim: not there: it needs cgroup v2 and Linux 5.19"
        );
        let mut nowhere = Reclaimer::new(None, sender);
        nowhere.start(TaskId(2), b"/a".into(), 1);
        assert_eq!(
            ended(&receiver).result,
            Err("memory.reclaim of /a: this host has no memory hierarchy".into())
        );
    }
}
