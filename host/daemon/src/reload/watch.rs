//! inotify(7) on the directories of our files.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Result;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use rustix::fs::inotify::{CreateFlags, ReadFlags, Reader, WatchFlags, add_watch, init, remove_watch};

/// Bytes read at once: dozens of events.
const BUFFER_BYTES: usize = 8 << 10;

/// Watches directories, not files: a file that is replaced is another file.
pub(crate) struct Watcher {
    inotify: OwnedFd,
    watched: BTreeMap<PathBuf, i32>,
}

impl Watcher {
    pub(crate) fn new() -> Result<Self> {
        let inotify = init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        Ok(Self { inotify, watched: BTreeMap::new() })
    }

    /// Watches these directories and no others. One that has been deleted and made again is watched again. What cannot
    /// be watched is returned with the reason.
    pub(crate) fn set(&mut self, directories: &[PathBuf]) -> Vec<String> {
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
        for directory in directories {
            // The same number comes back for a directory that is watched already.
            match add_watch(&self.inotify, directory, flags) {
                Ok(number) => _ = watched.insert(directory.clone(), number),
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

/// Files that somebody has begun to write and not closed yet.
#[derive(Default)]
pub(crate) struct Writers(BTreeSet<(i32, Vec<u8>)>);

impl Writers {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Takes in all events that have come.
    pub(crate) fn drain(&mut self, inotify: BorrowedFd<'_>) {
        let mut buffer = [MaybeUninit::uninit(); BUFFER_BYTES];
        let mut reader = Reader::new(inotify, &mut buffer);
        // Ends with EAGAIN.
        while let Ok(event) = reader.next() {
            let name = event.file_name().map(|name| name.to_bytes().to_vec()).unwrap_or_default();
            let file = (event.wd(), name);
            let events = event.events();
            if events.intersects(ReadFlags::CLOSE_WRITE | ReadFlags::DELETE | ReadFlags::MOVED_FROM) {
                self.0.remove(&file);
            } else if events.contains(ReadFlags::MODIFY) {
                self.0.insert(file);
            }
        }
    }
}
