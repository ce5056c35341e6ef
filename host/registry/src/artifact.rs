//! A manifest and its module together, as they are handed over by the fetching child and kept on disk.
//!
//! ```text
//! jettison-artifact/1\n LENGTH\n MANIFEST MODULE
//! ```

use crate::digest::Digest;
use crate::limits::MANIFEST_BYTES_MAX;
use crate::manifest;
use crate::refusal::{MANIFEST, MODULE, Refusal};

/// Begins the frame.
const HEAD: &[u8] = b"jettison-artifact/1\n";

/// What was fetched. Nothing is true of it until it is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Artifact {
    /// The manifest's bytes.
    pub manifest: Vec<u8>,
    /// The module's.
    pub module: Vec<u8>,
}

impl Artifact {
    /// Proves it: the manifest by the digest that is pinned, if one is, and the module by the manifest.
    /// Returns the digest of the manifest.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&self, pinned: Option<&Digest>) -> Result<Digest, Refusal> {
        let digest = check_manifest(&self.manifest, pinned)?;
        let promised = manifest::layer(&self.manifest)?;
        let came = self.module.len() as u64;
        if came != promised.size {
            return Err(Refusal::WrongSize { promised: promised.size, came });
        }
        check_digest(MODULE, &self.module, promised.digest)?;
        Ok(digest)
    }

    /// As one frame.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let length = format!("{}\n", self.manifest.len());
        [HEAD, length.as_bytes(), &self.manifest, &self.module].concat()
    }

    /// From a frame. Nothing if it is none.
    #[must_use]
    pub fn decode(frame: &[u8]) -> Option<Self> {
        let rest = frame.strip_prefix(HEAD)?;
        let end = rest.iter().position(|&byte| byte == b'\n')?;
        let length: usize = std::str::from_utf8(rest.get(..end)?).ok()?.parse().ok()?;
        let (manifest, module) = rest.get(end + 1..)?.split_at_checked(length)?;
        Some(Self { manifest: manifest.to_vec(), module: module.to_vec() })
    }

    /// Bytes of a frame with a module of so many.
    #[must_use]
    pub fn frame_bytes_max(module_bytes: u64) -> u64 {
        module_bytes.saturating_add(MANIFEST_BYTES_MAX).saturating_add(64)
    }
}

/// The digest of a manifest, which is the pinned one if there is one.
pub(crate) fn check_manifest(manifest: &[u8], pinned: Option<&Digest>) -> Result<Digest, Refusal> {
    match pinned {
        Some(pinned) => check_digest(MANIFEST, manifest, pinned.clone()),
        None => Ok(Digest::of(manifest)),
    }
}

fn check_digest(what: &'static str, content: &[u8], promised: Digest) -> Result<Digest, Refusal> {
    let came = Digest::of(content);
    if came == promised { Ok(came) } else { Err(Refusal::WrongDigest { what, promised, came }) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::About;

    #[test]
    fn one_is_proven_from_the_pinned_digest_down_and_no_byte_may_differ() {
        let module = b"module".to_vec();
        let manifest = manifest::make(&module, &About::default()).unwrap().manifest;
        let pinned = Digest::of(&manifest);
        let good = Artifact { manifest, module };
        let frame = good.encode();
        assert_eq!(Artifact::decode(&frame), Some(good.clone()));
        assert_eq!((good.check(Some(&pinned)), good.check(None)), (Ok(pinned.clone()), Ok(pinned.clone())));
        for at in 0..frame.len() {
            let proves =
                |frame: &[u8]| Artifact::decode(frame).is_some_and(|it| it.check(Some(&pinned)).is_ok());
            let mut bad = frame.clone();
            bad[at] ^= 1;
            assert!(!proves(&bad), "changed at {at}");
            assert!(!proves(&frame[..at]), "cut at {at}");
        }
        let other = Artifact { module: b"modulE".to_vec(), ..good.clone() };
        assert!(matches!(other.check(None), Err(Refusal::WrongDigest { what: MODULE, .. })));
        let longer = Artifact { module: b"module ".to_vec(), ..good };
        assert_eq!(longer.check(None), Err(Refusal::WrongSize { promised: 6, came: 7 }));
    }
}
