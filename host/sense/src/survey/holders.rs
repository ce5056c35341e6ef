//! What holds memory that no process has: file systems in memory, and the kernel itself.

use std::path::PathBuf;

use rustix::fs::statvfs;

use crate::io::root::Root;
use crate::parse::meminfo::meminfo;
use crate::parse::mounts::mounts;
use crate::parse::text::{cut, kib, lines};

/// File systems that are named, the largest first.
const MOUNTS_MAX: usize = 3;

/// One that holds memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holder {
    /// `tmpfs`, or a name of `/proc/meminfo`: `Slab`, `PageTables`, `Percpu`, `HugePages`.
    pub what: &'static str,
    /// Where a file system is mounted.
    pub mount: Option<PathBuf>,
    /// How much it holds.
    pub used_bytes: u64,
    /// How much a file system may hold.
    pub size_bytes: Option<u64>,
}

/// The three fullest file systems in memory that we see mounted, then what the kernel holds. Nothing of a
/// machine that is a folder: its mounts are not there.
#[must_use]
pub fn holders(root: &Root) -> Vec<Holder> {
    if !root.is_live() {
        return Vec::new();
    }
    let read = |file: &str| std::fs::read(root.proc.join(file)).unwrap_or_default();
    let mut found = of_mounts(&read("self/mountinfo"), |point| {
        let said = statvfs(point).ok()?;
        let bytes = |blocks: u64| blocks.saturating_mul(said.f_frsize);
        Some((bytes(said.f_blocks.saturating_sub(said.f_bfree)), bytes(said.f_blocks)))
    });
    found.extend(of_kernel(&read("meminfo")));
    found
}

/// `sizes` says how much of a mounted file system is used, and its size. One that is mounted twice counts
/// once.
fn of_mounts(text: &[u8], sizes: impl Fn(&PathBuf) -> Option<(u64, u64)>) -> Vec<Holder> {
    let mut devices = Vec::new();
    let mut found: Vec<Holder> = Vec::new();
    for mount in mounts(text).flatten().filter(|mount| mount.fs_type == "tmpfs") {
        if devices.contains(&mount.majmin) {
            continue;
        }
        devices.push(mount.majmin);
        if let Some((used_bytes @ 1.., size)) = sizes(&mount.mount_point) {
            let size_bytes = Some(size).filter(|&size| size > 0);
            found.push(Holder { what: "tmpfs", mount: Some(mount.mount_point), used_bytes, size_bytes });
        }
    }
    found.sort_by(|a, b| b.used_bytes.cmp(&a.used_bytes).then_with(|| a.mount.cmp(&b.mount)));
    found.truncate(MOUNTS_MAX);
    found
}

/// Of `meminfo`; what is absent or empty is left out.
fn of_kernel(text: &[u8]) -> Vec<Holder> {
    let holder = |what, used_bytes| {
        (used_bytes > 0).then_some(Holder { what, mount: None, used_bytes, size_bytes: None })
    };
    let line = |what: &'static str| {
        let value = lines(text).filter_map(|line| cut(line, b':')).find(|(key, _)| *key == what.as_bytes());
        holder(what, kib(value?.1)?)
    };
    let pool = meminfo(text).map_or(0, |found| found.hugetlb_bytes);
    ["Slab", "PageTables", "Percpu"].into_iter().filter_map(line).chain(holder("HugePages", pool)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    #[test]
    fn the_fullest_file_systems_in_memory_are_named_once_each() {
        let text = b"20 1 0:20 / /dev/shm rw - tmpfs tmpfs rw\n\
            21 1 0:21 / /run rw - tmpfs tmpfs rw\n\
            22 1 0:20 / /elsewhere rw - tmpfs tmpfs rw\n\
            23 1 8:1 / /home rw - ext4 /dev/sda1 rw\n\
            24 1 0:24 / /tmp rw - tmpfs tmpfs rw\n\
            25 1 0:25 / /empty rw - tmpfs tmpfs rw\n\
            26 1 0:26 / /gone rw - tmpfs tmpfs rw\n\
            27 1 0:27 / /small rw - tmpfs tmpfs rw\ngarbage\n";
        let found = of_mounts(text, |point| match point.to_str()? {
            "/dev/shm" => Some((3_000 * MIB, 4_000 * MIB)),
            "/run" => Some((5, 0)),
            "/tmp" => Some((4_000 * MIB, 9_000 * MIB)),
            "/small" => Some((1, 1)),
            "/empty" => Some((0, 1)),
            _ => None,
        });
        let found: Vec<_> =
            found.iter().map(|of| (of.mount.as_ref().unwrap().to_str().unwrap(), of.size_bytes)).collect();
        let expected = [("/tmp", Some(9_000 * MIB)), ("/dev/shm", Some(4_000 * MIB)), ("/run", None)];
        assert_eq!(found, expected);
    }

    #[test]
    fn what_the_kernel_holds_is_in_meminfo() {
        let text = "MemTotal: 9 kB\nMemAvailable: 1 kB\nSlab:  2048 kB\nSUnreclaim: 9 kB\n\
            PageTables: 1024 kB\nPercpu: 0 kB\nHugetlb: 4096 kB\n";
        let found: Vec<_> =
            of_kernel(text.as_bytes()).iter().map(|of| (of.what, of.used_bytes / MIB)).collect();
        assert_eq!(found, [("Slab", 2), ("PageTables", 1), ("HugePages", 4)]);
        assert_eq!(of_kernel(b"garbage"), []);
    }

    #[test]
    fn this_machine_names_some_and_a_folder_none() {
        assert!(holders(&Root::live()).iter().any(|holder| holder.what == "Slab"));
        assert_eq!(holders(&Root::below("/nowhere".as_ref())), []);
    }
}
