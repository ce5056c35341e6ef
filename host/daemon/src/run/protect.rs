//! Protects the daemon's own process: open files, locked memory, oom_score_adj, priority.

use std::path::Path;

use rustix::mm::{MlockAllFlags, mlockall, munlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};
use tracing::{info, warn};

/// Half of them stay open: one for each of 32,768 processes, the kernel's default `pid_max`.
const FILES_WANTED: u64 = 65_536;

/// The highest that is not real-time (sched(7)). A tick takes some milliseconds and comes when hundreds of
/// processes that stall on memory want the processor, too.
const NICE: i32 = -20;

/// Raises the limit of open files: the sensor keeps a file open for each process, which makes a scan of known
/// processes several times cheaper. The soft limit is low for programs that use select(2); this one does not.
/// The hard one can be raised with CAP_SYS_RESOURCE, up to `fs.nr_open`.
pub(super) fn raise_limit_of_files() {
    let limit = getrlimit(Resource::Nofile);
    let hard = limit.maximum.unwrap_or(u64::MAX).max(FILES_WANTED);
    let raised = setrlimit(Resource::Nofile, Rlimit { current: Some(hard), maximum: Some(hard) });
    let set = raised.or_else(|_| setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }));
    if let Err(error) = set {
        info!(%error, "the limit of open files stays as it is: with more processes than half of it a scan takes longer");
    }
}

/// Locks the daemon's memory as it is touched, so that no tick waits for its own pages. A failure is logged,
/// not fatal.
pub(super) fn lock_memory() {
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    if let Err(error) = mlockall(flags) {
        info!(%error, "our memory is not locked: that needs CAP_IPC_LOCK or a larger RLIMIT_MEMLOCK");
    }
}

/// Unlocks it, until it is locked again.
pub(super) fn unlock_memory() {
    if let Err(error) = munlockall() {
        info!(%error, "our memory stays locked: what of it is free is not given back");
    }
}

/// Sets the daemon's oom_score_adj to -1000, and raises its priority. Failures are logged, not fatal.
///
/// To be called before the threads that act are there: niceness is a thread's, and inherited.
pub(super) fn protect_ourselves(proc: &Path) {
    let user = rustix::process::geteuid();
    if !user.is_root() {
        warn!(
            uid = user.as_raw(),
            "not root: processes of other users cannot be shut down or held; run as root, or with CAP_KILL and CAP_SYS_RESOURCE"
        );
    }
    if let Err(error) = std::fs::write(proc.join("self/oom_score_adj"), "-1000") {
        info!(%error, "the kernel may still choose us: oom_score_adj -1000 needs CAP_SYS_RESOURCE");
    }
    if let Err(error) = setpriority_process(None, NICE) {
        info!(%error, "our priority stays as it is: to raise it takes CAP_SYS_NICE, or RLIMIT_NICE (LimitNICE=-20)");
    }
    // Where the kernel schedules sessions, niceness counts within one, and the session has its own.
    match std::fs::write(proc.join("self/autogroup"), NICE.to_string()) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            info!(%error, "the priority of our session stays as it is");
        }
        Ok(()) | Err(_) => {}
    }
}
