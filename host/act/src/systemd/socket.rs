//! systemd's own socket, as a transport of zbus.
//!
//! systemd signs its messages there as `org.freedesktop.systemd1` (sd_bus_set_sender(3)). zbus takes a sender
//! only if it is a unique name, and refuses the whole message else. So the name is made one on its way in.

use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use zbus::connection::socket::{ReadHalf, Socket, Split, WriteHalf};
use zbus::export::async_trait::async_trait;

/// A header field of a message: code 7 (sender), signature `s`, the length, the name.
const SENDER: &[u8] = b"\x07\x01s\0\x18\0\0\0org.freedesktop.systemd1\0";
/// Where the name begins in it. A unique name begins with a colon.
const NAME_AT: usize = 8;

#[derive(Debug)]
pub(super) struct SystemdSocket(pub(super) UnixStream);

impl Socket for SystemdSocket {
    type ReadHalf = Reader;
    type WriteHalf = Writer;

    fn split(self) -> Split<Reader, Writer> {
        let (read, write) = self.0.into_split();
        Split::new(Reader(read), Writer(write))
    }
}

#[derive(Debug)]
pub(super) struct Reader(OwnedReadHalf);

#[async_trait]
impl ReadHalf for Reader {
    async fn recvmsg(&mut self, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
        let length = self.0.read(buffer).await?;
        // zbus reads the first 16 bytes, which end before the fields, and then the rest. systemd writes
        // that in one piece, and so it arrives.
        if let Some(read) = buffer.get_mut(..length) {
            make_sender_unique(read);
        }
        Ok((length, Vec::new()))
    }
}

/// Without a change of its length.
fn make_sender_unique(message: &mut [u8]) {
    let found = message.windows(SENDER.len()).position(|field| field == SENDER);
    if let Some(first) = found.and_then(|at| message.get_mut(at + NAME_AT)) {
        *first = b':';
    }
}

#[derive(Debug)]
pub(super) struct Writer(OwnedWriteHalf);

#[async_trait]
impl WriteHalf for Writer {
    async fn sendmsg(&mut self, buffer: &[u8], _fds: &[BorrowedFd<'_>]) -> io::Result<usize> {
        self.0.write(buffer).await
    }

    async fn close(&mut self) -> io::Result<()> {
        self.0.shutdown().await
    }
}
