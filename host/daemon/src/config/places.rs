//! Where the keys of a `[policy.config]` stand, for the problems that its policy finds.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use toml::Spanned;
use toml::de::DeValue;

/// File and lines. They have no part in whether two configurations are the same: a comment above a policy
/// does not change it.
#[derive(Clone, Default)]
pub(crate) struct Places {
    file: PathBuf,
    /// By key, with dots between levels, as in `rules[2].comm`.
    lines: Arc<BTreeMap<String, usize>>,
}

impl Places {
    /// Of all keys below this value.
    pub(super) fn below(file: &Path, text: &str, value: &Spanned<DeValue<'_>>) -> Self {
        let mut found = vec![(value.span().start, String::new())];
        collect(value.get_ref(), "", &mut found);
        found.sort_unstable();
        let (mut at, mut line) = (0, 1);
        let mut lines = BTreeMap::new();
        for (start, key) in found {
            let skipped = text.as_bytes().get(at..start).unwrap_or_default();
            line += skipped.iter().filter(|&&byte| byte == b'\n').count();
            at = start;
            lines.insert(key, line);
        }
        Self { file: file.into(), lines: Arc::new(lines) }
    }

    /// Where a line was put before the text.
    pub(super) fn one_line_up(self) -> Self {
        let up = self.lines.iter().map(|(key, line)| (key.clone(), line.saturating_sub(1)));
        Self { lines: Arc::new(up.collect()), ..self }
    }

    /// The file and line of a key, or of the nearest one above it that stands there.
    pub(crate) fn of(&self, key: &str) -> Option<String> {
        let mut key = key;
        loop {
            if let Some(line) = self.lines.get(key) {
                return Some(format!("{}:{line}", self.file.display()));
            }
            key = key.get(..key.rfind(['.', '[']).unwrap_or(0)).filter(|_| !key.is_empty())?;
        }
    }
}

fn collect(value: &DeValue<'_>, name: &str, found: &mut Vec<(usize, String)>) {
    match value {
        DeValue::Table(table) => {
            for (key, value) in table {
                let key_name = key.get_ref();
                let full = if name.is_empty() { key_name.to_string() } else { format!("{name}.{key_name}") };
                found.push((key.span().start, full.clone()));
                collect(value.get_ref(), &full, found);
            }
        }
        DeValue::Array(array) => {
            for (at, value) in array.iter().enumerate() {
                let full = format!("{name}[{at}]");
                found.push((value.span().start, full.clone()));
                collect(value.get_ref(), &full, found);
            }
        }
        _ => {}
    }
}

impl PartialEq for Places {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Places {}

impl fmt::Debug for Places {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Places")
    }
}
