//! One thing that the doctor checks.

/// The state of one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Ok,
    /// It works without, but less well.
    Lacking,
    /// Enforcing cannot work without.
    Blocking,
}

/// One line of the report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Check {
    /// A word that scripts can rely on.
    pub(super) name: &'static str,
    pub(super) status: Status,
    /// How it is.
    pub(super) found: String,
    /// What that means and what to do, where something is lacking.
    pub(super) advice: &'static str,
}

impl Check {
    pub(super) fn ok(name: &'static str, found: impl Into<String>) -> Self {
        Self { name, status: Status::Ok, found: found.into(), advice: "" }
    }

    pub(super) fn lacking(name: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self { name, status: Status::Lacking, found: found.into(), advice }
    }

    pub(super) fn blocking(name: &'static str, found: impl Into<String>, advice: &'static str) -> Self {
        Self { name, status: Status::Blocking, found: found.into(), advice }
    }
}
