//! A message bus of our own, and a stand-in on it that answers as systemd's manager does.
#![expect(clippy::disallowed_types, reason = "what the macro for interfaces writes")]

use std::future::pending;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use jettison_tests::{DEADLINE, wait_for};
use tokio::sync::oneshot;
use zbus::connection::Builder;
use zbus::{Connection, DBusError, Guid, OwnedObjectPath, interface};

use super::{ManagerAddress, NAME, PATH};

/// Stopping it never gets an answer.
pub(super) const HANGS: &str = "hangs.service";
/// It is not loaded.
pub(super) const UNKNOWN: &str = "unknown.service";

/// A dbus-daemon (dbus-daemon(1)) that ends with this value.
pub(super) struct Bus {
    child: Child,
    socket: PathBuf,
}

impl Bus {
    /// In a folder, which may be that of a bus that has ended. `policy` is more of what busconfig has rules
    /// for.
    pub(super) fn start(folder: &Path, policy: &str) -> Self {
        let (socket, config) = (folder.join("bus"), folder.join("bus.conf"));
        let text = format!(
            r#"<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
                "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
            <busconfig>
                <listen>unix:path={}</listen>
                <policy context="default">
                    <allow user="*"/><allow own="*"/><allow send_destination="*"/><allow receive_sender="*"/>
                    {policy}
                </policy>
            </busconfig>"#,
            socket.display()
        );
        std::fs::write(&config, text).unwrap();
        let child = Command::new("dbus-daemon")
            .arg("--config-file")
            .arg(&config)
            .args(["--nofork", "--nopidfile", "--nosyslog"])
            .stdout(Stdio::null())
            .spawn()
            .expect("dbus-daemon cannot be started: `cargo xtask setup` installs it");
        let bus = Self { child, socket };
        wait_for("the bus", || UnixStream::connect(&bus.socket).ok());
        bus
    }

    pub(super) fn address(&self) -> ManagerAddress {
        ManagerAddress::Bus(format!("unix:path={}", self.socket.display()))
    }
}

impl Drop for Bus {
    fn drop(&mut self) {
        // Both fail only if it has ended.
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Answers until it is dropped.
pub(super) struct StandIn {
    asked: Receiver<String>,
    ready: Receiver<()>,
    _end: oneshot::Sender<()>,
}

impl StandIn {
    /// On a bus, under systemd's name.
    pub(super) fn on(bus: &Bus) -> Self {
        let address = format!("unix:path={}", bus.socket.display());
        let there = Self::run(async move |manager| {
            Builder::address(address.as_str()).serve_at(PATH, manager).name(NAME).build().await
        });
        there.ready.recv_timeout(DEADLINE).expect("it is on the bus");
        there
    }

    /// With a socket of its own, for one connection.
    pub(super) fn at(socket: &Path) -> Self {
        let listener = UnixListener::bind(socket).unwrap();
        Self::run(async move |manager| {
            let (stream, _) = listener.accept()?;
            Builder::unix_stream(stream).server(Guid::generate()).p2p().serve_at(PATH, manager).build().await
        })
    }

    fn run<C>(connect: C) -> Self
    where
        C: AsyncFnOnce(Manager) -> zbus::Result<Connection> + Send + 'static,
    {
        let (asked, were_asked) = channel();
        let (is_ready, ready) = channel();
        let (end, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let _connection = connect(Manager { asked }).await.unwrap();
                is_ready.send(()).ok();
                ended.await.ok();
            });
        });
        Self { asked: were_asked, ready, _end: end }
    }

    /// What it was asked next: a unit and a mode.
    pub(super) fn next_asked(&self) -> String {
        self.asked.recv_timeout(DEADLINE).expect("it is asked")
    }
}

struct Manager {
    asked: Sender<String>,
}

#[derive(Debug, DBusError)]
#[zbus(prefix = "org.freedesktop.systemd1")]
enum Refusal {
    #[zbus(error)]
    Other(zbus::Error),
    NoSuchUnit(String),
}

#[interface(name = "org.freedesktop.systemd1.Manager")]
impl Manager {
    async fn stop_unit(&self, name: &str, mode: &str) -> Result<OwnedObjectPath, Refusal> {
        self.asked.send(format!("{name} {mode}")).ok();
        match name {
            HANGS => pending().await,
            UNKNOWN => Err(Refusal::NoSuchUnit(format!("Unit {name} not loaded."))),
            _ => Ok(OwnedObjectPath::try_from("/org/freedesktop/systemd1/job/1")?),
        }
    }
}
