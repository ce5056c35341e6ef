//! A machine as written, into what is meant.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use anyhow::{Context, Result, anyhow, bail, ensure};

use crate::machine::{hit, is_called};
use crate::written::{self, Piece};
use crate::{Expect, Machine, Memcg, Process};

/// Pid 1 is the first that is written; the others begin here.
const FIRST_PID: u32 = 300;
/// Where a process is that says no memcg.
const ANYWHERE: &str = "/system.slice";
const USER: &str = "/user.slice/user-1000.slice";
const COPIES_MAX: u32 = 20_000;
/// The daemon says how a process grew over the last hour once it has seen it for so long.
const HOUR_KNOWN_S: f64 = 300.0;

/// Pieces that every machine may include.
const PIECES: [(&str, &str); 3] = [
    ("base", include_str!("../pieces/base.toml")),
    ("desktop", include_str!("../pieces/desktop.toml")),
    ("session", include_str!("../pieces/session.toml")),
];

/// Reads one machine.
///
/// # Errors
/// If the file or a piece cannot be read or is not as [`written`] says: with file, line and key.
pub fn load(file: &Path) -> Result<Machine> {
    load_with(file, &text(file)?).map(|(machine, _)| machine)
}

/// What only a policy's author says.
pub(crate) struct Author {
    pub(crate) expect: Option<Expect>,
    pub(crate) config: toml::Table,
    pub(crate) beside: Vec<String>,
}

pub(crate) fn load_with(file: &Path, text: &str) -> Result<(Machine, Author)> {
    let name = file.file_stem().context("a file's name")?.to_string_lossy().into_owned();
    let mut machine: written::Machine = parsed(file, text)?;
    let author = Author {
        expect: machine.expect.take(),
        config: std::mem::take(&mut machine.config),
        beside: std::mem::take(&mut machine.beside),
    };
    let built = build(name, machine, &file.with_file_name("..").join("pieces"), author.expect.is_none());
    Ok((built.with_context(|| file.display().to_string())?, author))
}

/// Of one file: far more than any machine has.
const BYTES_MAX: u64 = 1 << 20;

pub(crate) fn text(file: &Path) -> Result<String> {
    let mut text = String::new();
    let opened = std::fs::File::open(file).with_context(|| format!("{}: cannot be read", file.display()))?;
    let read = opened.take(BYTES_MAX + 1).read_to_string(&mut text);
    read.with_context(|| format!("{}: cannot be read", file.display()))?;
    ensure!(text.len() as u64 <= BYTES_MAX, "{}: is larger than 1 MiB: no machine is", file.display());
    Ok(text)
}

/// Reads all machines of a folder, by name.
///
/// # Errors
/// As [`load`].
pub fn load_all(folder: &Path) -> Result<Vec<Machine>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).with_context(|| folder.display().to_string())? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    files.iter().map(|file| load(file)).collect()
}

/// What a file of TOML says: with file, line and key if it is not what is wanted.
fn parse<T: serde::de::DeserializeOwned>(file: &Path) -> Result<T> {
    parsed(file, &text(file)?)
}

/// The same of its text.
pub(crate) fn parsed<T: serde::de::DeserializeOwned>(file: &Path, text: &str) -> Result<T> {
    toml::from_str(text).map_err(|error| anyhow!("{}: {error}", file.display()))
}

fn build(name: String, written: written::Machine, pieces: &Path, is_judged: bool) -> Result<Machine> {
    let watched_s = written.watched.map_or(f64::INFINITY, |watched| watched.0);
    let mut builder = Builder { eased_s: written.eased.0, watched_s, ..Builder::default() };
    let base = written.base.then_some("base");
    for piece in base.into_iter().chain(written.include.iter().map(String::as_str)) {
        let known = PIECES.iter().find(|(name, _)| *name == piece);
        let Piece { memcgs, processes } = match known {
            Some((name, text)) => toml::from_str(text).with_context(|| format!("the piece {name}"))?,
            None => parse(&pieces.join(format!("{piece}.toml")))?,
        };
        builder.add(&memcgs, &processes)?;
    }
    builder.add(&written.memcgs, &written.processes)?;
    let (memcgs, processes) = builder.finish()?;
    let machine = Machine {
        name,
        summary: written.summary,
        why: written.why,
        report: written.report,
        total: written.total,
        available: written.available,
        swap_total: written.swap.total,
        swap_free: written.swap.free,
        full: written.full,
        taken_by_nobody: written.taken_by_nobody,
        eased_s: written.eased.0,
        watched_s,
        right: written.right.into_iter().collect(),
        never: written.never.into_iter().collect(),
        tolerated: written.tolerated.into_iter().collect(),
        may_be_none: written.may_be_none,
        memcgs,
        processes,
    };
    if is_judged {
        check_labels(&machine)?;
    }
    check(&machine, written.overlap).map(|()| machine)
}

/// What a machine that is judged says.
fn check_labels(machine: &Machine) -> Result<()> {
    let report = &machine.report;
    ensure!(
        report.starts_with("http") || report.starts_with("made up: "),
        "report: a URL, or \"made up: ...\" with what it stands for"
    );
    ensure!(!machine.right.is_empty() || machine.may_be_none, "right: empty, and may_be_none is not set");
    let sets = [("right", &machine.right), ("never", &machine.never), ("tolerated", &machine.tolerated)];
    for (key, label) in sets.iter().flat_map(|(key, set)| set.iter().map(move |label| (key, label))) {
        ensure!(
            machine.processes.iter().any(|process| is_called(&process.label, label)),
            "{key}: no process has the label {label:?}"
        );
    }
    let in_two = machine
        .processes
        .iter()
        .find(|process| hit(&process.label, &machine.right) && hit(&process.label, &machine.never));
    ensure!(in_two.is_none(), "{:?} is both right and never", in_two.map(|process| &process.label));
    Ok(())
}

/// What the fields of a machine must have to do with each other.
fn check(machine: &Machine, overlap: f64) -> Result<()> {
    ensure!(
        machine.available < machine.total && machine.swap_free <= machine.swap_total,
        "available, swap: more is free than there is"
    );
    let resident = machine.current("/") - overlap;
    ensure!(
        resident <= machine.total - machine.available + 1.0,
        "its processes hold {resident:.0} MiB, and only {:.0} are in use",
        machine.total - machine.available
    );
    let swapped: f64 = machine.processes.iter().map(|process| process.swap).sum();
    ensure!(
        swapped <= machine.swap_total - machine.swap_free + 1.0,
        "its processes have {swapped:.0} MiB of swap, and only {:.0} are in use",
        machine.swap_total - machine.swap_free
    );
    Ok(())
}

#[derive(Default)]
struct Builder {
    eased_s: f64,
    watched_s: f64,
    memcgs: BTreeMap<String, Memcg>,
    /// Paths by id.
    paths: BTreeMap<String, String>,
    /// Pids by id.
    pids: BTreeMap<String, u32>,
    processes: Vec<Process>,
    /// What each process says as `parent`.
    parents: Vec<Option<String>>,
}

impl Builder {
    fn add(&mut self, memcgs: &[written::Memcg], processes: &[written::Process]) -> Result<()> {
        for memcg in memcgs {
            self.memcg(&memcg.path)?;
            let said = Memcg {
                max: memcg.max,
                high: memcg.high,
                low: memcg.low,
                current: memcg.current,
                usual: memcg.usual,
            };
            self.memcgs.insert(memcg.path.clone(), said);
            if let Some(id) = &memcg.id {
                let before = self.paths.insert(id.clone(), memcg.path.clone());
                ensure!(before.is_none(), "memcgs: the id {id:?} is there twice");
            }
        }
        for process in processes {
            ensure!(process.n <= COPIES_MAX, "{}: n is larger than {COPIES_MAX}", process.comm);
            for copy in 0..process.n {
                self.process(process, copy).with_context(|| format!("the process {:?}", process.comm))?;
            }
        }
        Ok(())
    }

    /// A memcg and its ancestors are there.
    fn memcg(&mut self, path: &str) -> Result<()> {
        ensure!(path.starts_with('/'), "memcg: {path:?} is no path, no id of memcgs and no unit's name");
        self.memcgs.entry("/".into()).or_default();
        for (at, _) in path.match_indices('/').filter(|&(at, _)| at > 0) {
            self.memcgs.entry(path[..at].into()).or_default();
        }
        self.memcgs.entry(path.into()).or_default();
        Ok(())
    }

    fn path(&self, said: &str) -> String {
        let is_unit = !said.contains('/') && (said.ends_with(".service") || said.ends_with(".scope"));
        match self.paths.get(said) {
            Some(path) => path.clone(),
            None if is_unit && said.starts_with("app-") => {
                format!("{USER}/user@1000.service/app.slice/{said}")
            }
            None if is_unit && said.starts_with("session-") => format!("{USER}/{said}"),
            None if is_unit => format!("/system.slice/{said}"),
            None => said.into(),
        }
    }

    fn process(&mut self, written: &written::Process, copy: u32) -> Result<()> {
        let text = |text: &str| text.replace("{i}", &copy.to_string());
        let stepped = |number: f64, step: f64| number + f64::from(copy) * step;
        let parent = written.parent.as_deref().and_then(|parent| self.pids.get(&text(parent))).copied();
        let parent = parent.and_then(|pid| self.processes.iter().find(|process| process.pid == pid));
        let inherited = parent.map_or((ANYWHERE.to_owned(), 0), |parent| (parent.memcg.clone(), parent.uid));
        let memcg = written.memcg.as_deref().map_or(inherited.0, |memcg| self.path(&text(memcg)));
        self.memcg(&memcg)?;
        let pid = self.processes.last().map_or(1, |last| (last.pid + 1).max(FIRST_PID));
        if let Some(id) = &written.id {
            let before = self.pids.insert(text(id), pid);
            ensure!(before.is_none(), "the id {:?} is there twice", text(id));
        }
        let step = &written.step;
        let comm = text(&written.comm);
        let mut process = Process {
            pid,
            parent: u32::from(pid != 1),
            label: written.label.as_deref().map_or_else(|| comm.clone(), text),
            cmd: written.cmd.as_ref().map_or_else(|| comm.clone(), |cmd| text(&cmd.text())),
            comm,
            memcg,
            anon: stepped(written.anon, step.anon),
            shm: stepped(written.shm, step.shm),
            memfd: written.memfd,
            swap: stepped(written.swap, step.swap),
            file: written.file,
            age_s: stepped(written.age_s(), step.age),
            grow: stepped(written.grow, step.grow),
            hour: written.hour,
            taken: 0.0,
            births: written.births,
            adj: written.adj,
            uid: written.uid.unwrap_or(inherited.1),
            threads: written.threads,
        };
        let is_seen = self.watched_s >= HOUR_KNOWN_S;
        let hour = written.hour.or_else(|| (process.age_s >= 3600.0).then_some(process.grow));
        process.hour = hour.filter(|_| is_seen);
        process.taken = written.taken.unwrap_or_else(|| taken(&process, self.eased_s));
        ensure!((-1000..=1000).contains(&process.adj), "adj: {} is not -1000 to 1000", process.adj);
        ensure!(process.age_s >= 0.0 && process.anon >= 0.0 && process.swap >= 0.0, "a negative size or age");
        self.processes.push(process);
        self.parents.push(written.parent.as_deref().map(text));
        Ok(())
    }

    fn finish(mut self) -> Result<(BTreeMap<String, Memcg>, Vec<Process>)> {
        for (process, parent) in self.processes.iter_mut().zip(&self.parents) {
            let Some(parent) = parent else { continue };
            match self.pids.get(parent) {
                Some(&pid) => process.parent = pid,
                None => bail!("the process {:?}: there is no id {parent:?}", process.comm),
            }
        }
        Ok((self.memcgs, self.processes))
    }
}

/// All that it holds if it is newer than the time of ease, else what it can have grown by since.
fn taken(process: &Process, eased_s: f64) -> f64 {
    if process.age_s < eased_s { process.held() } else { process.held().min(process.grow * eased_s) }
}
