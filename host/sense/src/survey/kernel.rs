//! Features of the kernel: tried where that is harmless, otherwise judged by its release.

use std::fmt;

use rustix::io::Errno;
use rustix::process::{PidfdFlags, getpid, pidfd_open};

use super::read::Files;
use crate::io::root::Root;
use crate::memcg::hierarchy::Hierarchy;
use crate::parse::text::{Malformed, number};
use crate::parse::version::Version;

/// A kernel's release: `6.1.0-13-cloud-amd64` (proc_sys_kernel(5)).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Release {
    text: String,
    number: (u64, u64),
}

impl fmt::Display for Release {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Whether the kernel can do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Feature {
    /// Yes.
    There,
    /// No; it exists since this release.
    Absent {
        /// Major and minor number of the first release that can.
        since: (u64, u64),
    },
    /// It is part of cgroup v2, and the memory controller is on v1.
    OnlyV2,
    /// It exists but is refused to us, as by the seccomp filter of a container.
    Refused,
    /// The release is not known.
    Unknown,
}

pub(super) fn release(root: &Root, files: &mut Files) -> Option<Release> {
    files.parsed(&root.proc.join("sys/kernel/osrelease"), |text| {
        let text = text.trim_ascii();
        let number = numbers(text).ok_or(Malformed("not a release of two numbers or more"))?;
        Ok(Release { number, text: String::from_utf8_lossy(text).into_owned() })
    })
}

/// Two numbers will do, as in `6.12-rc1`, which is why this is not the parser of procfs: that one wants
/// three.
fn numbers(release: &[u8]) -> Option<(u64, u64)> {
    let mut numbers = release.split(|byte| !byte.is_ascii_digit()).map(number);
    Some((numbers.next()??, numbers.next()??))
}

pub(super) fn since(release: Option<&Release>, first: (u64, u64)) -> Feature {
    match release {
        None => Feature::Unknown,
        Some(release) if release.number >= first => Feature::There,
        Some(_) => Feature::Absent { since: first },
    }
}

/// On the live machine it is tried on our own process.
pub(super) fn pidfd(root: &Root, release: Option<&Release>) -> Feature {
    const FIRST: (u64, u64) = (5, 3);
    if !root.is_live() {
        return since(release, FIRST);
    }
    match pidfd_open(getpid(), PidfdFlags::empty()) {
        Ok(_) => Feature::There,
        Err(Errno::NOSYS) => Feature::Absent { since: FIRST },
        Err(_) => Feature::Refused,
    }
}

/// Every memcg except the root has `cgroup.kill`, so any of them shows it. Without memcgs the release
/// decides.
pub(super) fn cgroup_kill(hierarchy: Option<&Hierarchy>, release: Option<&Release>) -> Feature {
    const FIRST: (u64, u64) = (5, 14);
    let Some(hierarchy) = hierarchy.filter(|hierarchy| hierarchy.version == Version::V2) else {
        return Feature::OnlyV2;
    };
    let listed = std::fs::read_dir(&hierarchy.mount);
    let any = listed.into_iter().flatten().flatten().any(|entry| entry.path().join("cgroup.kill").exists());
    if any { Feature::There } else { since(release, FIRST) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn releases_of_all_distributions_have_two_numbers() {
        assert_eq!(numbers(b"6.1.0-13-cloud-amd64"), Some((6, 1)));
        assert_eq!(numbers(b"5.15"), Some((5, 15)));
        assert_eq!(numbers(b"6.12-rc1"), Some((6, 12)));
        assert_eq!(numbers(b"5.14.0-427.el9"), Some((5, 14)));
        for garbage in [b"".as_slice(), b"6", b"six.one", b"6."] {
            assert_eq!(numbers(garbage), None);
        }
    }

    #[test]
    fn a_feature_is_there_from_its_first_release_on() {
        let release = |number| Release { text: String::new(), number };
        assert_eq!(since(Some(&release((5, 15))), (5, 15)), Feature::There);
        assert_eq!(since(Some(&release((6, 1))), (5, 15)), Feature::There);
        assert_eq!(since(Some(&release((5, 10))), (5, 15)), Feature::Absent { since: (5, 15) });
        assert_eq!(since(None, (5, 15)), Feature::Unknown);
        assert_eq!(pidfd(&Root::live(), None), Feature::There, "what the tests run on has it");
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>) {
            prop_assert!(numbers(&text).is_none() || text.len() >= 3);
        }
    }
}
