//! Why nothing was taken from a registry, with what to do.

use std::fmt;

use crate::digest::Digest;
use crate::limits::SAID_CHARS_MAX;

/// What was wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// There was no answer.
    Unreachable {
        /// What was asked for.
        url: String,
        /// In the words of the system or of TLS.
        why: String,
    },
    /// The time for all requests together is over.
    TooSlow {
        /// What was asked for last.
        url: String,
        /// The time.
        seconds: u64,
    },
    /// It wants a login, or another one.
    Denied {
        /// What was asked for.
        url: String,
        /// Its own words.
        said: String,
    },
    /// There is no such name, tag or digest.
    Absent {
        /// What was asked for.
        url: String,
    },
    /// Another status than the one for success.
    Status {
        /// What was asked for.
        url: String,
        /// As HTTP has it.
        status: u16,
        /// Its own words.
        said: String,
    },
    /// It sends us where we do not go.
    Elsewhere {
        /// What was asked for.
        url: String,
        /// Where it sends us.
        to: String,
        /// Why not there.
        why: &'static str,
    },
    /// It sends more than is taken.
    TooLarge {
        /// What it is.
        what: &'static str,
        /// What is taken.
        bytes_max: u64,
    },
    /// The content has another digest than was promised.
    WrongDigest {
        /// What it is.
        what: &'static str,
        /// What was promised.
        promised: Digest,
        /// What came.
        came: Digest,
    },
    /// The content has another size than the manifest says.
    WrongSize {
        /// What the manifest says.
        promised: u64,
        /// What came.
        came: u64,
    },
    /// It is something else than a policy.
    WrongType {
        /// What it is.
        what: &'static str,
        /// What a policy has.
        expected: &'static str,
        /// What came.
        came: String,
    },
    /// A policy is one layer.
    Layers(usize),
    /// An answer that cannot be read.
    Nonsense {
        /// Which.
        what: &'static str,
        /// What is wrong with it.
        why: String,
    },
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable { url, why } => write!(
                f,
                "{url} does not answer ({why}): is it up, and does it speak TLS? One that does not is named in `registries.plain_http`"
            ),
            Self::TooSlow { url, seconds } => write!(
                f,
                "{url} took longer than the {seconds} s for all requests: try again, or raise `registries.fetch_s`"
            ),
            Self::Denied { url, said } => write!(
                f,
                "{url} is denied ({}): log in with `docker login` without a credential helper, or give `--username` and `--password-stdin`",
                Said(said)
            ),
            Self::Absent { url } => {
                write!(f, "{url} is not there: is its name right, and was it pushed?")
            }
            Self::Status { url, status, said } => {
                write!(
                    f,
                    "{url} answers with status {status} ({}): try again, or ask who runs it",
                    Said(said)
                )
            }
            Self::Elsewhere { url, to, why } => {
                write!(f, "{url} sends us to {}, {why}: ask who runs it", Said(to))
            }
            Self::TooLarge { what, bytes_max } => {
                write!(f, "{what} has more than the {bytes_max} bytes that are taken")?;
                if *what == MODULE { f.write_str(": raise `limits.module_mib`") } else { Ok(()) }
            }
            Self::WrongDigest { what, promised, came } => write!(
                f,
                "{what} has the digest {came}, and not {promised} as promised: the registry or what is between changes it, do not use it"
            ),
            Self::WrongSize { promised, came } => write!(
                f,
                "the module has {came} bytes, and not {promised} as its manifest says: push it again"
            ),
            Self::WrongType { what, expected, came } => write!(
                f,
                "{what} is {}, and not {expected}: push the policy with `jettison push`",
                Said(came)
            ),
            Self::Layers(count) => {
                write!(f, "it has {count} layers, and a policy has one: push it with `jettison push`")
            }
            Self::Nonsense { what, why } => {
                write!(f, "{what} cannot be read ({}): is that a registry?", Said(why))
            }
        }
    }
}

impl std::error::Error for Refusal {}

/// What the layer is called.
pub(crate) const MODULE: &str = "the module";
/// What the manifest is called.
pub(crate) const MANIFEST: &str = "the manifest";

/// Words of a registry: short, on one line, and nothing that a terminal obeys.
struct Said<'s>(&'s str);

impl fmt::Display for Said<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown: String = self.0.trim().chars().take(SAID_CHARS_MAX).collect();
        let is_cut = shown.len() < self.0.trim().len();
        let shown = if shown.is_empty() { "without a word" } else { &shown };
        write!(
            f,
            "{}{}",
            shown.escape_debug().to_string().replace("\\\"", "\""),
            if is_cut { "…" } else { "" }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_registry_says_is_short_and_harmless() {
        let said = |text: &str| Said(text).to_string();
        assert_eq!(said(" a \"b\"\n\u{1b}[1m "), "a \"b\"\\n\\u{1b}[1m");
        assert_eq!(said(""), "without a word");
        assert_eq!(said(&"x".repeat(300)).chars().count(), SAID_CHARS_MAX + 1);
    }
}
