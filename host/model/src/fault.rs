//! Everything a policy can do wrong. Matched by variant, never by text.

use alloc::string::String;
use core::fmt;

/// Why there is no ballot. Each names what happened and, where an author can mend it, how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The file could not be read.
    Missing {
        /// The operating system's words.
        error: String,
    },
    /// Another user could have written the file.
    Distrusted {
        /// Which file or directory, its owner, and what to do.
        why: String,
    },
    /// It could not be fetched from its registry.
    Fetch {
        /// What was wrong, and what to do.
        detail: String,
    },
    /// Neither a component nor a core module that carries a component type.
    NotAComponent {
        /// What the parser found.
        detail: String,
    },
    /// It imports something outside `jettison:policy`, such as WASI.
    ForbiddenImport {
        /// The import's full name.
        import: String,
    },
    /// It imports a function of `details` that its configuration does not grant.
    NotGranted {
        /// The function's name in `details`.
        function: String,
    },
    /// It asks for what this host's `jettison:policy` does not have, or does not export its interface
    /// `policy`.
    WrongWorld {
        /// What is missing or differs.
        detail: String,
    },
    /// The compiling child failed, ran out of its time or its memory.
    Compile {
        /// Its last words.
        detail: String,
    },
    /// `validate` found its configuration unusable.
    BadConfig {
        /// All problems, `; ` between them.
        problems: String,
    },
    /// The guest trapped.
    Trap {
        /// The trap and, if the guest panicked, its message and line.
        detail: String,
    },
    /// The fuel of a consultation is used up: the guest loops or does too much.
    OutOfFuel {
        /// What it had.
        budget: u64,
    },
    /// The epoch fuse blew: the outer bound in time.
    OutOfTime {
        /// What it had, in milliseconds.
        budget_ms: u64,
    },
    /// It wanted more memory, tables or instances than it may have.
    OutOfMemory {
        /// What it had, in bytes.
        budget_bytes: u64,
    },
    /// `rank` returned an error of its own.
    Refused {
        /// The policy's words.
        message: String,
    },
    /// An entry is wrong, so the whole ballot is not trusted.
    BadBallot {
        /// Which entry, from 0.
        entry: u32,
        /// What is wrong with it.
        problem: String,
    },
    /// It has faulted too often and is not consulted any more, until its module changes or an administrator
    /// lifts it.
    Quarantined {
        /// How often in a row.
        faults: u32,
        /// The last fault, in words.
        last: String,
    },
    /// The host could not run it, for reasons of its own.
    Host {
        /// What failed.
        detail: String,
    },
}

impl Fault {
    /// The word used in logs and JSON.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Missing { .. } => "missing",
            Self::Distrusted { .. } => "distrusted",
            Self::Fetch { .. } => "fetch",
            Self::NotAComponent { .. } => "not-a-component",
            Self::ForbiddenImport { .. } => "forbidden-import",
            Self::NotGranted { .. } => "not-granted",
            Self::WrongWorld { .. } => "wrong-world",
            Self::Compile { .. } => "compile",
            Self::BadConfig { .. } => "bad-config",
            Self::Trap { .. } => "trap",
            Self::OutOfFuel { .. } => "out-of-fuel",
            Self::OutOfTime { .. } => "out-of-time",
            Self::OutOfMemory { .. } => "out-of-memory",
            Self::Refused { .. } => "refused",
            Self::BadBallot { .. } => "bad-ballot",
            Self::Quarantined { .. } => "quarantined",
            Self::Host { .. } => "host",
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { error } => {
                write!(f, "cannot be read ({error}): put the module there or mend `source`")
            }
            Self::Distrusted { why } => write!(f, "is not trusted: {why}"),
            Self::Fetch { detail } => write!(f, "is not fetched: {detail}"),
            Self::NotAComponent { detail } => write!(
                f,
                "is not a WebAssembly policy ({detail}): build it with `cargo build --release --target wasm32-unknown-unknown` and copy the whole file"
            ),
            Self::ForbiddenImport { import } => write!(
                f,
                "imports `{import}`, which a policy cannot have: build for wasm32-unknown-unknown, not for a WASI target"
            ),
            Self::NotGranted { function } => {
                write!(
                    f,
                    "imports `details.{function}` without a grant: add `grants = [\"{function}\"]` to its [[policy]]"
                )
            }
            Self::WrongWorld { detail } => {
                write!(f, "does not fit jettison:policy@0.1 ({detail}): build it with jettison-sdk 0.1")
            }
            Self::Compile { detail } => write!(f, "does not compile: {detail}"),
            Self::BadConfig { problems } => write!(f, "rejects its configuration: {problems}"),
            Self::Trap { detail } => write!(f, "trapped: {detail}"),
            Self::OutOfFuel { budget } => {
                write!(f, "used up its {budget} units of fuel: it loops, or needs more `limits.fuel`")
            }
            Self::OutOfTime { budget_ms } => write!(
                f,
                "ran longer than {budget_ms} ms: the host stalled, or it needs more `limits.consultation_ms`"
            ),
            Self::OutOfMemory { budget_bytes } => {
                write!(
                    f,
                    "wanted more than its {} MiB of memory: it must do with less, or `limits.memory_mib` is set too low",
                    budget_bytes >> 20
                )
            }
            Self::Refused { message } => write!(f, "gave no ballot: {message}"),
            Self::BadBallot { entry, problem } => {
                write!(f, "entry {entry} of its ballot is wrong: {problem}")
            }
            Self::Quarantined { faults, last } => write!(
                f,
                "is in quarantine after {faults} faults in a row (the last: {last}): mend it, or lift the quarantine with `jettison reload --lift`"
            ),
            Self::Host { detail } => write!(f, "could not be run: {detail}"),
        }
    }
}

impl core::error::Error for Fault {}
