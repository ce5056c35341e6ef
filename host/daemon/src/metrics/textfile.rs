//! The file that node_exporter's textfile collector reads: replaced as a whole, on a thread of its own.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use tracing::warn;

/// Between two writes: Prometheus asks every 15 to 60 s.
const EVERY_MS: u64 = 10_000;

/// The thread that writes it. If the disk hangs, newer texts are dropped.
#[derive(Debug)]
pub(crate) struct Textfile {
    texts: SyncSender<String>,
    written_at_ms: Option<u64>,
}

impl Textfile {
    /// Starts it if a file is configured.
    pub(crate) fn of(path: Option<PathBuf>) -> Option<Self> {
        let path = path?;
        let (texts, receiver) = sync_channel(1);
        let thread = std::thread::Builder::new().name("metrics".into());
        if let Err(error) = thread.spawn(move || write_all(&receiver, &path)) {
            warn!(%error, "metrics are not written: no thread can be started");
            return None;
        }
        Some(Self { texts, written_at_ms: None })
    }

    /// Hands a text over if it is time for one.
    pub(crate) fn write_if_due(&mut self, now_ms: u64, text: impl FnOnce() -> String) {
        if self.written_at_ms.is_some_and(|at_ms| now_ms.saturating_sub(at_ms) < EVERY_MS) {
            return;
        }
        self.written_at_ms = Some(now_ms);
        // Full: the one before is still being written.
        self.texts.try_send(text()).ok();
    }
}

fn write_all(texts: &Receiver<String>, path: &Path) {
    let mut is_failing = false;
    for text in texts {
        let written = write(path, &text);
        if let Err(error) = &written
            && !is_failing
        {
            warn!(path = %path.display(), %error, "metrics cannot be written");
        }
        is_failing = written.is_err();
    }
}

/// A reader finds the old text or the new one. Readable for all, as node_exporter needs it.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".next");
    let next = path.with_file_name(name);
    std::fs::write(&next, text)?;
    std::fs::set_permissions(&next, std::fs::Permissions::from_mode(0o644))?;
    std::fs::rename(&next, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_replaced_and_nothing_is_left_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("jettison.prom");
        write(&path, "a 1\n").unwrap();
        write(&path, "a 2\n").unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "a 2\n");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        write(&folder.path().join("missing/x"), "").unwrap_err();
    }
}
