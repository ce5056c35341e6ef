//! Hooks: programs that the administrator configured, run on a thread of their own.
//!
//! ```text
//! start(id, name, facts) ─▶ thread ─▶ posix_spawn ─▶ its end, or timeout and SIGKILL ─▶ EndSender
//! ```
//!
//! A hook runs without a shell, in a process group of its own, with a bounded environment, `/` as its
//! directory and an empty standard input. The first [`OUTPUT_BYTES_MAX`] of its output are logged. Children
//! that it leaves in the background live on if it ended in time.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jettison_model::text::Escaped;
use rustix::fs::{Access, access};
use rustix::process::{
    Pid, Resource, Rlimit, Signal, getrlimit, kill_process_group, prlimit, setpriority_process,
};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tracing::{debug, info, warn};

use crate::task::{EndSender, TaskId};

/// Hooks that run at once. More would take the memory that is missing.
const UNDERWAY_MAX: usize = 16;
/// Bytes of a hook's output that are logged. The rest is read and dropped, so that the hook never blocks on a
/// full pipe.
const OUTPUT_BYTES_MAX: usize = 4 << 10;
/// The kernel's default soft limit (`INR_OPEN_CUR` in include/uapi/linux/fs.h): select(2) of older programs
/// goes no further.
const SOFT_FILES: u64 = 1024;
/// Bytes of one fact.
const FACT_BYTES_MAX: usize = 4 << 10;
/// The pipe is read this long after a hook has ended. A child of the hook may hold its other end for longer.
const LAST_WORDS: Duration = Duration::from_millis(100);
const STACK_BYTES: usize = 256 << 10;
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A hook as it is configured.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HookCommand {
    /// An absolute path.
    pub program: PathBuf,
    /// Its arguments, as they are.
    pub arguments: Vec<String>,
    /// It is killed after so long.
    pub timeout: Duration,
}

/// Runs hooks. Its thread starts with the first table that has one, so that none is needed in the crisis.
#[derive(Debug)]
pub(crate) struct Hooks {
    proc: Arc<Path>,
    commands: BTreeMap<String, HookCommand>,
    ended: EndSender,
    underway: Arc<Semaphore>,
    thread: Option<UnboundedSender<Request>>,
}

/// A hook to run.
#[derive(Debug)]
struct Request {
    id: TaskId,
    name: String,
    command: HookCommand,
    facts: Vec<(&'static str, Vec<u8>)>,
    _underway: OwnedSemaphorePermit,
}

impl Hooks {
    /// None yet. `proc` is where procfs is mounted.
    pub(crate) fn new(proc: &Path, ended: EndSender) -> Self {
        let underway = Arc::new(Semaphore::new(UNDERWAY_MAX));
        Self { proc: proc.into(), commands: BTreeMap::new(), ended, underway, thread: None }
    }

    /// Replaces the hooks. A program that is missing now may be there when it is needed, so that is only a
    /// warning.
    pub(crate) fn replace(&mut self, commands: BTreeMap<String, HookCommand>) {
        for (name, HookCommand { program, .. }) in &commands {
            if let Err(error) = access(program, Access::EXEC_OK) {
                warn!(hook = name, program = %program.display(), %error, "a hook cannot be run as it is now");
            }
        }
        self.commands = commands;
        if !self.commands.is_empty()
            && let Err(why) = self.thread()
        {
            warn!(why, "hooks cannot be run; it is tried again when one is needed");
        }
    }

    /// Runs a hook. Its end is sent within its timeout.
    pub(crate) fn start(&mut self, id: TaskId, name: String, facts: Vec<(&'static str, Vec<u8>)>) {
        if let Err(why) = self.hand_over(id, name, facts) {
            self.ended.send(id, Err(why));
        }
    }

    fn hand_over(
        &mut self,
        id: TaskId,
        name: String,
        facts: Vec<(&'static str, Vec<u8>)>,
    ) -> Result<(), String> {
        let command = self.commands.get(&name).cloned();
        let command = command.ok_or_else(|| format!("hook {name} is not configured any more"))?;
        let Ok(permit) = Arc::clone(&self.underway).try_acquire_owned() else {
            return Err(format!("hook {name}: {UNDERWAY_MAX} hooks are running already"));
        };
        let request = Request { id, name, command, facts, _underway: permit };
        let sent = self.thread()?.send(request);
        sent.map_err(|request| format!("hook {}: the thread for it has ended", request.0.name))
    }

    fn thread(&mut self) -> Result<&UnboundedSender<Request>, String> {
        match &self.thread {
            Some(_) => {}
            None => self.thread = Some(start(Arc::clone(&self.proc), self.ended.clone())?),
        }
        self.thread.as_ref().ok_or_else(|| "no thread to run hooks".into())
    }
}

fn start(proc: Arc<Path>, ended: EndSender) -> Result<UnboundedSender<Request>, String> {
    let failed = |error| format!("no thread to run hooks: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(failed)?;
    let (sender, receiver) = unbounded_channel();
    std::thread::Builder::new()
        .name("hooks".into())
        .stack_size(STACK_BYTES)
        .spawn(move || runtime.block_on(serve(receiver, proc, ended)))
        .map_err(failed)?;
    Ok(sender)
}

/// Hooks do not wait for each other.
async fn serve(mut requests: UnboundedReceiver<Request>, proc: Arc<Path>, ended: EndSender) {
    // Hooks inherit it, and are no more urgent than anything else. To lower a priority is always permitted.
    if let Err(error) = setpriority_process(None, 0) {
        debug!(%error, "hooks keep our priority");
    }
    while let Some(request) = requests.recv().await {
        let (proc, ended) = (Arc::clone(&proc), ended.clone());
        tokio::spawn(async move {
            let result = run(&request, &proc).await;
            let name = &request.name;
            ended.send(request.id, result.map_err(|why| format!("hook {name}: {why}")));
        });
    }
}

async fn run(request: &Request, proc: &Path) -> Result<(), String> {
    let HookCommand { program, timeout: limit, .. } = &request.command;
    let spawned = command(request).spawn();
    let mut child = spawned.map_err(|error| format!("{}: {error}", program.display()))?;
    let pid = child.id();
    if let Some(pid) = pid {
        make_ordinary(proc, pid);
    }
    let said = [listen(child.stdout.take()), listen(child.stderr.take())];
    let ended = timeout(*limit, child.wait()).await;
    let result = match ended {
        Ok(Ok(status)) => verdict(status),
        Ok(Err(error)) => Err(format!("it cannot be waited for: {error}")),
        Err(_elapsed) => {
            end(&mut child, pid).await;
            Err(format!("took longer than timeout_ms = {} and was killed", limit.as_millis()))
        }
    };
    for said in said {
        log(&request.name, &said.last_words().await);
    }
    result
}

fn command(request: &Request) -> Command {
    let HookCommand { program, arguments, .. } = &request.command;
    let mut command = Command::new(program);
    command.args(arguments).env_clear().current_dir("/").process_group(0).kill_on_drop(true);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.env("PATH", PATH).env("LANG", "C.UTF-8").env("JETTISON_HOOK", &request.name);
    command.envs(request.facts.iter().map(|(name, value)| (OsStr::new(name), fact(value))));
    command
}

/// A value for the environment: without NUL, and at most [`FACT_BYTES_MAX`].
fn fact(value: &[u8]) -> OsString {
    let bytes = value.iter().copied().filter(|&byte| byte != 0).take(FACT_BYTES_MAX);
    OsString::from_vec(bytes.collect())
}

/// Reset the `oom_score_adj` and `RLIMIT_NOFILE` that the child inherited. Failures are logged, not fatal.
fn make_ordinary(proc: &Path, pid: u32) {
    let limited = i32::try_from(pid).ok().and_then(Pid::from_raw).map(|pid| {
        let limit = getrlimit(Resource::Nofile);
        let soft = Some(SOFT_FILES).min(limit.maximum.or(Some(SOFT_FILES)));
        prlimit(Some(pid), Resource::Nofile, Rlimit { current: soft, ..limit })
    });
    if let Some(Err(error)) = limited {
        debug!(%error, "a hook keeps our limit of open files");
    }
    let file = proc.join(pid.to_string()).join("oom_score_adj");
    if let Err(error) = std::fs::write(&file, "0") {
        debug!(file = %file.display(), %error, "a hook keeps our oom_score_adj");
    }
}

fn verdict(status: ExitStatus) -> Result<(), String> {
    match (status.code(), status.signal()) {
        (Some(0), _) => Ok(()),
        (Some(code), _) => Err(format!("exit status {code}")),
        (None, signal) => Err(format!("ended by signal {}", signal.unwrap_or_default())),
    }
}

/// Kills its whole process group. It is not reaped before that, so its pid cannot be reused.
async fn end(child: &mut Child, pid: Option<u32>) {
    let group = pid.and_then(|pid| i32::try_from(pid).ok()).and_then(Pid::from_raw);
    if let Some(Err(error)) = group.map(|group| kill_process_group(group, Signal::KILL)) {
        debug!(%error, "a hook that took too long cannot be killed");
    }
    // One in D state ends when it can; it is reaped when it does.
    timeout(LAST_WORDS, child.wait()).await.ok();
}

/// What a hook prints, while it runs.
struct Said {
    text: Arc<Mutex<Vec<u8>>>,
    task: tokio::task::JoinHandle<()>,
}

fn listen<R: AsyncRead + Unpin + Send + 'static>(stream: Option<R>) -> Said {
    let text = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&text);
    let task = tokio::spawn(async move {
        let Some(mut stream) = stream else { return };
        let mut buffer = [0; 1024];
        while let Ok(length @ 1..) = stream.read(&mut buffer).await {
            let mut text = into.lock().unwrap_or_else(PoisonError::into_inner);
            let room = OUTPUT_BYTES_MAX.saturating_sub(text.len());
            text.extend(buffer.iter().take(length.min(room)));
        }
    });
    Said { text, task }
}

impl Said {
    async fn last_words(mut self) -> Vec<u8> {
        if timeout(LAST_WORDS, &mut self.task).await.is_err() {
            self.task.abort();
        }
        std::mem::take(&mut *self.text.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

fn log(hook: &str, said: &[u8]) {
    for line in said.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
        info!(hook, "{}", Escaped(line));
    }
}
