//! Swap areas and zswap.

use super::read::Files;
use crate::io::root::Root;
use crate::parse::swaps::{SwapArea, swap_areas};

/// What a swap area is on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapKind {
    /// A partition or a file.
    Disk,
    /// Compressed memory (Documentation/admin-guide/blockdev/zram.rst).
    Zram,
}

/// One swap area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SwapDevice {
    /// What it is on.
    pub kind: SwapKind,
    /// Its size, bytes.
    pub size_bytes: u64,
    /// What is in it, bytes before compression.
    pub used_bytes: u64,
}

pub(super) fn devices(root: &Root, files: &mut Files) -> Vec<SwapDevice> {
    let text = files.read(&root.proc.join("swaps")).unwrap_or_default();
    let device = |area: SwapArea| SwapDevice {
        kind: if area.zram.is_some() { SwapKind::Zram } else { SwapKind::Disk },
        size_bytes: area.size_bytes,
        used_bytes: area.used_bytes,
    };
    swap_areas(&text).map(device).collect()
}

pub(super) fn has_zswap(root: &Root, files: &mut Files) -> bool {
    files.read(&root.sys.join("module/zswap/parameters/enabled")).is_some_and(|text| text.starts_with(b"Y"))
}
