//! Swap that is added and removed while a sensor runs, on the live kernel: a file, and a zram
//! device.
//!
//! Other swap areas are not touched, and these are too small to matter to them. No other test runs meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, Root, Sensor};

const MIB: u64 = 1 << 20;

/// A swap area of ours. Off when dropped.
struct Area {
    path: PathBuf,
}

impl Area {
    fn on(path: &Path) -> Self {
        run("mkswap", path);
        run("swapon", path);
        Self { path: path.to_path_buf() }
    }
}

impl Drop for Area {
    fn drop(&mut self) {
        run("swapoff", &self.path);
    }
}

/// A zram device of ours (Documentation/admin-guide/blockdev/zram.rst). Removed when dropped.
struct Zram {
    number: String,
}

impl Zram {
    fn new(bytes: u64) -> Self {
        let number = fs::read_to_string(control("hot_add")).expect("a kernel with zram (modprobe zram)");
        let zram = Self { number: number.trim().to_owned() };
        let disksize = Root::live().sys.join(format!("block/zram{}/disksize", zram.number));
        fs::write(disksize, bytes.to_string()).unwrap();
        zram
    }

    fn device(&self) -> PathBuf {
        PathBuf::from(format!("/dev/zram{}", self.number))
    }
}

impl Drop for Zram {
    fn drop(&mut self) {
        fs::write(control("hot_remove"), &self.number).unwrap();
    }
}

fn control(file: &str) -> PathBuf {
    Root::live().sys.join("class/zram-control").join(file)
}

#[track_caller]
fn run(program: &str, path: &Path) {
    let done = Command::new(program).arg(path).output().expect("util-linux");
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{program} {}: {}, {said}", path.display(), done.status);
}

/// All swap and the free part of it, as the sensor has them now.
fn swap(sensor: &mut Sensor) -> (u64, u64) {
    let mut snapshot = Snapshot::default();
    sensor.sense(Needs::default(), Now { boot_ms: 3_600_000, wall_ms: 0 }, &mut snapshot);
    (snapshot.host.swap_total_bytes, snapshot.host.swap_free_bytes)
}

#[test]
#[ignore = "needs root, to add swap"]
fn swap_that_is_added_or_removed_is_seen_in_the_next_scan() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("swap");
    let mut options = fs::OpenOptions::new();
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut opened = options.write(true).create_new(true).open(&file).unwrap();
    // A hole would be refused (swapon(8)).
    std::io::Write::write_all(&mut opened, &vec![0; 16 << 20]).unwrap();
    opened.sync_all().unwrap();

    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    let (total, free) = swap(&mut sensor);
    let area = Area::on(&file);
    let (with, free_with) = swap(&mut sensor);
    // Its first page is the header.
    assert_eq!(with - total, 16 * MIB - rustix::param::page_size() as u64);
    assert!(free_with - free > 15 * MIB);
    drop(area);
    assert_eq!(swap(&mut sensor).0, total);
}

#[test]
#[ignore = "needs root, to add swap"]
fn swap_on_zram_counts_as_what_its_compression_saves() {
    let mut sensor = Sensor::new(Root::live(), None).unwrap();
    let (total, _) = swap(&mut sensor);
    // The second one has the number of the first, and files of its own.
    for _ in 0..2 {
        let zram = Zram::new(32 * MIB);
        let area = Area::on(&zram.device());
        let (with, free) = swap(&mut sensor);
        let usable = 32 * MIB - rustix::param::page_size() as u64;
        assert_eq!(with - total, usable / 2, "2:1 is expected of it");
        assert!(free >= 15 * MIB);
        drop(area);
        drop(zram);
        assert_eq!(swap(&mut sensor).0, total);
    }
    assert_eq!(sensor.faults(), [], "no file of the device is missed");
}
