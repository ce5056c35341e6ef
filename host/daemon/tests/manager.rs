//! What a service manager hears of the daemon (sd_notify(3)), in a dry run.

mod kit;

use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::process::Command;

use jettison_tests::DEADLINE;
use kit::{Daemon, ask, file};
use rustix::process::Signal;

/// The manager's end of the socket.
struct Listener(UnixDatagram);

impl Listener {
    fn new(socket: UnixDatagram) -> Self {
        socket.set_read_timeout(Some(DEADLINE)).unwrap();
        Self(socket)
    }

    fn next(&self) -> String {
        let mut buffer = [0; 4096];
        let size = self.0.recv(&mut buffer).expect("it says something");
        String::from_utf8(buffer[..size].to_vec()).expect("it is text")
    }

    /// The next message that begins so.
    fn hears(&self, begin: &str) -> String {
        loop {
            let message = self.next();
            if message.starts_with(begin) {
                return message;
            }
        }
    }
}

fn run(state: &std::path::Path, address: &str, watchdog_us: &str, args: &[&str]) -> Daemon {
    let mut command = Command::new(env!("CARGO_BIN_EXE_jettison"));
    command.args(["run", "--dry-run"]).args(args);
    command.env("NOTIFY_SOCKET", address).env("WATCHDOG_USEC", watchdog_us).env_remove("WATCHDOG_PID");
    Daemon::spawn(command, state)
}

#[test]
fn it_is_ready_then_reloads_and_stops() {
    let state = tempfile::tempdir().unwrap();
    let config = file(state.path(), "jettison.toml", "");
    let path = state.path().join("notify");
    let listener = Listener::new(UnixDatagram::bind(&path).unwrap());
    let daemon = run(state.path(), path.to_str().unwrap(), "", &["--config", &config]);
    let ready = listener.next();
    assert!(
        ready.starts_with("READY=1\nSTATUS=dry-run; policies services, balanced; no victim yet; "),
        "{ready}"
    );
    assert!(ready.ends_with(" available"), "{ready}");
    assert_eq!(ask(state.path(), &["reload"]).0, Some(0));
    let reloading = listener.hears("RELOADING=1\nMONOTONIC_USEC=");
    let since_us: u64 = reloading.rsplit('=').next().unwrap().parse().unwrap();
    assert!(since_us > 0, "{reloading}");
    assert!(listener.next().starts_with("READY=1\n"), "the reload is over");
    // One that is refused is over, too.
    file(state.path(), "jettison.toml", "nonsense");
    listener.hears("RELOADING=1\n");
    listener.hears("READY=1\n");
    assert_eq!(daemon.stop().0, Some(0));
    listener.hears("STOPPING=1");
}

#[test]
fn the_watchdog_hears_of_a_loop_that_turns_and_of_no_other() {
    let state = tempfile::tempdir().unwrap();
    let name = format!("jettison-test-{}", std::process::id());
    let address = SocketAddr::from_abstract_name(&name).unwrap();
    let listener = Listener::new(UnixDatagram::bind_addr(&address).unwrap());
    let daemon = run(state.path(), &format!("@{name}"), "200000", &[]);
    listener.hears("READY=1");
    for _ in 0..3 {
        listener.hears("WATCHDOG=1");
    }
    daemon.signal(Signal::STOP);
    let mut buffer = [0; 4096];
    let patience = std::time::Duration::from_millis(500);
    listener.0.set_read_timeout(Some(patience)).unwrap();
    // What was under way; then it is silent for longer than the watchdog waits.
    while listener.0.recv(&mut buffer).is_ok() {}
    daemon.signal(Signal::CONT);
    listener.0.set_read_timeout(Some(DEADLINE)).unwrap();
    listener.hears("WATCHDOG=1");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "nothing tells when a beat has failed")]
fn a_manager_that_cannot_be_reached_is_said_once_and_stops_nothing() {
    for address in ["/nowhere/notify", "vsock:2:1234", "@"] {
        let state = tempfile::tempdir().unwrap();
        let mut daemon = run(state.path(), address, "200000", &[]);
        daemon.says("is watching");
        assert_eq!(ask(state.path(), &["status"]).0, Some(0), "{address}");
        // Several beats later.
        std::thread::sleep(std::time::Duration::from_millis(300));
        let (status, said) = daemon.stop();
        let said = said.lines().filter(|line| line.contains("service manager")).count();
        assert_eq!((status, said), (Some(0), 1), "{address}");
    }
}
