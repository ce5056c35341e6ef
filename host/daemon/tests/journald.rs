//! The log as entries of journald, taken by a socket of the test's own.

mod kit;

use std::collections::BTreeMap;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;

use jettison_tests::{DEADLINE, Hog, Memcg};
use kit::{Daemon, file};

const MIB: u64 = 1 << 20;
/// Message ids, as in packaging/jettison.catalog.
const NAMED: &str = "533a4403772148c5a7b8c8a02e55b4ec";
const SIGNALLED: &str = "4cf33c4f77ea45c4becaaf3a474b2fcf";
const ENDED: &str = "edfc71fae60b47aca68dbfeff3c26ae1";
const NOTHING: &str = "b5aacdc959e74f2a93143f29063a4060";

type Entry = BTreeMap<String, String>;

/// journald's end of the socket.
struct Journald(UnixDatagram);

impl Journald {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    fn next(&self) -> Entry {
        let mut buffer = vec![0; 1 << 16];
        let size = self.0.recv(&mut buffer).expect("an entry comes");
        parsed(&buffer[..size])
    }

    /// The next entry with this in a field.
    fn hears(&self, field: &str, value: &str) -> Entry {
        loop {
            let entry = self.next();
            if entry.get(field).is_some_and(|is| is.contains(value)) {
                return entry;
            }
        }
    }
}

/// By the protocol: `NAME=value\n`, or `NAME\n`, the length in 8 bytes, the value and `\n`.
fn parsed(mut entry: &[u8]) -> Entry {
    let mut fields = Entry::new();
    while !entry.is_empty() {
        let end = entry.iter().position(|&byte| byte == b'\n').expect("a line ends");
        let line = std::str::from_utf8(&entry[..end]).expect("names are text");
        entry = &entry[end + 1..];
        let (name, value) = match line.split_once('=') {
            Some((name, value)) => (name, value.to_owned()),
            None => {
                let (length, rest) = entry.split_first_chunk().expect("a length");
                let length = usize::try_from(u64::from_le_bytes(*length)).expect("it fits");
                entry = rest[length..].strip_prefix(b"\n").expect("a newline after it");
                (line, String::from_utf8(rest[..length].to_vec()).expect("text"))
            }
        };
        assert!(name.bytes().all(|byte| byte.is_ascii_uppercase() || b"_".contains(&byte)), "{name}");
        assert_eq!(fields.insert(name.into(), value), None, "{name} comes once");
    }
    fields
}

#[test]
fn each_value_is_a_field_and_levels_are_as_wanted() {
    let state = tempfile::tempdir().unwrap();
    let path = state.path().join("journal");
    let journald = Journald::at(&path);
    let run = |level: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
        command.args(["run", "--dry-run", "--log"]).arg(&path).env("RUST_LOG", "error");
        if !level.is_empty() {
            command.args(["--log-level", level]);
        }
        Daemon::spawn(command, state.path())
    };
    let daemon = run("info");
    let entry = journald.hears("MESSAGE", "jettison is watching");
    let fields = ["PRIORITY", "SYSLOG_IDENTIFIER", "JETTISON_MODE", "JETTISON_POLICIES"];
    assert_eq!(fields.map(|field| entry[field].as_str()), ["6", "jettison", "dry-run", "2"]);
    assert!(entry["MESSAGE"].contains(" mode=\"dry-run\" "), "{entry:?}");
    assert!(!entry.contains_key("MESSAGE_ID") && entry.contains_key("JETTISON_AVAILABLE"), "{entry:?}");
    let (status, said) = daemon.stop();
    assert_eq!((status, said.as_str()), (Some(0), ""), "nothing is said twice");
    journald.hears("MESSAGE", "stopped");
    // RUST_LOG holds where no option is given: no line at `info`.
    let daemon = run("");
    std::thread::spawn(move || daemon.stop()).join().unwrap();
    journald.0.set_nonblocking(true).unwrap();
    let mut buffer = [0; 1 << 16];
    while let Ok(size) = journald.0.recv(&mut buffer) {
        assert_eq!(parsed(&buffer[..size])["PRIORITY"], "3");
    }
}

#[test]
fn a_wrong_level_and_a_wrong_place_are_refused() {
    let said = |args: &[&str], level: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
        let output = command.arg("run").args(args).env("RUST_LOG", level).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    assert!(said(&["--log", "syslog"], "").contains("expected auto, stderr, journald or an absolute path"));
    assert!(said(&["--log-level", "chatty"], "").contains("[possible values: error, warn, info, debug]"));
    let text = said(&["--log", "stderr"], "jettison=chatty");
    assert!(text.starts_with("jettison: RUST_LOG=jettison=chatty: "), "{text}");
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn a_victim_has_its_ids_from_the_name_to_the_end() {
    let state = tempfile::tempdir().unwrap();
    let (path, memcg) = (state.path().join("journal"), Memcg::new("journald", 256 * MIB).unwrap());
    let journald = Journald::at(&path);
    let config = file(state.path(), "jettison.toml", "[trigger]\npsi = []\n");
    let args = ["--scope", memcg.path(), "--config", &config, "--log", path.to_str().unwrap()];
    let _daemon = Daemon::start(state.path(), &args);
    journald.hears("MESSAGE", "is watching");
    let mut hog = Hog::new(&memcg, false).unwrap();
    hog.take_mib(242).unwrap();
    let named = journald.hears("MESSAGE_ID", NAMED);
    let pid = hog.pid().to_string();
    let fields = ["JETTISON_EVENT", "JETTISON_PID", "OBJECT_PID", "JETTISON_COMM", "JETTISON_DRY_RUN"];
    assert_eq!(fields.map(|field| named[field].as_str()), ["victim-named", &pid, &pid, "tail", "false"]);
    assert!(named["MESSAGE"].starts_with("victim cause="), "{named:?}");
    assert_eq!(journald.hears("MESSAGE_ID", SIGNALLED)["JETTISON_SIGNAL"], "15");
    let ended = journald.hears("MESSAGE_ID", ENDED);
    assert_eq!((&ended["JETTISON_PID"], ended["PRIORITY"].as_str()), (&pid, "6"));
    assert!(ended["JETTISON_MEASURED_RELIEF_BYTES"].parse::<u64>().unwrap() > 100 * MIB, "{ended:?}");
}

#[test]
#[ignore = "needs root, to make a memcg"]
fn that_nothing_is_worth_it_has_its_id() {
    let state = tempfile::tempdir().unwrap();
    let (path, memcg) = (state.path().join("journal"), Memcg::new("journald-none", 256 * MIB).unwrap());
    let journald = Journald::at(&path);
    let text = "[trigger]\npsi = []\n[guard]\nnever = [{ comm = \"tail\" }]\n";
    let config = file(state.path(), "jettison.toml", text);
    let args = ["--scope", memcg.path(), "--config", &config, "--log", path.to_str().unwrap()];
    let _daemon = Daemon::start(state.path(), &args);
    journald.hears("MESSAGE", "is watching");
    let mut hog = Hog::new(&memcg, false).unwrap();
    hog.take_mib(242).unwrap();
    let nothing = journald.hears("MESSAGE_ID", NOTHING);
    assert_eq!(nothing["JETTISON_OUTCOME"], "not-worth-it");
    assert!(nothing["JETTISON_REASON"].contains("nothing is worth ending"), "{nothing:?}");
}

/// systemd compiles the catalogue, and finds each text by its id.
#[test]
fn the_catalogue_is_one_for_systemd() {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("usr/lib/systemd/catalog");
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::create_dir_all(root.path().join("var/lib/systemd/catalog")).unwrap();
    let catalogue = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../packaging/jettison.catalog");
    std::fs::copy(catalogue, folder.join("jettison.catalog")).unwrap();
    let journalctl = |arg: &str| {
        let mut command = Command::new("journalctl");
        command.args(["--quiet", arg, &format!("--root={}", root.path().display())]).output()
    };
    let Ok(made) = journalctl("--update-catalog") else {
        eprintln!("NOT RUN: journalctl is not installed (Debian: systemd)");
        assert!(std::env::var_os("CI").is_none(), "CI skips none");
        return;
    };
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let listed = String::from_utf8(journalctl("--list-catalog").unwrap().stdout).unwrap();
    for id in [NAMED, SIGNALLED, ENDED, NOTHING] {
        assert!(listed.contains(&format!("{id} jettison: ")), "{listed}");
    }
    assert_eq!(listed.lines().count(), 6, "{listed}");
}
