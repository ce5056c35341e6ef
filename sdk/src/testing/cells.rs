//! Cells of a snapshot file, `jettison.snapshot/1`: columns by their names in `wit/`.
//!
//! ```text
//! "pids": [1, 7]    "max-bytes": [null, "max"]    "comms": ["init", {"hex": "ff2f"}]
//! ```
//!
//! `null` is unknown or none, and so is all of a column that is not there.

use serde_json::{Map, Value};

use crate::columns::{NONE_U32, UNKNOWN_S16, UNKNOWN_S64, UNKNOWN_U64, UNLIMITED_U64};

/// A number of a column.
pub(super) trait Number: Copy {
    /// Unknown, or none.
    const NULL: Self;

    fn of(value: &Value) -> Option<Self>;
}

impl Number for u32 {
    const NULL: Self = NONE_U32;

    fn of(value: &Value) -> Option<Self> {
        value.as_u64().and_then(|number| number.try_into().ok())
    }
}

impl Number for u64 {
    const NULL: Self = UNKNOWN_U64;

    fn of(value: &Value) -> Option<Self> {
        if value == "max" { Some(UNLIMITED_U64) } else { value.as_u64() }
    }
}

impl Number for i64 {
    const NULL: Self = UNKNOWN_S64;

    fn of(value: &Value) -> Option<Self> {
        value.as_i64()
    }
}

impl Number for i16 {
    const NULL: Self = UNKNOWN_S16;

    fn of(value: &Value) -> Option<Self> {
        value.as_i64().and_then(|number| number.try_into().ok())
    }
}

/// A table of the file.
#[derive(Clone, Copy)]
pub(super) struct Cells<'f> {
    name: &'static str,
    table: Option<&'f Map<String, Value>>,
}

impl<'f> Cells<'f> {
    pub(super) fn of(file: &'f Value, name: &'static str) -> Self {
        Self { name, table: file.get(name).and_then(Value::as_object) }
    }

    fn column(&self, name: &str) -> (String, Option<&'f Value>) {
        let name = name.replace('_', "-");
        let value = self.table.and_then(|table| table.get(&name));
        (format!("{}.{name}", self.name), value)
    }

    /// How many rows it has, by a column that every file has.
    pub(super) fn rows(&self, column: &str) -> Result<usize, String> {
        match self.column(column) {
            (_, Some(Value::Array(values))) => Ok(values.len()),
            (name, _) => Err(format!("{name}: is no list")),
        }
    }

    fn cell(&self, column: &str, row: usize) -> Result<(String, &'f Value), String> {
        match self.column(column) {
            (name, None) => Ok((name, &Value::Null)),
            (name, Some(values)) => match values.get(row) {
                Some(value) => Ok((format!("{name}[{row}]"), value)),
                None => Err(format!("{name}: has no row {row}")),
            },
        }
    }

    /// A number of a row.
    pub(super) fn number<N: Number>(&self, column: &str, row: usize) -> Result<N, String> {
        let (name, value) = self.cell(column, row)?;
        number(&name, value)
    }

    /// A number of the table itself.
    pub(super) fn single<N: Number>(&self, name: &str) -> Result<N, String> {
        let (name, value) = self.column(name);
        number(&name, value.unwrap_or(&Value::Null))
    }

    /// A name of a row, empty for none.
    pub(super) fn text(&self, column: &str, row: usize) -> Result<Vec<u8>, String> {
        let (name, value) = self.cell(column, row)?;
        let text = match value {
            Value::Null => Some(Vec::new()),
            Value::String(text) => Some(text.as_bytes().to_vec()),
            other => other.get("hex").and_then(Value::as_str).and_then(unhex),
        };
        text.ok_or_else(|| format!("{name}: is no text, but {value}"))
    }

    /// The number of a word, as the file has it for runtimes and the like.
    pub(super) fn word(&self, column: &str, row: usize, words: &[&str]) -> Result<u32, String> {
        let text = self.text(column, row)?;
        let mut known = (0_u32..).zip(words);
        Ok(known.find(|(_, word)| word.as_bytes() == text).map_or(NONE_U32, |(number, _)| number))
    }
}

fn number<N: Number>(name: &str, value: &Value) -> Result<N, String> {
    match value {
        Value::Null => Ok(N::NULL),
        value => N::of(value).ok_or_else(|| format!("{name}: is no number of this column, but {value}")),
    }
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| u8::try_from(char::from(byte).to_digit(16)?).ok();
    let pairs = digits.as_bytes().chunks(2).map(|pair| match pair {
        &[high, low] => Some((digit(high)? << 4) | digit(low)?),
        _ => None,
    });
    pairs.collect()
}
