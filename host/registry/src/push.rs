//! Publishing a policy.

use ureq::http::{StatusCode, Uri};

use crate::digest::Digest;
use crate::exchange::{Exchange, Purpose, Sent};
use crate::manifest::{self, About, MANIFEST_TYPE};
use crate::reference::{Pinned, Reference};
use crate::refusal::{MANIFEST, Refusal};
use crate::terms::Terms;

/// Publishes a component under the tag of a reference.
///
/// # Errors
/// What was wrong, and what to do.
pub fn push(
    reference: &Reference,
    component: &[u8],
    about: &About,
    terms: &Terms,
) -> Result<Pinned, Refusal> {
    let made = manifest::make(component, about)?;
    let digest = Digest::of(&made.manifest);
    if let Some(promised) = reference.digest().filter(|promised| **promised != digest) {
        return Err(Refusal::WrongDigest { what: MANIFEST, promised: promised.clone(), came: digest });
    }
    let mut exchange = Exchange::new(reference, terms, Purpose::Push)?;
    for content in [component, &made.config] {
        push_blob(&mut exchange, content)?;
    }
    let url = exchange.address(&format!("manifests/{}", reference.version()))?;
    let sent = Sent { method: "PUT", media_type: MANIFEST_TYPE, body: &made.manifest };
    let answer = exchange.send(&url, sent)?;
    if answer.status != StatusCode::CREATED {
        return Err(answer.refused());
    }
    Ok(reference.clone().pinned(digest))
}

/// One that is there already is not sent again.
fn push_blob(exchange: &mut Exchange<'_>, content: &[u8]) -> Result<(), Refusal> {
    let digest = Digest::of(content);
    if exchange.has(&format!("blobs/{digest}"))? {
        return Ok(());
    }
    let media_type = "application/octet-stream";
    let url = exchange.address("blobs/uploads/")?;
    let begun = exchange.send(&url, Sent { method: "POST", media_type, body: &[] })?;
    if begun.status != StatusCode::ACCEPTED {
        return Err(begun.refused());
    }
    let url = with_digest(&begun.location()?, &digest)?;
    let sent = exchange.send(&url, Sent { method: "PUT", media_type, body: content })?;
    if sent.status == StatusCode::CREATED { Ok(()) } else { Err(sent.refused()) }
}

/// The address of an upload, with what is uploaded.
fn with_digest(location: &Uri, digest: &Digest) -> Result<Uri, Refusal> {
    let separator = if location.query().is_some() { '&' } else { '?' };
    let text = format!("{location}{separator}digest={digest}");
    text.parse().map_err(|_no_uri| Refusal::Nonsense { what: "the address of the upload", why: text.clone() })
}
