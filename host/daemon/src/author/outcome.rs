//! What a test came to, as an author reads it.

use std::fmt;
use std::path::Path;

/// One machine.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What happened.
    pub(super) what: String,
    /// What was expected and is not so.
    pub(super) wrong: Vec<String>,
    /// What helps to understand it: the order, the policy's log.
    pub(super) details: Vec<String>,
}

impl Outcome {
    pub(super) fn bad(why: String) -> Self {
        Self { wrong: vec![why], ..Self::default() }
    }

    pub(super) fn is_good(&self) -> bool {
        self.wrong.is_empty()
    }

    pub(super) fn of<'o>(&'o self, file: &'o Path) -> Of<'o> {
        Of(self, file)
    }
}

/// An outcome, and the file that it is of.
pub(super) struct Of<'o>(&'o Outcome, &'o Path);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(outcome, file) = self;
        if outcome.is_good() {
            return writeln!(f, "ok      {}: {}", file.display(), outcome.what);
        }
        writeln!(f, "FAILED  {}", file.display())?;
        for wrong in &outcome.wrong {
            writeln!(f, "        {wrong}")?;
        }
        if !outcome.what.is_empty() {
            writeln!(f, "        {}", outcome.what)?;
        }
        for line in &outcome.details {
            writeln!(f, "          {line}")?;
        }
        Ok(())
    }
}
