//! Limits of memcgs, and which hierarchy has them, on machines made up here.

use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, Root, Sensor};

/// A machine of some 2 GiB from a few files.
fn tree(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let meminfo = ("proc/meminfo", "MemTotal: 2097152 kB\nMemAvailable: 1048576 kB\n");
    for (path, text) in files.iter().chain([&meminfo]) {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

/// Without a scope.
fn probed_whole_mib(folder: &tempfile::TempDir) -> (u64, u64) {
    let memory = Sensor::new(Root::below(folder.path()), None).unwrap().probe().unwrap();
    (memory.available_bytes >> 20, memory.total_bytes >> 20)
}

fn probed_mib(folder: &tempfile::TempDir, scope: &str) -> (u64, u64) {
    let memory = Sensor::new(Root::below(folder.path()), Some(scope)).unwrap().probe().unwrap();
    (memory.available_bytes >> 20, memory.total_bytes >> 20)
}

#[test]
fn a_container_on_v1_has_its_outer_limit_from_memory_stat() {
    let folder = tree(&[
        ("sys/fs/cgroup/memory/memory.usage_in_bytes", "104857600\n"),
        ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"),
        ("sys/fs/cgroup/memory/memory.stat", "hierarchical_memory_limit 209715200\ntotal_inactive_file 0\n"),
    ]);
    assert_eq!(probed_mib(&folder, "/"), (100, 200));
    assert_eq!(probed_whole_mib(&folder), (100, 200));
}

/// A pod with a cgroup namespace: what it sees as the root is its own memcg, with a limit. `/proc/meminfo` is
/// the node's.
#[test]
fn a_root_with_a_limit_bounds_the_memory_without_a_scope() {
    let folder = tree(&[
        ("sys/fs/cgroup/cgroup.controllers", "cpu memory\n"),
        ("sys/fs/cgroup/memory.max", "314572800\n"),
        ("sys/fs/cgroup/memory.current", "288358400\n"),
        ("sys/fs/cgroup/memory.stat", "anon 288358400\n"),
        ("proc/7/status", "Name:\tworker\nPid:\t7\nPPid:\t1\nRssAnon:\t1024 kB\n"),
    ]);
    assert_eq!(probed_whole_mib(&folder), (25, 300));
    std::fs::write(folder.path().join("sys/fs/cgroup/memory.max"), "max\n").unwrap();
    assert_eq!(probed_whole_mib(&folder), (1024, 2048));
    std::fs::remove_file(folder.path().join("sys/fs/cgroup/memory.max")).unwrap();
    assert_eq!(probed_whole_mib(&folder), (1024, 2048), "the root of a host has no such file");
}

#[test]
fn a_scope_without_the_memory_controller_is_bounded_by_its_ancestors() {
    let folder = tree(&[
        ("sys/fs/cgroup/cgroup.controllers", "cpu memory\n"),
        ("sys/fs/cgroup/outer/memory.max", "314572800\n"),
        ("sys/fs/cgroup/outer/memory.current", "209715200\n"),
        ("sys/fs/cgroup/outer/memory.stat", "anon 1\nactive_file 20971520\n"),
        ("sys/fs/cgroup/outer/inner/cgroup.procs", ""),
    ]);
    assert_eq!(probed_mib(&folder, "/outer/inner"), (120, 300));
    assert_eq!(probed_mib(&folder, "/"), (1024, 2048));
}

#[test]
fn a_cgroup_mount_without_the_memory_controller_is_not_the_memory_hierarchy() {
    let folder = tree(&[
        ("proc/self/mountinfo", "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"),
        ("sys/fs/cgroup/unified/cgroup.controllers", "cpu\n"),
    ]);
    assert_eq!(Sensor::new(Root::below(folder.path()), None).unwrap().hierarchy(), None);
}

#[test]
fn the_nearest_limit_is_read_without_a_scan() {
    let folder = tree(&[
        ("sys/fs/cgroup/cgroup.controllers", "cpu memory\n"),
        ("sys/fs/cgroup/a/memory.max", "314572800\n"),
        ("sys/fs/cgroup/a/memory.current", "104857600\n"),
        ("sys/fs/cgroup/a/memory.stat", "anon 1\nactive_file 20971520\n"),
        ("sys/fs/cgroup/b/memory.max", "max\n"),
        ("sys/fs/cgroup/b/memory.current", "1\n"),
        ("sys/fs/cgroup/c/memory.max", "209715200\n"),
        ("sys/fs/cgroup/c/memory.current", "1048576\n"),
        ("sys/fs/cgroup/c/memory.stat", "anon 1\n"),
    ]);
    let mut sensor = Sensor::new(Root::below(folder.path()), None).unwrap();
    let mut snapshot = Snapshot::default();
    sensor.sense(Needs::default(), Now { boot_ms: 1, wall_ms: 1 }, &mut snapshot);
    assert_eq!(sensor.nearest_limit(|_| true), None, "no memcg is watched yet");
    sensor.watch_limits(&snapshot.memcgs, |_| true);
    let mut nearest_mib = |memory_is_short: bool| {
        let left = sensor.nearest_limit(|_| memory_is_short)?;
        Some((left.left_bytes >> 20, left.limit_bytes >> 20))
    };
    assert_eq!(nearest_mib(false), Some((199, 200)));
    let usage = folder.path().join("sys/fs/cgroup/a/memory.current");
    std::fs::write(&usage, "293601280\n").unwrap();
    assert_eq!(nearest_mib(false), Some((20, 300)));
    assert_eq!(nearest_mib(true), Some((40, 300)), "page cache can be taken back");
    std::fs::write(&usage, "").unwrap();
    assert_eq!(nearest_mib(true), Some((199, 200)), "one that says nothing any more is skipped");
    sensor.watch_limits(&snapshot.memcgs, |path| path != b"/c" && path != b"/a");
    assert_eq!(sensor.nearest_limit(|_| true), None);
}

/// A tenant with a delegated memcg can make as many as it likes, with any limit.
#[test]
fn many_tiny_or_empty_limits_displace_none_that_matters() {
    let mut files = vec![
        ("sys/fs/cgroup/cgroup.controllers".to_owned(), "cpu memory\n"),
        ("sys/fs/cgroup/z/memory.max".to_owned(), "314572800\n"),
        ("sys/fs/cgroup/z/memory.current".to_owned(), "304087040\n"),
        ("sys/fs/cgroup/z/memory.stat".to_owned(), "anon 304087040\n"),
    ];
    for number in 0..300 {
        let limit = if number % 2 == 0 { "0\n" } else { "2097152\n" };
        files.push((format!("sys/fs/cgroup/tenant/{number}/memory.max"), limit));
        files.push((format!("sys/fs/cgroup/tenant/{number}/memory.current"), "0\n"));
        files.push((format!("sys/fs/cgroup/tenant/{number}/memory.stat"), "anon 0\n"));
    }
    let files: Vec<(&str, &str)> = files.iter().map(|(path, text)| (path.as_str(), *text)).collect();
    let folder = tree(&files);
    let mut sensor = Sensor::new(Root::below(folder.path()), None).unwrap();
    let mut snapshot = Snapshot::default();
    sensor.sense(Needs::default(), Now { boot_ms: 1, wall_ms: 1 }, &mut snapshot);
    sensor.watch_limits(&snapshot.memcgs, |path| path != b"/");
    let is_near = |left: jettison_sense::Left| left.left_bytes < left.limit_bytes / 4;
    let nearest = sensor.nearest_limit(is_near).unwrap();
    assert_eq!((nearest.left_bytes >> 20, nearest.limit_bytes >> 20), (10, 300));
}
