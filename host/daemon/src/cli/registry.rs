//! What talks to a registry.

use std::path::PathBuf;

use clap::Args;

/// Which registry, and by what login.
#[derive(Debug, Args)]
pub(crate) struct OfRegistry {
    /// HOST[:PORT]/NAME, with :TAG or @sha256:DIGEST.
    #[arg(value_name = "REFERENCE")]
    pub(crate) reference: String,
    /// Log in with this name, and the password on standard input [default: what `docker login` has left]
    #[arg(long, value_name = "NAME", requires = "password_stdin")]
    pub(crate) username: Option<String>,
    /// Read the password from standard input.
    #[arg(long, requires = "username")]
    pub(crate) password_stdin: bool,
    /// Speak to this registry without TLS. To this very host it is done in any case.
    #[arg(long)]
    pub(crate) plain_http: bool,
    /// The configuration, for its [registries] [default: /etc/jettison/jettison.toml, if it is there]
    #[arg(long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Pull {
    #[command(flatten)]
    pub(crate) registry: OfRegistry,
    /// Write the module there.
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Keep it where a daemon with this --keep-dir looks for it, so that it needs no network.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep_dir: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Push {
    /// The module.
    #[arg(value_name = "MODULE")]
    pub(crate) module: String,
    #[command(flatten)]
    pub(crate) registry: OfRegistry,
}
