//! Compiling, as the daemon sees it: a child process that may fail, hang or bloat without harm.

use std::fmt;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus};
use std::sync::Arc;
use std::time::Duration;

use jettison_model::Fault;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open};

use crate::cache::Cache;
use crate::digest::digest;
use crate::limits::{CompileLimits, LAST_WORDS_BYTES_MAX};
use crate::reply::{self, Code};
use crate::text::one_line;

/// What the child is started as.
const SUBCOMMAND: &str = "compile-module";

/// A module made ready for [`Policy::load`](crate::Policy::load).
#[derive(Clone, PartialEq, Eq)]
pub struct Compiled {
    /// SHA-256 of the module's file, in hexadecimal.
    pub digest: String,
    /// The functions that it imports, as `interface.function`, sorted.
    pub imports: Vec<String>,
    /// Native code, for this program on this machine only. Private, since a caller that could set it could
    /// run anything.
    pub(crate) code: Vec<u8>,
}

impl Compiled {
    /// Bytes of native code and its tables: what a loaded policy keeps in memory, and little more.
    #[must_use]
    pub fn code_bytes(&self) -> usize {
        self.code.len()
    }
}

impl fmt::Debug for Compiled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Compiled")
            .field("digest", &self.digest)
            .field("imports", &self.imports)
            .field("code_bytes", &self.code_bytes())
            .finish()
    }
}

/// Compiles modules in short-lived children, so that a compiler's memory is never the daemon's.
#[derive(Clone, Debug)]
pub struct Compiler {
    program: PathBuf,
    limits: CompileLimits,
    cache: Arc<Cache>,
}

impl Compiler {
    /// `program` is this very program: its hidden subcommand `compile-module` is
    /// [`compile_module`](crate::compile_module).
    #[must_use]
    pub fn new(program: PathBuf) -> Self {
        Self { program, limits: CompileLimits::default(), cache: Arc::default() }
    }

    /// What compiling may take.
    #[must_use]
    pub fn with_limits(self, limits: CompileLimits) -> Self {
        Self { limits, ..self }
    }

    /// Keeps compiled code in this directory, which is made with mode 0700 if its parent is there, and starts
    /// no child for what is kept already.
    ///
    /// Code from the directory runs as this program's own, so a directory or file of another user, or that
    /// others can reach, is not used. That, and any other failure, costs the cache and nothing else.
    #[must_use]
    pub fn with_cache(self, dir: &Path) -> Self {
        Self { cache: Arc::new((*self.cache).clone().keeping_in(dir)), ..self }
    }

    /// Starts no child either for what came with the program: code in this directory, which only root and we
    /// may write to.
    #[must_use]
    pub fn with_shipped(self, dir: &Path) -> Self {
        Self { cache: Arc::new((*self.cache).clone().shipped_in(dir)), ..self }
    }

    /// Why compiled code cannot be kept, in words for people; nothing if it can, or is not meant to be.
    #[must_use]
    pub fn cache_problem(&self) -> Option<String> {
        self.cache.problem()
    }

    /// Compiles a component, or a core module that carries its component type.
    ///
    /// # Errors
    /// [`Fault::NotAComponent`] or [`Fault::ForbiddenImport`] for what the module is; [`Fault::Compile`] if
    /// the child cannot be started, fails, or takes more than its time or its memory.
    pub fn compile(&self, module: &[u8]) -> Result<Compiled, Fault> {
        let (length, most) = (module.len() as u64, self.limits.module_bytes);
        if length > most {
            return Err(Fault::Compile {
                detail: format!("it has {length} bytes, at most {most} are taken"),
            });
        }
        let digest = digest(module);
        let Code { imports, code, .. } = self.kept_or_run(&digest, module)?;
        Ok(Compiled { digest, imports, code })
    }

    fn kept_or_run(&self, digest: &str, module: &[u8]) -> Result<Code, Fault> {
        if let Some(kept) = self.cache.get(digest, self.limits) {
            return Ok(kept);
        }
        let code = self.run(module)?;
        self.cache.put(digest, &code);
        Ok(code)
    }

    fn run(&self, module: &[u8]) -> Result<Code, Fault> {
        let failed = |error: io::Error| Fault::Compile {
            detail: format!("{} {SUBCOMMAND} could not be run: {error}", self.program.display()),
        };
        let mut files = Files::new(module).map_err(failed)?;
        let mut child = self.start(&files).map_err(failed)?;
        let Some(status) = wait(&mut child, self.limits.wait()).map_err(failed)? else {
            return Err(Fault::Compile {
                detail: format!("the compiler was stopped after {} ms", self.limits.wait().as_millis()),
            });
        };
        let frame = read(&mut files.reply, self.limits.code_bytes()).map_err(failed)?;
        match reply::decode(&frame) {
            Some(reply) => reply,
            None => Err(Fault::Compile { detail: how_it_ended(status, self.limits, &files.last_words()) }),
        }
    }

    fn start(&self, files: &Files) -> io::Result<Child> {
        Command::new(&self.program)
            .arg(SUBCOMMAND)
            .args(self.limits.to_args())
            .stdin(files.module.try_clone()?)
            .stdout(files.reply.try_clone()?)
            .stderr(files.errors.try_clone()?)
            // Its last words are to be what happened, not where.
            .env("RUST_BACKTRACE", "0")
            .spawn()
    }
}

/// The child's three standard files. They are in memory, so that neither side ever waits for the other, and
/// without a name, so that no other process can reach them.
struct Files {
    module: File,
    reply: File,
    errors: File,
}

impl Files {
    fn new(module: &[u8]) -> io::Result<Self> {
        let mut files =
            Self { module: unnamed("module")?, reply: unnamed("reply")?, errors: unnamed("errors")? };
        files.module.write_all(module)?;
        files.module.rewind()?;
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

/// Why there is no reply, for people. Where a signal ended it, that was most likely one of its limits.
fn how_it_ended(status: ExitStatus, limits: CompileLimits, last_words: &str) -> String {
    let (mib, seconds) = (limits.memory_bytes >> 20, limits.seconds);
    let who = match status.signal() {
        None => "the compiler".to_owned(),
        Some(signal) if signal == Signal::XCPU.as_raw() => {
            return format!(
                "the compiler used up its {seconds} s of processor time: it needs more `limits.compile_s`"
            );
        }
        Some(signal) if signal == Signal::XFSZ.as_raw() => {
            let mib = limits.code_bytes() >> 20;
            return format!("its code has more than {mib} MiB: it needs more `limits.module_mib`");
        }
        Some(_) => format!("the compiler, which may take {mib} MiB and {seconds} s,"),
    };
    format!("{who} ended ({status}) without a reply: {last_words}")
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

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Compiles with a shell script in place of the child.
    fn with_child(script: &str) -> Result<Compiled, Fault> {
        let dir = tempfile::tempdir().expect("a directory");
        let program = dir.path().join("child");
        fs::write(&program, format!("#!/bin/sh\n{script}\n")).expect("a script");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o700)).expect("its mode");
        let limits = CompileLimits { seconds: 1, ..CompileLimits::default() };
        Compiler::new(program).with_limits(limits).compile(b"the module")
    }

    fn detail(script: &str) -> String {
        match with_child(script) {
            Err(Fault::Compile { detail }) => detail,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_child_that_hangs_is_stopped() {
        assert_eq!(detail("exec sleep 60"), "the compiler was stopped after 4000 ms");
    }

    #[test]
    fn a_child_that_dies_is_reported_with_its_last_words() {
        assert_eq!(
            detail("printf 'early\nout of \\033[1mmemory\nnote: to you\n\n' >&2; kill -9 $$"),
            "the compiler, which may take 1024 MiB and 1 s, ended (signal: 9 (SIGKILL)) without a reply: \
             out of \\u{1b}[1mmemory"
        );
    }

    #[test]
    fn a_child_that_used_up_its_processor_time_is_told_from_others() {
        assert_eq!(
            detail("kill -XCPU $$"),
            "the compiler used up its 1 s of processor time: it needs more `limits.compile_s`"
        );
        assert_eq!(
            detail("kill -XFSZ $$"),
            "its code has more than 64 MiB: it needs more `limits.module_mib`"
        );
    }

    #[test]
    fn a_child_reads_the_module_and_its_reply_is_taken() {
        let reply = r#"test "$* $(cat)" = "compile-module 16777216 1 1073741824 the module" || exit 1
            printf 'jettison-compiled/2\n\0\0\0\0\0\3\0\0\0a.b\2\0\0\0xy'"#;
        let compiled = with_child(reply).expect("a reply");
        assert_eq!((compiled.imports, compiled.code), (vec!["a.b".to_owned()], b"xy".to_vec()));
        assert_eq!(compiled.digest.len(), 64);
    }
}
