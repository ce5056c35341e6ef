//! A child that does one thing and ends: what it is given, what it hands over and its time are bounded.
//!
//! ```text
//! Task { program subcommand args, input } ─▶ child ─▶ Ended { status, reply, last words }
//!                                              └─ Bounds::take_on: its own limits
//! ```

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, getrlimit, pidfd_open, set_parent_process_death_signal,
    setpriority_process, setrlimit, setsid,
};

use crate::limits::LAST_WORDS_BYTES_MAX;
use crate::text::one_line;

/// What a child is to do.
#[derive(Clone, Copy, Debug)]
pub struct Task<'t> {
    /// This very program.
    pub program: &'t Path,
    /// Its hidden subcommand.
    pub subcommand: &'t str,
    /// What follows it.
    pub args: &'t [String],
    /// Its standard input.
    pub input: &'t [u8],
    /// So much of its standard output is read.
    pub reply_bytes: u64,
    /// Then it is killed.
    pub wait: Duration,
}

/// A child that has ended.
#[derive(Clone, Debug)]
pub struct Ended {
    /// How.
    pub status: ExitStatus,
    /// Its standard output.
    pub reply: Vec<u8>,
    /// The last line of its standard error.
    pub last_words: String,
}

impl Task<'_> {
    /// Waits until the child has ended. Nothing if it took too long.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn run(&self) -> io::Result<Option<Ended>> {
        let mut files = Files::new(self.input)?;
        let mut child = self.start(&files)?;
        let Some(status) = wait(&mut child, self.wait)? else { return Ok(None) };
        let reply = read(&mut files.reply, self.reply_bytes)?;
        Ok(Some(Ended { status, reply, last_words: files.last_words() }))
    }

    fn start(&self, files: &Files) -> io::Result<Child> {
        Command::new(self.program)
            .arg(self.subcommand)
            .args(self.args)
            .stdin(files.input.try_clone()?)
            .stdout(files.reply.try_clone()?)
            .stderr(files.errors.try_clone()?)
            // Its last words are to be what happened, not where.
            .env("RUST_BACKTRACE", "0")
            .spawn()
    }
}

/// What a child takes on itself, before it looks at its input.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Bytes of address space.
    pub memory_bytes: u64,
    /// Bytes of a file, of which its reply is one.
    pub file_bytes: u64,
    /// Seconds of processor time.
    pub seconds: u64,
}

impl Bounds {
    /// Limits this process, offers it to the kernel's OOM killer and steps back from the daemon's priority.
    /// It ends with the thread that started it: there is none else to read its reply.
    ///
    /// # Errors
    /// A limit that cannot be set.
    pub fn take_on(self) -> io::Result<()> {
        set_parent_process_death_signal(Some(Signal::KILL))?;
        self.limit()?;
        offer_itself();
        step_back();
        Ok(())
    }

    fn limit(self) -> io::Result<()> {
        // One second later the kernel's SIGXCPU becomes SIGKILL.
        let Self { memory_bytes, file_bytes, seconds } = self;
        let limits = [
            (Resource::As, memory_bytes, memory_bytes),
            (Resource::Fsize, file_bytes, file_bytes),
            (Resource::Cpu, seconds, seconds + 1),
            // Out of memory it aborts, and a core dump of a gigabyte is of no use.
            (Resource::Core, 0, 0),
        ];
        for (resource, current, maximum) in limits {
            // A limit that is lower already stays.
            let lower = |limit: u64, already: Option<u64>| Some(already.map_or(limit, |it| it.min(limit)));
            let already = getrlimit(resource);
            let (current, maximum) = (lower(current, already.current), lower(maximum, already.maximum));
            setrlimit(resource, Rlimit { current, maximum })?;
        }
        Ok(())
    }
}

/// The daemon's own value, which a child inherits, forbids the kernel to choose it. What the child does can
/// be done again. To raise the value is always permitted (proc_pid_oom_score_adj(5)); without /proc it stays.
fn offer_itself() {
    std::fs::write("/proc/self/oom_score_adj", "1000").ok();
}

/// The daemon's priority is not for a child. A session of its own, since the kernel may schedule sessions
/// (sched(7)). Neither can fail for a child, and nothing depends on it.
fn step_back() {
    setpriority_process(None, 0).ok();
    setsid().ok();
}

/// The child's three standard files. They are in memory, so that neither side ever waits for the other, and
/// without a name, so that no other process can reach them.
struct Files {
    input: File,
    reply: File,
    errors: File,
}

impl Files {
    fn new(input: &[u8]) -> io::Result<Self> {
        let mut files =
            Self { input: unnamed("input")?, reply: unnamed("reply")?, errors: unnamed("errors")? };
        files.input.write_all(input)?;
        files.input.rewind()?;
        Ok(files)
    }

    /// The last line of what the child wrote to its standard error, less what is empty and what Rust adds.
    fn last_words(&mut self) -> String {
        let end = self.errors.seek(SeekFrom::End(0)).unwrap_or(0);
        let mut tail = Vec::new();
        let kept = self
            .errors
            .seek(SeekFrom::Start(end.saturating_sub(LAST_WORDS_BYTES_MAX as u64)))
            .and_then(|_| self.errors.read_to_end(&mut tail));
        let text = String::from_utf8_lossy(&tail);
        let last = text.lines().rfind(|line| !line.trim().is_empty() && !line.starts_with("note: "));
        match (kept, last) {
            (Ok(_), Some(line)) => one_line(line.trim().to_owned()),
            _ => "it said nothing".to_owned(),
        }
    }
}

fn unnamed(name: &str) -> io::Result<File> {
    Ok(File::from(memfd_create(name, MemfdFlags::CLOEXEC)?))
}

fn read(file: &mut File, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.rewind()?;
    file.take(bytes_max).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Waits until the child has ended; one that takes too long is killed. Nothing if it was.
fn wait(child: &mut Child, time_max: Duration) -> io::Result<Option<ExitStatus>> {
    let ended = ended_in_time(child, time_max);
    if !matches!(ended, Ok(true)) {
        child.kill()?;
    }
    let status = child.wait()?;
    Ok(ended?.then_some(status))
}

fn ended_in_time(child: &Child, time_max: Duration) -> io::Result<bool> {
    let pid = Pid::from_child(child);
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    let timeout = Timespec::try_from(time_max).map_err(io::Error::other)?;
    loop {
        let mut fds = [PollFd::new(&pidfd, PollFlags::IN)];
        match poll(&mut fds, Some(&timeout)) {
            Ok(ready) => return Ok(ready > 0),
            // A signal came in between. Signals are few, so the time may start again.
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}
