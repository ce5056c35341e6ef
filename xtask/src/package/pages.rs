//! Manual pages and completions, made from the command line as the daemon declares it.

use std::fs;
use std::path::Path;

use anyhow::Result;
use clap::CommandFactory;
use clap_complete::{Shell, generate_to};

use crate::{call, text_of};

#[path = "../../../host/daemon/src/cli/mod.rs"]
mod cli;

pub(super) fn write(folder: &Path) -> Result<()> {
    let manual = folder.join("man");
    fs::create_dir(&manual)?;
    // One page for each command, without hidden ones.
    clap_mangen::generate_to(cli::Cli::command(), &manual)?;
    clap_mangen::generate_to(cli::Daemon::command(), &manual)?;
    for page in fs::read_dir(&manual)? {
        let page = page?.path();
        // Without the time, so that the same sources give the same package.
        call("gzip", &["-9", "--no-name", text_of(&page)?])?;
    }
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut cli::Cli::command(), "jettison", folder)?;
    }
    Ok(())
}
