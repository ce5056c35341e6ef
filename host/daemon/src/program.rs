//! The program that compiles and fetches, in children of its own.

use std::fs::read_link;
use std::path::{Path, PathBuf};

use jettison_sense::Root;

/// Which program has no such children.
const DAEMON: &str = "jettisond";

/// This very program, whatever has become of its file since; beside `jettisond`, the `jettison` that was
/// installed with it.
pub(crate) fn of_children() -> PathBuf {
    below(&Root::live().proc)
}

fn below(proc: &Path) -> PathBuf {
    let exe = proc.join("self/exe");
    // The kernel appends ` (deleted)` to the name of a file that was replaced (proc_pid_exe(5)).
    match read_link(&exe) {
        Ok(path) if file_name(&path).starts_with(DAEMON) => path.with_file_name("jettison"),
        _ => exe,
    }
}

fn file_name(path: &Path) -> std::borrow::Cow<'_, str> {
    path.file_name().unwrap_or_default().to_string_lossy()
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn the_daemon_has_the_program_beside_it_and_others_themselves() {
        let proc = tempfile::tempdir().unwrap();
        let exe = proc.path().join("self/exe");
        std::fs::create_dir(proc.path().join("self")).unwrap();
        assert_eq!(below(proc.path()), exe);
        for (file, children) in [
            ("/usr/bin/jettisond", Path::new("/usr/bin/jettison")),
            ("/usr/bin/jettisond (deleted)", Path::new("/usr/bin/jettison")),
            ("/usr/bin/jettison", &exe),
            ("/usr/bin/jettison (deleted)", &exe),
        ] {
            symlink(file, &exe).unwrap();
            assert_eq!(below(proc.path()), children, "{file}");
            std::fs::remove_file(&exe).unwrap();
        }
    }
}
