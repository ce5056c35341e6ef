//! inotify(7) on the directories of our files.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Result;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::rc::Rc;

use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch};

use super::sources::Sources;

/// Bytes read at once: dozens of events.
const BUFFER_BYTES: usize = 8 << 10;

/// Names of files that we are made of. Others in the same directories may change as they like.
type Names = Rc<RefCell<BTreeSet<Vec<u8>>>>;

/// Watches directories, not files: a file that is replaced is another file.
pub(crate) struct Watcher {
    inotify: OwnedFd,
    watched: BTreeMap<PathBuf, i32>,
    names: Names,
}

impl Watcher {
    pub(crate) fn new() -> Result<Self> {
        let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self { inotify, watched: BTreeMap::new(), names: Names::default() })
    }

    /// What reads the events.
    pub(crate) fn writers(&self) -> Writers {
        Writers { open: BTreeSet::new(), names: Rc::clone(&self.names) }
    }

    /// Watches the directories of these files and no others. One that has been deleted and made again is
    /// watched again. What cannot be watched is returned with the reason.
    pub(crate) fn set(&mut self, sources: &Sources) -> Vec<String> {
        self.names.replace(sources.names());
        let flags = WatchFlags::CREATE
            | WatchFlags::MODIFY
            | WatchFlags::CLOSE_WRITE
            | WatchFlags::ATTRIB
            | WatchFlags::MOVE
            | WatchFlags::DELETE
            | WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ONLYDIR;
        let mut problems = Vec::new();
        let mut watched = BTreeMap::new();
        for directory in sources.directories() {
            // The same number comes back for a directory that is watched already.
            match add_watch(&self.inotify, &directory, flags) {
                Ok(number) => _ = watched.insert(directory, number),
                Err(error) => problems.push(format!("{} cannot be watched: {error}", directory.display())),
            }
        }
        for number in self.watched.values().filter(|number| !watched.values().any(|other| other == *number)) {
            // Fails if the directory has gone, and the watch with it.
            remove_watch(&self.inotify, *number).ok();
        }
        self.watched = watched;
        problems
    }
}

impl AsFd for Watcher {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inotify.as_fd()
    }
}

/// Files of ours that a program has open for writing.
pub(crate) struct Writers {
    open: BTreeSet<(i32, Vec<u8>)>,
    names: Names,
}

impl Writers {
    pub(crate) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Takes in all events that have come. Returns whether one may concern us.
    pub(crate) fn drain(&mut self, inotify: BorrowedFd<'_>) -> bool {
        let content = ReadFlags::MODIFY | ReadFlags::CLOSE_WRITE | ReadFlags::ATTRIB;
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut reader = Reader::new(inotify, &mut buffer);
        let mut is_ours = false;
        // Ends with EAGAIN.
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(|name| name.to_bytes().to_vec()).unwrap_or_default();
            let events = event.events();
            // Whatever comes, goes or is renamed may be a link or a directory on the way to a file of ours.
            if events.intersects(content) && !self.is_of_ours(&name) {
                continue;
            }
            is_ours = true;
            let file = (event.wd(), name);
            if events.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
                self.open.remove(&file);
            } else if events.contains(ReadFlags::MODIFY) {
                self.open.insert(file);
            }
        }
        is_ours
    }

    fn is_of_ours(&self, name: &[u8]) -> bool {
        name.ends_with(b".toml") || self.names.borrow().contains(name)
    }
}
