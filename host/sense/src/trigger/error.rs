//! Why a trigger is not armed.

use std::fmt;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::parse::version::Version;

/// Why a trigger is not armed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TriggerError {
    /// The memcg does not exist, or the kernel lacks the feature (PSI: `CONFIG_PSI`, `psi=1`).
    Absent {
        /// The file that was opened.
        path: PathBuf,
    },
    /// The kernel refused it.
    Refused {
        /// The file that was written.
        path: PathBuf,
        /// The error of the system call. EINVAL: the stall or the window is out of bounds.
        errno: Errno,
    },
    /// Memcgs of cgroup v1 have no PSI.
    V1 {
        /// The memcg's directory.
        directory: PathBuf,
    },
    /// Usage thresholds exist on v1 only, events on v2 only.
    OtherVersion {
        /// The memcg's directory.
        directory: PathBuf,
        /// The version that the hierarchy has.
        version: Version,
    },
    /// A memcg was named but no hierarchy with the memory controller is mounted.
    NoHierarchy {
        /// The memcg.
        memcg: String,
    },
    /// The kernel's log is not to be seen, as in most containers.
    NoKernelLog {
        /// The file that was opened.
        path: PathBuf,
    },
    /// A fixture machine has no kernel that could wake us.
    NotLive {
        /// The file that would have been written.
        path: PathBuf,
    },
}

impl TriggerError {
    pub(super) fn of(path: PathBuf, errno: Errno) -> Self {
        match errno {
            Errno::NOENT | Errno::NODEV | Errno::OPNOTSUPP => Self::Absent { path },
            errno => Self::Refused { path, errno },
        }
    }
}

impl fmt::Display for TriggerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent { path }
                if path.ends_with("pressure/memory") || path.ends_with("memory.pressure") =>
            {
                write!(
                    f,
                    "{}: no memory pressure to wait for: the kernel has no PSI (boot with psi=1) or the memcg does not exist",
                    path.display()
                )
            }
            Self::Absent { path } => write!(f, "{}: is not there: the memcg does not exist", path.display()),
            Self::Refused { path, errno } => {
                write!(f, "{}: the trigger was refused: {errno}", path.display())
            }
            Self::V1 { directory } => write!(
                f,
                "{}: a memcg of cgroup v1 has no PSI: watch its limit, or the host's pressure",
                directory.display()
            ),
            Self::OtherVersion { directory, version } => write!(
                f,
                "{}: a memcg of cgroup {} has no such trigger",
                directory.display(),
                match version {
                    Version::V1 => "v1",
                    Version::V2 => "v2",
                }
            ),
            Self::NoHierarchy { memcg } => {
                write!(f, "memcg {memcg}: no cgroup hierarchy with the memory controller is mounted")
            }
            Self::NoKernelLog { path } => write!(f, "{}: is not there", path.display()),
            Self::NotLive { path } => write!(f, "{}: a machine from files has no triggers", path.display()),
        }
    }
}

impl std::error::Error for TriggerError {}
