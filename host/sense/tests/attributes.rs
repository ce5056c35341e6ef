//! What systemd writes on cgroups for its own OOM daemon, on folders with real attributes.

use std::fs::{create_dir_all, write};
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use jettison_model::snapshot::memcg_flags::{OOMD_AVOID, OOMD_OMIT};
use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, Root, Sensor};
use rustix::fs::{XattrFlags, removexattr, setxattr};
use tempfile::TempDir;

/// A machine with cgroup v2 and these memcgs.
struct Machine {
    folder: TempDir,
    memory: PathBuf,
}

impl Machine {
    fn new(memcgs: &[&str]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (proc, memory) = (folder.path().join("proc"), folder.path().join("sys/fs/cgroup"));
        create_dir_all(&proc).unwrap();
        write(proc.join("meminfo"), "MemTotal: 1000 kB\nMemAvailable: 500 kB\n").unwrap();
        for memcg in memcgs {
            create_dir_all(memory.join(memcg)).unwrap();
            write(memory.join(memcg).join("memory.current"), "4096\n").unwrap();
        }
        write(memory.join("cgroup.controllers"), "memory\n").unwrap();
        Self { folder, memory }
    }

    fn set(&self, memcg: &str, attribute: &str, value: &str) {
        setxattr(self.memory.join(memcg), attribute, value.as_bytes(), XattrFlags::empty()).unwrap();
    }

    fn give(&self, memcg: &str, uid: u32) {
        chown(self.memory.join(memcg), Some(uid), None).unwrap();
    }
}

struct Scans {
    sensor: Sensor,
    snapshot: Snapshot,
}

impl Scans {
    fn of(machine: &Machine, scope: Option<&str>) -> Self {
        let root: &Path = machine.folder.path();
        Self { sensor: Sensor::new(Root::below(root), scope).unwrap(), snapshot: Snapshot::default() }
    }

    /// The flags of all memcgs, by path.
    fn flags(&mut self) -> Vec<u32> {
        self.sensor.sense(Needs::default(), Now { boot_ms: 1 << 40, wall_ms: 0 }, &mut self.snapshot);
        assert_eq!(self.sensor.faults(), []);
        self.snapshot.memcgs.flags.to_vec()
    }
}

#[test]
fn xattrs_are_seen_at_the_next_scan_and_only_true_values_count() {
    let machine = Machine::new(&["a", "b", "c"]);
    let mut scans = Scans::of(&machine, None);
    assert_eq!(scans.flags(), [0; 4]);
    machine.set("a", "user.oomd_avoid", "1");
    machine.set("b", "user.oomd_omit", "true");
    machine.set("c", "user.oomd_omit", "0");
    machine.set("c", "user.oomd_avoid", "far too long for a yes");
    machine.set("c", "user.other", "1");
    assert_eq!(scans.flags(), [0, OOMD_AVOID, OOMD_OMIT, 0]);
    machine.set("a", "user.oomd_omit", "1");
    removexattr(machine.memory.join("b"), "user.oomd_omit").unwrap();
    assert_eq!(scans.flags(), [0, OOMD_AVOID | OOMD_OMIT, 0, 0]);
}

#[test]
fn the_root_and_a_cgroup_without_the_memory_controller() {
    let machine = Machine::new(&["", "a"]);
    machine.set("", "user.oomd_omit", "1");
    machine.set("a", "user.oomd_omit", "1");
    std::fs::remove_file(machine.memory.join("a/memory.current")).unwrap();
    assert_eq!(Scans::of(&machine, None).flags(), [0, OOMD_OMIT], "the root has no attributes of its own");
}

#[test]
#[ignore = "needs root, to give folders away"]
fn xattrs_of_a_user_count_in_a_domain_of_that_user_and_nowhere_else() {
    let machine = Machine::new(&["root", "user", "user/own", "user/root", "user/other"]);
    for memcg in ["root", "user", "user/own", "user/root", "user/other"] {
        machine.set(memcg, "user.oomd_omit", "1");
    }
    for (memcg, uid) in [("user", 1000), ("user/own", 1000), ("user/other", 1001)] {
        machine.give(memcg, uid);
    }
    // By path: /, /root, /user, /user/other, /user/own, /user/root.
    let of_host = [0, OOMD_OMIT, 0, 0, 0, OOMD_OMIT];
    assert_eq!(Scans::of(&machine, None).flags(), of_host);
    let of_user = [0, OOMD_OMIT, OOMD_OMIT, 0, OOMD_OMIT, OOMD_OMIT];
    assert_eq!(Scans::of(&machine, Some("/user")).flags(), of_user);
}
