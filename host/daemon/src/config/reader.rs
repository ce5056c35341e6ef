//! Reads TOML key by key and notes everything that is wrong with it, each with its line and what was
//! expected.
//!
//! Serde would stop at the first error; an administrator wants all of them at once.

use std::cell::{Cell, RefCell};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::places::Places;

/// One thing that is wrong in a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Problem {
    pub(crate) file: PathBuf,
    /// From 1; 0 where the file as a whole is meant.
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.file.display(), self.message),
            line => write!(f, "{}:{line}: {}", self.file.display(), self.message),
        }
    }
}

/// Of one file that are told. The others are counted: each costs a walk to its line.
const PROBLEMS_MAX: usize = 32;

/// A file being read, and what was wrong with it so far.
pub(crate) struct File<'t> {
    path: &'t Path,
    text: &'t str,
    problems: RefCell<Vec<Problem>>,
    /// What is right, and hardly meant.
    warnings: RefCell<Vec<Problem>>,
    /// Beyond [`PROBLEMS_MAX`].
    more: Cell<usize>,
    /// Lines that are no TOML: what was made of them is not worth judging.
    broken: RefCell<Vec<usize>>,
}

impl<'t> File<'t> {
    pub(crate) fn new(path: &'t Path, text: &'t str) -> Self {
        Self {
            path,
            text,
            problems: RefCell::default(),
            warnings: RefCell::default(),
            more: Cell::default(),
            broken: RefCell::default(),
        }
    }

    /// Parses the whole text. What stands right is read on even if something else does not.
    pub(crate) fn parse(&self) -> Spanned<DeTable<'t>> {
        let (table, errors) = DeTable::parse_recoverable(self.text);
        for error in errors {
            let at = error.span().map_or(0, |span| span.start);
            self.note(at, error.message());
            if !self.is_full() {
                self.broken.borrow_mut().push(self.line(at));
            }
        }
        table
    }

    pub(crate) fn take_warnings(&self) -> Vec<Problem> {
        let mut warnings = self.warnings.take();
        warnings.sort();
        warnings
    }

    pub(crate) fn into_problems(self) -> Vec<Problem> {
        let mut problems = self.problems.into_inner();
        problems.sort();
        let more = self.more.get();
        if more > 0 {
            let message = format!("has {more} more problems");
            problems.push(Problem { file: self.path.into(), line: 0, message });
        }
        problems
    }

    fn line(&self, at: usize) -> usize {
        1 + self.text.bytes().take(at).filter(|&byte| byte == b'\n').count()
    }

    fn is_full(&self) -> bool {
        self.problems.borrow().len() >= PROBLEMS_MAX
    }

    fn note(&self, at: usize, message: impl Into<String>) {
        if self.is_full() {
            self.more.set(self.more.get() + 1);
            return;
        }
        let line = self.line(at);
        if self.broken.borrow().contains(&line) {
            return;
        }
        self.problems.borrow_mut().push(self.problem(at, message));
    }

    fn problem(&self, at: usize, message: impl Into<String>) -> Problem {
        Problem { file: self.path.into(), line: self.line(at), message: message.into() }
    }
}

/// A table being read. Every key that is asked for is known; `finish` reports the others.
pub(crate) struct Section<'t> {
    file: &'t File<'t>,
    /// With dots between levels; empty for the whole file.
    name: String,
    at: usize,
    table: &'t DeTable<'t>,
    known: RefCell<Vec<&'static str>>,
}

impl<'t> Section<'t> {
    pub(crate) fn root(file: &'t File<'t>, table: &'t Spanned<DeTable<'t>>) -> Self {
        Self { file, name: String::new(), at: 0, table: table.get_ref(), known: RefCell::default() }
    }

    /// Reports a problem with one key, or with the table itself.
    pub(crate) fn wrong(&self, key: &str, message: impl Into<String>) {
        self.file.note(self.place(key), message);
    }

    /// Warns of one key.
    pub(crate) fn doubtful(&self, key: &str, message: String) {
        let problem = self.file.problem(self.place(key), message);
        let mut warnings = self.file.warnings.borrow_mut();
        if warnings.len() < PROBLEMS_MAX {
            warnings.push(problem);
        }
    }

    /// Where a key stands, or the table.
    fn place(&self, key: &str) -> usize {
        self.table.get(key).map_or(self.at, |value| value.span().start)
    }

    fn full(&self, key: &str) -> String {
        if self.name.is_empty() { key.into() } else { format!("{}.{key}", self.name) }
    }

    fn get(&self, key: &'static str) -> Option<&'t Spanned<DeValue<'t>>> {
        self.known.borrow_mut().push(key);
        self.table.get(key)
    }

    fn expected(&self, key: &str, value: &Spanned<DeValue<'t>>, what: &str) {
        let found = match value.get_ref() {
            DeValue::Integer(integer) => integer.to_string(),
            DeValue::String(text) => format!("{text:?}"),
            other => format!("a value of type {}", other.type_str()),
        };
        self.file.note(value.span().start, format!("`{}` must be {what}, not {found}", self.full(key)));
    }

    pub(crate) fn number<N: TryFrom<i64> + Into<i64> + Copy>(
        &self,
        key: &'static str,
        range: RangeInclusive<N>,
    ) -> Option<N> {
        let value = self.get(key)?;
        let (low, high): (i64, i64) = ((*range.start()).into(), (*range.end()).into());
        let number =
            value.get_ref().as_integer().and_then(|n| i64::from_str_radix(n.as_str(), n.radix()).ok());
        let number = number.filter(|n| (low..=high).contains(n)).and_then(|n| N::try_from(n).ok());
        if number.is_none() {
            self.expected(key, value, &format!("a whole number from {low} to {high}"));
        }
        number
    }

    pub(crate) fn boolean(&self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        let boolean = value.get_ref().as_bool();
        if boolean.is_none() {
            self.expected(key, value, "true or false");
        }
        boolean
    }

    pub(crate) fn text(&self, key: &'static str) -> Option<String> {
        let value = self.get(key)?;
        let text = value.get_ref().as_str();
        if text.is_none() {
            self.expected(key, value, "a text in quotes");
        }
        text.map(Into::into)
    }

    /// A text, or a whole number as one.
    pub(crate) fn text_or_number(&self, key: &'static str) -> Option<String> {
        let value = self.get(key)?;
        let text = match value.get_ref() {
            DeValue::String(text) => Some(text.to_string()),
            DeValue::Integer(number) if number.radix() == 10 => Some(number.to_string()),
            _ => None,
        };
        if text.is_none() {
            self.expected(key, value, "a text in quotes or a whole number");
        }
        text
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let value = self.get(key)?;
        let text = value.get_ref().as_str();
        let choice = choices.iter().find(|(word, _)| Some(*word) == text).map(|&(_, choice)| choice);
        if choice.is_none() {
            let words: Vec<_> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            self.expected(key, value, &words.join(" or "));
        }
        choice
    }

    pub(crate) fn texts(&self, key: &'static str) -> Option<Vec<String>> {
        let value = self.get(key)?;
        let texts = value.get_ref().as_array().and_then(|array| {
            array.iter().map(|item| item.get_ref().as_str().map(Into::into)).collect::<Option<Vec<String>>>()
        });
        if texts.is_none() {
            self.expected(key, value, "a list of texts in quotes");
        }
        texts
    }

    /// Either one of a few words or a list of texts.
    pub(crate) fn is_text(&self, key: &str) -> bool {
        self.table.get(key).is_some_and(|value| value.get_ref().is_str())
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Whether nothing at all is said in it.
    pub(crate) fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    pub(crate) fn section(&self, key: &'static str) -> Option<Self> {
        let value = self.get(key)?;
        let table = value.get_ref().as_table();
        if table.is_none() {
            self.expected(key, value, "a table");
        }
        Some(self.child(self.full(key), value, table?))
    }

    /// A list of tables: `[[key]]`, or `key = [{ .. }]`.
    pub(crate) fn sections(&self, key: &'static str) -> Option<Vec<Self>> {
        let value = self.get(key)?;
        let Some(array) = value.get_ref().as_array() else {
            self.expected(key, value, &format!("a list of tables, as in [[{}]]", self.full(key)));
            return None;
        };
        let mut sections = Vec::new();
        for item in array.iter() {
            match item.get_ref().as_table() {
                Some(table) => sections.push(self.child(self.full(key), item, table)),
                None => self.expected(key, item, "a table"),
            }
        }
        Some(sections)
    }

    /// The tables below a table whose keys are names that the administrator chose.
    pub(crate) fn named(&self, key: &'static str) -> Vec<(String, Self)> {
        let Some(section) = self.section(key) else { return Vec::new() };
        let mut named = Vec::new();
        for (name, value) in section.table {
            match value.get_ref().as_table() {
                Some(table) => {
                    let full = section.full(name.get_ref());
                    named.push((name.get_ref().to_string(), section.child(full, value, table)));
                }
                None => section.expected(name.get_ref(), value, "a table"),
            }
        }
        named
    }

    /// A table whose content is not ours to judge, as JSON.
    pub(crate) fn json(&self, key: &'static str) -> Option<serde_json::Value> {
        let value = self.get(key)?;
        if !value.get_ref().is_table() {
            self.expected(key, value, "a table");
            return None;
        }
        Some(json(value.get_ref()))
    }

    /// Where the keys of such a table stand.
    pub(crate) fn places(&self, key: &str) -> Places {
        let value = self.table.get(key);
        value.map(|value| Places::below(self.file.path, self.file.text, value)).unwrap_or_default()
    }

    fn child(&self, name: String, value: &Spanned<DeValue<'t>>, table: &'t DeTable<'t>) -> Self {
        Self { file: self.file, name, at: value.span().start, table, known: RefCell::default() }
    }

    /// Reports every key that was not read.
    pub(crate) fn finish(self) {
        let known = self.known.borrow();
        for (key, _) in self.table {
            let name = key.get_ref().as_ref();
            if !known.contains(&name) {
                let near = nearest(name, &known).map(|near| format!(", did you mean `{near}`"));
                let (full, near, expected) = (self.full(name), near.unwrap_or_default(), known.join(", "));
                self.file.note(key.span().start, format!("unknown key `{full}`{near}; expected {expected}"));
            }
        }
    }
}

/// From this likeness on (1 is the same) a key was probably meant.
const LIKE: f64 = 0.8;
/// Bytes of a key that is compared: the time is the product of both lengths, and ours are shorter.
const LIKE_BYTES_MAX: usize = 64;

/// The known key that is most like this one.
fn nearest(key: &str, known: &[&'static str]) -> Option<&'static str> {
    if key.len() > LIKE_BYTES_MAX {
        return None;
    }
    let likeness = known.iter().map(|known| (strsim::jaro_winkler(key, known), *known));
    let likely = likeness.filter(|(likeness, _)| *likeness >= LIKE);
    likely.max_by(|(one, _), (other, _)| one.total_cmp(other)).map(|(_, known)| known)
}

fn json(value: &DeValue<'_>) -> serde_json::Value {
    match value {
        DeValue::String(text) => text.as_ref().into(),
        DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
            .map_or_else(|_| integer.as_str().into(), Into::into),
        DeValue::Float(float) => {
            float.as_str().parse::<f64>().map_or_else(|_| float.as_str().into(), Into::into)
        }
        DeValue::Boolean(boolean) => (*boolean).into(),
        DeValue::Datetime(datetime) => datetime.to_string().into(),
        DeValue::Array(array) => array.iter().map(|item| json(item.get_ref())).collect::<Vec<_>>().into(),
        DeValue::Table(table) => serde_json::Value::Object(
            table.iter().map(|(key, value)| (key.get_ref().to_string(), json(value.get_ref()))).collect(),
        ),
    }
}
