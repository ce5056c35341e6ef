//! The usual footprints of units, as the file `usual.json` of the state directory.
//!
//! It is replaced as a whole. It is not synced to disk: one that is torn is ignored, and learned anew.

use std::io;
use std::path::{Path, PathBuf};

use jettison_sense::Usual;
use tracing::warn;

/// How often it is written at most.
const EVERY_MS: u64 = 600_000;
/// A larger file is not ours.
const BYTES_MAX: u64 = 1 << 20;

/// The file, and when it was written.
#[derive(Debug)]
pub(super) struct UsualFile {
    path: PathBuf,
    written_at_ms: u64,
    is_failing: bool,
}

impl UsualFile {
    /// `now_ms` is of the boot clock.
    pub(super) fn new(state_dir: &Path, now_ms: u64) -> Self {
        Self { path: state_dir.join("usual.json"), written_at_ms: now_ms, is_failing: false }
    }

    /// What a daemon before us has learned. A file that is not usable is ignored, and the log names it.
    pub(super) fn read(&self) -> Usual {
        let path = self.path.display();
        let text = match read(&self.path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Usual::default(),
            Err(error) => {
                warn!(%path, %error, "usual footprints cannot be read: they are learned anew");
                return Usual::default();
            }
        };
        Usual::from_bytes(&text).unwrap_or_else(|error| {
            warn!(%path, %error, "no file of usual footprints: it is ignored, and they are learned anew");
            Usual::default()
        })
    }

    /// Whether enough time has passed since it was written.
    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.written_at_ms) >= EVERY_MS
    }

    /// Replaces it. That it cannot be written is logged once, until it can.
    pub(super) fn write(&mut self, usual: &Usual, now_ms: u64) {
        self.written_at_ms = now_ms;
        let next = self.path.with_extension("json.next");
        let written =
            std::fs::write(&next, usual.to_bytes()).and_then(|()| std::fs::rename(&next, &self.path));
        if let Err(error) = &written
            && !self.is_failing
        {
            warn!(path = %self.path.display(), %error, "usual footprints cannot be written");
        }
        self.is_failing = written.is_err();
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if std::fs::metadata(path)?.len() > BYTES_MAX {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("has over {BYTES_MAX} bytes")));
    }
    std::fs::read(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_read_and_where_it_is_not_usable_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let mut file = UsualFile::new(folder.path(), 1_000);
        let has = |file: &UsualFile| String::from_utf8(file.read().to_bytes()).unwrap();
        let nothing = String::from_utf8(Usual::default().to_bytes()).unwrap();
        assert_eq!(has(&file), nothing, "there is none yet");
        let unit = r#"{"a.service":{"bytes":1,"observed_ms":2,"seen_at_ms":3}}"#;
        let text = format!(r#"{{"schema":"jettison.usual/1","units":{unit}}}"#);
        file.write(&Usual::from_bytes(text.as_bytes()).unwrap(), 2_000);
        assert_eq!(has(&file), text);
        assert_eq!([601_999, 602_000].map(|now_ms| file.is_due(now_ms)), [false, true]);
        for bad in [text.replace("/1", "/2"), text[..9].into(), String::new(), "0".repeat(2 << 20)] {
            std::fs::write(folder.path().join("usual.json"), bad).unwrap();
            assert_eq!(has(&file), nothing);
        }
        file.write(&Usual::default(), 3_000);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1, "nothing is left beside it");
        drop(folder);
        file.write(&Usual::default(), 4_000);
        assert!(file.is_failing && !file.is_due(5_000));
    }
}
