//! What the kernel counts for the whole host, besides its memory. Read at a scan, never between ticks.

use crate::io::error::SenseError;
use crate::io::file::{Buffer, KeptFile, open_root};
use crate::io::root::Root;
use crate::io::tree::{Tree, Unusable, if_present};
use crate::parse::loadavg::{Tasks, loadavg};
use crate::parse::pressure::{pressure, some_avg10};
use crate::parse::text::Malformed;
use crate::parse::vmstat::{Vmstat, vmstat};
use crate::parse::zoneinfo::{Watermarks, watermarks};

/// How often `zoneinfo` is read. It is long on hosts with many processors, and watermarks change only when
/// memory is plugged in, when `vm.min_free_kbytes` is set, and a little where the kernel boosts them
/// (`vm.watermark_boost_factor`).
const WATERMARKS_EVERY_MS: u64 = 60_000;

/// The files, and where they are. They stay open.
#[derive(Debug)]
pub(crate) struct HostCounters {
    proc: Tree,
    loadavg: KeptFile,
    vmstat: KeptFile,
    zoneinfo: KeptFile,
    io: KeptFile,
    cpu: KeptFile,
    watermarks: Option<Watermarks>,
    watermarks_at_ms: Option<u64>,
}

/// The values read. `None` where a file is absent or not usable.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counted {
    pub(crate) vmstat: Vmstat,
    pub(crate) watermarks: Option<Watermarks>,
    /// `some` and `full`, hundredths of a percent.
    pub(crate) io_avg10: Option<(u32, u32)>,
    /// `some`.
    pub(crate) cpu_avg10: Option<u32>,
}

impl HostCounters {
    pub(crate) fn new(root: &Root) -> Result<Self, SenseError> {
        Ok(Self {
            proc: Tree { path: root.proc.clone(), directory: open_root(&root.proc)? },
            loadavg: KeptFile::new(c"loadavg".into()),
            vmstat: KeptFile::list(c"vmstat".into()),
            zoneinfo: KeptFile::list(c"zoneinfo".into()),
            io: KeptFile::new(c"pressure/io".into()),
            cpu: KeptFile::new(c"pressure/cpu".into()),
            watermarks: None,
            watermarks_at_ms: None,
        })
    }

    /// The summary of the table of tasks. Equal twice: no task was created in between.
    pub(crate) fn tasks(
        &mut self,
        buffer: &mut Buffer,
        report: &mut dyn FnMut(&Unusable<'_>),
    ) -> Option<Tasks> {
        read(&self.proc, &mut self.loadavg, buffer, report, loadavg)
    }

    pub(crate) fn read(
        &mut self,
        now_ms: u64,
        buffer: &mut Buffer,
        report: &mut dyn FnMut(&Unusable<'_>),
    ) -> Counted {
        let proc = &self.proc;
        let is_old = |at_ms| now_ms.saturating_sub(at_ms) >= WATERMARKS_EVERY_MS;
        if self.watermarks_at_ms.is_none_or(is_old) {
            self.watermarks = read(proc, &mut self.zoneinfo, buffer, report, watermarks);
            self.watermarks_at_ms = Some(now_ms);
        }
        let io = read(proc, &mut self.io, buffer, report, pressure);
        Counted {
            vmstat: read(proc, &mut self.vmstat, buffer, report, vmstat).unwrap_or_default(),
            watermarks: self.watermarks,
            io_avg10: io.map(|io| (io.some_avg10, io.full_avg10)),
            cpu_avg10: read(proc, &mut self.cpu, buffer, report, some_avg10),
        }
    }
}

fn read<T>(
    proc: &Tree,
    file: &mut KeptFile,
    buffer: &mut Buffer,
    report: &mut dyn FnMut(&Unusable<'_>),
    parse: fn(&[u8]) -> Result<T, Malformed>,
) -> Option<T> {
    if_present(proc.read(file, buffer, parse)).unwrap_or_else(|unusable| {
        report(&unusable);
        None
    })
}
