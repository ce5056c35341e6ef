//! Where systemd is asked.

use std::fmt;
use std::path::{Path, PathBuf};

use tokio::net::UnixStream;
use zbus::connection::Builder;
use zbus::{Connection, Error};

use super::socket::SystemdSocket;

/// A way to systemd.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ManagerAddress {
    /// The socket on which systemd itself speaks D-Bus with root, without a bus between: nothing but systemd
    /// has to be alive.
    Direct(PathBuf),
    /// A message bus that systemd is on, as the D-Bus specification writes addresses: `unix:path=...`.
    Bus(String),
}

impl ManagerAddress {
    /// Where to ask on a host, first things first: the socket is that of systemd itself, `bus` that of the
    /// system bus. A bus that was given, as `DBUS_SYSTEM_BUS_ADDRESS` gives one to every client, is the only
    /// place.
    #[must_use]
    pub fn all(socket: PathBuf, bus: &Path, given: Option<String>) -> Vec<Self> {
        given.map_or_else(
            || vec![Self::Direct(socket), Self::Bus(format!("unix:path={}", bus.display()))],
            |given| vec![Self::Bus(given)],
        )
    }

    /// # Errors
    /// Why not, for people.
    pub(super) async fn connect(&self) -> Result<Connection, String> {
        let built = match self {
            Self::Direct(path) => {
                let stream = UnixStream::connect(path).await.map_err(|error| error.to_string())?;
                Builder::socket(SystemdSocket(stream)).p2p().build().await
            }
            Self::Bus(address) => Builder::address(address.as_str()).build().await,
        };
        built.map_err(|error| why(&error))
    }
}

fn why(error: &Error) -> String {
    // It would name the address, which is said before it.
    if let Error::Connection(error, _) | Error::InputOutput(error) = error {
        return error.to_string();
    }
    error.to_string()
}

impl fmt::Display for ManagerAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Direct(path) => write!(f, "systemd at {}", path.display()),
            Self::Bus(address) => write!(f, "system bus at {address}"),
        }
    }
}
