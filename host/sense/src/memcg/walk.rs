//! The walk over the memcgs: one row per directory of the memory hierarchy, ordered by path.

use std::ffi::{CStr, CString};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use jettison_model::Memcgs;
use jettison_model::column::{UNKNOWN_U64, refill};
use jettison_model::limits::MEMCGS_MAX;
use rustix::fs::{AtFlags, FileType, Stat, fstat, statat};
use rustix::io::Errno;

use crate::io::error::Faults;
use crate::io::file::{Buffer, call, is_gone, open_directory};
use crate::io::listing::Listing;
use crate::memcg::hierarchy::Hierarchy;
use crate::memcg::leaves::Leaves;
use crate::memcg::members::{Members, Told};
use crate::memcg::owners::Owners;
use crate::memcg::paths::{MemcgPaths, Paths, parent};
use crate::memcg::row::{MemcgFiles, MemcgFill};
use crate::memcg::trends::MemcgTrends;
use crate::parse::cgroup::is_within;
use crate::parse::version::Version;

/// A directory without subdirectories has two links. A file system that does not count them has 1. The
/// number's type is the architecture's.
fn is_leaf(stat: &Stat) -> bool {
    stat.st_nlink == 2
}

/// What outlives a scan.
#[derive(Debug)]
pub(crate) struct MemcgWalk {
    mount: PathBuf,
    version: Version,
    directory: OwnedFd,
    /// The domain of the daemon: its scope, or the root.
    domain: CString,
    /// The same as a path of the table, unless it is the root.
    domain_path: Option<Vec<u8>>,
    listing: Listing,
    found: Paths,
    leaves: Leaves,
    members: Members,
    trends: MemcgTrends,
    owners: Owners,
}

impl MemcgWalk {
    /// `domain` is relative to `directory`, which is that of the hierarchy, open.
    pub(crate) fn new(hierarchy: &Hierarchy, directory: OwnedFd, domain: CString) -> Self {
        Self {
            mount: hierarchy.mount.clone(),
            version: hierarchy.version,
            directory,
            domain_path: (domain.as_c_str() != c".").then(|| [b"/", domain.to_bytes()].concat()),
            domain,
            listing: Listing::new(),
            found: Paths::default(),
            leaves: Leaves::default(),
            members: Members::default(),
            trends: MemcgTrends::default(),
            owners: Owners::default(),
        }
    }

    /// Which memcg each process is in, as far as the last walk read the lists.
    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    /// How many memcgs without a process the last walk left out.
    pub(crate) fn left_out(&self) -> usize {
        self.leaves.left_out()
    }

    /// A process lives in this memcg, so that the next walk reads it and all above it, if it is left out.
    pub(crate) fn want(&mut self, path: &[u8]) {
        let ends = path.iter().enumerate().skip(1).filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            let relative =
                path.get(1..end).and_then(|below| CString::new(below).ok()).filter(|below| !below.is_empty());
            let Some(relative) = relative else { continue };
            // One that is gone has nothing to read.
            if let Ok(stat) = call(|| statat(&self.directory, &relative, AtFlags::empty())) {
                self.leaves.want(stat.st_ino);
            }
        }
    }

    /// Fills the table. `now_ms` is of the boot clock. `told` says what is kept of members.
    pub(crate) fn walk(
        &mut self,
        now_ms: u64,
        told: Told,
        buffer: &mut Buffer,
        faults: &mut Faults,
        into: &mut Memcgs,
    ) {
        self.list(faults);
        self.members.clear();
        self.trends.begin(now_ms);
        // A domain that has been removed has no owner.
        let owner = call(|| statat(&self.directory, &self.domain, AtFlags::empty()));
        let owner = owner.ok().map(|stat| stat.st_uid);
        let memcgs = self.found.ranges.len();
        // Where leaves are many, the lists tell which are empty.
        let are_listed = matches!(told, Told::ByLists(processes) if memcgs < processes);
        let are_many = self.leaves.are_many(memcgs);
        let mut fill = MemcgFill::of(into);
        for place in &self.found.ranges {
            let path = self.found.path(place);
            match open(self.directory.as_fd(), self.found.c_path(place)) {
                Ok((directory, stat)) => {
                    let mut files = MemcgFiles {
                        mount: &self.mount,
                        memcg: path,
                        directory: directory.as_fd(),
                        buffer,
                        faults,
                        honours_xattrs: stat.st_uid == 0 || Some(stat.st_uid) == owner,
                    };
                    // A list that cannot be read is no fault: its processes have a `cgroup` file each.
                    let mut is_empty = false;
                    let is_leaf = is_leaf(&stat);
                    if (are_listed || are_many && is_leaf)
                        && let Ok(list) = files.buffer.read_list(files.directory, c"cgroup.procs")
                    {
                        is_empty = is_leaf && list.is_empty();
                        self.members.add(fill.len(), list);
                    }
                    self.leaves.note(stat.st_ino, is_empty);
                    if told == Told::ByInodes {
                        self.members.add_inode(fill.len(), stat.st_ino);
                    }
                    let row = files.row(self.version);
                    fill.push(path, &row, self.trends.rates(stat.st_ino, row.found()));
                }
                Err(errno) if is_gone(errno) => {}
                Err(errno) => {
                    let what = format_args!("cannot be opened: {errno}");
                    faults.add(&self.mount, &[path], &what);
                }
            }
        }
        self.leaves.end();
        self.members.sort();
        self.trends.end();
        self.owners.fill(into);
        if into.usual_bytes.len() != into.len() {
            // Until `Usual::fill` has its values.
            let rows = into.len();
            refill(&mut into.usual_bytes).resize(rows, UNKNOWN_U64);
        }
        let paths = MemcgPaths(&into.paths);
        let parent_of = |row| paths.row_of(parent(into.paths.get(row)).unwrap_or_default());
        refill(&mut into.parents).extend((0..into.paths.len()).map(parent_of));
    }

    /// Finds all directories, then puts them in order: `/a-b` comes between `/a` and `/a/c`.
    fn list(&mut self, faults: &mut Faults) {
        self.leaves.begin();
        self.found.clear();
        self.found.push(None, b"");
        let mut next = 0;
        while let Some(place) = self.found.ranges.get(next).cloned() {
            next += 1;
            if let Err(errno) = self.list_below(&place)
                && !is_gone(errno)
            {
                let what = format_args!("cannot be listed: {errno}");
                faults.add(&self.mount, &[self.found.path(&place)], &what);
            }
            if self.found.ranges.len() >= MEMCGS_MAX {
                let what = format_args!("over {MEMCGS_MAX} memcgs: the rest is not read");
                faults.add(&self.mount, &[], &what);
                break;
            }
        }
        self.found.sort();
    }

    /// A directory without subdirectories has two links, and stat(2) costs a fraction of a listing. Most
    /// memcgs have none.
    fn list_below(&mut self, place: &Range<usize>) -> Result<(), Errno> {
        let at = self.directory.as_fd();
        let path = self.found.c_path(place);
        if is_leaf(&call(|| statat(at, path, AtFlags::empty()))?) {
            return Ok(());
        }
        let directory = open_directory(at, path)?;
        let (found, leaves) = (&mut self.found, &mut self.leaves);
        let domain = self.domain_path.as_deref();
        let is_in_domain = domain.is_some_and(|domain| is_within(found.path(place), domain));
        self.listing.with_inodes(directory.as_fd(), |name, file_type, inode| {
            if found.ranges.len() < MEMCGS_MAX
                && is_directory(directory.as_fd(), name, file_type)
                && leaves.is_due(inode, is_in_domain)
            {
                found.push(Some(place), name.to_bytes());
            }
        })
    }
}

fn open(parent: BorrowedFd<'_>, path: &CStr) -> Result<(OwnedFd, Stat), Errno> {
    let directory = open_directory(parent, path)?;
    let stat = call(|| fstat(&directory))?;
    Ok((directory, stat))
}

/// Some file systems do not give the type in their listings.
fn is_directory(parent: BorrowedFd<'_>, name: &CStr, file_type: FileType) -> bool {
    match file_type {
        FileType::Unknown => call(|| statat(parent, name, AtFlags::SYMLINK_NOFOLLOW))
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir()),
        known => known.is_dir(),
    }
}
