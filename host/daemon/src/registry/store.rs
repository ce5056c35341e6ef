//! What was fetched is kept, so that a start or a reload needs no registry.
//!
//! A file has a manifest and its module, and is named after the manifest's digest, by which it is proven each
//! time. So nothing has to be believed; that no other user can reach it is for what a policy may hold.

use std::io;
use std::path::{Path, PathBuf};

use jettison_policy::Vault;
use jettison_registry::{Artifact, Digest};

/// What the names of files end with.
const SUFFIX: &str = ".policy";
/// Where a service keeps them. Commands look there, too, and write nothing.
const KEPT: [&str; 2] = ["/var/lib/jettison/modules", "/run/jettison/modules"];
/// Some policies, some versions of each.
const FILES_MAX: usize = 32;
/// Bytes of all of them.
const BYTES_MAX: u64 = 512 << 20;

/// Directories of what was fetched.
#[derive(Clone, Debug, Default)]
pub(super) struct Store(Option<PathBuf>);

impl Store {
    /// Keeps it in `modules` below this directory.
    pub(super) fn below(directory: &Path) -> Self {
        Self(Some(directory.join("modules")))
    }

    /// What has this digest. The age of a file that is used begins anew, so it is not the first to go.
    pub(super) fn get(&self, digest: &Digest, module_bytes: u64) -> Option<Artifact> {
        let own = self.0.iter().map(|directory| Vault::open(directory, SUFFIX));
        let kept = KEPT.iter().map(|directory| Vault::open_shipped(Path::new(directory), SUFFIX));
        own.chain(kept).flatten().find_map(|vault| {
            let frame = vault.read(&name(digest), Artifact::frame_bytes_max(module_bytes)).ok()?;
            Artifact::decode(&frame).filter(|artifact| artifact.check(Some(digest)).is_ok())
        })
    }

    /// Keeps one, if there is a directory for it.
    pub(super) fn put(&self, digest: &Digest, artifact: &Artifact) -> io::Result<()> {
        let Some(directory) = &self.0 else { return Ok(()) };
        let named =
            |error: io::Error| io::Error::new(error.kind(), format!("{}: {error}", directory.display()));
        let kept = Vault::open(directory, SUFFIX).and_then(|vault| {
            vault.write_through(&name(digest), &artifact.encode())?;
            vault.keep_newest(FILES_MAX, BYTES_MAX)
        });
        kept.map_err(named)
    }

    /// How its directory is made known to `jettison pull`.
    pub(super) fn keep_dir(&self) -> Option<&Path> {
        self.0.as_deref().and_then(Path::parent)
    }
}

fn name(digest: &Digest) -> String {
    format!("{}{SUFFIX}", digest.hex())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// What a manifest has to have.
    fn artifact(module: &[u8]) -> (Digest, Artifact) {
        let manifest = format!(
            r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"","size":0}},"layers":[{{"mediaType":"application/wasm","digest":"{}","size":{}}}]}}"#,
            Digest::of(module),
            module.len()
        );
        let artifact = Artifact { manifest: manifest.into_bytes(), module: module.to_vec() };
        (artifact.check(None).unwrap(), artifact)
    }

    #[test]
    fn what_is_kept_is_found_until_a_byte_of_it_differs_or_others_can_reach_it() {
        let directory = tempfile::tempdir().unwrap();
        let (store, (digest, artifact)) = (Store::below(directory.path()), artifact(b"module"));
        assert_eq!(store.get(&digest, 100), None);
        store.put(&digest, &artifact).unwrap();
        assert_eq!(store.get(&digest, 100), Some(artifact.clone()));
        let file = directory.path().join("modules").join(name(&digest));
        let bytes = fs::read(&file).unwrap();
        let mut wrong = bytes.clone();
        *wrong.last_mut().unwrap() ^= 1;
        fs::write(&file, wrong).unwrap();
        assert_eq!(store.get(&digest, 100), None);
        fs::write(&file, &bytes).unwrap();
        assert!(store.get(&digest, 100).is_some());
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        assert_eq!(store.get(&digest, 100), None);
        store.put(&digest, &artifact).unwrap();
        assert!(store.get(&digest, 100).is_some());
        fs::set_permissions(file.parent().unwrap(), fs::Permissions::from_mode(0o750)).unwrap();
        assert_eq!(store.get(&digest, 100), None);
        assert!(
            store.put(&digest, &artifact).unwrap_err().to_string().contains("modules: others can reach it")
        );
    }

    #[test]
    fn without_a_directory_nothing_is_kept() {
        let (digest, artifact) = artifact(b"module");
        Store::default().put(&digest, &artifact).unwrap();
        assert_eq!(Store::default().get(&digest, 100), None);
    }
}
