//! A shell as the process under test.

use std::fs;
use std::io::{Read, Write};
use std::process::{Command, Stdio};

use jettison_model::Snapshot;
use jettison_model::column::row;
use jettison_sense::Root;
use jettison_tests::Running;

/// A shell that executes lines. Killed when dropped.
pub(crate) struct Shell(pub(crate) Running);

impl Shell {
    /// Once it has answered it waits, and its sizes stay.
    pub(crate) fn start() -> Self {
        let mut command = Command::new("sh");
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn();
        let mut shell = Self(child.map(Running).unwrap());
        shell.tell("echo");
        shell.0.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
        shell
    }

    pub(crate) fn pid(&self) -> u32 {
        self.0.id()
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.0.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// A file of its process.
    pub(crate) fn file(&self, name: &str) -> String {
        fs::read_to_string(Root::live().proc.join(self.pid().to_string()).join(name)).unwrap()
    }
}

pub(crate) fn at(snapshot: &Snapshot, pid: u32) -> usize {
    snapshot.processes.pids.binary_search(&pid).expect("the process has a row")
}

/// All of a row that does not change while a process sleeps.
pub(crate) fn row_of(snapshot: &Snapshot, pid: u32) -> String {
    let (table, at) = (&snapshot.processes, at(snapshot, pid));
    let memcg = row(table.memcgs[at]).map(|memcg| snapshot.memcgs.paths.get(memcg));
    let text = |column: &[u8]| String::from_utf8_lossy(column).into_owned();
    format!(
        "{:?} in {:?} of {:?}: {} {:?} flags {} uid {} threads {} sizes {:?} adj {} {}",
        table.id(at),
        memcg.map(text),
        row(table.parents[at]).map(|parent| table.pids[parent]),
        text(table.comms.get(at)),
        (text(table.cmdlines.get(at)), text(table.exes.get(at))),
        table.flags[at],
        table.uids[at],
        table.threads[at],
        [
            &table.rss_anon_bytes,
            &table.rss_file_bytes,
            &table.rss_shmem_bytes,
            &table.swap_bytes,
            &table.page_table_bytes
        ]
        .map(|column| column[at]),
        table.oom_score_adjs[at],
        table.oom_score_adjs_now[at],
    )
}
