//! What the reclaim of a test machine goes by. Consistent with nothing else: a test says what it needs.

use super::cells::Cells;
use super::machine::Machine;
use super::process_row::MIB;
use crate::columns::{Host, NONE_U32, UNKNOWN_U64};

/// The numbers as the host hands them over. Pressure is 0, all else unknown unless told.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reclaim {
    io_pressure: (u32, u32),
    cpu_pressure: u32,
    free_bytes: u64,
    watermarks: [u64; 3],
    zswap_bytes: u64,
    zswapped_bytes: u64,
}

impl Default for Reclaim {
    fn default() -> Self {
        Self {
            io_pressure: (0, 0),
            cpu_pressure: 0,
            free_bytes: UNKNOWN_U64,
            watermarks: [UNKNOWN_U64; 3],
            zswap_bytes: UNKNOWN_U64,
            zswapped_bytes: UNKNOWN_U64,
        }
    }
}

impl Reclaim {
    /// As a file has them.
    pub(super) fn read(host: &Cells<'_>) -> Result<Self, String> {
        let io = |kind: &str| host.single(&format!("io_pressure_{kind}_avg10"));
        Ok(Self {
            io_pressure: (io("some")?, io("full")?),
            cpu_pressure: host.single("cpu_pressure_some_avg10")?,
            free_bytes: host.single("memory_free_bytes")?,
            watermarks: [
                host.single("watermark_min_bytes")?,
                host.single("watermark_low_bytes")?,
                host.single("watermark_high_bytes")?,
            ],
            zswap_bytes: host.single("zswap_bytes")?,
            zswapped_bytes: host.single("zswapped_bytes")?,
        })
    }

    /// Fills in the numbers of the host.
    pub(super) fn fill(self, host: &mut Host) {
        let [min, low, high] = self.watermarks;
        host.io_pressure_some_avg10 = self.io_pressure.0.into();
        host.io_pressure_full_avg10 = self.io_pressure.1.into();
        host.cpu_pressure_some_avg10 = self.cpu_pressure.into();
        host.memory_free_bytes = self.free_bytes.into();
        host.watermark_min_bytes = min.into();
        host.watermark_low_bytes = low.into();
        host.watermark_high_bytes = high.into();
        host.zswap_bytes = self.zswap_bytes.into();
        host.zswapped_bytes = self.zswapped_bytes.into();
    }
}

/// What the kernel's reclaim goes by. Pressure is 0 and all else unknown unless told otherwise.
impl Machine {
    /// PSI of block I/O, `some` and `full` avg10, hundredths of a percent; `None` for a kernel without PSI.
    pub fn io_pressure_avg10(mut self, some_and_full: Option<(u32, u32)>) -> Self {
        self.reclaim.io_pressure = some_and_full.unwrap_or((NONE_U32, NONE_U32));
        self
    }

    /// PSI of the processors, `some` avg10, hundredths of a percent; `None` for a kernel without PSI.
    pub fn cpu_pressure_avg10(mut self, some: Option<u32>) -> Self {
        self.reclaim.cpu_pressure = some.unwrap_or(NONE_U32);
        self
    }

    /// Memory that is not used for anything.
    pub fn free_mib(mut self, mib: u64) -> Self {
        self.reclaim.free_bytes = mib * MIB;
        self
    }

    /// The watermarks of all zones together.
    pub fn watermarks_mib(mut self, min: u64, low: u64, high: u64) -> Self {
        self.reclaim.watermarks = [min, low, high].map(|mib| mib * MIB);
        self
    }

    /// What zswap takes, and what it holds for that.
    pub fn zswap_mib(mut self, mib: u64, holds_mib: u64) -> Self {
        (self.reclaim.zswap_bytes, self.reclaim.zswapped_bytes) = (mib * MIB, holds_mib * MIB);
        self
    }
}
