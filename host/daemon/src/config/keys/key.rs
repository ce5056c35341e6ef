//! What is said of a key.

/// What a key holds.
#[derive(Clone, Copy, Debug)]
pub(super) enum Holds {
    /// A whole number, both bounds included.
    Number(i64, i64),
    /// true or false.
    Switch,
    Text,
    /// One of these.
    Words(&'static [&'static str]),
    Texts,
    /// A list of these.
    ListOf(&'static [&'static str]),
    /// One of these, or a list of texts.
    WordsOrTexts(&'static [&'static str]),
    TextOrNumber,
    /// The keys of this section, as an inline table.
    Table(&'static str),
    /// A list of such tables.
    Tables(&'static str),
    /// Whatever its reader says.
    Anything,
}

/// A key.
#[derive(Clone, Copy, Debug)]
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) holds: Holds,
    /// In TOML; none where nothing is said unless it is.
    pub(super) default: Option<&'static str>,
    /// Instead of the default, or of its absence, as the reference has it.
    pub(super) without: Option<&'static str>,
    /// In TOML, for the example, where there is no default.
    #[cfg_attr(not(test), expect(dead_code, reason = "the example is written by a test"))]
    pub(super) shown: Option<&'static str>,
    /// Its bounds as the reference has them, where `holds` does not say all.
    pub(super) range: Option<&'static str>,
    /// In Markdown, for the reference; the example and the schema have it without marks and links.
    pub(super) means: &'static str,
}

impl Key {
    pub(super) const fn new(name: &'static str, holds: Holds, means: &'static str) -> Self {
        Self { name, holds, default: None, without: None, shown: None, range: None, means }
    }

    pub(super) const fn is(self, default: &'static str) -> Self {
        Self { default: Some(default), ..self }
    }

    pub(super) const fn without(self, text: &'static str) -> Self {
        Self { without: Some(text), ..self }
    }

    pub(super) const fn shown(self, example: &'static str) -> Self {
        Self { shown: Some(example), ..self }
    }

    pub(super) const fn range(self, text: &'static str) -> Self {
        Self { range: Some(text), ..self }
    }

    pub(super) const fn required(self) -> Self {
        self.without("must be given")
    }

    pub(super) fn is_required(&self) -> bool {
        self.without == Some("must be given")
    }
}

/// Where a section stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// `[name]`
    Table,
    /// `[name.NAME]`, with a name that the administrator chose.
    Named,
    /// `[[name]]`
    List,
    /// A table within another section's key.
    Inner,
}

/// A table of keys.
#[derive(Clone, Copy, Debug)]
pub(super) struct Section {
    pub(super) name: &'static str,
    pub(super) form: Form,
    /// One line, without marks.
    pub(super) about: &'static str,
    pub(super) keys: &'static [Key],
}

/// Markdown without links and marks of code.
pub(super) fn plain(markdown: &str) -> String {
    let mut text = String::new();
    let mut rest = markdown;
    while let Some((before, behind)) = rest.split_once("](") {
        let (before, words) = before.rsplit_once('[').unwrap_or((before, ""));
        text += before;
        text += words;
        rest = behind.split_once(')').map_or("", |(_, behind)| behind);
    }
    (text + rest).replace("**", "").replace('`', "").replace("  ", " ")
}
