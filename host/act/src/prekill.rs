//! systemd's pre-kill hook, since systemd 260 (oomd.conf(5)): a program that wants to be told before a cgroup
//! is ended has a socket in `/run/systemd/oomd.prekill.hook/` on which it speaks Varlink. We tell it as
//! systemd-oomd does:
//!
//! ```text
//! {"method":"io.systemd.oom.Prekill.Notify","parameters":{"cgroup":"/system.slice/a.service"}}\0
//! {"parameters":{}}\0
//! ```
//!
//! All are told at once, when the victim gets its first signal, and have until its grace is over, as the
//! victim has: no victim waits for them. One message and its answer are little enough to need no library for
//! Varlink (varlink.org/Method-Call): a connection, one JSON object each way, a NUL at its end.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jettison_model::text::Escaped;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::task::{EndSender, TaskId};

/// Each hook takes no longer. systemd's default for the whole is not to wait at all.
const LIMIT: Duration = Duration::from_secs(5);
/// Hooks that are told. systemd has a file for each.
const HOOKS_MAX: usize = 32;
const ANSWER_BYTES_MAX: u64 = 64 << 10;
const STACK_BYTES: usize = 256 << 10;
const METHOD: &str = "io.systemd.oom.Prekill.Notify";

/// Tells programs of a memcg that is ended.
#[derive(Debug)]
pub(crate) struct Prekill {
    directory: PathBuf,
    ended: EndSender,
}

impl Prekill {
    /// `directory` has the sockets.
    pub(crate) fn new(directory: PathBuf, ended: EndSender) -> Self {
        Self { directory, ended }
    }

    /// Tells all, on a thread of its own. Where none has registered, nothing is started.
    pub(crate) fn start(&self, id: TaskId, memcg: Vec<u8>) {
        let sockets = sockets(&self.directory);
        if sockets.is_empty() {
            self.ended.send(id, Ok(()));
            return;
        }
        let ended = self.ended.clone();
        let tell = move || ended.send(id, tell_all(sockets, &memcg));
        let started = std::thread::Builder::new().name("prekill".into()).stack_size(STACK_BYTES).spawn(tell);
        if let Err(error) = started {
            self.ended.send(id, Err(format!("no thread to tell pre-kill hooks: {error}")));
        }
    }
}

/// In the order of their names. A directory that is absent has none.
fn sockets(directory: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(directory) else { return Vec::new() };
    let mut sockets: Vec<PathBuf> = entries.flatten().map(|entry| entry.path()).collect();
    sockets.sort_unstable();
    sockets.truncate(HOOKS_MAX);
    sockets
}

fn tell_all(sockets: Vec<PathBuf>, memcg: &[u8]) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(|error| format!("pre-kill hooks cannot be told: {error}"))?;
    let cgroup = String::from_utf8_lossy(memcg);
    let mut message = serde_json::json!({ "method": METHOD, "parameters": { "cgroup": cgroup } }).to_string();
    message.push('\0');
    let failures = runtime.block_on(async {
        let mut telling = JoinSet::new();
        for socket in sockets {
            let message = message.clone();
            telling.spawn(async move {
                let told = timeout(LIMIT, tell(&socket, &message)).await;
                let why = told.unwrap_or_else(|_| Err(format!("no answer within {} s", LIMIT.as_secs())));
                why.map_err(|why| format!("pre-kill hook {}: {why}", socket.display()))
            });
        }
        telling.join_all().await.into_iter().filter_map(Result::err).collect::<Vec<_>>()
    });
    if failures.is_empty() { Ok(()) } else { Err(failures.join("; ")) }
}

async fn tell(socket: &Path, message: &str) -> Result<(), String> {
    let failed = |error: std::io::Error| error.to_string();
    let stream = UnixStream::connect(socket).await.map_err(failed)?;
    let (read, mut write) = stream.into_split();
    write.write_all(message.as_bytes()).await.map_err(failed)?;
    let mut answer = Vec::new();
    BufReader::new(read.take(ANSWER_BYTES_MAX)).read_until(0, &mut answer).await.map_err(failed)?;
    let Some(answer) = answer.strip_suffix(&[0]) else {
        return Err("it hung up before it had answered".into());
    };
    let parsed: serde_json::Value = serde_json::from_slice(answer)
        .map_err(|error| format!("not an answer ({error}): {}", Escaped(answer)))?;
    match parsed.get("error").and_then(|error| error.as_str()) {
        Some(error) => Err(error.to_owned()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::task::ends;
    use jettison_tests::wait_for;
    use std::io::{Read, Write};
    use std::os::unix::net::UnixListener;

    /// A hook that answers, and what it was told.
    fn hook(directory: &Path, name: &str, answer: &'static [u8]) -> std::thread::JoinHandle<String> {
        let listener = UnixListener::bind(directory.join(name)).unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut told = [0; 1024];
            let length = stream.read(&mut told).unwrap();
            stream.write_all(answer).unwrap();
            String::from_utf8_lossy(&told[..length]).into_owned()
        })
    }

    fn told(directory: &Path) -> Result<(), String> {
        let (sender, receiver) = ends().unwrap();
        Prekill::new(directory.into(), sender).start(TaskId(3), b"/system.slice/a.service".into());
        let ended = wait_for("the hooks to be told", || receiver.take().pop());
        assert_eq!(ended.id, TaskId(3));
        ended.result.map_err(|why| why.replace(&directory.display().to_string(), "DIR"))
    }

    #[test]
    fn each_registered_program_is_told_the_cgroup() {
        let directory = tempfile::tempdir().unwrap();
        let hooks = ["a", "b"].map(|name| hook(directory.path(), name, b"{\"parameters\":{}}\0"));
        assert_eq!(told(directory.path()), Ok(()));
        for hook in hooks {
            let message = hook.join().unwrap();
            let message: serde_json::Value =
                serde_json::from_str(message.strip_suffix('\0').unwrap()).unwrap();
            assert_eq!(message["method"], "io.systemd.oom.Prekill.Notify");
            assert_eq!(message["parameters"]["cgroup"], "/system.slice/a.service");
        }
    }

    #[test]
    fn without_a_directory_or_a_program_there_is_nothing_to_tell() {
        let directory = tempfile::tempdir().unwrap();
        assert_eq!(told(directory.path()), Ok(()));
        assert_eq!(told(&directory.path().join("absent")), Ok(()));
    }

    #[test]
    fn what_a_program_answers_wrongly_is_told_by_its_socket() {
        let directory = tempfile::tempdir().unwrap();
        let hooks = [
            hook(directory.path(), "1", b"{\"error\":\"org.varlink.service.MethodNotFound\"}\0"),
            hook(directory.path(), "2", b"nonsense\0"),
            hook(directory.path(), "3", b""),
        ];
        std::fs::write(directory.path().join("4"), "no socket").unwrap();
        let why = told(directory.path()).unwrap_err();
        for hook in hooks {
            hook.join().unwrap();
        }
        for part in [
            "pre-kill hook DIR/1: org.varlink.service.MethodNotFound",
            "pre-kill hook DIR/2: not an answer (expected ident at line 1 column 2): nonsense",
            "pre-kill hook DIR/3: it hung up before it had answered",
            "pre-kill hook DIR/4: Connection refused (os error 111)",
        ] {
            assert!(why.contains(part), "{part}: {why}");
        }
    }
}
