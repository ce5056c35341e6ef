//! What a child gives up before it looks at the bytes of others: rights, files, and the calls that start or
//! reach anything.
//!
//! Landlock (Documentation/userspace-api/landlock.rst) and seccomp(2) are the kernel's. Where one of them is
//! not there the child has its bounds alone, and the unit's own filter.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io;

use landlock::{
    ABI, Access, AccessFs, AccessNet, Ruleset, RulesetAttr, RulesetCreatedAttr, RulesetError, RulesetStatus,
    Scope, path_beneath_rules,
};
use rustix::io::Errno;
use rustix::thread::{CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs};
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

/// What a child may still reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Its three standard files.
    Nothing,
    /// A registry: the network, and for it to read what names and certificates are found by.
    Registry,
}

/// What holds now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Confined {
    /// No capability is left.
    pub rights: bool,
    /// Landlock.
    pub files: bool,
    /// seccomp.
    pub calls: bool,
}

/// The last one whose rights this was written for; an older kernel enforces those that it has.
const LANDLOCK: ABI = ABI::V6;
/// Name resolution, and the libraries that it loads (nsswitch.conf(5)); certificates.
const FOR_A_REGISTRY: [&str; 6] =
    ["/etc", "/usr", "/lib", "/lib64", "/run/systemd/resolve", "/run/resolvconf"];
/// Where a child is told that certificates are (openssl-env(7)).
const CERTIFICATES: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];

/// Calls that start a program, or reach another process or the system.
const FORBIDDEN: &[i64] = &[
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_kill,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pidfd_getfd,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_chroot,
    libc::SYS_pivot_root,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_open_tree,
    libc::SYS_move_mount,
    libc::SYS_fsopen,
    libc::SYS_open_by_handle_at,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_keyctl,
    libc::SYS_syslog,
    libc::SYS_acct,
    libc::SYS_quotactl,
    libc::SYS_clock_settime,
    libc::SYS_settimeofday,
];
/// And those that open a way to the network.
const OF_THE_NETWORK: [i64; 2] = [libc::SYS_socket, libc::SYS_socketpair];

/// Confines this thread and those that it starts, for good. What the kernel does not have, or a filter of the
/// unit or the container forbids to give up, is not so in the answer.
///
/// # Errors
/// If even this would not keep it from gaining rights, or on a processor that is not known.
pub fn confine(reach: Reach) -> io::Result<Confined> {
    set_no_new_privs(true)?;
    let none = CapabilitySet::empty();
    let sets = CapabilitySets { effective: none, permitted: none, inheritable: none };
    let rights = set_capabilities(None, sets).is_ok();
    let files = close_files(reach).unwrap_or(false);
    Ok(Confined { rights, files, calls: forbid_calls(reach)? })
}

fn close_files(reach: Reach) -> Result<bool, RulesetError> {
    let ruleset =
        Ruleset::default().handle_access(AccessFs::from_all(LANDLOCK))?.scope(Scope::from_all(LANDLOCK))?;
    let (ruleset, readable) = match reach {
        Reach::Nothing => (ruleset.handle_access(AccessNet::from_all(LANDLOCK))?, Vec::new()),
        Reach::Registry => {
            let told = CERTIFICATES.iter().filter_map(env::var_os);
            (ruleset, FOR_A_REGISTRY.iter().map(OsString::from).chain(told).collect())
        }
    };
    let rules = path_beneath_rules(readable, AccessFs::from_read(LANDLOCK));
    let status = ruleset.create()?.add_rules(rules)?.restrict_self()?;
    Ok(status.ruleset != RulesetStatus::NotEnforced)
}

fn forbid_calls(reach: Reach) -> io::Result<bool> {
    let network: &[i64] = if reach == Reach::Nothing { &OF_THE_NETWORK } else { &[] };
    // A call without conditions is forbidden whatever its arguments are.
    let rules: BTreeMap<i64, _> = FORBIDDEN.iter().chain(network).map(|&call| (call, Vec::new())).collect();
    let refusal = SeccompAction::Errno(Errno::PERM.raw_os_error().unsigned_abs());
    let arch = TargetArch::try_from(env::consts::ARCH).map_err(io::Error::other)?;
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refusal, arch).map_err(io::Error::other)?;
    let program = BpfProgram::try_from(filter).map_err(io::Error::other)?;
    Ok(seccompiler::apply_filter(&program).is_ok())
}
