//! The daemon must outlive what it is there for.

use std::path::Path;

use rustix::mm::{MlockAllFlags, mlockall};
use tracing::{info, warn};

/// Locks our memory as it is touched, so that no tick waits for its own pages, and takes us out of the
/// kernel's choice. Neither is a condition for working; what cannot be had is said.
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
