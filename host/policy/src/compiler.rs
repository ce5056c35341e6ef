//! Compiling, as the daemon sees it: a child process that may fail, hang or bloat without harm.

use std::fmt;
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;
use std::sync::Arc;

use jettison_model::Fault;
use rustix::process::Signal;

use crate::aside::{Ended, Task};
use crate::cache::Cache;
use crate::digest::digest;
use crate::limits::CompileLimits;
use crate::reply::{self, Code};

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
        let task = Task {
            program: &self.program,
            subcommand: SUBCOMMAND,
            args: &self.limits.to_args(),
            input: module,
            reply_bytes: self.limits.code_bytes(),
            wait: self.limits.wait(),
        };
        let Some(Ended { status, reply, last_words }) = task.run().map_err(failed)? else {
            return Err(Fault::Compile {
                detail: format!("the compiler was stopped after {} ms", self.limits.wait().as_millis()),
            });
        };
        match reply::decode(&reply) {
            Some(reply) => reply,
            None => Err(Fault::Compile { detail: how_it_ended(status, self.limits, &last_words) }),
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
