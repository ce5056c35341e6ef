//! All processes at one look, by a BPF iterator over tasks.
//!
//! ```text
//! task.bpf.c ─ build.rs, clang ─▶ object ─ aya, the kernel's BTF ─▶ program ─▶ file ─ read ─▶ Task...
//! ```
//!
//! An open iterator is read once, from its first task to its last (Documentation/bpf/bpf_iterators.rst). At
//! its first read the kernel takes eight pages in a row for it, so the next one is opened, and read once in
//! vain, as soon as a look is over: then a look takes no memory at all.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};

use aya::maps::{Array, MapData};
use aya::programs::{Iter, ProgramError};
use aya::{Btf, Ebpf, EbpfLoader, include_bytes_aligned};
use jettison_model::limits::PROCESSES_MAX;
use rustix::param::{clock_ticks_per_second, page_size};

use crate::process::tasks::{Task, TaskTable};

/// Its name in the object.
const PROGRAM: &str = "jettison_task";
/// Bytes of a record, as `task.bpf.c` writes it.
const RECORD_BYTES: usize = 104;
/// As much as the kernel hands over at once.
const READ_BYTES: usize = 32 << 10;
/// `PF_KTHREAD` of include/linux/sched.h.
const KERNEL_THREAD: u32 = 0x0020_0000;
const NS_PER_S: u64 = 1_000_000_000;

static OBJECT: &[u8] = include_bytes_aligned!(concat!(env!("OUT_DIR"), "/task.o"));

/// The loaded program, and the processes of its last look.
pub(crate) struct BpfTasks {
    ebpf: Ebpf,
    /// Open, and read once in vain.
    ready: Option<File>,
    bytes: Vec<u8>,
    units: Units,
    /// In ascending order of pid, as the kernel lists them.
    tasks: Vec<Task>,
}

/// What the kernel's numbers are multiples of.
#[derive(Clone, Copy, Debug)]
struct Units {
    ns_per_tick: u64,
    page_bytes: u64,
}

impl BpfTasks {
    /// Loads the program into the kernel, which takes a tenth of a second and some 40 MiB for a moment.
    ///
    /// # Errors
    /// Why it cannot be loaded, for people.
    pub(crate) fn load() -> Result<Self, String> {
        Self::load_object(OBJECT)
    }

    fn load_object(object: &[u8]) -> Result<Self, String> {
        may_load()?;
        let types = Btf::from_sys_fs().map_err(|error| causes("the kernel's types (BTF)", &error))?;
        let mut ebpf = EbpfLoader::new()
            .btf(Some(&types))
            .load(object)
            .map_err(|error| causes("the program cannot be loaded", &error))?;
        program(&mut ebpf)?.load("task", &types).map_err(|error| refused(&error))?;
        let ns_per_tick = NS_PER_S / clock_ticks_per_second().max(1);
        let units = Units { ns_per_tick, page_bytes: page_size() as u64 };
        Ok(Self { ebpf, ready: None, bytes: vec![0; READ_BYTES], units, tasks: Vec::new() })
    }

    fn open(&mut self) -> Result<File, String> {
        let program = program(&mut self.ebpf)?;
        let link = program.attach().and_then(|id| program.take_link(id));
        let link = link.map_err(|error| causes("the iterator cannot be opened", &error))?;
        link.into_file().map_err(|error| causes("the iterator cannot be opened", &error))
    }

    /// While it is set, each read ends before the first task.
    fn set_priming(&mut self, is_priming: u32) -> Result<(), String> {
        let failed = |error: &dyn Error| causes("the program's memory", error);
        let map = self.ebpf.map_mut(".bss").ok_or("the program has no memory")?;
        let mut memory: Array<&mut MapData, u32> = map.try_into().map_err(|error| failed(&error))?;
        memory.set(0, is_priming, 0).map_err(|error| failed(&error))
    }

    fn primed(&mut self) -> Result<File, String> {
        let mut file = self.open()?;
        self.set_priming(1)?;
        let read = file.read(&mut self.bytes);
        self.set_priming(0)?;
        match read {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(file),
            Err(error) => Err(format!("the iterator cannot be read: {error}")),
            Ok(bytes) => Err(format!("the iterator handed over {bytes} bytes where it should wait")),
        }
    }

    fn read_all(&mut self, mut file: File) -> Result<(), String> {
        let (units, mut filled) = (self.units, 0);
        self.tasks.clear();
        loop {
            let free = self.bytes.get_mut(filled..).unwrap_or_default();
            let read = match file.read(free) {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                read => read.map_err(|error| format!("the iterator cannot be read: {error}"))?,
            };
            if read == 0 {
                break;
            }
            let (records, rest) = self.bytes.get(..filled + read).unwrap_or_default().as_chunks();
            let room = PROCESSES_MAX.saturating_sub(self.tasks.len());
            self.tasks.extend(records.iter().take(room).map(|record| parse(record, units)));
            // A read may end within a record.
            filled = rest.len();
            let from = size_of_val(records);
            self.bytes.copy_within(from..from + filled, 0);
        }
        if filled > 0 {
            return Err(format!("the iterator ended within a record, {filled} bytes after its begin"));
        }
        self.tasks.sort_unstable_by_key(|task| task.pid);
        Ok(())
    }
}

impl TaskTable for BpfTasks {
    fn look(&mut self) -> Result<(), String> {
        let file = match self.ready.take() {
            Some(file) => file,
            None => self.open()?,
        };
        self.read_all(file).inspect_err(|_| self.tasks.clear())
    }

    fn make_ready(&mut self) {
        // Without it the next look opens one itself, and says what is wrong: if the flag could not be reset,
        // that it would have to wait.
        self.ready = self.primed().ok();
    }

    fn all(&self) -> &[Task] {
        &self.tasks
    }
}

impl fmt::Debug for BpfTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BpfTasks").field("tasks", &self.tasks.len()).finish_non_exhaustive()
    }
}

fn program(ebpf: &mut Ebpf) -> Result<&mut Iter, String> {
    let program = ebpf.program_mut(PROGRAM).ok_or("the object has no program")?;
    program.try_into().map_err(|error: ProgramError| causes("the program is no iterator", &error))
}

/// A record of `task.bpf.c`, in the order of its fields.
fn parse(record: &[u8; RECORD_BYTES], units: Units) -> Task {
    let mut left = record.as_slice();
    let Units { ns_per_tick, page_bytes } = units;
    let start_time = number(&mut left) / ns_per_tick.max(1);
    let size_bytes = number(&mut left).saturating_mul(page_bytes);
    // What one processor counts up and another down may leave a sum below zero for a while.
    let counters = [(); 4].map(|()| number(&mut left).cast_signed().max(0).cast_unsigned());
    let [rss_file_bytes, rss_anon_bytes, swap_bytes, rss_shmem_bytes] =
        counters.map(|pages| pages.saturating_mul(page_bytes));
    let page_table_bytes = number(&mut left);
    let comm = taken(&mut left);
    let memcg_inode = number(&mut left);
    let [pid, parent_pid, uid, flags, threads] = [(); 5].map(|()| u32::from_ne_bytes(taken(&mut left)));
    let [oom_score_adj, is_dead] = [(); 2].map(|()| i16::from_ne_bytes(taken(&mut left)));
    Task {
        pid,
        start_time,
        parent_pid,
        comm,
        memcg_inode,
        is_dead: is_dead != 0,
        is_kernel_thread: flags & KERNEL_THREAD != 0,
        threads,
        uid,
        size_bytes,
        rss_anon_bytes,
        rss_file_bytes,
        rss_shmem_bytes,
        swap_bytes,
        page_table_bytes,
        oom_score_adj,
    }
}

fn number(left: &mut &[u8]) -> u64 {
    u64::from_ne_bytes(taken(left))
}

/// The next bytes. Records are long enough, by their type.
fn taken<const N: usize>(left: &mut &[u8]) -> [u8; N] {
    let Some((first, rest)) = left.split_first_chunk() else { return [0; N] };
    *left = rest;
    *first
}

/// Told beforehand, since what aya says of it is about a section of the object.
fn may_load() -> Result<(), String> {
    use rustix::thread::{CapabilitySet, capabilities};
    let own = capabilities(None).map_err(|error| format!("our capabilities: {error}"))?.effective;
    let some = CapabilitySet::BPF | CapabilitySet::PERFMON;
    if !own.contains(some) && !own.contains(CapabilitySet::SYS_ADMIN) {
        return Err("it takes CAP_BPF and CAP_PERFMON, or CAP_SYS_ADMIN".into());
    }
    if !aya::features().bpf_global_data() {
        return Err("bpf(2) is refused, by seccomp or a security module".into());
    }
    Ok(())
}

/// With the last thing that the verifier says, less its statistics.
fn refused(error: &ProgramError) -> String {
    const STATISTICS: [&str; 4] = ["processed ", "verification time", "stack depth", "subprog "];
    let ProgramError::LoadError { io_error, verifier_log } = error else {
        return causes("the program cannot be loaded", error);
    };
    let log = verifier_log.to_string();
    let is_word = |line: &&str| !line.is_empty() && !STATISTICS.iter().any(|word| line.starts_with(word));
    let last = log.lines().map(str::trim).rfind(is_word).unwrap_or("no reason is given");
    format!("the kernel refuses the program: {io_error}: {last}")
}

/// An error with what is behind it.
fn causes(what: &str, error: &dyn Error) -> String {
    let mut text = format!("{what}: {error}");
    let mut cause = error.source();
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
