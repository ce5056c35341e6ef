//! How long an author's own machine may take.

use jettison_policy::{LIMITS_MAX, Limits};

/// Those of a daemon, but compiling may take what it takes. `check` compiles within the configured limits.
pub(super) fn patient() -> Limits {
    Limits { compile: LIMITS_MAX.compile, ..Limits::default() }
}
