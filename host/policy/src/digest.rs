//! What tells one module from another.

use sha2::{Digest as _, Sha256};

/// SHA-256 of a module's file, in hexadecimal.
#[must_use]
pub fn digest(module: &[u8]) -> String {
    Sha256::digest(module).iter().map(|byte| format!("{byte:02x}")).collect()
}
