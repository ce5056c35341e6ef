//! Paths of memcgs, in order of their bytes.

use std::cmp::Ordering;
use std::ffi::CStr;
use std::ops::Range;

use jettison_model::TextColumn;
use jettison_model::column::NONE_U32;

/// The sorted paths of a snapshot's memcgs.
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

pub(super) fn parent(path: &[u8]) -> Option<&[u8]> {
    let slash = path.iter().rposition(|&byte| byte == b'/')?;
    match slash {
        0 if path.len() == 1 => None,
        0 => Some(b"/"),
        slash => path.get(..slash),
    }
}

/// Paths in one buffer, each followed by a NUL: `/`, `/a`, `/a/b`.
#[derive(Debug, Default)]
pub(super) struct Paths {
    bytes: Vec<u8>,
    /// The range of each, without its NUL.
    pub(super) ranges: Vec<Range<usize>>,
}

impl Paths {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.ranges.clear();
    }

    pub(super) fn push(&mut self, parent: Option<&Range<usize>>, name: &[u8]) {
        let start = self.bytes.len();
        if let Some(parent) = parent.filter(|parent| parent.len() > 1) {
            self.bytes.extend_from_within(parent.clone());
        }
        self.bytes.push(b'/');
        self.bytes.extend_from_slice(name);
        self.ranges.push(start..self.bytes.len());
        self.bytes.push(0);
    }

    pub(super) fn sort(&mut self) {
        let bytes = &self.bytes;
        self.ranges.sort_unstable_by(|a, b| bytes.get(a.clone()).cmp(&bytes.get(b.clone())));
    }

    pub(super) fn path(&self, place: &Range<usize>) -> &[u8] {
        self.bytes.get(place.clone()).unwrap_or_default()
    }

    /// Relative to the hierarchy's root.
    pub(super) fn c_path(&self, place: &Range<usize>) -> &CStr {
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
        let root = found.ranges[0].clone();
        found.push(Some(&root), b"a");
        let a = found.ranges[1].clone();
        found.push(Some(&a), b"c");
        found.push(Some(&root), b"a-b");
        found.sort();
        let sorted: Vec<&[u8]> = found.ranges.iter().map(|place| found.path(place)).collect();
        assert_eq!(sorted, [b"/".as_slice(), b"/a", b"/a-b", b"/a/c"]);
        assert_eq!(found.c_path(&root), c".");
        assert_eq!(found.c_path(&found.ranges[3]), c"a/c");
    }
}
