//! `/proc/self/mountinfo` (proc_pid_mountinfo(5)), of which the crate procfs parses each line.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::PathBuf;

use procfs::process::MountInfo;

use super::text::{Malformed, lines};
use super::version::Version;

/// One mount that may hold the memory controller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mount {
    pub(crate) version: Version,
    pub(crate) point: PathBuf,
    /// Which part of the hierarchy is mounted there.
    pub(crate) mounted: Vec<u8>,
}

/// All mounts, in the kernel's order. Line by line, so that one which cannot be parsed does not cost the
/// others.
///
/// ```text
/// 35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:1 - cgroup cgroup rw,memory
///            | mount point           options                type   source options of the file system
///            which part of the file system
/// ```
pub(crate) fn mounts(text: &[u8]) -> impl Iterator<Item = Result<MountInfo, Malformed>> {
    lines(text).filter(|line| !line.is_empty()).map(|line| {
        let line = std::str::from_utf8(line).ok().ok_or(Malformed("a mount is not in UTF-8"))?;
        // Its error names a line of its own source, as a bug.
        MountInfo::from_line(line)
            .ok()
            .ok_or(Malformed("a line is not `ID PARENT MAJOR:MINOR ROOT POINT ...`"))
    })
}

/// All v1 mounts with the memory controller and all v2 mounts, in the kernel's order.
pub(crate) fn cgroup_mounts(text: &[u8]) -> impl Iterator<Item = Mount> {
    mounts(text).filter_map(|mount| cgroup_mount(&mount.ok()?))
}

fn cgroup_mount(mount: &MountInfo) -> Option<Mount> {
    let version = match mount.fs_type.as_str() {
        "cgroup" if mount.super_options.contains_key("memory") => Version::V1,
        "cgroup2" => Version::V2,
        _ => return None,
    };
    let point = unescaped(mount.mount_point.as_os_str().as_bytes());
    Some(Mount {
        version,
        point: PathBuf::from(OsString::from_vec(point)),
        mounted: unescaped(mount.root.as_bytes()),
    })
}

/// Whether a file of procfs is that of lxcfs, which shows a container its own numbers (lxcfs(1)): it is
/// mounted over the kernel's.
///
/// ```text
/// 812 790 0:55 /proc/meminfo /proc/meminfo rw,nosuid,nodev,relatime - fuse.lxcfs lxcfs rw,user_id=0
/// ```
pub(crate) fn is_of_lxcfs(text: &[u8], file: &str) -> bool {
    mounts(text).flatten().any(|mount| mount.fs_type == "fuse.lxcfs" && mount.mount_point.as_os_str() == file)
}

/// The kernel writes blanks and backslashes in names as `\` and three octal digits, which procfs leaves as
/// they are.
fn unescaped(word: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(word.len());
    let mut rest = word;
    while let Some((&first, after)) = rest.split_first() {
        let (byte, next) = match after {
            [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', after @ ..] if first == b'\\' => {
                (((a - b'0') << 6) | ((b - b'0') << 3) | (c - b'0'), after)
            }
            _ => (first, after),
        };
        bytes.push(byte);
        rest = next;
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn lxcfs_is_told_by_its_type_and_its_file() {
        let line = |file: &str, kind: &str| {
            format!("812 790 0:55 {file} {file} rw,nosuid,nodev,relatime - {kind} lxcfs rw,user_id=0\n")
        };
        let is = |line: String| is_of_lxcfs(line.as_bytes(), "/proc/meminfo");
        assert!(is(line("/proc/meminfo", "fuse.lxcfs")));
        assert!(!is(line("/proc/uptime", "fuse.lxcfs")) && !is(line("/proc/meminfo", "fuse.sshfs")));
        assert!(!is(String::new()));
    }

    #[test]
    fn the_memory_controller_is_found_among_other_mounts() {
        let text = b"22 1 0:21 / /proc rw - proc proc rw\n\
            32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n\
            35 31 0:32 /docker/1 /sys/fs/cgroup/me\\040mory rw shared:3 master:1 - cgroup cgroup rw,memory\n\
            41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n\
            broken line - cgroup2";
        let found: Vec<Mount> = cgroup_mounts(text).collect();
        assert_eq!(
            found,
            [
                Mount {
                    version: Version::V1,
                    point: "/sys/fs/cgroup/me mory".into(),
                    mounted: b"/docker/1".to_vec(),
                },
                Mount {
                    version: Version::V2,
                    point: "/sys/fs/cgroup/unified".into(),
                    mounted: b"/".to_vec(),
                },
            ]
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>, line in "[ -cgroup20-9/\\\\,:memory\n]{0,80}") {
            prop_assert!(cgroup_mounts(&text).count() <= text.len());
            prop_assert!(cgroup_mounts(line.as_bytes()).count() <= line.len());
        }
    }
}
