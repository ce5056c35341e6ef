//! The walk over the memcgs: one row per directory of the memory hierarchy, ordered by path.

use std::cmp::Ordering;
use std::ffi::{CStr, CString};
use std::ops::Range;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;

use jettison_model::column::{NONE_U32, refill};
use jettison_model::limits::MEMCGS_MAX;
use jettison_model::{Memcgs, TextColumn};
use rustix::fs::{AtFlags, FileType, Stat, fstat, statat};
use rustix::io::Errno;

use crate::error::Faults;
use crate::file::{Buffer, call, is_gone, open_directory};
use crate::hierarchy::{Hierarchy, Version};
use crate::listing::Listing;
use crate::members::Members;
use crate::memcg_row::{MemcgFiles, MemcgFill};
use crate::memcg_trends::MemcgTrends;
use crate::whose::Whose;

/// The paths of a snapshot's memcgs, which are in order.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MemcgPaths<'a>(pub(crate) &'a TextColumn);

impl MemcgPaths<'_> {
    /// The path of a row.
    pub(crate) fn path(&self, row: u32) -> &[u8] {
        self.0.get(row as usize)
    }

    /// The row of a path, or [`NONE_U32`].
    pub(crate) fn row_of(self, path: &[u8]) -> u32 {
        let (mut low, mut high) = (0, self.0.len());
        while low < high {
            let middle = low.midpoint(high);
            match self.0.get(middle).cmp(path) {
                Ordering::Less => low = middle + 1,
                Ordering::Equal => return u32::try_from(middle).unwrap_or(NONE_U32),
                Ordering::Greater => high = middle,
            }
        }
        NONE_U32
    }
}

/// What outlives a scan.
#[derive(Debug)]
pub(crate) struct MemcgWalk {
    mount: PathBuf,
    version: Version,
    directory: OwnedFd,
    /// The domain that the daemon looks after: its scope or all.
    domain: CString,
    listing: Listing,
    found: Paths,
    members: Members,
    trends: MemcgTrends,
    whose: Whose,
}

impl MemcgWalk {
    /// `domain` is relative to `directory`, which is that of the hierarchy, open.
    pub(crate) fn new(hierarchy: &Hierarchy, directory: OwnedFd, domain: CString) -> Self {
        Self {
            mount: hierarchy.mount.clone(),
            version: hierarchy.version,
            directory,
            domain,
            listing: Listing::new(),
            found: Paths::default(),
            members: Members::default(),
            trends: MemcgTrends::default(),
            whose: Whose::default(),
        }
    }

    /// Who is in which memcg, as far as the last walk asked.
    pub(crate) fn members(&self) -> &Members {
        &self.members
    }

    /// Fills the table at a time of the boot clock. `known` processes need their memcgs: where these are fewer, they are asked
    /// for their members.
    pub(crate) fn walk(
        &mut self,
        now_ms: u64,
        known: usize,
        buffer: &mut Buffer,
        faults: &mut Faults,
        into: &mut Memcgs,
    ) {
        self.list(faults);
        self.members.clear();
        self.trends.begin(now_ms);
        // A domain that has vanished has nobody in it to lean on.
        let owner = call(|| statat(&self.directory, &self.domain, AtFlags::empty()));
        let owner = owner.ok().map(|stat| stat.st_uid);
        let asks_members = self.found.places.len() < known;
        let mut fill = MemcgFill::of(into);
        for place in &self.found.places {
            let path = self.found.path(place);
            match open(self.directory.as_fd(), self.found.c_path(place)) {
                Ok((directory, stat)) => {
                    let mut files = MemcgFiles {
                        mount: &self.mount,
                        memcg: path,
                        directory: directory.as_fd(),
                        buffer,
                        faults,
                        has_a_say: stat.st_uid == 0 || Some(stat.st_uid) == owner,
                    };
                    // A list that cannot be read costs nothing: its processes are asked themselves.
                    if asks_members && let Ok(list) = files.buffer.read_list(files.directory, c"cgroup.procs")
                    {
                        self.members.add(fill.len(), list);
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
        self.members.sort();
        self.trends.end();
        self.whose.fill(into);
        let paths = MemcgPaths(&into.paths);
        let parent_of = |row| paths.row_of(parent(into.paths.get(row)).unwrap_or_default());
        refill(&mut into.parents).extend((0..into.paths.len()).map(parent_of));
    }

    /// Finds all directories, then puts them in order: `/a-b` comes between `/a` and `/a/c`.
    fn list(&mut self, faults: &mut Faults) {
        self.found.clear();
        self.found.push(None, b"");
        let mut next = 0;
        while let Some(place) = self.found.places.get(next).cloned() {
            next += 1;
            if let Err(errno) = self.list_below(&place)
                && !is_gone(errno)
            {
                let what = format_args!("cannot be listed: {errno}");
                faults.add(&self.mount, &[self.found.path(&place)], &what);
            }
            if self.found.places.len() >= MEMCGS_MAX {
                let what = format_args!("over {MEMCGS_MAX} memcgs: the rest is not looked at");
                faults.add(&self.mount, &[], &what);
                break;
            }
        }
        self.found.sort();
    }

    /// Most memcgs have none below them, which their link count tells at a fraction of a listing's cost.
    fn list_below(&mut self, place: &Range<usize>) -> Result<(), Errno> {
        const LINKS_OF_A_LEAF: u64 = 2;
        let at = self.directory.as_fd();
        let path = self.found.c_path(place);
        if call(|| statat(at, path, AtFlags::empty()))?.st_nlink == LINKS_OF_A_LEAF {
            return Ok(());
        }
        let directory = open_directory(at, path)?;
        let found = &mut self.found;
        self.listing.of(directory.as_fd(), |name, file_type| {
            if found.places.len() < MEMCGS_MAX && is_directory(directory.as_fd(), name, file_type) {
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

/// Not every file system tells the type in its listings.
fn is_directory(parent: BorrowedFd<'_>, name: &CStr, file_type: FileType) -> bool {
    match file_type {
        FileType::Unknown => call(|| statat(parent, name, AtFlags::SYMLINK_NOFOLLOW))
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_dir()),
        known => known.is_dir(),
    }
}

fn parent(path: &[u8]) -> Option<&[u8]> {
    let slash = path.iter().rposition(|&byte| byte == b'/')?;
    match slash {
        0 if path.len() == 1 => None,
        0 => Some(b"/"),
        slash => path.get(..slash),
    }
}

/// Paths in one buffer, a NUL behind each: `/`, `/a`, `/a/b`.
#[derive(Debug, Default)]
struct Paths {
    bytes: Vec<u8>,
    /// Where each is, without its NUL.
    places: Vec<Range<usize>>,
}

impl Paths {
    fn clear(&mut self) {
        self.bytes.clear();
        self.places.clear();
    }

    fn push(&mut self, parent: Option<&Range<usize>>, name: &[u8]) {
        let start = self.bytes.len();
        if let Some(parent) = parent.filter(|parent| parent.len() > 1) {
            self.bytes.extend_from_within(parent.clone());
        }
        self.bytes.push(b'/');
        self.bytes.extend_from_slice(name);
        self.places.push(start..self.bytes.len());
        self.bytes.push(0);
    }

    fn sort(&mut self) {
        let bytes = &self.bytes;
        self.places.sort_unstable_by(|a, b| bytes.get(a.clone()).cmp(&bytes.get(b.clone())));
    }

    fn path(&self, place: &Range<usize>) -> &[u8] {
        self.bytes.get(place.clone()).unwrap_or_default()
    }

    /// Relative to the hierarchy's root.
    fn c_path(&self, place: &Range<usize>) -> &CStr {
        let relative = self.bytes.get(place.start + 1..=place.end);
        match CStr::from_bytes_with_nul(relative.unwrap_or_default()) {
            Ok(path) if !path.is_empty() => path,
            _ => c".",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parents_are_found_by_path() {
        assert_eq!(parent(b"/"), None);
        assert_eq!(parent(b"/a"), Some(b"/".as_slice()));
        assert_eq!(parent(b"/a/b"), Some(b"/a".as_slice()));
        let column: TextColumn = [b"/".as_slice(), b"/a", b"/a-b", b"/a/c"].into_iter().collect();
        let paths = MemcgPaths(&column);
        assert_eq!(paths.row_of(b"/a/c"), 3);
        assert_eq!(paths.row_of(b"/a-b"), 2);
        assert_eq!(paths.row_of(b"/b"), NONE_U32);
        assert_eq!(paths.row_of(b""), NONE_U32);
    }

    #[test]
    fn paths_are_ordered_by_their_bytes() {
        let mut found = Paths::default();
        found.push(None, b"");
        let root = found.places[0].clone();
        found.push(Some(&root), b"a");
        let a = found.places[1].clone();
        found.push(Some(&a), b"c");
        found.push(Some(&root), b"a-b");
        found.sort();
        let sorted: Vec<&[u8]> = found.places.iter().map(|place| found.path(place)).collect();
        assert_eq!(sorted, [b"/".as_slice(), b"/a", b"/a-b", b"/a/c"]);
        assert_eq!(found.c_path(&root), c".");
        assert_eq!(found.c_path(&found.places[3]), c"a/c");
    }
}
