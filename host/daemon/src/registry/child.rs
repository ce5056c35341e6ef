//! The child that speaks with a registry: a request in, an artifact or a refusal out, end. It has bounds, and
//! none of the daemon's rights.

use std::io::{Read, Write};
use std::path::PathBuf;

use jettison_policy::{Bounds, Reach, confine};
use jettison_registry::{Artifact, Login, Reference, Terms, pull};
use serde::{Deserialize, Serialize};

use crate::failure::{Failure, unwritable};

/// What the child is started as.
pub(super) const SUBCOMMAND: &str = "fetch-module";
/// Begins a reply that is no artifact.
pub(super) const REFUSED: &[u8] = b"jettison-refused/1\n";
/// Bytes of a request.
const REQUEST_BYTES_MAX: u64 = 1 << 20;
/// Bytes of address space beside the module, which is held up to three times: program, libraries, threads.
const MEMORY_BYTES: u64 = 1 << 30;

/// What the child is to fetch.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    pub(super) reference: String,
    pub(super) terms: Terms,
}

/// Fetches what the request on standard input names, as a child of the daemon or of `jettison pull`.
pub(crate) fn fetch_module() -> Result<(), Failure> {
    let mut text = Vec::new();
    let read = std::io::stdin().take(REQUEST_BYTES_MAX).read_to_end(&mut text);
    let request = read.map_err(|error| error.to_string());
    let request: Result<Request, String> =
        request.and_then(|_| serde_json::from_slice(&text).map_err(|error| error.to_string()));
    let request = request.map_err(|why| Failure::Usage(format!("this is no request: {why}")))?;
    let bounds = Bounds {
        memory_bytes: MEMORY_BYTES + 3 * request.terms.module_bytes,
        file_bytes: Artifact::frame_bytes_max(request.terms.module_bytes),
        seconds: request.terms.seconds,
    };
    bounds.take_on().map_err(|error| Failure::Failed(format!("limits cannot be set: {error}")))?;
    let reply = match fetched(request) {
        Ok(artifact) => artifact.encode(),
        Err(why) => [REFUSED, why.as_bytes()].concat(),
    };
    std::io::stdout().write_all(&reply).map_err(|error| unwritable(&error))
}

fn fetched(request: Request) -> Result<Artifact, String> {
    let reference: Reference = request.reference.parse().map_err(|bad| format!("{bad}"))?;
    let terms = with_login(request.terms, &reference)?;
    // The login can be root's alone; what follows takes no right.
    match confine(Reach::Registry) {
        Ok(confined) if confined.rights => {}
        Ok(_) => return Err("rights cannot be given up: capset(2) is refused".into()),
        Err(error) => return Err(format!("rights cannot be given up: {error}")),
    }
    pull(&reference, &terms).map_err(|refusal| refusal.to_string())
}

/// With the login that `docker login` has left for this registry, if it has, and none is given.
pub(crate) fn with_login(terms: Terms, reference: &Reference) -> Result<Terms, String> {
    let login = match terms.login {
        Some(login) => Some(login),
        None => docker_login(reference)?,
    };
    Ok(Terms { login, ..terms })
}

fn docker_login(reference: &Reference) -> Result<Option<Login>, String> {
    // Where Docker and its kin look, too.
    let folder = std::env::var_os("DOCKER_CONFIG")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".docker")));
    folder.map_or(Ok(None), |folder| Login::from_docker(&folder, reference))
}
