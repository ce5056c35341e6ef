//! Reading the files of a survey. An absent file is normal; one that cannot be read or parsed is a fault that
//! names it.

use std::fmt::Display;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use jettison_model::SenseFault;
use rustix::io::Errno;

use crate::io::file::is_gone;
use crate::parse::text::{Malformed, number};

/// How much of a file is read; all of these are far shorter.
const SURVEYED_BYTES_MAX: u64 = 1 << 20;

/// The reads of one survey.
#[derive(Debug, Default)]
pub(super) struct Files {
    pub(super) faults: Vec<SenseFault>,
}

impl Files {
    /// A file from its start. `None` if it is absent, or after a fault.
    pub(super) fn read(&mut self, path: &Path) -> Option<Vec<u8>> {
        let mut text = Vec::new();
        let read = File::open(path).and_then(|file| file.take(SURVEYED_BYTES_MAX).read_to_end(&mut text));
        match read {
            Ok(_) => return Some(text),
            Err(error) if is_absence(&error) => {}
            Err(error) => self.fault(path, &format_args!("cannot be read: {error}")),
        }
        None
    }

    /// Likewise, parsed.
    pub(super) fn parsed<T>(
        &mut self,
        path: &Path,
        parse: impl FnOnce(&[u8]) -> Result<T, Malformed>,
    ) -> Option<T> {
        let text = self.read(path)?;
        parse(&text).map_err(|what| self.fault(path, &what)).ok()
    }

    /// Likewise, a number.
    pub(super) fn number(&mut self, path: &Path) -> Option<u64> {
        self.parsed(path, |text| number(text.trim_ascii()).ok_or(Malformed("not a number")))
    }

    pub(super) fn fault(&mut self, path: &Path, what: &dyn Display) {
        self.faults.push(SenseFault { path: path.display().to_string(), what: what.to_string() });
    }
}

/// Whether the kernel or the machine does not have the file, or has it switched off, as PSI with `psi=0`.
fn is_absence(error: &std::io::Error) -> bool {
    Errno::from_io_error(error).is_some_and(|errno| is_gone(errno) || errno == Errno::OPNOTSUPP)
}
