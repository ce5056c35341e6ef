//! What is no ordinary file in the place of the configuration, a drop-in or a module: one line that says so,
//! at once.

mod kit;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use jettison_tests::{Running, wait_for};
use kit::{Daemon, ask, file};
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// Odd files, and what is said of each.
fn odd_files(folder: &Path, bytes_max: u64) -> Vec<(PathBuf, String)> {
    let fifo = folder.join("fifo");
    mknodat(CWD, &fifo, FileType::Fifo, Mode::RUSR, 0).unwrap();
    let directory = folder.join("directory");
    fs::create_dir(&directory).unwrap();
    let sparse = folder.join("sparse");
    File::create(&sparse).unwrap().set_len(10 << 30).unwrap();
    let large = format!("it has {} bytes, at most {bytes_max} are taken", 10u64 << 30);
    vec![
        (fifo, "it is a FIFO, not a regular file".into()),
        (directory, "it is a directory, not a regular file".into()),
        (PathBuf::from("/dev/zero"), "it is a device, not a regular file".into()),
        (sparse, large),
    ]
}

/// Its status and what stands on standard error. It panics if that takes too long.
fn said(args: &[&str]) -> (Option<i32>, String) {
    let said = tempfile::NamedTempFile::new().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    command.args(args).stdin(Stdio::null()).stdout(Stdio::null()).stderr(said.reopen().unwrap());
    let mut child = Running(command.spawn().unwrap());
    let status = wait_for("its end", || child.try_wait().unwrap());
    (status.code(), fs::read_to_string(said.path()).unwrap())
}

#[test]
fn an_odd_file_as_the_configuration_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let state = folder.path().join("state").display().to_string();
    for (path, expected) in odd_files(folder.path(), 1 << 20) {
        let path = path.display().to_string();
        let expected = (Some(2), format!("jettison: {path}: cannot be read: {expected}\n"));
        assert_eq!(said(&["check", "--config", &path]), expected);
        assert_eq!(said(&["run", "--dry-run", "--config", &path, "--state-dir", &state]), expected);
    }
}

#[test]
fn an_odd_file_as_a_module_is_said_in_one_line() {
    let folder = tempfile::tempdir().unwrap();
    for (path, expected) in odd_files(folder.path(), 16 << 20) {
        let path = path.display().to_string();
        let (status, said) = said(&["check", &path]);
        let is_one_line = said.lines().count() == 1;
        assert!(status == Some(2) && is_one_line && said.contains(&expected), "{path}: {status:?} {said}");
    }
}

#[test]
fn an_odd_drop_in_refuses_the_reload_and_the_next_one_is_good() {
    let folder = tempfile::tempdir().unwrap();
    let config = file(folder.path(), "jettison.toml", "");
    let state = folder.path().join("state");
    let drop_ins = folder.path().join("policies.d");
    fs::create_dir(&drop_ins).unwrap();
    let mut daemon = Daemon::start(&state, &["--dry-run", "--config", &config]);
    daemon.says("is watching");
    let drop_in = drop_ins.join("site.toml");
    for (path, expected) in odd_files(folder.path(), 1 << 20) {
        std::os::unix::fs::symlink(path, &drop_in).unwrap();
        let (status, said) = ask(&state, &["reload"]);
        assert_eq!(status, Some(1), "{said}");
        daemon.says(&format!("site.toml: cannot be read: {expected}"));
        fs::remove_file(&drop_in).unwrap();
    }
    assert_eq!(ask(&state, &["reload"]).0, Some(0));
    assert_eq!(daemon.stop().0, Some(0));
}

#[test]
fn of_very_many_problems_the_first_are_said() {
    let folder = tempfile::tempdir().unwrap();
    // Just below what is read at all, in unknown keys and in lines that are no TOML.
    for (name, line) in [("keys", "k{}=1\n"), ("nonsense", "]{}\n")] {
        let lines = (0..100_000).map(|number| line.replace("{}", &format!("{number:05}")));
        let path = file(folder.path(), name, &lines.collect::<String>());
        let (status, said) = said(&["check", "--config", &path]);
        let last = said.lines().last().unwrap_or_default();
        assert_eq!((status, said.lines().count()), (Some(2), 33), "{name}: {last}");
        assert!(last.ends_with("more problems"), "{name}: {last}");
    }
}
