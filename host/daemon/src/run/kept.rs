//! What the daemon has learned, as files that outlive it: `usual.json` and `ease.json`.
//!
//! Each is replaced as a whole. It is not synced to disk: one that is torn is ignored, and learned anew.

use std::fmt;
use std::path::{Path, PathBuf};

use jettison_sense::{EaseMarks, Sensor, Usual};
use tracing::{debug, warn};

use crate::bounded;

/// A larger file is not ours.
const BYTES_MAX: u64 = 8 << 20;

/// A file, and when it was written.
#[derive(Debug)]
pub(super) struct KeptFile {
    path: PathBuf,
    /// How often it is written at most.
    every_ms: u64,
    /// Of the boot clock.
    written_at_ms: u64,
    is_failing: bool,
}

impl KeptFile {
    fn new(path: PathBuf, every_ms: u64, now_ms: u64) -> Self {
        Self { path, every_ms, written_at_ms: now_ms, is_failing: false }
    }

    /// What a daemon before us has learned. A file that is not usable is ignored, and the log names it.
    pub(super) fn read<T, E: fmt::Display>(&self, parse: impl FnOnce(&[u8]) -> Result<T, E>) -> Option<T> {
        let path = self.path.display();
        let text = match bounded::read(&self.path, BYTES_MAX, false) {
            Ok(text) => text,
            Err(error) if error.is_absent() => return None,
            Err(error) => {
                warn!(%path, %error, "what was learned cannot be read: it is learned anew");
                return None;
            }
        };
        let parsed = parse(&text);
        parsed.map_err(|error| warn!(%path, %error, "it is ignored, and learned anew")).ok()
    }

    /// Whether enough time has passed since it was written.
    pub(super) fn is_due(&self, now_ms: u64) -> bool {
        now_ms.saturating_sub(self.written_at_ms) >= self.every_ms
    }

    /// Replaces it. That it cannot be written is logged once, until it can.
    pub(super) fn write(&mut self, bytes: &[u8], now_ms: u64) {
        self.written_at_ms = now_ms;
        let next = self.path.with_extension("json.next");
        let written = std::fs::write(&next, bytes).and_then(|()| std::fs::rename(&next, &self.path));
        if let Err(error) = &written
            && !self.is_failing
        {
            warn!(path = %self.path.display(), %error, "what was learned cannot be written");
        }
        self.is_failing = written.is_err();
    }
}

/// Both files.
#[derive(Debug)]
pub(super) struct Kept {
    /// The usual footprints of units.
    pub(super) usual: KeptFile,
    /// What was held when memory was last at ease.
    pub(super) ease: KeptFile,
}

impl Kept {
    /// `now_ms` is of the boot clock.
    pub(super) fn new(keep_dir: &Path, state_dir: &Path, now_ms: u64) -> Self {
        let usual = KeptFile::new(keep_dir.join("usual.json"), 600_000, now_ms);
        // It changes by the minute, and is worth nothing after a boot, as is a directory in memory.
        Self { usual, ease: KeptFile::new(state_dir.join("ease.json"), 120_000, now_ms) }
    }

    pub(super) fn read_usual(&self) -> Usual {
        self.usual.read(Usual::from_bytes).unwrap_or_default()
    }

    /// Tells a sensor what was held when memory was last at ease, before this start.
    pub(super) fn remind(&self, sensor: &mut Sensor, now_ms: u64) {
        if let Some(marks) = self.read_ease() {
            let is_usable = sensor.remember(now_ms, &marks);
            debug!(is_usable, "what was held when memory was last at ease, before this start");
        }
    }

    fn read_ease(&self) -> Option<EaseMarks> {
        self.ease.read(EaseMarks::from_bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_read_and_where_it_is_not_usable_ignored() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Kept::new(folder.path(), folder.path(), 1_000);
        let has = |files: &Kept| String::from_utf8(files.read_usual().to_bytes()).unwrap();
        let nothing = String::from_utf8(Usual::default().to_bytes()).unwrap();
        assert!(has(&files) == nothing && files.read_ease().is_none(), "there is none yet");
        let unit = r#"{"a.service":{"bytes":1,"observed_ms":2,"seen_at_ms":3}}"#;
        let text = format!(r#"{{"schema":"jettison.usual/1","units":{unit}}}"#);
        files.usual.write(text.as_bytes(), 2_000);
        assert_eq!(has(&files), text);
        assert_eq!([601_999, 602_000].map(|now_ms| files.usual.is_due(now_ms)), [false, true]);
        assert_eq!([120_999, 121_000].map(|now_ms| files.ease.is_due(now_ms)), [false, true]);
        for bad in [text.replace("/1", "/2"), text[..9].into(), String::new(), "0".repeat(9 << 20)] {
            std::fs::write(folder.path().join("usual.json"), &bad).unwrap();
            std::fs::write(folder.path().join("ease.json"), bad).unwrap();
            assert!(has(&files) == nothing && files.read_ease().is_none());
        }
        files.usual.write(b"", 3_000);
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2, "nothing is left beside them");
        let mut gone = KeptFile::new(folder.path().join("gone/file.json"), 1_000, 3_000);
        gone.write(b"", 4_000);
        assert!(gone.is_failing && !gone.is_due(4_500));
    }
}
