//! In a cgroup namespace to which the whole tree is mounted, as in a pod with the host's `/sys/fs/cgroup`.

use std::path::Path;

use jettison_tests::{Memcg, Running};
use serde_json::Value;

const MIB: u64 = 1 << 20;

fn snapshot(memcg: &Memcg, args: &[&str]) -> Value {
    let output = memcg.command(Path::new(args[0])).args(&args[1..]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

/// The path of the memcg in which a process was found.
fn home(snapshot: &Value, pid: u32) -> Option<&str> {
    let (processes, memcgs) = (&snapshot["processes"], &snapshot["memcgs"]);
    let at = processes["pids"].as_array()?.iter().position(|one| *one == pid)?;
    let row = usize::try_from(processes["memcgs"][at].as_u64()?).ok()?;
    memcgs["paths"][row].as_str()
}

#[test]
#[ignore = "needs root, to make memcgs and a namespace"]
fn processes_are_found_in_the_same_memcgs_as_outside_of_it() {
    let (ours, other) = (Memcg::new("within", 512 * MIB).unwrap(), Memcg::new("beside", 64 * MIB).unwrap());
    let sleeper = Running(other.command(Path::new("/bin/sleep")).arg("300").spawn().unwrap());
    let jettison = env!("CARGO_BIN_EXE_jettison");
    for args in [&[jettison, "snapshot"][..], &["unshare", "--cgroup", jettison, "snapshot"]] {
        let snapshot = snapshot(&ours, args);
        assert_eq!(home(&snapshot, sleeper.id()), Some(other.path()), "{args:?}");
    }
}
