use std::io::{Read, Write};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use jettison_tests::{DEADLINE, wait_for};
use tempfile::TempDir;

use super::stand_in::{Bus, HANGS, StandIn, UNKNOWN};
use super::{ManagerAddress, ServiceManager, UNDERWAY_MAX, unit_name};
use crate::task::{EndReceiver, Ended, TaskId, ends};

/// For what is not to hang.
const AMPLE: Duration = DEADLINE;
/// For what hangs.
const SCARCE: Duration = Duration::from_millis(500);

struct Asking {
    manager: ServiceManager,
    ends: EndReceiver,
}

impl Asking {
    fn at(addresses: &[ManagerAddress], limit: Duration) -> Self {
        let (sender, ends) = ends().unwrap();
        Self { manager: ServiceManager::new(addresses.to_vec(), limit, sender), ends }
    }

    /// What is told about the only task.
    fn stop(&mut self, unit: &str) -> Result<(), String> {
        self.manager.stop(TaskId(7), unit.into());
        let told = self.told(1);
        assert_eq!(told[0].id, TaskId(7));
        told[0].result.clone()
    }

    fn told(&self, count: usize) -> Vec<Ended> {
        let mut told = Vec::new();
        wait_for("it is told how tasks ended", || {
            told.extend(self.ends.take());
            (told.len() >= count).then_some(())
        });
        told
    }
}

fn direct(socket: &Path) -> ManagerAddress {
    ManagerAddress::Direct(socket.to_path_buf())
}

/// What is told, without what a run of the test has of its own.
fn plain(result: Result<(), String>, folder: &TempDir) -> String {
    result.unwrap_err().replace(folder.path().to_str().unwrap(), "DIR")
}

#[test]
fn a_unit_is_stopped_over_the_bus() {
    let folder = tempfile::tempdir().unwrap();
    let bus = Bus::start(folder.path(), "");
    let systemd = StandIn::on(&bus);
    assert_eq!(Asking::at(&[bus.address()], AMPLE).stop("postgresql@16-main.service"), Ok(()));
    assert_eq!(systemd.next_asked(), "postgresql@16-main.service replace");
}

#[test]
fn systemds_own_socket_comes_first_and_takes_no_bus() {
    let folder = tempfile::tempdir().unwrap();
    let bus = Bus::start(folder.path(), "");
    let on_bus = StandIn::on(&bus);
    let socket = folder.path().join("private");
    let addresses = [direct(&socket), bus.address()];
    assert_eq!(Asking::at(&addresses, AMPLE).stop("a.service"), Ok(()), "there is no such socket");
    assert_eq!(on_bus.next_asked(), "a.service replace");
    let systemd = StandIn::at(&socket);
    drop(bus);
    assert_eq!(Asking::at(&addresses, AMPLE).stop("b.service"), Ok(()), "there is no bus");
    assert_eq!(systemd.next_asked(), "b.service replace");
}

/// As systemd 252 does on its own socket: with its well-known name as the sender.
#[test]
fn systemds_own_socket_signs_with_a_name_that_is_not_unique() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("private");
    let listener = UnixListener::bind(&socket).unwrap();
    let systemd = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(b"OK 0123456789abcdef0123456789abcdef\r\n").unwrap();
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        while !heard.ends_with(b"\x07\0\0\0replace\0") {
            let length = stream.read(&mut buffer).unwrap();
            assert!(length > 0, "{:?}", String::from_utf8_lossy(&heard));
            heard.extend_from_slice(&buffer[..length]);
        }
        let call = heard.windows(7).position(|bytes| bytes == b"BEGIN\r\n").unwrap() + 7;
        let (serial, path) = (&heard[call + 8..call + 12], b"/org/freedesktop/systemd1/job/1\0");
        let mut reply = b"l\x02\x01\x01\x24\0\0\0\x01\0\0\0\x31\0\0\0\x05\x01u\0".to_vec();
        reply.extend_from_slice(serial);
        reply.extend_from_slice(b"\x08\x01g\0\x01o\0\0\x07\x01s\0\x18\0\0\0org.freedesktop.systemd1\0");
        reply.resize(reply.len().next_multiple_of(8), 0);
        reply.extend_from_slice(b"\x1f\0\0\0");
        reply.extend_from_slice(path);
        stream.write_all(&reply).unwrap();
        // Until the peer hangs up: that it does so in one way or another is all that is awaited.
        stream.read_to_end(&mut heard).ok();
    });
    assert_eq!(Asking::at(&[direct(&socket)], AMPLE).stop("a.service"), Ok(()));
    systemd.join().unwrap();
}

#[test]
fn a_unit_that_is_not_loaded_is_said_to_be() {
    let folder = tempfile::tempdir().unwrap();
    let bus = Bus::start(folder.path(), "");
    let _systemd = StandIn::on(&bus);
    let told = Asking::at(&[bus.address()], AMPLE).stop(UNKNOWN);
    assert_eq!(told, Err("unit unknown.service not loaded".into()));
}

#[test]
fn who_may_not_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let bus = Bus::start(folder.path(), r#"<deny send_interface="org.freedesktop.systemd1.Manager"/>"#);
    let _systemd = StandIn::on(&bus);
    let told = plain(Asking::at(&[bus.address()], AMPLE).stop("a.service"), &folder);
    assert!(told.starts_with("access denied: "), "{told}");
}

#[test]
fn a_bus_without_systemd() {
    let folder = tempfile::tempdir().unwrap();
    let bus = Bus::start(folder.path(), "");
    let told = plain(Asking::at(&[bus.address()], AMPLE).stop("a.service"), &folder);
    assert_eq!(told, "systemd is not on the bus (system bus at unix:path=DIR/bus)");
}

#[test]
fn neither_socket_nor_bus() {
    let folder = tempfile::tempdir().unwrap();
    let bus = ManagerAddress::Bus(format!("unix:path={}/bus", folder.path().display()));
    let told = Asking::at(&[direct(&folder.path().join("private")), bus], AMPLE).stop("a.service");
    let expected = "no systemd at DIR/private: No such file or directory (os error 2); \
        no system bus at unix:path=DIR/bus: No such file or directory (os error 2)";
    assert_eq!(plain(told, &folder), expected);
    let told = Asking::at(&[ManagerAddress::Bus("nonsense".into())], AMPLE).stop("a.service");
    assert!(plain(told, &folder).starts_with("no system bus at nonsense: "));
}

#[test]
fn a_bus_that_was_given_is_the_only_place() {
    let all = |given: Option<&str>| ManagerAddress::all("s".into(), Path::new("b"), given.map(str::to_owned));
    assert_eq!(all(None), [direct(Path::new("s")), ManagerAddress::Bus("unix:path=b".into())]);
    assert_eq!(all(Some("tcp:host=h")), [ManagerAddress::Bus("tcp:host=h".into())]);
}

#[test]
fn systemd_that_does_not_answer_makes_no_other_task_late() {
    let folder = tempfile::tempdir().unwrap();
    let bus = Bus::start(folder.path(), "");
    let systemd = StandIn::on(&bus);
    let mut asking = Asking::at(&[bus.address()], SCARCE);
    asking.manager.stop(TaskId(1), HANGS.into());
    assert_eq!(systemd.next_asked(), "hangs.service replace");
    asking.manager.stop(TaskId(2), "a.service".into());
    let told = asking.told(2);
    let hung = "no answer from systemd within 0.5 s (system bus at unix:path=DIR/bus)";
    assert_eq!((told[0].id, &told[0].result), (TaskId(2), &Ok(())));
    assert_eq!((told[1].id, plain(told[1].result.clone(), &folder)), (TaskId(1), hung.into()));
}

#[test]
fn a_peer_that_accepts_and_says_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("bus");
    let listener = UnixListener::bind(&socket).unwrap();
    for (address, expected) in [
        (direct(&socket), "no answer from systemd at DIR/bus within 0.5 s"),
        (
            ManagerAddress::Bus(format!("unix:path={}", socket.display())),
            "no answer from system bus at unix:path=DIR/bus within 0.5 s",
        ),
    ] {
        let mut asking = Asking::at(&[address], SCARCE);
        assert_eq!(plain(asking.stop("a.service"), &folder), expected);
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let said = stream.read_to_end(&mut Vec::new());
        assert!(said.unwrap() > 0, "the connection is given up, and only then");
    }
}

#[test]
fn a_peer_that_closes_or_talks_rubbish() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("bus");
    let listener = UnixListener::bind(&socket).unwrap();
    let mut asking = Asking::at(&[direct(&socket)], AMPLE);
    for answer in ["", "HTTP/1.1 400 Bad Request\r\n\r\n", "OK 00\r\n\0\0\0", "REJECTED EXTERNAL\r\n"] {
        asking.manager.stop(TaskId(1), "a.service".into());
        let (mut stream, _) = listener.accept().unwrap();
        stream.write_all(answer.as_bytes()).unwrap();
        drop(stream);
        let told = plain(asking.told(1).remove(0).result, &folder);
        assert!(told.starts_with("no systemd at DIR/bus: "), "{answer:?}: {told}");
    }
}

#[test]
fn a_bus_that_ends_and_one_that_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let bus = Bus::start(folder.path(), "");
    let systemd = StandIn::on(&bus);
    let mut asking = Asking::at(&[bus.address()], AMPLE);
    assert_eq!(asking.stop("a.service"), Ok(()));
    assert_eq!(systemd.next_asked(), "a.service replace");
    asking.manager.stop(TaskId(7), HANGS.into());
    assert_eq!(systemd.next_asked(), "hangs.service replace");
    drop(bus);
    let told = plain(asking.told(1).remove(0).result, &folder);
    assert!(told.starts_with("system bus at unix:path=DIR/bus broke off: "), "{told}");
    let told = plain(asking.stop("a.service"), &folder);
    assert_eq!(told, "no system bus at unix:path=DIR/bus: Connection refused (os error 111)");
    std::fs::remove_file(folder.path().join("bus")).unwrap();
    let bus = Bus::start(folder.path(), "");
    let _systemd = StandIn::on(&bus);
    assert_eq!(asking.stop("a.service"), Ok(()));
}

#[test]
fn more_than_are_answered_are_refused_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let bus = Bus::start(folder.path(), "");
    let _systemd = StandIn::on(&bus);
    let mut asking = Asking::at(&[bus.address()], SCARCE);
    for id in 0..=UNDERWAY_MAX {
        asking.manager.stop(TaskId(id as u64), HANGS.into());
    }
    let refused = asking.ends.take();
    assert_eq!(refused.len(), 1, "the others have half a second");
    let why = "16 units are being stopped, and systemd has not answered yet";
    assert_eq!(
        refused[0],
        Ended { id: TaskId(UNDERWAY_MAX as u64), result: Err(why.into()), freed_bytes: 0 }
    );
    assert_eq!(asking.told(UNDERWAY_MAX).len(), UNDERWAY_MAX);
    assert_eq!(asking.stop("a.service"), Ok(()), "there is room again");
}

#[test]
fn only_names_of_units_are_sent() {
    let longest = format!("{}.service", "a".repeat(247));
    for name in ["a.service", "postgresql@16-main.service", "session-3.scope", r"a\x2db.mount", &longest] {
        assert!(unit_name::is_valid(name), "{name}");
    }
    let too_long = format!("{}.service", "a".repeat(248));
    for name in ["", ".service", "a", "a.", "a.exe", "@.service", "a@.service", "@a.service", "a/b.service"] {
        assert!(!unit_name::is_valid(name), "{name}");
    }
    for name in ["a b.service", "a\n.service", "ä.service", "a.service\0", &too_long] {
        assert!(!unit_name::is_valid(name), "{name}");
    }
    let mut asking = Asking::at(&[], AMPLE);
    assert_eq!(asking.stop("a b.service"), Err(r#""a b.service" is not the name of a unit"#.into()));
}
