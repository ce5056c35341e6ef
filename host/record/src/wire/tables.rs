//! The tables of a snapshot: what is done with each column follows from the model's list of them.
//!
//! ```text
//! table    rows, number of columns, then the columns
//! column   length of its name, its name, its kind, length of what follows, its values (`pack.rs`)
//! kind     1 u32 · 2 u64 · 3 i64 · 4 i16 · 5 text
//! ```
//!
//! All numbers are varints. A column that was not sensed is left out. One that this version does not know is
//! skipped, and one that a file does not have is unknown in every row, or was not sensed.

use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use jettison_model::column::row as row_of;
use jettison_model::limits::{MEMCGS_MAX, PROCESSES_MAX};
use jettison_model::{Column, Memcgs, Processes, TextColumn, memcg_columns, process_columns};

use super::pack::{Bytes, Number, numbers, take_numbers, take_texts, texts, varint};

/// What a column holds.
trait Kind {
    type Model;
    const KIND: u8;

    fn rows(column: &Self::Model) -> usize;
    fn pack(column: &Self::Model, into: &mut Vec<u8>);
    fn unpack(bytes: &[u8], rows: usize) -> Option<Self::Model>;
    /// Unknown in every row.
    fn absent(rows: usize) -> Self::Model;
}

/// The number of a type of numbers.
trait Numbered: Number {
    const KIND: u8;
}

impl Numbered for u32 {
    const KIND: u8 = 1;
}
impl Numbered for u64 {
    const KIND: u8 = 2;
}
impl Numbered for i64 {
    const KIND: u8 = 3;
}
impl Numbered for i16 {
    const KIND: u8 = 4;
}

/// Numbers. Absent ones are 0 where they are always there (`IS_KNOWN`), and else unknown.
struct Numbers<T, const IS_KNOWN: bool>(PhantomData<T>);
type Nullable<T> = Numbers<T, false>;
type Known<T> = Numbers<T, true>;
type Amounts = Nullable<u64>;
/// Byte strings.
struct Names;

impl<T: Numbered, const IS_KNOWN: bool> Kind for Numbers<T, IS_KNOWN> {
    type Model = Column<T>;
    const KIND: u8 = <T as Numbered>::KIND;

    fn rows(column: &Column<T>) -> usize {
        column.len()
    }

    fn pack(column: &Column<T>, into: &mut Vec<u8>) {
        numbers(column, into);
    }

    fn unpack(bytes: &[u8], rows: usize) -> Option<Column<T>> {
        let mut bytes = Bytes(bytes);
        take_numbers(&mut bytes, rows).filter(|_| bytes.0.is_empty())
    }

    fn absent(rows: usize) -> Column<T> {
        Arc::new(vec![if IS_KNOWN { T::default() } else { T::UNKNOWN }; rows])
    }
}

impl Kind for Names {
    type Model = TextColumn;
    const KIND: u8 = 5;

    fn rows(column: &TextColumn) -> usize {
        column.len()
    }

    fn pack(column: &TextColumn, into: &mut Vec<u8>) {
        texts(column, into);
    }

    fn unpack(bytes: &[u8], rows: usize) -> Option<TextColumn> {
        let mut bytes = Bytes(bytes);
        take_texts(&mut bytes, rows).filter(|_| bytes.0.is_empty())
    }

    fn absent(rows: usize) -> TextColumn {
        TextColumn { bytes: Arc::default(), ends: Arc::new(vec![0; rows]) }
    }
}

/// A table being written.
struct Packing<'a> {
    into: &'a mut Vec<u8>,
    scratch: &'a mut Vec<u8>,
    columns: Vec<u8>,
    count: u64,
}

impl Packing<'_> {
    fn column<K: Kind>(&mut self, name: &str, column: &K::Model) {
        if K::rows(column) == 0 {
            return;
        }
        self.scratch.clear();
        K::pack(column, self.scratch);
        varint(name.len() as u64, &mut self.columns);
        self.columns.extend_from_slice(name.as_bytes());
        self.columns.push(K::KIND);
        varint(self.scratch.len() as u64, &mut self.columns);
        self.columns.extend_from_slice(self.scratch);
        self.count += 1;
    }

    fn finish(self, rows: usize) {
        varint(rows as u64, self.into);
        varint(self.count, self.into);
        self.into.extend_from_slice(&self.columns);
    }
}

/// A table being read.
struct Unpacking<'a> {
    rows: usize,
    columns: BTreeMap<&'a [u8], (u8, &'a [u8])>,
}

impl<'a> Unpacking<'a> {
    fn of(bytes: &mut Bytes<'a>, rows_max: usize) -> Result<Self, String> {
        let short = || "a table ends too early".to_owned();
        let rows = bytes.length().ok_or_else(short)?;
        if rows > rows_max {
            return Err(format!("a table has {rows} rows; at most {rows_max} are read"));
        }
        let count = bytes.length().ok_or_else(short)?;
        let mut columns = BTreeMap::new();
        for _ in 0..count {
            let mut column = || {
                let length = bytes.length()?;
                let name = bytes.take(length)?;
                let kind = bytes.byte()?;
                let length = bytes.length()?;
                Some((name, (kind, bytes.take(length)?)))
            };
            columns.extend(column().map(Some).ok_or_else(short)?);
        }
        Ok(Self { rows, columns })
    }

    fn column<K: Kind>(&self, name: &str) -> Result<Option<K::Model>, String> {
        let Some(&(kind, bytes)) = self.columns.get(name.as_bytes()) else { return Ok(None) };
        let column = (kind == K::KIND).then(|| K::unpack(bytes, self.rows)).flatten();
        column.map(Some).ok_or_else(|| format!("column `{name}` does not fit its {} rows", self.rows))
    }
}

/// A table of the model, whole.
macro_rules! table {
    ($(#[$doc:meta])* $model:ident {
        first { $($(#[$first_doc:meta])* $first:ident: $first_kind:ty,)* }
        later { $($(#[$later_doc:meta])* $later:ident: $later_kind:ty,)* }
        $($group:ident { $($(#[$sensed_doc:meta])* $sensed:ident: $sensed_kind:ty,)* })*
    }) => {
        impl Table for $model {
            fn pack(&self, into: &mut Vec<u8>, scratch: &mut Vec<u8>) {
                let mut packing = Packing { into, scratch, columns: Vec::new(), count: 0 };
                $(packing.column::<$first_kind>(stringify!($first), &self.$first);)*
                $(packing.column::<$later_kind>(stringify!($later), &self.$later);)*
                $($(packing.column::<$sensed_kind>(stringify!($sensed), &self.$sensed);)*)*
                packing.finish(self.len());
            }

            fn unpack(bytes: &mut Bytes<'_>, rows_max: usize) -> Result<Self, String> {
                let table = Unpacking::of(bytes, rows_max)?;
                let rows = table.rows;
                Ok(Self {
                    $($first: table.column::<$first_kind>(stringify!($first))?
                        .unwrap_or_else(|| <$first_kind>::absent(rows)),)*
                    $($later: table.column::<$later_kind>(stringify!($later))?
                        .unwrap_or_else(|| <$later_kind>::absent(rows)),)*
                    $($($sensed: table.column::<$sensed_kind>(stringify!($sensed))?.unwrap_or_default(),)*)*
                })
            }
        }
    };
}

pub(super) trait Table: Sized {
    fn pack(&self, into: &mut Vec<u8>, scratch: &mut Vec<u8>);
    fn unpack(bytes: &mut Bytes<'_>, rows_max: usize) -> Result<Self, String>;
}

process_columns!(table);
memcg_columns!(table);

/// Both tables.
pub(super) fn pack((processes, memcgs): (&Processes, &Memcgs), into: &mut Vec<u8>, scratch: &mut Vec<u8>) {
    processes.pack(into, scratch);
    memcgs.pack(into, scratch);
}

/// Both tables, with all that the rest of the host relies on.
pub(super) fn unpack(bytes: &[u8]) -> Result<(Processes, Memcgs), String> {
    let mut bytes = Bytes(bytes);
    let processes = Processes::unpack(&mut bytes, PROCESSES_MAX)?;
    let memcgs = Memcgs::unpack(&mut bytes, MEMCGS_MAX)?;
    if !bytes.0.is_empty() {
        return Err(format!("{} bytes follow the tables", bytes.0.len()));
    }
    if !processes.pids.is_sorted_by(|a, b| a < b) {
        return Err("pids are not in ascending order".into());
    }
    if !(1..memcgs.len()).all(|row| memcgs.paths.get(row - 1) < memcgs.paths.get(row)) {
        return Err("paths of memcgs are not in ascending order".into());
    }
    rows_exist("parents", &processes.parents, processes.len())?;
    rows_exist("memcgs", &processes.memcgs, memcgs.len())?;
    rows_exist("parents of memcgs", &memcgs.parents, memcgs.len())?;
    Ok((processes, memcgs))
}

fn rows_exist(column: &str, values: &[u32], rows: usize) -> Result<(), String> {
    match values.iter().filter_map(|&value| row_of(value)).find(|&row| row >= rows) {
        Some(row) => Err(format!("column `{column}` names row {row}, of {rows}")),
        None => Ok(()),
    }
}
