//! The host's own memory: `meminfo`, corrected. All files stay open; a warm read allocates nothing.

use std::ffi::CString;
use std::path::PathBuf;

use crate::host::corrections::{Swap, arc_shrinkable_bytes, pageable_bytes, zram_swap};
use crate::host::domain::Memory;
use crate::io::error::SenseError;
use crate::io::file::{Buffer, KeptFile, open_root};
use crate::io::root::Root;
use crate::io::tree::{Tree, Unusable, if_present};
use crate::parse::arcstats::{Arcstats, arcstats};
use crate::parse::meminfo::{Meminfo, meminfo};
use crate::parse::mounts::is_of_lxcfs;
use crate::parse::pressure::{Pressure, pressure};
use crate::parse::swaps::{SwapArea, swap_areas, zram_stat};
use crate::parse::text::Malformed;

/// Reads until an absent `arcstats` is tried again: the module of ZFS may be loaded later.
const READS_WITHOUT_ARC: u8 = 20;

/// The files, and where they are.
#[derive(Debug)]
pub(crate) struct HostMemory {
    proc: Tree,
    meminfo: KeptFile,
    pressure: KeptFile,
    arc: ZfsCache,
    swaps: Swaps,
    said: Meminfo,
    is_of_container: bool,
}

/// The cache of ZFS, where there is one.
#[derive(Debug)]
struct ZfsCache {
    arcstats: KeptFile,
    /// Reads until the file is tried again.
    reads_without: u8,
}

/// The swap areas, which may be added and removed at any time.
#[derive(Debug)]
struct Swaps {
    list: KeptFile,
    areas: Vec<SwapArea>,
    /// `sys/block`. Absent where there are no block devices at all.
    block: Option<Tree>,
    zrams: Vec<Zram>,
}

#[derive(Debug)]
struct Zram {
    number: u32,
    mm_stat: KeptFile,
}

impl HostMemory {
    pub(crate) fn new(root: &Root) -> Result<Self, SenseError> {
        let block: PathBuf = root.sys.join("block");
        Ok(Self {
            proc: Tree { path: root.proc.clone(), directory: open_root(&root.proc)? },
            meminfo: KeptFile::new(c"meminfo".into()),
            pressure: KeptFile::new(c"pressure/memory".into()),
            arc: ZfsCache { arcstats: KeptFile::new(c"spl/kstat/zfs/arcstats".into()), reads_without: 0 },
            swaps: Swaps {
                list: KeptFile::new(c"swaps".into()),
                areas: Vec::new(),
                block: open_root(&block).ok().map(|directory| Tree { path: block, directory }),
                zrams: Vec::new(),
            },
            said: Meminfo::default(),
            is_of_container: is_of_lxcfs(
                &std::fs::read(root.proc.join("self/mountinfo")).unwrap_or_default(),
                "/proc/meminfo",
            ),
        })
    }

    /// Whether `meminfo` is lxcfs's: total, available memory and swap are the container's, while all other
    /// files, and lines of `meminfo` that lxcfs passes on, are the host's and say nothing about it.
    pub(crate) fn is_of_container(&self) -> bool {
        self.is_of_container
    }

    /// The memory of the host. A correction is left out if its file is not usable, which is reported, or
    /// absent, which is normal: no ZFS, no zram.
    pub(crate) fn read(
        &mut self,
        buffer: &mut Buffer,
        report: &mut dyn FnMut(&Unusable<'_>),
    ) -> Result<Memory, Unusable<'_>> {
        self.said = Meminfo::default();
        let mut found = self.proc.read(&mut self.meminfo, buffer, meminfo)?;
        if self.is_of_container {
            (found.hugetlb_bytes, found.zswap_bytes, found.zswapped_bytes) = (0, None, None);
        }
        self.said = found;
        if self.is_of_container {
            return Ok(Memory {
                total_bytes: found.total_bytes,
                available_bytes: found.available_bytes.min(found.total_bytes),
                swap_total_bytes: found.swap_total_bytes,
                swap_free_bytes: found.swap_free_bytes,
            });
        }
        let arc = self.arc.read(&self.proc, buffer, report);
        let total = pageable_bytes(found.total_bytes, found.hugetlb_bytes);
        let shrinkable = arc.map_or(0, |arc| arc_shrinkable_bytes(&arc));
        let mut memory = Memory {
            total_bytes: total,
            available_bytes: found.available_bytes.saturating_add(shrinkable).min(total),
            swap_total_bytes: found.swap_total_bytes,
            swap_free_bytes: found.swap_free_bytes,
        };
        if memory.swap_total_bytes > 0 {
            self.swaps.correct(&self.proc, buffer, report, &mut memory);
        }
        Ok(memory)
    }

    /// `meminfo` as last read; zeros if it could not be read.
    pub(crate) fn said(&self) -> &Meminfo {
        &self.said
    }

    /// Whether swap was empty at the last read.
    pub(crate) fn is_swap_unused(&self) -> bool {
        self.said.total_bytes > 0 && self.said.swap_total_bytes == self.said.swap_free_bytes
    }

    /// `None` where the kernel has no PSI.
    pub(crate) fn pressure(&mut self, buffer: &mut Buffer) -> Result<Option<Pressure>, Unusable<'_>> {
        if_present(self.proc.read(&mut self.pressure, buffer, pressure))
    }
}

impl ZfsCache {
    /// `None` without ZFS.
    fn read(
        &mut self,
        proc: &Tree,
        buffer: &mut Buffer,
        report: &mut dyn FnMut(&Unusable<'_>),
    ) -> Option<Arcstats> {
        if self.reads_without > 0 {
            self.reads_without -= 1;
            return None;
        }
        let found = known(if_present(proc.read(&mut self.arcstats, buffer, arcstats)), report);
        if found == Some(None) {
            self.reads_without = READS_WITHOUT_ARC;
        }
        found.flatten()
    }
}

impl Swaps {
    fn correct(
        &mut self,
        proc: &Tree,
        buffer: &mut Buffer,
        report: &mut dyn FnMut(&Unusable<'_>),
        memory: &mut Memory,
    ) {
        let Self { list, areas, block, zrams } = self;
        areas.clear();
        let read = proc.read(list, buffer, |text| {
            areas.extend(swap_areas(text));
            Ok(())
        });
        known(if_present(read), report);
        for &area in areas.iter() {
            let Some(number) = area.zram else {
                continue;
            };
            let stat = block.as_ref().and_then(|block| {
                let file = stat_of(zrams, number)?;
                let parsed = block.read(file, buffer, |text| {
                    zram_stat(text).ok_or(Malformed("not `orig_data_size compr_data_size ...`"))
                });
                known(if_present(parsed), report)?
            });
            memory.replace_swap(area, zram_swap(area, stat));
        }
    }
}

impl Memory {
    /// Counts an area at what it is worth instead of its nominal size.
    fn replace_swap(&mut self, area: SwapArea, worth: Swap) {
        let free = area.size_bytes.saturating_sub(area.used_bytes);
        self.swap_total_bytes =
            self.swap_total_bytes.saturating_sub(area.size_bytes).saturating_add(worth.total_bytes);
        self.swap_free_bytes = self.swap_free_bytes.saturating_sub(free).saturating_add(worth.free_bytes);
    }
}

/// The kept file of a device, which is made when the device is first seen.
fn stat_of(zrams: &mut Vec<Zram>, number: u32) -> Option<&mut KeptFile> {
    let at = zrams.iter().position(|zram| zram.number == number).unwrap_or(zrams.len());
    if at == zrams.len() {
        let path = CString::new(format!("zram{number}/mm_stat")).ok()?;
        zrams.push(Zram { number, mm_stat: KeptFile::new(path) });
    }
    zrams.get_mut(at).map(|zram| &mut zram.mm_stat)
}

fn known<T>(result: Result<T, Unusable<'_>>, report: &mut dyn FnMut(&Unusable<'_>)) -> Option<T> {
    result.map_err(|unusable| report(&unusable)).ok()
}
