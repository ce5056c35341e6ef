//! `jettison import earlyoom|nohang FILE`: a configuration from a peer's, and what it cannot say.
//!
//! ```text
//! a peer's file ─ words ─▶ earlyoom, nohang ─▶ Imported ─▶ jettison.toml on standard output
//!                                                  └─▶ what was left out: there, and on standard error
//! ```

mod earlyoom;
mod imported;
mod nohang;
mod words;

use std::io::Write;

use crate::bounded::read_text;
use crate::cli;
use crate::failure::{Failure, say, unwritable};

/// Far more than any has: nohang's own, with its comments, has 16 KiB.
const BYTES_MAX: u64 = 1 << 20;

pub(crate) fn import(args: &cli::Import) -> Result<(), Failure> {
    let file = args.file.display();
    let text = read_text(&args.file, BYTES_MAX, false)
        .map_err(|unread| Failure::Usage(format!("{file}: {unread}")))?;
    let (peer, imported) = match args.peer {
        cli::author::Peer::Earlyoom => ("earlyoom", earlyoom::imported(&text)),
        cli::author::Peer::Nohang => ("nohang", nohang::imported(&text)),
    };
    let imported = imported.map_err(|why| Failure::Usage(format!("{file}: {why}")))?;
    for (line, left_out) in &imported.left_out {
        say(&format_args!("{file}:{line}: {left_out}"));
    }
    let toml = imported.to_toml(peer, &file.to_string());
    std::io::stdout().write_all(toml.as_bytes()).map_err(|error| unwritable(&error))
}

#[cfg(test)]
mod tests {
    use jettison_tests::changed_texts;

    use super::*;

    #[test]
    fn arbitrary_bytes_are_a_peers_configuration_or_refused() {
        let debians =
            "EARLYOOM_ARGS=\"-r 3600 -m 4,2 --avoid '(^|/)(init|Xorg|ssh)$' --prefer '^java$' -N /x\"\n";
        changed_texts(1_000, &[debians], |text| {
            earlyoom::imported(text).is_ok_and(|imported| imported.to_toml("earlyoom", "x").len() > 1)
        });
        let nohangs = "soft_threshold_min_mem = 5 %\n@BADNESS_ADJ_RE_NAME -500 /// ^(sshd|Xorg)$\nwarning_exe = /bin/x 'y'\n";
        changed_texts(1_000, &[nohangs], |text| {
            nohang::imported(text).is_ok_and(|imported| imported.to_toml("nohang", "x").len() > 1)
        });
    }
}
