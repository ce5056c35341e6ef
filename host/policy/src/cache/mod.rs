//! Compiled code kept on disk, so that a restart under pressure compiles nothing.
//!
//! A file is named after the module's digest and [`COMPATIBILITY`]: another version of this program, other
//! settings or another architecture never look at it. It holds a SHA-256 over its name and the rest, then
//! the frame that the compiling child wrote. The checksum is for torn and rotten files; what keeps others
//! from handing us native code is the [`Vault`].
//!
//! Nothing here is ever an error: whatever is wrong with a file or with the directory, the module is
//! compiled.

use std::io;
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};

use crate::engine::COMPATIBILITY;
use crate::limits::{CACHE_BYTES_MAX, CACHE_FILES_MAX, CompileLimits};
use crate::reply::{self, Code};
use crate::vault::Vault;

/// What the names of all files end with.
const SUFFIX: &str = ".code";
/// Bytes of a SHA-256.
const CHECKSUM_BYTES: usize = 32;

/// Directories of compiled modules.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cache {
    /// What was compiled before is kept here.
    dir: Option<PathBuf>,
    /// What came with the program. Only read.
    shipped: Option<PathBuf>,
}

impl Cache {
    /// Touches nothing yet.
    pub(crate) fn keeping_in(self, dir: &Path) -> Self {
        Self { dir: Some(dir.to_owned()), ..self }
    }

    /// Touches nothing yet.
    pub(crate) fn shipped_in(self, dir: &Path) -> Self {
        Self { shipped: Some(dir.to_owned()), ..self }
    }

    /// Why nothing can be kept, in words. Tries it, so the directory is there afterwards if it can be made.
    pub(crate) fn problem(&self) -> Option<String> {
        let dir = self.dir.as_ref()?;
        let error = Vault::open(dir, SUFFIX).err()?;
        Some(format!("{}: {error}", dir.display()))
    }

    /// What an earlier compilation of the module with this digest brought, if it is within these limits.
    pub(crate) fn get(&self, digest: &str, limits: CompileLimits) -> Option<Code> {
        let name = name(digest);
        let kept = self.dir.as_ref().map(|dir| Vault::open(dir, SUFFIX));
        let shipped = self.shipped.as_ref().map(|dir| Vault::open_shipped(dir, SUFFIX));
        kept.into_iter().chain(shipped).flatten().find_map(|vault| {
            let file = vault.read(&name, limits.code_bytes() + CHECKSUM_BYTES as u64).ok()?;
            opened(&name, &file).filter(|code| code.compatibility == COMPATIBILITY)
        })
    }

    /// Keeps it if that is possible. The child may have been another version of the program than this one;
    /// its code is not ours to keep.
    pub(crate) fn put(&self, digest: &str, code: &Code) {
        let Some(dir) = self.dir.as_ref().filter(|_| code.compatibility == COMPATIBILITY) else { return };
        let name = name(digest);
        let kept: io::Result<()> = Vault::open(dir, SUFFIX).and_then(|vault| {
            vault.write(&name, &sealed(&name, code))?;
            vault.keep_newest(CACHE_FILES_MAX, CACHE_BYTES_MAX)
        });
        // The next start compiles again; `problem` says why.
        drop(kept);
    }
}

fn name(digest: &str) -> String {
    format!("{digest}-{COMPATIBILITY}{SUFFIX}")
}

fn sealed(name: &str, code: &Code) -> Vec<u8> {
    let frame = reply::encode(&Ok(code.clone()));
    let mut file = checksum(name, &frame).to_vec();
    file.extend_from_slice(&frame);
    file
}

/// Nothing if a byte is missing, too many or another than was written, or if the file had another name then.
fn opened(name: &str, file: &[u8]) -> Option<Code> {
    let (sum, frame) = file.split_first_chunk::<CHECKSUM_BYTES>()?;
    if *sum != checksum(name, frame) {
        return None;
    }
    reply::decode(frame)?.ok()
}

fn checksum(name: &str, frame: &[u8]) -> [u8; CHECKSUM_BYTES] {
    Sha256::new().chain_update(name).chain_update(frame).finalize().into()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn code() -> Code {
        Code { compatibility: "c".into(), imports: vec!["host.now-ms".into()], code: vec![0, 1, 2, 255] }
    }

    #[test]
    fn a_file_opens_as_what_was_sealed_under_its_own_name_only() {
        let file = sealed("a.code", &code());
        assert_eq!(opened("a.code", &file), Some(code()));
        assert_eq!(opened("b.code", &file), None);
    }

    #[test]
    fn no_byte_may_be_missing_too_many_or_changed() {
        let mut file = sealed("a.code", &code());
        for index in 0..file.len() {
            assert_eq!(opened("a.code", &file[..index]), None, "cut at {index}");
            file[index] ^= 0x10;
            assert_eq!(opened("a.code", &file), None, "changed at {index}");
            file[index] ^= 0x10;
        }
        file.push(0);
        assert_eq!(opened("a.code", &file), None);
    }

    #[test]
    fn code_of_another_version_of_the_program_is_not_kept() {
        let dir = tempfile::tempdir().expect("a directory");
        let cache = Cache::default().keeping_in(&dir.path().join("modules"));
        cache.put("digest", &code());
        assert_eq!(cache.get("digest", CompileLimits::default()), None);
        let files = std::fs::read_dir(dir.path().join("modules")).expect("it was made to look into");
        assert_eq!(files.count(), 0);
        let ours = Code { compatibility: COMPATIBILITY.into(), ..code() };
        cache.put("digest", &ours);
        assert_eq!(cache.get("digest", CompileLimits::default()), Some(ours));
        assert_eq!(cache.get("another", CompileLimits::default()), None);
    }

    #[test]
    fn what_came_with_the_program_is_read_and_never_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let shipped = dir.path().join("shipped");
        let making = Cache::default().keeping_in(&shipped);
        let ours = Code { compatibility: COMPATIBILITY.into(), ..code() };
        making.put("digest", &ours);
        let mode = |bits| std::fs::set_permissions(&shipped, std::fs::Permissions::from_mode(bits));
        mode(0o755).expect("it is ours");
        let cache = Cache::default().keeping_in(&dir.path().join("modules")).shipped_in(&shipped);
        assert_eq!(cache.get("digest", CompileLimits::default()), Some(ours.clone()));
        assert_eq!(cache.get("another", CompileLimits::default()), None);
        cache.put("another", &ours);
        assert_eq!(std::fs::read_dir(&shipped).expect("it is there").count(), 1);
        mode(0o775).expect("it is ours");
        assert_eq!(cache.get("digest", CompileLimits::default()), None, "its group could have written it");
    }
}
