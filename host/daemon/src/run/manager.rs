//! What the service manager is told, as sd_notify(3) has it: one datagram, a variable a line.
//!
//! ```text
//! READY=1                     the host is watched; or a reload is over
//! RELOADING=1                 a reload is prepared, with MONOTONIC_USEC=
//! STOPPING=1
//! WATCHDOG=1                  from the event loop: one that hangs is silent, and systemd restarts the daemon
//! STATUS=enforce, 3.1 GiB...  what `systemctl status` shows
//! ```
//!
//! Nothing here waits, and nothing that fails ends the daemon. What a full queue refuses is sent again by the
//! next beat. The crate sd-notify sends on a socket that blocks, so this is our own.

use std::ffi::{OsStr, OsString};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use jettison_tick::clock::Clock;
use tracing::warn;

/// A status that differs only in sizes is not told more often.
const SIZES_EVERY_MS: u64 = 60_000;
/// When a message that was refused is tried again.
const AGAIN_MS: u64 = 1_000;

/// One line for `systemctl status`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Status {
    /// Told at once when it changes.
    pub(super) standing: String,
    /// Told now and then.
    pub(super) sizes: String,
}

/// The service manager that started the daemon, if one did that listens.
pub(super) struct Manager {
    socket: Option<(UnixDatagram, SocketAddr)>,
    /// The watchdog restarts a daemon that says nothing for twice as long.
    beat_ms: Option<u64>,
    beat_at_ms: u64,
    told: Status,
    told_at_ms: u64,
    /// The last word about readiness, if it could not be sent.
    owed: Option<String>,
    is_failing: bool,
}

impl Manager {
    /// The one that `NOTIFY_SOCKET` and `WATCHDOG_USEC` speak of.
    #[expect(clippy::disallowed_methods, reason = "the variables are how a service is told of its manager")]
    pub(super) fn of_environment(own_pid: u32) -> Self {
        // One that is not UTF-8 is no number: as good as none.
        let var = |name| std::env::var(name).ok();
        let is_ours = var("WATCHDOG_PID").is_none_or(|pid| pid == own_pid.to_string());
        let usec = var("WATCHDOG_USEC").filter(|_| is_ours);
        Self::new(std::env::var_os("NOTIFY_SOCKET"), usec.as_deref())
    }

    fn new(address: Option<OsString>, watchdog_us: Option<&str>) -> Self {
        let socket = address.and_then(|address| {
            let opened = open(&address);
            opened
                .inspect_err(|error| {
                    warn!(?address, %error, "NOTIFY_SOCKET cannot be used: the service manager is not told of us");
                })
                .ok()
        });
        let beat_ms = watchdog_us.filter(|_| socket.is_some()).and_then(|text| {
            let us = text.parse::<u64>().ok().filter(|us| *us > 0);
            if us.is_none() {
                warn!(WATCHDOG_USEC = text, "is no number of microseconds: the watchdog is not told of us");
            }
            Some((us? / 2_000).max(1))
        });
        let (told, owed) = (Status::default(), None);
        Self { socket, beat_ms, beat_at_ms: 0, told, told_at_ms: 0, owed, is_failing: false }
    }

    /// The host is watched, or watched again. `now_ms` is of the boot clock, here and below.
    pub(super) fn ready(&mut self, status: Status, now_ms: u64) {
        let line = format!("READY=1\n{}", line(&status));
        (self.told, self.told_at_ms) = (status, now_ms);
        self.must_hear(line);
    }

    /// Until [`Manager::ready`].
    pub(super) fn reloading(&mut self) {
        self.must_hear(format!("RELOADING=1\nMONOTONIC_USEC={}", Clock.monotonic_us()));
    }

    pub(super) fn stopping(&mut self) {
        self.must_hear("STOPPING=1\nSTATUS=putting oom_score_adj values back".into());
    }

    /// How long the loop may wait for an event, at most.
    pub(super) fn wait_ms(&self, now_ms: u64) -> u64 {
        let beat = self.beat_ms.map(|_| self.beat_at_ms.saturating_sub(now_ms));
        let again = self.owed.as_ref().map(|_| AGAIN_MS);
        beat.into_iter().chain(again).min().unwrap_or(u64::MAX)
    }

    /// Called in each turn of the loop: tells the watchdog, at half of its time at the latest. A loop that
    /// wakes up anyway does so a little earlier, and is then not woken for it.
    pub(super) fn beat(&mut self, now_ms: u64) {
        if let Some(owed) = self.owed.take() {
            self.must_hear(owed);
        }
        let Some(beat_ms) = self.beat_ms else { return };
        if now_ms + beat_ms / 2 >= self.beat_at_ms {
            let next_ms = if self.send("WATCHDOG=1") { beat_ms } else { AGAIN_MS.min(beat_ms) };
            self.beat_at_ms = now_ms + next_ms;
        }
    }

    /// Tells how it stands, if that is news.
    pub(super) fn tell(&mut self, status: impl FnOnce() -> Status, now_ms: u64) {
        if self.socket.is_none() {
            return;
        }
        let status = status();
        let are_sizes_due =
            self.told.sizes != status.sizes && now_ms.saturating_sub(self.told_at_ms) >= SIZES_EVERY_MS;
        if (self.told.standing != status.standing || are_sizes_due) && self.send(&line(&status)) {
            (self.told, self.told_at_ms) = (status, now_ms);
        }
    }

    fn must_hear(&mut self, message: String) {
        self.owed = if self.send(&message) { None } else { Some(message) };
    }

    /// Whether it was sent, or there is nothing to send it to. A failure is logged once, until it is over.
    fn send(&mut self, message: &str) -> bool {
        let Some((socket, address)) = &self.socket else { return true };
        let sent = socket.send_to_addr(message.as_bytes(), address);
        if let Err(error) = &sent
            && !self.is_failing
        {
            warn!(%error, "the service manager does not listen now");
        }
        self.is_failing = sent.is_err();
        sent.is_ok()
    }
}

/// A path, or `@` and a name without one (unix(7)).
fn open(address: &OsStr) -> std::io::Result<(UnixDatagram, SocketAddr)> {
    let to = match address.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        [b'/', ..] => SocketAddr::from_pathname(address)?,
        _ => return Err(std::io::Error::other("is neither a path nor a name that begins with @")),
    };
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    Ok((socket, to))
}

/// Names are escaped already; a line break would begin another variable.
fn line(Status { standing, sizes }: &Status) -> String {
    format!("STATUS={standing}; {sizes}").replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(standing: &str, sizes: &str) -> Status {
        Status { standing: standing.into(), sizes: sizes.into() }
    }

    /// A manager's end, and the daemon's.
    fn pair(folder: &tempfile::TempDir, watchdog_us: Option<&str>) -> (UnixDatagram, Manager) {
        let path = folder.path().join("notify");
        let listener = UnixDatagram::bind(&path).unwrap();
        listener.set_nonblocking(true).unwrap();
        (listener, Manager::new(Some(path.into()), watchdog_us))
    }

    fn heard(listener: &UnixDatagram) -> Vec<String> {
        let mut buffer = [0; 4096];
        let mut next = || listener.recv(&mut buffer).ok().map(|size| buffer[..size].to_vec());
        std::iter::from_fn(|| next().map(|bytes| String::from_utf8(bytes).unwrap())).collect()
    }

    #[test]
    fn the_watchdog_is_told_at_half_of_its_time_at_the_latest() {
        let folder = tempfile::tempdir().unwrap();
        let (listener, mut manager) = pair(&folder, Some("20000000"));
        manager.beat(100_000);
        assert_eq!(heard(&listener), ["WATCHDOG=1"]);
        assert_eq!(manager.wait_ms(100_000), 10_000);
        manager.beat(104_999);
        assert!(heard(&listener).is_empty(), "it need not yet");
        assert_eq!((manager.wait_ms(104_999), manager.wait_ms(130_000)), (5_001, 0));
        manager.beat(105_000);
        assert_eq!(heard(&listener), ["WATCHDOG=1"]);
        drop((listener, folder));
        manager.beat(200_000);
        assert_eq!(
            manager.wait_ms(200_000),
            AGAIN_MS,
            "one that has gone is tried again, and keeps no loop busy"
        );
        for bad in [None, Some("0"), Some("-1"), Some("soon")] {
            assert_eq!(Manager::new(Some("@none".into()), bad).wait_ms(1), u64::MAX, "{bad:?}");
        }
    }

    #[test]
    fn a_status_is_told_when_it_stands_otherwise_and_sizes_now_and_then() {
        let folder = tempfile::tempdir().unwrap();
        let (listener, mut manager) = pair(&folder, None);
        manager.ready(status("enforce", "3 GiB"), 1_000);
        manager.tell(|| status("enforce", "2 GiB"), 2_000);
        manager.tell(|| status("enforce; last victim pid 7", "2 GiB"), 3_000);
        manager.tell(|| status("enforce; last victim pid 7", "1 GiB"), 62_999);
        manager.tell(|| status("enforce; last victim pid 7", "0 GiB\nREADY=1"), 63_000);
        let expected = [
            "READY=1\nSTATUS=enforce; 3 GiB",
            "STATUS=enforce; last victim pid 7; 2 GiB",
            "STATUS=enforce; last victim pid 7; 0 GiB READY=1",
        ];
        assert_eq!(heard(&listener), expected);
    }

    #[test]
    fn what_a_full_queue_refuses_is_sent_again_and_only_its_last_word() {
        let folder = tempfile::tempdir().unwrap();
        let (listener, mut manager) = pair(&folder, None);
        while manager.send("filler") {}
        manager.reloading();
        manager.ready(status("enforce", "3 GiB"), 1_000);
        assert_eq!(manager.wait_ms(1_000), AGAIN_MS);
        assert!(heard(&listener).iter().all(|message| message == "filler"));
        manager.beat(2_000);
        assert_eq!(heard(&listener), ["READY=1\nSTATUS=enforce; 3 GiB"]);
        assert_eq!(manager.wait_ms(2_000), u64::MAX);
    }

    #[test]
    fn without_a_manager_or_with_one_that_cannot_be_reached_nothing_happens() {
        for address in [None, Some("vsock:2:1"), Some(""), Some("relative")] {
            let mut manager = Manager::new(address.map(Into::into), Some("1000000"));
            manager.ready(status("enforce", ""), 1);
            manager.beat(1_000_000);
            manager.stopping();
            assert_eq!(manager.wait_ms(1_000_000), u64::MAX, "{address:?}");
        }
    }
}
