//! From a reference to its module: from the store, else from the registry, by a child.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jettison_model::Fault;
use jettison_policy::{Ended, Task};
use jettison_registry::{Artifact, Login, Pinned, Reference, Terms};
use tracing::warn;

use super::child::{REFUSED, Request, SUBCOMMAND};
use super::store::Store;
use crate::config::Registries;

/// The child ends by itself when its time is over. Where the host has no processor time to give, it is waited
/// for so much longer.
const GRACE: Duration = Duration::from_secs(5);

/// Fetches policies.
#[derive(Clone)]
pub(crate) struct Fetcher {
    program: PathBuf,
    module_bytes: u64,
    pub(crate) registries: Registries,
    login: Option<Login>,
    store: Store,
    is_offline: bool,
}

impl Fetcher {
    /// `program` is this very binary, for the child.
    pub(crate) fn new(program: PathBuf, module_bytes: u64) -> Self {
        Self {
            program,
            module_bytes,
            registries: Registries::default(),
            login: None,
            store: Store::default(),
            is_offline: false,
        }
    }

    /// Keeps what is fetched below this directory.
    pub(crate) fn keeping_below(self, directory: &Path) -> Self {
        Self { store: Store::below(directory), ..self }
    }

    /// Asks no registry: what is not in the store is missing.
    pub(crate) fn offline(self) -> Self {
        Self { is_offline: true, ..self }
    }

    /// Shows this login, and none of Docker's.
    pub(crate) fn with_login(self, login: Option<Login>) -> Self {
        Self { login, ..self }
    }

    /// The module that a source of a configuration names.
    pub(crate) fn module(&self, source: &str) -> Result<Vec<u8>, Fault> {
        let pinned: Pinned = source.parse().map_err(|bad| Fault::Fetch { detail: format!("{bad}") })?;
        if let Some(kept) = self.store.get(pinned.digest(), self.module_bytes) {
            return Ok(kept.module);
        }
        if self.is_offline {
            return Err(Fault::Fetch { detail: "it is not in the store, and is about to be fetched".into() });
        }
        let artifact = self
            .fetch(pinned.reference())
            .map_err(|why| Fault::Fetch { detail: format!("{why}{}", self.by_hand(&pinned)) })?;
        if let Err(error) = self.keep(&pinned, &artifact) {
            warn!(source, %error, "a policy that was fetched cannot be kept: a restart fetches it again");
        }
        Ok(artifact.module)
    }

    /// Keeps what was fetched, if there is a directory for it.
    pub(crate) fn keep(&self, pinned: &Pinned, artifact: &Artifact) -> std::io::Result<()> {
        self.store.put(pinned.digest(), artifact)
    }

    /// A service without a network is helped by an administrator who has one.
    fn by_hand(&self, pinned: &Pinned) -> String {
        self.store.keep_dir().map_or_else(String::new, |directory| {
            format!(
                "; from where there is a network: `jettison pull {pinned} --keep-dir {}`, then `jettison reload`",
                directory.display()
            )
        })
    }

    /// What a reference names now, proven by its digest if it has one.
    pub(crate) fn fetch(&self, reference: &Reference) -> Result<Artifact, String> {
        let seconds = u64::from(self.registries.fetch_s);
        let request = Request { reference: reference.to_string(), terms: self.terms() };
        let input = serde_json::to_vec(&request).map_err(|error| error.to_string())?;
        let task = Task {
            program: &self.program,
            subcommand: SUBCOMMAND,
            args: &[],
            input: &input,
            reply_bytes: Artifact::frame_bytes_max(self.module_bytes),
            wait: Duration::from_secs(seconds) + GRACE,
        };
        let unstarted = |error: std::io::Error| format!("{} {SUBCOMMAND}: {error}", self.program.display());
        let Some(Ended { status, reply, last_words }) = task.run().map_err(unstarted)? else {
            return Err(format!("it was given up after {} s", task.wait.as_secs()));
        };
        if let Some(why) = reply.strip_prefix(REFUSED) {
            return Err(String::from_utf8_lossy(why).into_owned());
        }
        let artifact = Artifact::decode(&reply);
        let artifact =
            artifact.ok_or_else(|| format!("the fetching child ended ({status}): {last_words}"))?;
        artifact.check(reference.digest()).map_err(|refusal| refusal.to_string())?;
        Ok(artifact)
    }

    pub(crate) fn terms(&self) -> Terms {
        Terms {
            module_bytes: self.module_bytes,
            seconds: self.registries.fetch_s.into(),
            plain_http: self.registries.plain_http.clone(),
            login: self.login.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use jettison_registry::Digest;

    use super::*;

    /// What a fetch comes to with a shell script in place of the child.
    fn with_child(script: &str, reference: &str) -> Result<Artifact, String> {
        let directory = tempfile::tempdir().unwrap();
        let program = directory.path().join("child");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).unwrap();
        let mut fetcher = Fetcher::new(program, 1_000);
        fetcher.registries.fetch_s = 1;
        fetcher.fetch(&reference.parse().unwrap())
    }

    /// A good artifact, as a script prints it.
    fn good() -> (Digest, String) {
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"","size":0}},"layers":[{{"mediaType":"application/wasm","digest":"{}","size":6}}]}}"#,
            Digest::of(b"module")
        );
        let digest = Digest::of(manifest.as_bytes());
        let frame = Artifact { manifest: manifest.into_bytes(), module: b"module".to_vec() }.encode();
        (digest, format!("cat <<'END' | head -c -1\n{}\nEND", String::from_utf8(frame).unwrap()))
    }

    #[test]
    fn a_child_is_told_what_to_fetch_and_its_artifact_is_proven() {
        let (digest, prints) = good();
        let reference = format!("ghcr.io/a@{digest}");
        let asks = r#"test "$1" = fetch-module && grep -q '"reference":"oci://ghcr.io/a@sha256:' || exit 3"#;
        assert_eq!(with_child(&format!("{asks}\n{prints}"), &reference).unwrap().module, b"module");
        let other = format!("ghcr.io/a@{}", Digest::of(b"other"));
        let why = with_child(&prints, &other).unwrap_err();
        assert!(why.contains("the manifest has the digest"), "{why}");
        let why = with_child(&prints.replace("\nEND", "!\nEND"), &reference).unwrap_err();
        assert!(why.contains("the module has 7 bytes, and not 6"), "{why}");
    }

    #[test]
    fn a_child_that_refuses_hangs_dies_or_floods_is_an_error() {
        for (script, expected) in [
            ("printf 'jettison-refused/1\\nno such host'", "no such host"),
            ("exec sleep 60", "it was given up after 6 s"),
            ("echo oh >&2; kill -9 $$", "the fetching child ended (signal: 9 (SIGKILL)): oh"),
            ("exec yes", "the fetching child ended (signal: 25 (SIGXFSZ)): it said nothing"),
            ("exit 0", "the fetching child ended (exit status: 0): it said nothing"),
        ] {
            // The real one limits its reply by itself.
            let why = with_child(&format!("ulimit -f 1000\n{script}"), "ghcr.io/a:1").unwrap_err();
            assert_eq!(why, expected, "{script}");
        }
    }

    #[test]
    fn what_is_not_pinned_is_not_even_asked_for_and_without_a_network_the_store_alone() {
        let fetcher = Fetcher::new("/nonexistent".into(), 1_000);
        let why = |fetcher: &Fetcher, source: &str| fetcher.module(source).unwrap_err().to_string();
        assert!(why(&fetcher, "oci://ghcr.io/a:1").contains("has no digest"));
        let pinned = format!("oci://ghcr.io/a@{}", Digest::of(b"x"));
        assert!(why(&fetcher, &pinned).contains("/nonexistent fetch-module: No such file"));
        assert!(why(&fetcher.clone().offline(), &pinned).contains("it is not in the store"));
        let keeping = fetcher.keeping_below(Path::new("/var/lib/jettison"));
        let expected = format!("`jettison pull {pinned} --keep-dir /var/lib/jettison`");
        assert!(why(&keeping, &pinned).contains(&expected), "{}", why(&keeping, &pinned));
    }
}
