//! What is available, corrected: on machines made up here, and the list in `corrections.rs` against the live
//! kernel.

use std::fs;
use std::os::fd::OwnedFd;
use std::path::Path;

use jettison_model::{Needs, SenseFault, Snapshot};
use jettison_sense::{Memory, Now, Root, Sensor};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::io::pwrite;
use tempfile::TempDir;

const MIB: u64 = 1 << 20;
const SWAPS: &str = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n";
const ZRAM_2_GIB_HALF_USED: &str = "/dev/zram0 partition\t2097152\t\t1048576\t\t100\n";

/// A machine of 16 GiB, 1 GiB of it available, 1 GiB of 2 GiB swap free.
fn machine(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    write(
        folder.path(),
        "proc/meminfo",
        "MemTotal: 16777216 kB\nMemAvailable: 1048576 kB\nSwapTotal: 2097152 kB\nSwapFree: 1048576 kB\n",
    );
    fs::create_dir_all(folder.path().join("sys/block")).unwrap();
    files.iter().for_each(|(path, text)| write(folder.path(), path, text));
    folder
}

fn write(machine: &Path, path: &str, text: &str) {
    let path = machine.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn sensor(machine: &TempDir) -> Sensor {
    Sensor::new(Root::below(machine.path()), None).unwrap()
}

/// Available, total; free swap, swap: in MiB.
fn probed_mib(sensor: &mut Sensor) -> [u64; 4] {
    let Memory { total_bytes, available_bytes, swap_total_bytes, swap_free_bytes } = sensor.probe().unwrap();
    [available_bytes, total_bytes, swap_free_bytes, swap_total_bytes].map(|bytes| bytes / MIB)
}

fn faults(sensor: &mut Sensor) -> Vec<SenseFault> {
    sensor.sense(Needs::default(), Now { boot_ms: 1, wall_ms: 1 }, &mut Snapshot::default());
    sensor.faults().to_vec()
}

#[test]
fn without_zfs_and_zram_it_is_what_the_kernel_says() {
    let disk = [SWAPS, "/dev/sda2 partition 2097152 1048576 -2\n"].concat();
    for machine in [machine(&[]), machine(&[("proc/swaps", &disk)]), machine(&[("proc/swaps", "?")])] {
        let mut sensor = sensor(&machine);
        assert_eq!(probed_mib(&mut sensor), [1024, 16384, 1024, 2048]);
        assert_eq!(faults(&mut sensor), []);
    }
}

#[test]
fn the_cache_of_zfs_is_available_down_to_its_minimum() {
    let stats = |size: u64, clean: u64| {
        format!(
            "name type data\nc_min 4 {}\nsize 4 {}\nmru_evictable_data 4 {}\n",
            MIB,
            size * MIB,
            clean * MIB
        )
    };
    let machine = machine(&[("proc/spl/kstat/zfs/arcstats", &stats(8193, 9000))]);
    let mut sensor = sensor(&machine);
    assert_eq!(probed_mib(&mut sensor), [1024 + 8192, 16384, 1024, 2048]);
    write(machine.path(), "proc/spl/kstat/zfs/arcstats", &stats(8193, 500));
    assert_eq!(probed_mib(&mut sensor), [1524, 16384, 1024, 2048], "the rest is dirty");
    // Available memory is at most the total, whatever a file says.
    write(machine.path(), "proc/spl/kstat/zfs/arcstats", &stats(1 << 40, 1 << 40));
    assert_eq!(probed_mib(&mut sensor), [16384, 16384, 1024, 2048]);
    write(machine.path(), "proc/spl/kstat/zfs/arcstats", "size 4 x\n");
    assert_eq!(probed_mib(&mut sensor), [1024, 16384, 1024, 2048], "no correction is made up");
    let said = faults(&mut sensor);
    assert!(said.len() == 1 && said[0].path.ends_with("arcstats"), "{said:?}");
}

#[test]
fn swap_on_zram_counts_for_what_it_saves() {
    let swaps = [SWAPS, ZRAM_2_GIB_HALF_USED].concat();
    // 1 GiB is stored in 256 MiB: three quarters are saved.
    let machine = machine(&[
        ("proc/swaps", &swaps),
        ("sys/block/zram0/mm_stat", "1073741824 200000000 268435456 0 268435456 0 0 0 0\n"),
    ]);
    let mut sensor = sensor(&machine);
    assert_eq!(probed_mib(&mut sensor), [1024, 16384, 768, 1536]);
    write(machine.path(), "sys/block/zram0/mm_stat", "broken\n");
    assert_eq!(probed_mib(&mut sensor), [1024, 16384, 512, 1024], "half is expected");
    assert_eq!(faults(&mut sensor).len(), 1);
    // The administrator puts a disk beside it and later takes the zram away: seen at the next look.
    let meminfo =
        "MemTotal: 16777216 kB\nMemAvailable: 1048576 kB\nSwapTotal: 6291456 kB\nSwapFree: 5242880 kB\n";
    write(machine.path(), "proc/meminfo", meminfo);
    write(machine.path(), "proc/swaps", &[&swaps, "/dev/sda2 partition 4194304 0 -2\n"].concat());
    assert_eq!(probed_mib(&mut sensor), [1024, 16384, 4096 + 512, 4096 + 1024]);
    write(machine.path(), "proc/swaps", &[SWAPS, "/dev/sda2 partition 4194304 0 -2\n"].concat());
    assert_eq!(probed_mib(&mut sensor), [1024, 16384, 5120, 6144]);
}

#[test]
fn the_pool_of_hugepages_is_not_in_the_total() {
    let meminfo =
        "MemTotal: 16777216 kB\nMemAvailable: 1048576 kB\nHugePages_Free: 7168\nHugetlb: 14680064 kB\n";
    let machine = machine(&[("proc/meminfo", meminfo)]);
    assert_eq!(probed_mib(&mut sensor(&machine)), [1024, 2048, 0, 0]);
}

/// Shared memory that is resident as long as the file is open.
fn shared_memory(mib: u64) -> OwnedFd {
    let file = memfd_create("jettison-available", MemfdFlags::CLOEXEC).unwrap();
    let mebibyte = vec![1; 1 << 20];
    (0..mib).for_each(|at| assert_eq!(pwrite(&file, &mebibyte, at * MIB), Ok(mebibyte.len())));
    file
}

/// The list in `corrections.rs` says what is in `MemAvailable`. If it is right, then free pages, file LRU and
/// reclaimable slab less their reserves are all there is in it: no shared, no mlocked memory, no hugepages.
#[test]
fn the_live_kernels_available_memory_is_the_sum_that_we_assume() {
    let _shared = shared_memory(256);
    let meminfo = || fs::read_to_string(Root::live().proc.join("meminfo")).unwrap();
    let sum = jettison_tests::wait_for("two reads with no change in between", || {
        let (before, zones, after) =
            (meminfo(), fs::read_to_string(Root::live().proc.join("zoneinfo")).unwrap(), meminfo());
        let says = kib(&before, "MemAvailable");
        let is_still = says.abs_diff(kib(&after, "MemAvailable")) < 1024;
        let differs = says.abs_diff(expected_kib(&before, &zones)) / 1024;
        (is_still && differs < 8).then_some((says, kib(&before, "Shmem")))
    });
    assert!(sum.1 >= 256 * 1024, "{sum:?}: the shared memory was there, and not in the sum");
}

fn kib(meminfo: &str, key: &str) -> u64 {
    let value = meminfo.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'));
    value.and_then(|value| value.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}

/// `si_mem_available`, from what procfs shows of its terms.
fn expected_kib(meminfo: &str, zoneinfo: &str) -> u64 {
    let (mut low, mut reserve) = (0, 0);
    for zone in zoneinfo.split("Node ").skip(1) {
        let value = |key: &str| -> u64 {
            let mut lines = zone.lines().map(str::split_whitespace);
            lines
                .find_map(|mut words| (words.next()? == key).then(|| words.next()?.parse().ok())?)
                .unwrap_or(0)
        };
        let protection = zone.split_once("protection: (").map_or("", |(_, rest)| rest);
        let list = protection.split(')').next().unwrap_or("");
        let most = list.split(", ").filter_map(|pages| pages.parse::<u64>().ok()).max().unwrap_or(0);
        low += value("low");
        // The reserve is computed when the watermarks are set. `high` is shown with a boost that comes and
        // goes with fragmentation (vm.watermark_boost_factor).
        reserve += (most + value("high") - value("boost")).min(value("managed"));
    }
    let page_kib = rustix::param::page_size() as u64 / 1024;
    let stays = |kib: u64| kib - (kib / 2).min(low * page_kib);
    let files = kib(meminfo, "Active(file)") + kib(meminfo, "Inactive(file)");
    let kernel = kib(meminfo, "KReclaimable").max(kib(meminfo, "SReclaimable"));
    kib(meminfo, "MemFree") - reserve * page_kib + stays(files) + stays(kernel)
}
