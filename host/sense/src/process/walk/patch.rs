//! A look in focus at the processes of the last look: nothing changes but the rows of those that are read.
//!
//! Of ten thousand rows a focus reads some hundred. To fill the whole table anew takes longer than that.

use std::sync::Arc;

use jettison_model::Processes;
use jettison_model::snapshot::flags;

use super::{ProcessWalk, read};
use crate::io::error::Faults;
use crate::io::file::Buffer;
use crate::process::reads::{Read, Reads, age_ms};
use crate::process::row::put;
use crate::process::terms::Terms;

impl ProcessWalk {
    /// Reads the focus, and puts each row in the place of what the table has. Returns false where rows come
    /// or go, or a process has another name, and with that perhaps another executable: then the table has to
    /// be filled anew. What was read until then is not lost.
    pub(super) fn patch(
        &mut self,
        terms: Terms<'_>,
        buffer: &mut Buffer,
        faults: &mut Faults,
        into: &mut Processes,
    ) -> bool {
        let is_complete = self.files.known.has_all(into.len()) && into.pss_bytes.is_empty();
        if *self.pids != **into.pids || !is_complete {
            return false;
        }
        let (ticks_per_s, has_memcgs) = (self.files.ticks_per_s, terms.hierarchy.is_some());
        let ages = Arc::make_mut(&mut into.ages_ms);
        for (age, &start_time) in ages.iter_mut().zip(into.start_times.iter()) {
            *age = age_ms(start_time, ticks_per_s, terms.now);
        }
        if !self.texts.hold(terms.needs, ages) {
            return false;
        }
        // The last tick has marked those that are excluded.
        Arc::make_mut(&mut into.flags).iter_mut().for_each(|bits| *bits &= !flags::EXCLUDED);
        let mut reads = Reads { files: &mut self.files, buffer, faults };
        self.patched.clear();
        for &pid in self.focus.pids() {
            let Ok(at) = into.pids.binary_search(&pid) else { continue };
            let Some(known) = reads.files.known.take_row(at, pid) else { return false };
            let before = known.row;
            let read = read(&mut reads, pid, Some(known), None, terms);
            self.account.note(Some(&before), read.as_ref().ok().map(|read| &read.row), has_memcgs);
            let Ok(Read { row, known, .. }) = read else { return false };
            reads.files.known.put_row(at, known);
            if row.id != before.id || into.comms.get(at) != row.comm.as_bytes() {
                return false;
            }
            put(into, at, row);
            self.patched.push(at);
        }
        self.shared.find(into);
        self.growth.patch(terms.now.boot_ms, &self.shared, &self.patched, into);
        true
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::process::{Child, Command, Stdio};

    use jettison_model::{Needs, ProcessId};

    use super::*;
    use crate::io::file::open_root;
    use crate::io::root::Root;
    use crate::memcg::paths::MemcgPaths;
    use crate::now::Now;
    use crate::process::known::KnownProcess;
    use crate::process::terms::Depth;

    /// A process that sleeps once it was told to.
    struct Sleeper(Child);

    impl Sleeper {
        fn start() -> Self {
            let mut shell = Command::new("sh");
            let shell = shell.args(["-c", "read line; exec sleep 600"]).stdin(Stdio::piped());
            Self(shell.spawn().expect("sh(1) runs"))
        }

        fn sleep(&mut self) {
            self.0.stdin.as_mut().expect("it is piped").write_all(b"\n").expect("it reads");
            let comm = format!("/proc/{}/comm", self.0.id());
            while std::fs::read_to_string(&comm).expect("it lives") != "sleep\n" {
                std::thread::yield_now();
            }
        }
    }

    impl Drop for Sleeper {
        fn drop(&mut self) {
            self.0.kill().expect("it is ours");
            self.0.wait().expect("it is ours");
        }
    }

    /// Walks over all processes of this machine.
    struct Walking {
        walk: ProcessWalk,
        buffer: Buffer,
        faults: Faults,
        table: Processes,
        now: Now,
    }

    impl Walking {
        fn new() -> Self {
            let root = Root::live();
            let now = Now { boot_ms: root.uptime_ms().expect("/proc/uptime") + 20_000, wall_ms: 1 };
            let mut walk = ProcessWalk::new(root.proc.clone(), open_root(&root.proc).expect("/proc"));
            let (buffer, mut faults) = (Buffer::new(), Faults::default());
            walk.list(&mut faults);
            let mut walking = Self { walk, buffer, faults, table: Processes::default(), now };
            walking.run(Depth::Scan, ProcessWalk::walk);
            walking
        }

        fn run<T>(
            &mut self,
            depth: Depth,
            run: impl FnOnce(&mut ProcessWalk, Terms<'_>, &mut Buffer, &mut Faults, &mut Processes) -> T,
        ) -> T {
            let (needs, paths) = (Needs { exes: true, ..Needs::default() }, Default::default());
            let (hierarchy, members, scope, tasks) = (None, None, None, None);
            let memcgs = MemcgPaths(&paths);
            let terms = Terms { now: self.now, needs, depth, hierarchy, memcgs, members, scope, tasks };
            run(&mut self.walk, terms, &mut self.buffer, &mut self.faults, &mut self.table)
        }

        /// Looks in focus at one process, and says whether rows were put in place.
        fn patch(&mut self, on: u32) -> bool {
            let at = self.table.pids.binary_search(&on).expect("it has a row");
            let id: ProcessId = self.table.id(at).expect("it has a row");
            self.walk.choose(&[id], &Processes::default());
            self.now.boot_ms += 500;
            self.run(Depth::Focus, ProcessWalk::patch)
        }

        fn fill(&mut self) {
            self.run(Depth::Focus, ProcessWalk::fill);
        }
    }

    #[test]
    fn rows_put_in_place_are_those_of_a_table_filled_anew() {
        let mut sleepers = [Sleeper::start(), Sleeper::start()];
        sleepers.iter_mut().for_each(Sleeper::sleep);
        let mut walking = Walking::new();
        let pid = sleepers[0].0.id();
        let at = walking.table.pids.binary_search(&pid).expect("it has a row");
        Arc::make_mut(&mut walking.table.flags)[at] |= flags::EXCLUDED;
        for column in [&mut walking.table.rss_anon_bytes, &mut walking.table.ages_ms] {
            Arc::make_mut(column)[at] = 7;
        }
        assert!(walking.patch(pid), "nothing has changed");
        let patched = walking.table.clone();
        walking.fill();
        assert!(patched.rss_anon_bytes[at] > 7 && patched.ages_ms[at] > 20_000);
        assert_eq!(patched, walking.table);
    }

    #[test]
    fn one_without_an_open_file_is_read_as_new_and_its_row_put_in_place() {
        let mut sleeper = Sleeper::start();
        sleeper.sleep();
        let mut walking = Walking::new();
        let pid = sleeper.0.id();
        let at = walking.table.pids.binary_search(&pid).expect("it has a row");
        let known = &mut walking.walk.files.known;
        let closed = known.take_row(at, pid).expect("it is known");
        known.put_row(at, KnownProcess { adj: None, ..closed });
        Arc::make_mut(&mut walking.table.rss_anon_bytes)[at] = 7;
        assert!(walking.patch(pid));
        let patched = walking.table.clone();
        walking.fill();
        assert!(patched.rss_anon_bytes[at] > 7);
        assert_eq!(patched, walking.table);
    }

    #[test]
    fn a_table_is_filled_anew_for_another_name_and_for_one_that_has_ended() {
        let mut sleepers = vec![Sleeper::start(), Sleeper::start()];
        let mut walking = Walking::new();
        let (first, last) = (sleepers[0].0.id(), sleepers[1].0.id());
        assert!(walking.patch(first));
        sleepers[0].sleep();
        assert!(!walking.patch(first), "it runs another program");
        walking.fill();
        assert!(walking.patch(first));
        sleepers.pop();
        assert!(!walking.patch(last), "it has ended");
        walking.fill();
        assert!(walking.table.pids.binary_search(&last).is_err());
        assert!(walking.patch(first), "and has no row any more");
    }
}
