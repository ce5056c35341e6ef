//! Columns: one number per row, shared without a copy, refilled without an allocation.

use alloc::sync::Arc;
use alloc::vec::Vec;

/// No row, no process, no such thing.
pub const NONE_U32: u32 = u32::MAX;
/// The kernel did not say.
pub const UNKNOWN_U64: u64 = u64::MAX;
/// The kernel said `max` (or v1's 0x7ffffffffffff000).
pub const UNLIMITED_U64: u64 = u64::MAX - 1;
/// The kernel did not say.
pub const UNKNOWN_S64: i64 = i64::MIN;
/// The kernel did not say.
pub const UNKNOWN_S16: i16 = -32768;

/// One value per row of a table.
///
/// A policy's store holds a clone while it runs, so that lowering copies nothing on the host's side;
/// when it is dropped the sensor refills the same memory.
pub type Column<T> = Arc<Vec<T>>;

/// A column of numbers that are always there.
pub type Known<T> = Column<T>;
/// A column of numbers that may be none or unknown: [`NONE_U32`], [`UNKNOWN_S64`], [`UNKNOWN_S16`].
pub type Nullable<T> = Column<T>;
/// A column of numbers that may be [`UNKNOWN_U64`] or [`UNLIMITED_U64`].
pub type Amounts = Column<u64>;
/// A column of names, which are bytes.
pub type Names = TextColumn;

/// The struct of a table, from its list of columns.
macro_rules! table {
    ($(#[$doc:meta])* $table:ident {
        $($group:ident { $($(#[$meta:meta])* $column:ident: $kind:ty,)* })*
    }) => {
        $(#[$doc])*
        #[derive(Clone, Debug, Default, PartialEq, Eq)]
        pub struct $table {
            $($($(#[$meta])* pub $column: $kind,)*)*
        }
    };
}
pub(crate) use table;

/// So much a vector may always hold in vain, in values.
const SPARE: usize = 128;
/// A vector that had more than so many times what it was filled with is made anew.
const SPARE_TIMES: usize = 4;

/// Empties a vector to be filled again, with its capacity, unless that is for many more than it had: what a
/// fork bomb has grown shrinks again.
pub fn reuse<T>(values: &mut Vec<T>) {
    let enough = values.len().max(SPARE);
    if values.capacity() > SPARE_TIMES * enough {
        *values = Vec::with_capacity(2 * enough);
    }
    values.clear();
}

/// An empty vector to fill a column with, as [`reuse`] leaves it.
///
/// If a slow reader of the last tick still holds a clone of the column, that reader keeps
/// the old values and this column gets memory of its own.
pub fn refill<T>(column: &mut Column<T>) -> &mut Vec<T> {
    match Arc::get_mut(column) {
        Some(values) => reuse(values),
        None => *column = Arc::new(Vec::with_capacity(column.len())),
    }
    Arc::get_mut(column).expect("it is unique by now")
}

/// Sets the value of a row, if there is such a row.
pub fn set<T: Clone>(column: &mut Column<T>, row: usize, value: T) {
    if let Some(slot) = Arc::make_mut(column).get_mut(row) {
        *slot = value;
    }
}

/// `None` for the sentinel "unknown", the value otherwise.
#[must_use]
pub fn known_u64(value: u64) -> Option<u64> {
    (value != UNKNOWN_U64).then_some(value)
}

/// `None` for the sentinel "no row", the row as an index otherwise.
#[must_use]
pub fn row(value: u32) -> Option<usize> {
    (value != NONE_U32).then_some(value as usize)
}

/// An upper bound as the kernel states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The file was missing or unreadable.
    Unknown,
    /// `max`: no bound.
    Max,
    /// A bound in bytes.
    Bytes(u64),
}

impl Limit {
    /// Reads the sentinels of a `u64` column.
    #[must_use]
    pub fn of(value: u64) -> Self {
        match value {
            UNKNOWN_U64 => Self::Unknown,
            UNLIMITED_U64 => Self::Max,
            bytes => Self::Bytes(bytes),
        }
    }

    /// The bound in bytes, if there is one.
    #[must_use]
    pub fn bytes(self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            Self::Unknown | Self::Max => None,
        }
    }
}

/// One byte string per row, in one buffer. Names are bytes, not necessarily UTF-8.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TextColumn {
    /// All strings, one after the other.
    pub bytes: Column<u8>,
    /// Where the string of each row ends in `bytes`.
    pub ends: Column<u32>,
}

impl TextColumn {
    /// The number of rows.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no rows.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The string of a row; empty if there is no such row.
    #[must_use]
    pub fn get(&self, row: usize) -> &[u8] {
        let Some(&end) = self.ends.get(row) else {
            return &[];
        };
        let start = match row.checked_sub(1) {
            Some(before) => self.ends.get(before).copied().unwrap_or(0),
            None => 0,
        };
        self.bytes.get(start as usize..end as usize).unwrap_or(&[])
    }

    /// Empties both columns for a new fill.
    pub fn refill(&mut self) -> TextFill<'_> {
        TextFill { bytes: refill(&mut self.bytes), ends: refill(&mut self.ends) }
    }
}

/// A text column being filled, row by row.
#[derive(Debug)]
pub struct TextFill<'a> {
    bytes: &'a mut Vec<u8>,
    ends: &'a mut Vec<u32>,
}

impl TextFill<'_> {
    /// Adds a row.
    pub fn push(&mut self, text: &[u8]) {
        self.bytes.extend_from_slice(text);
        let end =
            u32::try_from(self.bytes.len()).expect("4 GiB of names: the sensor's limits hold far below");
        self.ends.push(end);
    }
}

impl<'a> FromIterator<&'a [u8]> for TextColumn {
    fn from_iter<I: IntoIterator<Item = &'a [u8]>>(texts: I) -> Self {
        let mut column = Self::default();
        let mut fill = column.refill();
        texts.into_iter().for_each(|text| fill.push(text));
        column
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refilling_keeps_the_memory_unless_a_reader_still_holds_it() {
        let mut column: Column<u32> = Arc::new(alloc::vec![1, 2, 3]);
        let before = column.as_ptr();
        refill(&mut column).push(9);
        assert_eq!((column.as_ptr(), column.as_slice()), (before, [9].as_slice()));
        let reader = column.clone();
        refill(&mut column).push(7);
        assert_eq!((reader.as_slice(), column.as_slice()), ([9].as_slice(), [7].as_slice()));
    }

    #[test]
    fn what_many_have_grown_shrinks_with_the_second_fill_of_few() {
        let mut values: Vec<u64> = (0..100_000).collect();
        reuse(&mut values);
        let many = values.capacity();
        values.extend(0..30_000);
        reuse(&mut values);
        assert_eq!(values.capacity(), many, "they may come again");
        values.extend(0..2_000);
        reuse(&mut values);
        assert_eq!((values.len(), values.capacity()), (0, 4_000));
        reuse(&mut values);
        assert_eq!(values.capacity(), 256, "so much is no burden");
        reuse(&mut values);
        assert_eq!(values.capacity(), 256);
    }

    #[test]
    fn text_rows_are_bytes_and_absent_rows_are_empty() {
        let column: TextColumn = [b"a".as_slice(), b"", b"\xff\n"].into_iter().collect();
        assert_eq!(column.get(0), b"a");
        assert_eq!(column.get(1), b"");
        assert_eq!(column.get(2), b"\xff\n");
        assert_eq!(column.get(3), b"");
    }
}
