//! Protects the daemon's own process: open files, locked memory, oom_score_adj.

use std::path::Path;

use rustix::mm::{MlockAllFlags, mlockall};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::{info, warn};

/// Raises the soft limit of open files to the hard one: the sensor keeps a file open for each process, which
/// makes a scan a fifth cheaper. The soft limit is low for programs that use select(2); this one does not.
pub(super) fn raise_limit_of_files() {
    let limit = getrlimit(Resource::Nofile);
    if let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit }) {
        info!(%error, "the limit of open files stays as it is: with more processes than half of it a scan takes longer");
    }
}

/// Locks the daemon's memory as it is touched, so that no tick waits for its own pages, and sets its
/// oom_score_adj to -1000. Failures are logged, not fatal.
pub(super) fn protect_ourselves(proc: &Path) {
    let user = rustix::process::geteuid();
    if !user.is_root() {
        warn!(
            uid = user.as_raw(),
            "not root: processes of other users cannot be shut down or held; run as root, or with CAP_KILL and CAP_SYS_RESOURCE"
        );
    }
    let flags = MlockAllFlags::CURRENT | MlockAllFlags::FUTURE | MlockAllFlags::ONFAULT;
    if let Err(error) = mlockall(flags) {
        info!(%error, "our memory is not locked: that needs CAP_IPC_LOCK or a larger RLIMIT_MEMLOCK");
    }
    if let Err(error) = std::fs::write(proc.join("self/oom_score_adj"), "-1000") {
        info!(%error, "the kernel may still choose us: oom_score_adj -1000 needs CAP_SYS_RESOURCE");
    }
}
