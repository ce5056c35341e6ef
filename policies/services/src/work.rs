//! Work that must not be broken off: what is left half done is a host that does not start, or packages that
//! are neither installed nor removed.

use jettison_sdk::{Ballot, Process};

use crate::known::fits;
use crate::table::Marks;

/// A program whose whole tree is its work, whatever runs in it.
pub(crate) struct Work {
    /// In an operator's words.
    pub(crate) name: &'static str,
    /// As for services.
    pub(crate) programs: &'static [&'static str],
    pub(crate) marks: Marks,
}

/// As a database's.
const STRENGTH: u16 = 850;

pub(crate) const WORKS: &[Work] = &[
    // dpkg(1) has states for what is broken off: half-installed, unpacked, half-configured. rpm(8) leaves two
    // versions of a package and a lock.
    Work {
        name: "installs packages",
        programs: &["dpkg", "rpm", "pacman", "apk", "opkg", "xbps-install"],
        marks: Marks::None,
    },
    // Kernels without their initramfs: dracut(8), update-initramfs(8), mkinitcpio(8), kernel-install(8). Most
    // are scripts.
    Work {
        name: "makes what the host starts from",
        programs: &["kernel-install", "bash", "dash", "sh"],
        marks: Marks::Early(&["kernel-install", "dracut", "update-initramfs", "mkinitramfs", "mkinitcpio"]),
    },
    // "may cause filesystem corruption" if interrupted: e2fsck(8), resize2fs(8), xfs_repair(8); likewise
    // cryptsetup-reencrypt(8).
    Work {
        name: "changes a file system in place",
        programs: &["e2fsck", "fsck.*", "resize2fs", "xfs_repair", "cryptsetup"],
        marks: Marks::None,
    },
];

/// They wait for such work, which ends with them.
const FRONTENDS: &[&str] = &[
    "apt",
    "apt-get",
    "aptitude",
    "unattended-upgr*",
    "dnf*",
    "microdnf",
    "yum*",
    "zypper",
    "packagekitd",
    "update-initramf",
];

/// Only root's, and the host's own: a container is built again.
pub(crate) fn is_the_hosts(p: Process<'_>) -> bool {
    p.uid() == Some(0) && p.memcg().is_none_or(|memcg| memcg.container_id().is_empty())
}

/// Keeps the work and who waits for it.
pub(crate) fn keep(ballot: &mut Ballot, work: &Work, p: Process<'_>) {
    let reason = format!("{}: broken off, it would be left half done", work.name);
    ballot.protect(p.tree(), STRENGTH).because(reason).without_hold();
    for above in p.ancestors().take_while(|&above| is_the_hosts(above)) {
        if FRONTENDS.iter().any(|name| fits(name, above.comm())) {
            let reason = format!("waits for what {} (pid {})", work.name, p.pid());
            ballot.protect(above, STRENGTH).because(reason).without_hold();
        }
    }
}
