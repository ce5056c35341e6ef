//! Columns as bytes. A column is `shift`, then a varint for each row; a text column is a varint of the length
//! of each, then the bytes.
//!
//! ```text
//! value                       code
//! unknown or none             0
//! unlimited (u64)             1
//! any other                   2 + (value >> shift)
//! ```
//!
//! The largest signed number has no code beside others, and is unknown: no rate comes near it.
//!
//! `shift` is what all values of the column have in zero bits at the end: 12 for memory in pages. A signed
//! value is folded first: 0, -1, 1, -2 are 0, 1, 2, 3. With [`ASCENDING`] in place of a shift each value is
//! that much larger than the one before.

use std::sync::Arc;

use jettison_model::column::{NONE_U32, UNKNOWN_S16, UNKNOWN_S64, UNKNOWN_U64, UNLIMITED_U64};
use jettison_model::{Column, TextColumn};

/// In place of a shift.
const ASCENDING: u8 = 0xff;

/// A number of a column.
pub(super) trait Number: Copy + Default + PartialEq {
    /// What is unknown or none.
    const UNKNOWN: Self;
    /// What is unlimited, if the type has it.
    const UNLIMITED: Option<Self>;

    fn fold(self) -> u64;
    fn unfold(folded: u64) -> Option<Self>;
}

macro_rules! unsigned {
    ($type:ty, $unknown:expr, $unlimited:expr) => {
        impl Number for $type {
            const UNKNOWN: Self = $unknown;
            const UNLIMITED: Option<Self> = $unlimited;

            fn fold(self) -> u64 {
                self.into()
            }

            fn unfold(folded: u64) -> Option<Self> {
                folded.try_into().ok()
            }
        }
    };
}
unsigned!(u32, NONE_U32, None);
unsigned!(u64, UNKNOWN_U64, Some(UNLIMITED_U64));

macro_rules! signed {
    ($type:ty, $unknown:expr) => {
        impl Number for $type {
            const UNKNOWN: Self = $unknown;
            const UNLIMITED: Option<Self> = None;

            fn fold(self) -> u64 {
                let wide = i64::from(self);
                ((wide << 1) ^ (wide >> 63)).cast_unsigned()
            }

            fn unfold(folded: u64) -> Option<Self> {
                ((folded >> 1).cast_signed() ^ -(folded & 1).cast_signed()).try_into().ok()
            }
        }
    };
}
signed!(i16, UNKNOWN_S16);
signed!(i64, UNKNOWN_S64);

pub(super) fn varint(mut value: u64, into: &mut Vec<u8>) {
    while value >= 0x80 {
        into.push(low_byte(value) | 0x80);
        value >>= 7;
    }
    into.push(low_byte(value));
}

fn low_byte(value: u64) -> u8 {
    let [low, ..] = value.to_le_bytes();
    low
}

/// Bytes being read. Whatever does not fit is `None`.
pub(super) struct Bytes<'a>(pub(super) &'a [u8]);

impl<'a> Bytes<'a> {
    pub(super) fn byte(&mut self) -> Option<u8> {
        let (&first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(first)
    }

    pub(super) fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    pub(super) fn varint(&mut self) -> Option<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return None;
            }
            value |= bits << shift;
            if byte & 0x80 == 0 {
                return Some(value);
            }
        }
        None
    }

    pub(super) fn length(&mut self) -> Option<usize> {
        self.varint()?.try_into().ok()
    }
}

pub(super) fn numbers<T: Number>(column: &[T], into: &mut Vec<u8>) {
    let is_word = |value: T| value == T::UNKNOWN || T::UNLIMITED == Some(value);
    let mut bits = 0;
    let mut last = 0;
    let mut is_ascending = true;
    for &value in column {
        let folded = value.fold();
        is_ascending &= !is_word(value) && folded >= last;
        last = folded;
        if !is_word(value) {
            bits |= folded;
        }
    }
    if is_ascending && last > 0 {
        into.push(ASCENDING);
        let mut last = 0;
        for value in column.iter().map(|value| value.fold()) {
            varint(value - last, into);
            last = value;
        }
        return;
    }
    // At most 63.
    let shift = if bits == 0 { 0 } else { bits.trailing_zeros() };
    into.push(low_byte(shift.into()));
    for &value in column {
        let code = if value == T::UNKNOWN {
            0
        } else if is_word(value) {
            1
        } else {
            (value.fold() >> shift).checked_add(2).unwrap_or(0)
        };
        varint(code, into);
    }
}

pub(super) fn take_numbers<T: Number>(bytes: &mut Bytes<'_>, rows: usize) -> Option<Column<T>> {
    // Each row takes a byte at least, so nothing is reserved that is not there.
    let mut column = Vec::with_capacity(rows.min(bytes.0.len()));
    let shift = bytes.byte()?;
    if shift == ASCENDING {
        let mut last = 0_u64;
        for _ in 0..rows {
            last = last.checked_add(bytes.varint()?)?;
            column.push(T::unfold(last)?);
        }
        return Some(Arc::new(column));
    }
    if shift >= 64 {
        return None;
    }
    for _ in 0..rows {
        column.push(match (bytes.varint()?, T::UNLIMITED) {
            (0, _) => T::UNKNOWN,
            (1, Some(unlimited)) => unlimited,
            (code, _) => {
                let value = code.checked_sub(2)?;
                T::unfold(value.checked_shl(shift.into()).filter(|&wide| wide >> shift == value)?)?
            }
        });
    }
    Some(Arc::new(column))
}

pub(super) fn texts(column: &TextColumn, into: &mut Vec<u8>) {
    let mut start = 0;
    for &end in column.ends.iter() {
        varint(u64::from(end.saturating_sub(start)), into);
        start = end;
    }
    into.extend_from_slice(&column.bytes);
}

pub(super) fn take_texts(bytes: &mut Bytes<'_>, rows: usize) -> Option<TextColumn> {
    let mut ends = Vec::with_capacity(rows.min(bytes.0.len()));
    let mut end = 0_u32;
    for _ in 0..rows {
        end = end.checked_add(bytes.varint()?.try_into().ok()?)?;
        ends.push(end);
    }
    let text = bytes.take(end as usize)?;
    Some(TextColumn { bytes: Arc::new(text.to_vec()), ends: Arc::new(ends) })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn back<T: Number>(column: &[T]) -> (usize, Vec<T>) {
        let mut packed = Vec::new();
        numbers(column, &mut packed);
        let mut bytes = Bytes(&packed);
        let back = take_numbers::<T>(&mut bytes, column.len()).unwrap();
        assert!(bytes.0.is_empty());
        (packed.len(), back.to_vec())
    }

    #[test]
    fn every_number_and_every_word_comes_back() {
        let wide = [0, 1, 4096, 1 << 63, UNKNOWN_U64, UNLIMITED_U64, UNLIMITED_U64 - 1, 7];
        assert_eq!(back(&wide).1, wide);
        assert_eq!(back(&[0_u64; 3]).1, [0; 3]);
        assert_eq!(back(&[UNKNOWN_U64; 3]).1, [UNKNOWN_U64; 3]);
        let narrow = [NONE_U32, 0, NONE_U32 - 1, 1];
        assert_eq!(back(&narrow).1, narrow);
        let signed = [i64::MIN, i64::MAX - 1, i64::MIN + 2, -1, 0, 1, -4096];
        assert_eq!(back(&signed).1, signed);
        let extremes = [i64::MAX, i64::MIN + 1];
        assert_eq!(back(&extremes).1, [UNKNOWN_S64, i64::MIN + 1], "larger than any rate");
        assert_eq!(back(&[UNKNOWN_S16, -1000, 1000, 0]).1, [UNKNOWN_S16, -1000, 1000, 0]);
        assert!(back::<u64>(&[]).1.is_empty());
    }

    #[test]
    fn pages_and_ascending_numbers_take_a_byte_or_two() {
        let pages: Vec<u64> = (0..100).map(|row| (row * 37 % 101) << 12).collect();
        assert_eq!(back(&pages), (101, pages.clone()));
        let pids: Vec<u32> = (0..100).map(|row| 1_000_000 + row * 3).collect();
        assert_eq!(back(&pids), (103, pids.clone()));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |bytes: &[u8], rows| take_numbers::<u32>(&mut Bytes(bytes), rows).is_none();
        assert!(refused(&[], 0), "no shift");
        assert!(refused(&[0, 2], 2), "a row is missing");
        assert!(refused(&[64, 2], 1), "no such shift");
        assert!(refused(&[0, 1], 1), "u32 has nothing unlimited");
        assert!(refused(&[31, 4], 1), "more than 32 bits");
        assert!(refused(&[0xff, 0xff, 0xff, 0xff, 0xff, 0x1f], 1), "more than 32 bits, ascending");
        assert!(refused(&[0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f], 1), "65 bits");
        assert!(take_texts(&mut Bytes(&[3, b'a']), 1).is_none(), "too short");
    }
}
