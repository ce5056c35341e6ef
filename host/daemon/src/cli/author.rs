//! What a policy author and a newcomer from a peer type.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

#[derive(Debug, Args)]
pub(crate) struct New {
    /// Lower case, digits and dashes: the folder, and what the policy is called.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The project [default: the current directory]
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Test {
    /// A module, or a project that is built first [default: the current directory]
    #[arg(value_name = "MODULE|DIR")]
    pub(crate) target: Option<String>,
    /// A machine with [expect], or what `jettison snapshot` wrote; may be given more than once [default:
    /// those in the project's folder machines]
    #[arg(long, value_name = "FILE")]
    pub(crate) machine: Vec<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Dev {
    /// The project [default: the current directory]
    #[arg(value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// How many processes of the order on this host are shown.
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,
}

#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// The module.
    #[arg(value_name = "MODULE")]
    pub(crate) module: String,
    /// One that is to replace it: say what it sees that the other does not.
    #[arg(value_name = "NEW")]
    pub(crate) new: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The module.
    #[arg(value_name = "MODULE")]
    pub(crate) module: String,
    /// What `[policy.config]` would hold.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy_config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    /// Whose.
    #[arg(value_name = "PEER")]
    pub(crate) peer: Peer,
    /// Its command line or /etc/default/earlyoom; nohang.conf.
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Peer {
    Earlyoom,
    Nohang,
}
