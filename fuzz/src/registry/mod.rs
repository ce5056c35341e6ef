//! What comes from a registry, and what an administrator writes of one.
//!
//! `host/registry/tests/fuzzed.rs` is compiled from this very file and tries some thousand inputs on stable
//! Rust.

use jettison_registry::{Artifact, Reference};

/// A frame of an artifact: taken apart, its manifest read, and proven. Says whether it is one.
///
/// # Panics
/// If what was taken is not what it comes to again.
pub fn artifact(frame: &[u8]) -> bool {
    let Some(artifact) = Artifact::decode(frame) else { return false };
    let Ok(digest) = artifact.check(None) else { return false };
    assert_eq!(Artifact::decode(&artifact.encode()), Some(artifact.clone()));
    assert_eq!(artifact.check(Some(&digest)), Ok(digest));
    true
}

/// A reference. Says whether it is one.
///
/// # Panics
/// If it is printed as another, or could leave its place in an address.
pub fn reference(text: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(text) else { return false };
    let Ok(reference) = text.parse::<Reference>() else { return false };
    assert_eq!(reference.to_string().parse(), Ok(reference.clone()));
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"./-_".contains(&byte);
    assert!(reference.repository().bytes().all(is_plain), "{reference}");
    assert!(!reference.repository().split('/').any(|part| part.is_empty() || part.starts_with('.')));
    true
}
