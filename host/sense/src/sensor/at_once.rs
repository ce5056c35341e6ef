//! Another way to look at all processes, where there is one: while memory is short and no focus will do.

use jettison_model::{Needs, ProcessId, Processes, Snapshot};

use super::{Sensor, Wish};
use crate::now::Now;
#[cfg(any(feature = "bpf", test))]
use crate::process::agreement::agreement;
#[cfg(any(feature = "bpf", test))]
use crate::process::tasks::TaskTable;

impl Sensor {
    /// Takes a snapshot of all processes while memory is short. It is as [`Sensor::sense`], or at once,
    /// where there is a way; then `on`, the largest, the fastest-growing and the young processes are
    /// read from their files all the same.
    pub fn whole(&mut self, needs: Needs, now: Now, on: &[ProcessId], into: &mut Snapshot) {
        self.scan(needs, now, into, Wish::Whole(on));
    }

    /// Looks at all processes with a BPF iterator while memory is short and a focus does not explain where it
    /// went. Before, the iterator is held against the files of this very host, in a whole scan. Returns how
    /// many processes both agree about.
    ///
    /// # Errors
    /// Why the iterator is not used, for people; then processes are read from their files, as ever.
    #[cfg(feature = "bpf")]
    pub fn use_bpf(&mut self, now: Now) -> Result<usize, String> {
        let tasks = crate::bpf::BpfTasks::load()?;
        self.use_tasks(Box::new(tasks), now)
    }

    #[cfg(any(feature = "bpf", test))]
    pub(crate) fn use_tasks(&mut self, mut tasks: Box<dyn TaskTable>, now: Now) -> Result<usize, String> {
        if !self.processes.can_focus() {
            return Err("this is not the procfs of our own pids".into());
        }
        let mut scanned = Snapshot::default();
        self.sense(Needs::default(), now, &mut scanned);
        tasks.look()?;
        let agreed = agreement(&scanned.processes, tasks.all())?;
        tasks.make_ready();
        self.tasks = Some(tasks);
        Ok(agreed)
    }

    /// Looks, where memory is short, lists the processes that were seen, and chooses of the table of the last
    /// look which are read from their files all the same. Returns whether it could; if not, it is not tried
    /// again.
    pub(super) fn look_at_once(&mut self, wish: Wish<'_>, table: &Processes) -> bool {
        let (Wish::Focus(on) | Wish::Whole(on), Some(tasks)) = (wish, &mut self.tasks) else {
            return false;
        };
        if let Err(why) = tasks.look() {
            self.faults.add(&self.root.proc, &[], &format_args!("cannot be looked at at once: {why}"));
            self.tasks = None;
            return false;
        }
        self.processes.choose(on, table);
        self.processes.take_pids(tasks.all(), &mut self.faults);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use jettison_model::column::NONE_U32;
    use jettison_model::snapshot::flags::{KERNEL_THREAD, ZOMBIE};

    use super::*;
    use crate::Root;
    use crate::process::tasks::Task;

    const MIB: u64 = 1 << 20;

    /// What is said, and whether the next look fails.
    #[derive(Debug, Default)]
    struct Said {
        tasks: Vec<Task>,
        is_failing: bool,
        looks: usize,
    }

    #[derive(Debug, Default)]
    struct Fake {
        said: Arc<Mutex<Said>>,
        found: Vec<Task>,
    }

    impl TaskTable for Fake {
        fn look(&mut self) -> Result<(), String> {
            let mut said = self.said.lock().unwrap();
            said.looks += 1;
            self.found = said.tasks.clone();
            if said.is_failing { Err("no iterator".into()) } else { Ok(()) }
        }

        fn make_ready(&mut self) {}

        fn all(&self) -> &[Task] {
            &self.found
        }
    }

    fn now() -> Now {
        Now { boot_ms: Root::live().uptime_ms().unwrap(), wall_ms: 1 }
    }

    fn scan(sensor: &mut Sensor) -> Snapshot {
        let mut snapshot = Snapshot::default();
        sensor.sense(Needs::default(), now(), &mut snapshot);
        snapshot
    }

    /// A snapshot that was not filled last leaves no focus.
    fn look(sensor: &mut Sensor, on: &[ProcessId]) -> Snapshot {
        let mut snapshot = Snapshot::default();
        assert!(sensor.focus(Needs::default(), now(), on, &mut snapshot));
        snapshot
    }

    /// All that a table has.
    fn tasks(table: &Processes) -> Vec<Task> {
        let of = |row: usize| {
            let mut comm = [0; 16];
            comm.iter_mut().zip(table.comms.get(row)).for_each(|(slot, &byte)| *slot = byte);
            let parent = table.parents[row];
            Task {
                pid: table.pids[row],
                start_time: table.start_times[row],
                parent_pid: if parent == NONE_U32 { 0 } else { table.pids[parent as usize] },
                comm,
                memcg_inode: 0,
                is_dead: table.has(row, ZOMBIE),
                is_kernel_thread: table.has(row, KERNEL_THREAD),
                threads: table.threads[row],
                uid: table.uids[row],
                size_bytes: 0,
                rss_anon_bytes: table.rss_anon_bytes[row],
                rss_file_bytes: table.rss_file_bytes[row],
                rss_shmem_bytes: table.rss_shmem_bytes[row],
                swap_bytes: table.swap_bytes[row],
                page_table_bytes: table.page_table_bytes[row],
                oom_score_adj: table.oom_score_adjs_now[row],
            }
        };
        (0..table.len()).map(of).collect()
    }

    fn row_of(snapshot: &Snapshot, pid: u32) -> Option<usize> {
        snapshot.processes.pids.binary_search(&pid).ok()
    }

    fn anon_bytes(snapshot: &Snapshot, id: ProcessId) -> u64 {
        snapshot.processes.rss_anon_bytes[row_of(snapshot, id.pid).unwrap()]
    }

    #[test]
    fn known_processes_are_what_the_look_says_and_those_in_focus_what_their_files_say() {
        let mut sensor = Sensor::new(Root::live(), None).unwrap();
        let said =
            Arc::new(Mutex::new(Said { tasks: tasks(&scan(&mut sensor).processes), ..Said::default() }));
        let agreed = sensor.use_tasks(Box::new(Fake { said: Arc::clone(&said), ..Fake::default() }), now());
        assert!(agreed.unwrap() > 0);
        let own = std::process::id();
        let mut id = ProcessId { pid: own, start_time: 0 };
        for task in said.lock().unwrap().tasks.iter_mut().filter(|task| task.pid == own) {
            task.rss_anon_bytes = 7777 * MIB;
            id.start_time = task.start_time;
        }
        scan(&mut sensor);
        assert_eq!(said.lock().unwrap().looks, 1, "a scan at ease reads files");
        assert_eq!(anon_bytes(&look(&mut sensor, &[]), id), 7777 * MIB);
        assert_ne!(anon_bytes(&look(&mut sensor, &[id]), id), 7777 * MIB);
        // Another process by now, or another program: its files say what it is.
        for change in [|task: &mut Task| task.start_time += 1, |task: &mut Task| task.comm = [b'x'; 16]] {
            let before = said.lock().unwrap().tasks.clone();
            said.lock().unwrap().tasks.iter_mut().for_each(change);
            assert_ne!(anon_bytes(&look(&mut sensor, &[]), id), 7777 * MIB);
            said.lock().unwrap().tasks = before;
        }
    }

    #[test]
    fn what_a_look_does_not_show_and_what_is_dead_is_read_from_files() {
        let mut sensor = Sensor::new(Root::live(), None).unwrap();
        let sleeper = || std::process::Command::new("sleep").arg("60").spawn().unwrap();
        let (mut ended, mut hidden) = (sleeper(), sleeper());
        let mut tasks = tasks(&scan(&mut sensor).processes);
        tasks.retain(|task| task.pid != hidden.id());
        let said = Arc::new(Mutex::new(Said { tasks, ..Said::default() }));
        sensor.use_tasks(Box::new(Fake { said: Arc::clone(&said), ..Fake::default() }), now()).unwrap();
        // The files say so at once; the look says of a dead one what it said of it before.
        ended.kill().unwrap();
        let stat = format!("/proc/{}/stat", ended.id());
        jettison_tests::wait_for("its end", || {
            std::fs::read_to_string(&stat).ok()?.contains(") Z ").then_some(())
        });
        for task in said.lock().unwrap().tasks.iter_mut().filter(|task| task.pid == ended.id()) {
            task.is_dead = true;
        }
        let first = look(&mut sensor, &[]);
        assert!(row_of(&first, hidden.id()).is_some());
        assert!(row_of(&first, ended.id()).is_some_and(|row| first.processes.has(row, ZOMBIE)));
        hidden.kill().unwrap();
        for child in [&mut hidden, &mut ended] {
            child.wait().unwrap();
        }
        let gone = look(&mut sensor, &[]);
        assert!(gone.processes.pids.is_sorted());
        assert_eq!([hidden.id(), ended.id()].map(|pid| row_of(&gone, pid)), [None, None]);
    }

    #[test]
    fn a_process_is_in_the_memcg_with_the_inode_that_the_look_names() {
        let mut sensor = Sensor::new(Root::live(), None).unwrap();
        let mount = sensor.hierarchy.as_ref().expect("a memory hierarchy").mount.clone();
        let inode = std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(mount).unwrap());
        let mut tasks = tasks(&scan(&mut sensor).processes);
        let own = tasks.iter().position(|task| task.pid == std::process::id()).unwrap();
        let memcg_of_own = |seen: &Snapshot| seen.processes.memcgs[row_of(seen, std::process::id()).unwrap()];
        let as_scanned = memcg_of_own(&scan(&mut sensor));
        for (named, memcg) in [(inode, 0), (inode.wrapping_sub(1), as_scanned)] {
            tasks[own].memcg_inode = named;
            let said = Arc::new(Mutex::new(Said { tasks: tasks.clone(), ..Said::default() }));
            sensor.use_tasks(Box::new(Fake { said, ..Fake::default() }), now()).unwrap();
            assert_eq!(memcg_of_own(&look(&mut sensor, &[])), memcg, "by inode {named}");
        }
    }

    #[test]
    fn a_look_that_fails_costs_a_fault_and_is_not_tried_again() {
        let mut sensor = Sensor::new(Root::live(), None).unwrap();
        let said =
            Arc::new(Mutex::new(Said { tasks: tasks(&scan(&mut sensor).processes), ..Said::default() }));
        sensor.use_tasks(Box::new(Fake { said: Arc::clone(&said), ..Fake::default() }), now()).unwrap();
        said.lock().unwrap().is_failing = true;
        assert!(!look(&mut sensor, &[]).processes.is_empty());
        let [fault] = sensor.faults() else { panic!("{:?}", sensor.faults()) };
        let what = "cannot be looked at at once: no iterator";
        assert_eq!((fault.path.as_str(), fault.what.as_str()), ("/proc", what));
        look(&mut sensor, &[]);
        assert_eq!((said.lock().unwrap().looks, sensor.faults_total()), (2, 0));
    }

    #[test]
    fn what_does_not_agree_with_the_files_is_not_used() {
        let mut sensor = Sensor::new(Root::live(), None).unwrap();
        let all = tasks(&scan(&mut sensor).processes);
        let mut why = |change: fn(&mut Task)| {
            let mut tasks = all.clone();
            tasks.iter_mut().for_each(change);
            let said = Arc::new(Mutex::new(Said { tasks, ..Said::default() }));
            sensor.use_tasks(Box::new(Fake { said, ..Fake::default() }), now()).unwrap_err()
        };
        assert!(why(|task| task.start_time += 1).contains("whose start time is another"));
        assert!(why(|task| task.pid += 1_000_000).contains("which is missing"));
        assert!(why(|task| task.is_kernel_thread ^= true).contains("whose kind is another"));
    }
}
