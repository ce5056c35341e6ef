use std::fs;
use std::os::unix::fs::MetadataExt;

use super::*;
use crate::Root;
use crate::memcg::hierarchy::Hierarchy;
use crate::parse::cgroup::memcg_path;
use crate::process::tasks::InStep;

const UNITS: Units = Units { ns_per_tick: 10_000_000, page_bytes: 4096 };

/// What the kernel is to refuse: a number as a pointer.
static REFUSED: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/refused.o"));

#[test]
fn a_record_is_taken_apart_in_the_order_of_its_fields() {
    let mut record = [0; RECORD_BYTES];
    let longs = [70_000_000, 9, 1, 2, u64::MAX, 4, 8192];
    let words = [7_u32, 1, 1000, KERNEL_THREAD | 1, 3];
    let halves = [-1000_i16, 1];
    let longs = longs.iter().flat_map(|long: &u64| long.to_ne_bytes());
    let name = *b"a-name\0\0\0\0\0\0\0\0\0\0";
    let all = longs.chain(name).chain(4711_u64.to_ne_bytes());
    let all = all.chain(words.into_iter().flat_map(u32::to_ne_bytes));
    let all = all.chain(halves.into_iter().flat_map(i16::to_ne_bytes));
    assert_eq!(all.clone().count(), RECORD_BYTES);
    record.iter_mut().zip(all).for_each(|(slot, byte)| *slot = byte);
    let task = parse(&record, UNITS);
    assert_eq!((task.pid, task.parent_pid, task.uid, task.threads), (7, 1, 1000, 3));
    assert_eq!((task.start_time, task.comm(), task.oom_score_adj), (7, b"a-name".as_slice(), -1000));
    assert_eq!((task.memcg_inode, task.is_kernel_thread, task.is_dead), (4711, true, true));
    let sizes = [task.rss_file_bytes, task.rss_anon_bytes, task.swap_bytes, task.rss_shmem_bytes];
    assert_eq!(sizes, [4096, 2 * 4096, 0, 4 * 4096], "a sum below zero is none");
    assert_eq!((task.size_bytes, task.page_table_bytes), (9 * 4096, 8192));
}

fn inode_of_own_memcg() -> u64 {
    let hierarchy = Hierarchy::find(&Root::live()).expect("it has a memory hierarchy");
    let text = fs::read("/proc/self/cgroup").unwrap();
    let path = memcg_path(&text, hierarchy.version).and_then(|path| hierarchy.below_mount(path));
    let path = String::from_utf8(path.expect("we are in it").into_owned()).unwrap();
    fs::metadata(hierarchy.mount.join(path.trim_start_matches('/'))).unwrap().ino()
}

#[test]
#[ignore = "needs root, to load a BPF program"]
fn one_that_has_ended_and_was_not_waited_for_is_there_and_is_dead() {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    let mut tasks = BpfTasks::load().unwrap();
    jettison_tests::wait_for("its end", || {
        tasks.look().unwrap();
        let mut all = InStep::of(tasks.all());
        (all.has(child.id()) && all.find(child.id()).is_none()).then_some(())
    });
    child.wait().unwrap();
}

#[test]
#[ignore = "needs root, to load a BPF program"]
fn a_look_finds_ourselves_as_proc_has_us_and_takes_one_that_was_made_ready() {
    let mut tasks = BpfTasks::load().unwrap();
    for is_ready in [false, true, true] {
        assert_eq!(tasks.ready.is_some(), is_ready);
        tasks.look().unwrap();
        let found = *InStep::of(tasks.all()).find(std::process::id()).expect("we live");
        let stat = fs::read("/proc/self/stat").unwrap();
        let stat = crate::parse::stat::stat(&stat).unwrap();
        assert_eq!((found.start_time, found.parent_pid), (stat.start_time, stat.parent_pid));
        assert_eq!((found.comm(), found.threads), (stat.comm, stat.threads));
        assert_eq!(found.uid, rustix::process::geteuid().as_raw());
        let adj = fs::read_to_string("/proc/self/oom_score_adj").unwrap();
        assert_eq!(found.oom_score_adj.to_string(), adj.trim());
        assert!(found.rss_anon_bytes + found.rss_file_bytes > 0 && !found.is_kernel_thread);
        assert_eq!((found.memcg_inode, found.is_dead), (inode_of_own_memcg(), false));
        assert!(tasks.all().is_sorted_by_key(|task| task.pid));
        tasks.make_ready();
    }
    assert!(InStep::of(tasks.all()).find(0).is_none());
}

#[test]
#[ignore = "needs root, to load a BPF program"]
fn a_flag_that_stays_set_is_a_look_that_fails_and_no_wait_without_end() {
    let mut tasks = BpfTasks::load().unwrap();
    tasks.set_priming(1).unwrap();
    let why = tasks.look().unwrap_err();
    assert!(why.starts_with("the iterator cannot be read: ") && tasks.tasks.is_empty(), "{why}");
    tasks.set_priming(0).unwrap();
    tasks.look().unwrap();
}

#[test]
#[ignore = "needs root, to load a BPF program"]
fn what_the_kernel_refuses_is_said_in_its_words() {
    let why = BpfTasks::load_object(REFUSED).unwrap_err();
    assert!(
        why.starts_with("the kernel refuses the program: ") && why.contains("invalid mem access"),
        "{why}"
    );
    let why = BpfTasks::load_object(b"no object").unwrap_err();
    assert!(why.starts_with("the program cannot be loaded: "), "{why}");
}
