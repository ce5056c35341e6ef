//! Reads a table of the configuration key by key, and notes all that is wrong, each with its key.
//!
//! By hand and not by derived code, which would be a third of the module, and would stop at the first error.

use jettison_sdk::Problem;
use serde_json::{Map, Value};

/// A number, or `true` for the usual one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Amount {
    Usual,
    So(i64),
}

/// A table, and what was wrong with it so far.
pub(crate) struct Table<'v, 'p> {
    /// Such as `rules[3]`.
    name: String,
    map: &'v Map<String, Value>,
    known: Vec<&'static str>,
    problems: &'p mut Vec<Problem>,
}

impl<'v, 'p> Table<'v, 'p> {
    /// The table of this name, unless it is something else.
    pub(crate) fn of(name: String, value: &'v Value, problems: &'p mut Vec<Problem>) -> Option<Self> {
        match value.as_object() {
            Some(map) => Some(Self { name, map, known: Vec::new(), problems }),
            None => {
                problems.push(Problem::new(name, format!("must be a table, not {value}")));
                None
            }
        }
    }

    pub(crate) fn get(&mut self, key: &'static str) -> Option<&'v Value> {
        self.known.push(key);
        self.map.get(key)
    }

    /// Notes what is wrong with a key; an empty one is the table.
    pub(crate) fn wrong(&mut self, key: &str, message: impl Into<String>) {
        let key = match (self.name.as_str(), key) {
            (name, "") => name.to_owned(),
            ("", key) => key.to_owned(),
            (name, key) => format!("{name}.{key}"),
        };
        self.problems.push(Problem::new(key, message));
    }

    fn read<T>(
        &mut self,
        key: &'static str,
        what: &str,
        of: impl FnOnce(&'v Value) -> Option<T>,
    ) -> Option<T> {
        let value = self.get(key)?;
        let read = of(value);
        if read.is_none() {
            self.wrong(key, format!("must be {what}, not {value}"));
        }
        read
    }

    pub(crate) fn flag(&mut self, key: &'static str) -> bool {
        self.read(key, "true or false", Value::as_bool).unwrap_or(false)
    }

    pub(crate) fn whole(&mut self, key: &'static str) -> Option<u64> {
        self.read(key, "a whole number, 0 or more", Value::as_u64)
    }

    pub(crate) fn integer(&mut self, key: &'static str) -> Option<i64> {
        self.read(key, "a whole number", Value::as_i64)
    }

    pub(crate) fn text(&mut self, key: &'static str) -> Option<&'v str> {
        self.read(key, "a text", Value::as_str)
    }

    /// Whether it is given, and not as `false`; and what it is.
    pub(crate) fn amount(&mut self, key: &'static str) -> Option<Amount> {
        if self.map.get(key) == Some(&Value::Bool(false)) {
            self.known.push(key);
            return None;
        }
        self.read(key, "a whole number or true", |value| match value {
            Value::Bool(_) => Some(Amount::Usual),
            value => value.as_i64().map(Amount::So),
        })
    }

    /// One text or several.
    pub(crate) fn texts(&mut self, key: &'static str) -> Vec<&'v str> {
        let texts = self.read(key, "a text or a list of texts", |value| match value {
            Value::Array(items) => items.iter().map(Value::as_str).collect(),
            value => value.as_str().map(|text| vec![text]),
        });
        texts.unwrap_or_default()
    }

    /// One user id or several.
    pub(crate) fn uids(&mut self, key: &'static str) -> Vec<u32> {
        let uid = |value: &Value| value.as_u64().and_then(|uid| u32::try_from(uid).ok());
        let what = "a user id or a list of them (`id -u NAME` tells it)";
        let uids = self.read(key, what, |value| match value {
            Value::Array(items) => items.iter().map(uid).collect(),
            value => uid(value).map(|uid| vec![uid]),
        });
        uids.unwrap_or_default()
    }

    /// One of a few words.
    pub(crate) fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> Option<T> {
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
        self.read(key, &words.join(" or "), |value| {
            choices.iter().find(|(word, _)| value.as_str() == Some(word)).map(|&(_, choice)| choice)
        })
    }

    /// A list of tables, with their names.
    pub(crate) fn tables(&mut self, key: &'static str) -> Vec<(String, &'v Value)> {
        let items = self.read(key, "a list of tables", Value::as_array);
        let name = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        let items = items.into_iter().flatten().enumerate();
        items.map(|(at, item)| (format!("{name}[{at}]"), item)).collect()
    }

    pub(crate) fn problems(&mut self) -> &mut Vec<Problem> {
        self.problems
    }

    /// Notes every key that was not read.
    pub(crate) fn finish(mut self) {
        let unknown: Vec<&'v String> =
            self.map.keys().filter(|key| !self.known.contains(&key.as_str())).collect();
        for key in unknown {
            let message = format!("is unknown; expected {}", self.known.join(", "));
            self.wrong(key, message);
        }
    }
}
