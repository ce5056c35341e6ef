//! The command line (docs/reference/command-line.md).

pub(crate) mod author;
mod log;
pub(crate) mod registry;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

pub(crate) use author::{Bench, Build, Dev, Import, Inspect, New, Test};
pub(crate) use log::{LogLevel, LogTo};
pub(crate) use registry::{Pull, Push};

/// Keeps a Linux host alive when memory runs out.
///
/// Sandboxed policies rank processes; jettison holds their oom_score_adj accordingly and shuts the least
/// important down gracefully before the kernel has to kill.
#[derive(Debug, Parser)]
#[command(name = "jettison", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Keeps a Linux host alive when memory runs out: `jettison run`, without all other commands.
///
/// What it has compiled and fetched is compiled and fetched by the `jettison` beside it.
#[derive(Debug, Parser)]
#[command(name = "jettisond", version, max_term_width = 100)]
pub(crate) struct Daemon {
    #[command(flatten)]
    pub(crate) run: Run,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run the daemon.
    Run(Run),
    /// Show which process would go first, and why. Changes nothing.
    Explain(Explain),
    /// Write the sensed state to a file that `explain` reads.
    Snapshot(Snapshot),
    /// Validate the configuration, and modules, their imports and grants.
    Check(Check),
    /// Say what the running daemon is made of and how it is.
    Status(Asks),
    /// Have the running daemon read its configuration and policies again.
    Reload(Reload),
    /// Show the last victims: which, why, how, and what their end gave back.
    History(History),
    /// Watch the running daemon in the terminal: levels, order, victims on their way, policies.
    Top(Top),
    /// Print the daemon's figures in Prometheus' text format.
    Metrics(OfDaemon),
    /// Decide again what a journal has recorded, and say what differs; or what another policy would do.
    Replay(Replay),
    /// Say which victims of a journal would be others with a new module; exit 1 if any.
    Diff(Diff),
    /// Make one page with plots of a journal.
    Report(Report),
    /// Print a journal as lines of JSON, for a database.
    Export(Export),
    /// Say what the last tick thought of a process, or what would save it.
    Why(Why),
    /// Show what this host offers and lacks, and what to do. Changes nothing.
    Doctor(Doctor),
    /// Make a policy of your own: a project that builds and passes its tests as it is.
    New(New),
    /// Build the module of a project.
    Build(Build),
    /// Show a policy machines that are short of memory, and fail if it does not do what is expected there.
    Test(Test),
    /// Build, test and explain a project again after each change, until Ctrl-C. Changes nothing on this host.
    Dev(Dev),
    /// Show what a module is, and all that it can see.
    Inspect(Inspect),
    /// Measure what a consultation of a module takes.
    Bench(Bench),
    /// Fetch a policy from an OCI registry, and print the line that pins it to its digest.
    Pull(Pull),
    /// Publish a policy in an OCI registry.
    Push(Push),
    /// Translate a peer's configuration, and say what cannot be translated.
    Import(Import),
    /// Print the JSON schema of the configuration, for editors.
    Schema,
    /// Compile the module on standard input (what the daemon runs as a child of its own).
    #[command(hide = true)]
    CompileModule {
        /// Limits: bytes of the module, seconds of processor time, bytes of memory.
        limits: Vec<String>,
    },
    /// Fetch what the request on standard input names (what the daemon runs as a child of its own).
    #[command(hide = true)]
    FetchModule,
    /// Compile the built-in policies into a directory (what a package brings along).
    #[command(hide = true)]
    CompileBuiltin {
        /// Made, if it is not there.
        directory: PathBuf,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Run {
    /// The configuration [default: /etc/jettison/jettison.toml, and built-in defaults without it]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Decide and log, but touch nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Look after one memcg only: a path below the memory hierarchy's root.
    #[arg(long, value_name = "MEMCG")]
    pub(crate) scope: Option<String>,
    /// Where the daemon keeps its lock and the record of held values.
    #[arg(long, value_name = "DIR", default_value = "/run/jettison")]
    pub(crate) state_dir: PathBuf,
    /// Where it keeps what should outlive a boot: usual footprints, compiled policies [default: the state
    /// directory]
    #[arg(long, value_name = "DIR")]
    pub(crate) keep_dir: Option<PathBuf>,
    /// Where the log goes: `stderr`, `journald`, the path of a socket that speaks its protocol, or `auto`:
    /// journald if standard error leads there.
    #[arg(long, value_name = "WHERE", default_value = "auto")]
    pub(crate) log: LogTo,
    /// The least severe that is logged [default: what RUST_LOG says, or info]
    #[arg(long, value_name = "LEVEL")]
    pub(crate) log_level: Option<LogLevel>,
}

/// What is looked at, and which policies are asked.
#[derive(Debug, Default, Args)]
pub(crate) struct Look {
    /// The configuration [default: /etc/jettison/jettison.toml, and built-in defaults without it]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Ask this module instead of the configured policies; may be given more than once.
    #[arg(long, value_name = "MODULE")]
    pub(crate) policy: Vec<String>,
    /// What `[policy.config]` would hold, for the modules of --policy [default: that of a configured policy
    /// of the same source]
    #[arg(long, value_name = "FILE", requires = "policy")]
    pub(crate) policy_config: Option<PathBuf>,
    /// Look at one memcg only: a path below the memory hierarchy's root.
    #[arg(long, value_name = "MEMCG")]
    pub(crate) scope: Option<String>,
    /// Take DIR/proc, DIR/sys and DIR/dev instead of the live ones.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Take what `jettison snapshot` wrote instead of this machine.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["root", "scope"])]
    pub(crate) snapshot: Option<PathBuf>,
    /// Keep compiled policies here, so that the next call compiles nothing.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    pub(crate) look: Look,
    /// Show the order as if the policy of this name were not loaded; may be given more than once.
    #[arg(long, value_name = "NAME")]
    pub(crate) without: Vec<String>,
    /// Show what the kernel's own OOM killer would choose now, and with the values that would be held.
    #[arg(long)]
    pub(crate) kernel: bool,
    /// Show the rows as the process tree, each with its place in the order.
    #[arg(long, conflicts_with = "json")]
    pub(crate) tree: bool,
    /// How many processes the table shows.
    #[arg(long, value_name = "N", default_value_t = 15)]
    pub(crate) top: usize,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Snapshot {
    /// Where to; made readable for its owner only [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Take DIR/proc, DIR/sys and DIR/dev instead of the live ones.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    /// Put hashes in place of names and command lines, the same for the same name within this file only.
    #[arg(long)]
    pub(crate) redact: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The configuration [default: /etc/jettison/jettison.toml, and built-in defaults without it]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Modules to check instead of the configuration.
    #[arg(value_name = "MODULE")]
    pub(crate) modules: Vec<String>,
}

/// What talks to the running daemon.
#[derive(Debug, Args)]
pub(crate) struct Asks {
    /// The daemon's state directory.
    #[arg(long, value_name = "DIR", default_value = "/run/jettison")]
    pub(crate) state_dir: PathBuf,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

/// Where the daemon is.
#[derive(Debug, Args)]
pub(crate) struct OfDaemon {
    /// The daemon's state directory.
    #[arg(long, value_name = "DIR", default_value = "/run/jettison")]
    pub(crate) state_dir: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct History {
    #[command(flatten)]
    pub(crate) asks: Asks,
    /// Read the journal for those of the last 90s, 30m, 1h or 2d, with what would have saved each.
    #[arg(long, value_name = "TIME")]
    pub(crate) since: Option<String>,
    /// The journal to read [default: the running daemon's]
    #[arg(long, value_name = "DIR", requires = "since")]
    pub(crate) journal: Option<PathBuf>,
    /// Show what a dry run would have shut down.
    #[arg(long)]
    pub(crate) dry: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    /// Directories of journals, or their files.
    #[arg(value_name = "JOURNAL", required = true)]
    pub(crate) journals: Vec<PathBuf>,
    /// Ask this module instead of the recorded policies; may be given more than once.
    #[arg(long, value_name = "MODULE")]
    pub(crate) policy: Vec<String>,
    /// Keep compiled policies here, so that the next call compiles nothing.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Diff {
    /// The module as it is, or `builtin:NAME`.
    #[arg(value_name = "OLD")]
    pub(crate) old: String,
    /// The module that is to replace it.
    #[arg(value_name = "NEW")]
    pub(crate) new: String,
    /// Directories of journals, or their files.
    #[arg(value_name = "JOURNAL", required = true)]
    pub(crate) journals: Vec<PathBuf>,
    /// Keep compiled policies here, so that the next call compiles nothing.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Directories of journals, or their files.
    #[arg(value_name = "JOURNAL", required = true)]
    pub(crate) journals: Vec<PathBuf>,
    /// The page; made readable for its owner only.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: PathBuf,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Directories of journals, or their files.
    #[arg(value_name = "JOURNAL", required = true)]
    pub(crate) journals: Vec<PathBuf>,
    /// What the column `host` has, since a journal does not say where it is from.
    #[arg(long, value_name = "NAME")]
    pub(crate) host: Option<String>,
    /// Add what these modules would have decided instead; may be given more than once.
    #[arg(long, value_name = "MODULE")]
    pub(crate) policy: Vec<String>,
    /// Keep compiled policies here, so that the next call compiles nothing.
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Where to; made readable for its owner only [default: standard output]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Reload {
    #[command(flatten)]
    pub(crate) asks: Asks,
    /// Let policies in quarantine be consulted again.
    #[arg(long)]
    pub(crate) lift: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Why {
    /// The process.
    #[arg(value_name = "PID")]
    pub(crate) pid: u32,
    /// Look at this machine as `explain` does, without the daemon, and find the smallest changes that would
    /// save the process.
    #[arg(long)]
    pub(crate) not: bool,
    #[command(flatten)]
    pub(crate) look: Look,
    #[command(flatten)]
    pub(crate) asks: Asks,
}

#[derive(Debug, Args)]
pub(crate) struct Top {
    /// The daemon's state directory.
    #[arg(long, value_name = "DIR", default_value = "/run/jettison")]
    pub(crate) state_dir: PathBuf,
    /// Seconds between two questions to the daemon.
    #[arg(long, value_name = "SECONDS", default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=60))]
    pub(crate) interval: u64,
    /// Print one frame of 80 columns as text, and end.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Doctor {
    /// The configuration of the service [default: /etc/jettison/jettison.toml]
    #[arg(long, value_name = "FILE", conflicts_with = "root")]
    pub(crate) config: Option<PathBuf>,
    /// Take DIR/proc, DIR/sys and DIR/dev instead of the live ones.
    #[arg(long, value_name = "DIR")]
    pub(crate) root: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) daemon: OfDaemon,
    /// Print one JSON object.
    #[arg(long)]
    pub(crate) json: bool,
}
