//! Where the memory controller is: cgroup v1 or v2, and its mount (cgroups(7)).

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use crate::io::root::Root;
use crate::memcg::namespace::Namespace;
use crate::parse::mounts::{Mount, cgroup_mounts};
use crate::parse::version::Version;

/// The memory hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hierarchy {
    /// Which files it has.
    pub version: Version,
    /// The directory of its root, or of the part of it that is mounted here: the path `/`.
    pub mount: PathBuf,
    /// The cgroup that is mounted there, as `/proc/PID/cgroup` names it. `/`, except in a container that has
    /// part of the tree mounted and no cgroup namespace.
    pub(crate) mounted: Vec<u8>,
    /// Our cgroup namespace, where more than it is mounted.
    pub(crate) namespace: Option<Namespace>,
}

impl Hierarchy {
    /// The directory of a memcg. `memcg` is a path below the hierarchy's root, with or without its leading
    /// slash.
    #[must_use]
    pub fn directory_of(&self, memcg: &str) -> PathBuf {
        self.mount.join(memcg.trim_matches('/'))
    }

    /// A path of `/proc/PID/cgroup`, relative to what is mounted; `None` if it is outside.
    pub(crate) fn below_mount<'p>(&self, path: &'p [u8]) -> Option<Cow<'p, [u8]>> {
        if let Some(namespace) = &self.namespace {
            return namespace.resolve(path).map(Cow::Owned);
        }
        if self.mounted == b"/" {
            return path.starts_with(b"/").then_some(path.into());
        }
        match path.strip_prefix(self.mounted.as_slice())? {
            b"" => Some(b"/".into()),
            below => below.starts_with(b"/").then_some(below.into()),
        }
    }

    /// Finds the hierarchy in the kernel's list of mounts, or at its usual places.
    pub(crate) fn find(root: &Root) -> Option<Self> {
        let listed = std::fs::read(root.proc.join("self/mountinfo")).unwrap_or_default();
        let mounts = visible(cgroup_mounts(&listed).collect());
        let usual =
            [(Version::V1, root.sys.join("fs/cgroup/memory")), (Version::V2, root.sys.join("fs/cgroup"))]
                .map(|(version, mount)| Self { version, mount, mounted: b"/".to_vec(), namespace: None });
        let found = [Version::V1, Version::V2].into_iter().find_map(|version| {
            mounts
                .iter()
                .filter(|mount| mount.version == version)
                .filter_map(|mount| Self::of(root, mount))
                .find(Self::has_memory)
        });
        found.or_else(|| usual.into_iter().find(Self::has_memory))
    }

    fn of(root: &Root, mount: &Mount) -> Option<Self> {
        let point = root.locate(&mount.point)?;
        let namespace = Namespace::of(root, mount, &point);
        Some(Self { version: mount.version, mount: point, mounted: mount.mounted.clone(), namespace })
    }

    /// A cgroup2 mount without the memory controller (a hybrid host, `cgroup_disable=memory`) is not the
    /// memory hierarchy.
    fn has_memory(&self) -> bool {
        match self.version {
            Version::V1 => self.mount.join("memory.usage_in_bytes").exists(),
            Version::V2 => lists_memory(&self.mount.join("cgroup.controllers")),
        }
    }
}

/// Without those that a later one covers: a container's own cgroup, below the host's whole tree.
fn visible(mounts: Vec<Mount>) -> Vec<Mount> {
    let mut visible: Vec<Mount> = Vec::new();
    for mount in mounts {
        visible.retain(|other| other.point != mount.point);
        visible.push(mount);
    }
    visible
}

fn lists_memory(controllers: &Path) -> bool {
    std::fs::read(controllers)
        .is_ok_and(|text| text.split(u8::is_ascii_whitespace).any(|controller| controller == b"memory"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounted(path: &str) -> Hierarchy {
        Hierarchy { version: Version::V2, mount: "/m".into(), mounted: path.into(), namespace: None }
    }

    #[test]
    fn of_two_mounts_on_one_place_the_later_one_counts() {
        let listed = b"30 1 0:26 / /sys/fs/cgroup ro - cgroup2 cgroup rw\n\
            31 1 0:26 / /elsewhere ro - cgroup2 cgroup rw\n\
            32 30 0:26 /../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n";
        let mounts = visible(cgroup_mounts(listed).collect());
        let shown: Vec<&[u8]> = mounts.iter().map(|mount| mount.mounted.as_slice()).collect();
        assert_eq!(shown, [b"/".as_slice(), b"/../.."]);
    }

    #[test]
    fn paths_are_below_what_is_mounted() {
        assert_eq!(mounted("/").below_mount(b"/a").as_deref(), Some(b"/a".as_slice()));
        assert_eq!(mounted("/").below_mount(b"0::"), None);
        let container = mounted("/docker/1");
        assert_eq!(container.below_mount(b"/docker/1/a").as_deref(), Some(b"/a".as_slice()));
        assert_eq!(container.below_mount(b"/docker/1").as_deref(), Some(b"/".as_slice()));
        assert_eq!(container.below_mount(b"/docker/12"), None);
        assert_eq!(container.below_mount(b"/other"), None);
        assert_eq!(container.directory_of("/a/b/"), Path::new("/m/a/b"));
    }
}
