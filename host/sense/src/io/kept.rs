//! Files of ours that outlive the daemon, and why one is not taken.

use std::fmt;

/// Why bytes are not what a daemon of this version has written.
#[derive(Debug)]
pub struct KeptError(pub(crate) String);

impl fmt::Display for KeptError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for KeptError {}

impl From<serde_json::Error> for KeptError {
    fn from(error: serde_json::Error) -> Self {
        Self(error.to_string())
    }
}

/// Whether a file has the schema that this version reads.
pub(crate) fn expect_schema(found: &str, expected: &str) -> Result<(), KeptError> {
    if found == expected {
        return Ok(());
    }
    let found: String = found.chars().take(40).collect();
    Err(KeptError(format!("has the schema {found:?}; this version reads {expected:?}")))
}
