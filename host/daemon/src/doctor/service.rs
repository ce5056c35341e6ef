//! The service of this host.

use std::path::Path;

use super::check::Check;
use crate::config::{Config, DEFAULT_PATH, Source};
use crate::trust::distrust_path;

/// Whether only root could have written what a daemon of root's reads.
pub(super) fn trust(config_path: Option<&Path>) -> Check {
    let advice = "A daemon that is root refuses this: it does not start, or keeps what it had. `jettison check` has every line.";
    let problems: Vec<String> = match Config::read(config_path, true) {
        Ok(config) => config.policies.iter().filter_map(|policy| distrusted(&policy.source)).collect(),
        Err(problems) => problems.iter().map(ToString::to_string).collect(),
    };
    if problems.is_empty() {
        let file = config_path.unwrap_or(Path::new(DEFAULT_PATH)).display();
        return Check::ok("trust", format!("{file} and what it names can be written by root alone"));
    }
    Check::lacking("trust", problems.join("; "), advice)
}

fn distrusted(source: &Source) -> Option<String> {
    match source {
        Source::Builtin(_) | Source::Registry(_) => None,
        Source::File(path) => distrust_path(path),
    }
}
