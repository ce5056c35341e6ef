//! SHA-256, as a registry writes it.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// Characters of a SHA-256 in hexadecimal.
const HEX: usize = 64;
/// Stands before them.
const ALGORITHM: &str = "sha256:";

/// What tells one content from another: `sha256:` and 64 digits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Digest(String);

impl Digest {
    /// Of this content.
    #[must_use]
    pub fn of(content: &[u8]) -> Self {
        Self(Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// The 64 digits.
    #[must_use]
    pub fn hex(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix(ALGORITHM).ok_or("a digest begins with `sha256:`")?;
        if hex.len() != HEX || !hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
            return Err("`sha256:` is followed by 64 digits of 0 to 9 and a to f");
        }
        Ok(Self(hex.into()))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ALGORITHM}{}", self.0)
    }
}
