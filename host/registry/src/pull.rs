//! Fetching a policy.

use ureq::http::StatusCode;

use crate::artifact::{Artifact, check_manifest};
use crate::exchange::{Exchange, Purpose};
use crate::limits::MANIFEST_BYTES_MAX;
use crate::manifest::{self, MANIFEST_TYPE};
use crate::reference::Reference;
use crate::refusal::{MANIFEST, MODULE, Refusal};
use crate::terms::Terms;

/// Fetches what a reference names, and proves it as far as that goes: by the digest of the reference, if it
/// has one.
///
/// # Errors
/// What was wrong, and what to do.
pub fn pull(reference: &Reference, terms: &Terms) -> Result<Artifact, Refusal> {
    let mut exchange = Exchange::new(reference, terms, Purpose::Pull)?;
    let answer = exchange.get(&format!("manifests/{}", reference.version()), MANIFEST_TYPE)?;
    if answer.status != StatusCode::OK {
        return Err(answer.refused());
    }
    if let Some(other) = answer.media_type().filter(|&media_type| media_type != MANIFEST_TYPE) {
        let came = other.to_owned();
        return Err(Refusal::WrongType { what: MANIFEST, expected: MANIFEST_TYPE, came });
    }
    let manifest = answer.read(MANIFEST, MANIFEST_BYTES_MAX, terms.seconds)?;
    check_manifest(&manifest, reference.digest())?;
    let layer = manifest::layer(&manifest)?;
    if layer.size > terms.module_bytes {
        return Err(Refusal::TooLarge { what: MODULE, bytes_max: terms.module_bytes });
    }
    let answer = exchange.get(&format!("blobs/{}", layer.digest), "*/*")?;
    if answer.status != StatusCode::OK {
        return Err(answer.refused());
    }
    // One byte more than promised is enough to know.
    let module = match answer.read(MODULE, layer.size, terms.seconds) {
        Err(Refusal::TooLarge { .. }) => {
            return Err(Refusal::WrongSize { promised: layer.size, came: layer.size.saturating_add(1) });
        }
        read => read?,
    };
    let artifact = Artifact { manifest, module };
    artifact.check(reference.digest())?;
    Ok(artifact)
}
