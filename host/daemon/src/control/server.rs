//! The daemon's side of the socket. It parses and hands over; the loop answers.

use std::fs::{Permissions, remove_file, set_permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::task::spawn_local;
use tokio::time::timeout;

use super::place::socket;
use super::wire::{Answer, Ask, Request, Response, VERSION};

/// Clients at a time; more are turned away.
const CLIENTS_MAX: usize = 16;
/// Bytes of a request.
const REQUEST_BYTES_MAX: u64 = 4096;
/// For a client to say what it wants, and to take its answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// A question and where its answer goes.
pub(crate) type Asked = (Ask, oneshot::Sender<Answer>);

/// Serves the socket for as long as the daemon lives; `hand_over` gives a question to the loop.
pub(crate) fn listen<F>(state_dir: &Path, hand_over: impl Fn(Asked) -> F + 'static) -> io::Result<()>
where
    F: Future<Output = bool> + 'static,
{
    let path = socket(state_dir);
    // A daemon before us left it: we hold the state directory's lock, so no other daemon serves it.
    match remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    let listener = UnixListener::bind(&path)?;
    set_permissions(&path, Permissions::from_mode(0o660))?;
    let (places, hand_over) = (Arc::new(Semaphore::new(CLIENTS_MAX)), Rc::new(hand_over));
    spawn_local(async move {
        loop {
            // Out of descriptors: a while later there may be some.
            let Ok((stream, _)) = listener.accept().await else {
                tokio::time::sleep(PATIENCE).await;
                continue;
            };
            let Ok(place) = Arc::clone(&places).try_acquire_owned() else { continue };
            let hand_over = Rc::clone(&hand_over);
            spawn_local(async move {
                // A client that goes away, or takes too long, has only itself to tell.
                serve(stream, &*hand_over).await.ok();
                drop(place);
            });
        }
    });
    Ok(())
}

async fn serve<F: Future<Output = bool>>(
    mut stream: UnixStream,
    hand_over: &impl Fn(Asked) -> F,
) -> io::Result<()> {
    let answer = match request(&mut stream).await? {
        Ok(ask) => {
            let (sender, receiver) = oneshot::channel();
            if !hand_over((ask, sender)).await {
                return Ok(());
            }
            receiver.await.unwrap_or_else(|_| refused("the daemon is stopping"))
        }
        Err(why) => refused(&why),
    };
    let mut line = serde_json::to_vec(&Response { version: VERSION, answer })?;
    line.push(b'\n');
    timeout(PATIENCE, stream.write_all(&line)).await??;
    stream.shutdown().await
}

/// One request, or why it is none.
async fn request(stream: &mut UnixStream) -> io::Result<Result<Ask, String>> {
    let peer = stream.peer_cred()?;
    if peer.uid() != 0 && peer.uid() != rustix::process::geteuid().as_raw() {
        return Ok(Err(format!("user {} may not talk to this daemon: be root", peer.uid())));
    }
    let mut line = Vec::new();
    let mut reader = BufReader::new(stream.take(REQUEST_BYTES_MAX));
    timeout(PATIENCE, reader.read_until(b'\n', &mut line)).await??;
    Ok(match serde_json::from_slice::<Request>(&line) {
        Ok(Request { version: VERSION, ask }) => Ok(ask),
        Ok(Request { version, .. }) => {
            Err(format!("the request has version {version}, and this daemon knows {VERSION}"))
        }
        Err(error) => Err(format!("that is no request: {error}")),
    })
}

fn refused(why: &str) -> Answer {
    Answer::Refused { why: why.to_owned() }
}
