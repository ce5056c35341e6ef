//! A cgroup namespace of our own, where more of the tree is mounted than is in it: a container to which the
//! host's `/sys/fs/cgroup` was given (cgroup_namespaces(7)).
//!
//! ```text
//! /proc/self/mountinfo     ... /../.. /sys/fs/cgroup ... cgroup2      mounted: two above our root
//! /proc/self/cgroup        0::/                                      ourselves: at our root
//! /proc/PID/cgroup         0::/../pod8/db                            beside our pod
//! /proc/PID/cgroup         0::/../../system.slice                    beside the parent of our pod
//! ```
//!
//! The kernel leaves out what a path and our root have in common, so the place of our root has to be known:
//! it is where we ourselves are found.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use jettison_model::limits::MEMCGS_MAX;

use crate::io::root::Root;
use crate::parse::cgroup::memcg_path;
use crate::parse::mounts::Mount;
use crate::parse::text::lines;

const UP: &[u8] = b"..";

/// The root of our namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Namespace {
    /// The names on the way from what is mounted to it.
    names: Vec<Vec<u8>>,
}

impl Namespace {
    /// `None` where nothing above it is mounted, and where we are not found.
    pub(crate) fn of(root: &Root, mount: &Mount, point: &Path) -> Option<Self> {
        let ups = parts(&mount.mounted).collect::<Vec<_>>();
        if ups.is_empty() || ups.iter().any(|&part| part != UP) {
            return None;
        }
        let own = std::fs::read(root.proc.join("self/cgroup")).ok()?;
        let own = memcg_path(&own, mount.version)?;
        let stat = std::fs::read(root.proc.join("self/stat")).ok()?;
        let pid = stat.split(|&byte| byte == b' ').next()?.to_vec();
        let inside: PathBuf = parts(own).map(OsStr::from_bytes).collect();
        let is_ours = |directory: &Path| {
            std::fs::read(directory.join(&inside).join("cgroup.procs"))
                .is_ok_and(|list| lines(&list).any(|line| line == pid))
        };
        let names = descend(point, ups.len(), &is_ours)?;
        Some(Self { names })
    }

    /// A path of `/proc/PID/cgroup`, relative to what is mounted; `None` if it is outside.
    pub(crate) fn resolve(&self, path: &[u8]) -> Option<Vec<u8>> {
        if !path.starts_with(b"/") {
            return None;
        }
        let ups = parts(path).take_while(|&part| part == UP).count();
        let common = self.names.get(..self.names.len().checked_sub(ups)?)?;
        let below = parts(path).skip(ups);
        let mut resolved = Vec::new();
        for part in common.iter().map(Vec::as_slice).chain(below) {
            resolved.push(b'/');
            resolved.extend_from_slice(part);
        }
        if resolved.is_empty() {
            resolved.push(b'/');
        }
        Some(resolved)
    }
}

fn parts(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|part| !part.is_empty())
}

/// The names down to the directory at this depth that is ours.
fn descend(point: &Path, depth: usize, is_ours: &dyn Fn(&Path) -> bool) -> Option<Vec<Vec<u8>>> {
    let mut todo: Vec<Vec<Vec<u8>>> = vec![Vec::new()];
    let mut seen = 0;
    while let Some(names) = todo.pop() {
        seen += 1;
        if seen > MEMCGS_MAX {
            break;
        }
        let directory =
            names.iter().fold(point.to_path_buf(), |path, name| path.join(OsStr::from_bytes(name)));
        if names.len() == depth {
            if is_ours(&directory) {
                return Some(names);
            }
            continue;
        }
        // One that has gone meanwhile is not ours.
        let entries = std::fs::read_dir(&directory).into_iter().flatten().flatten();
        let below = entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
        todo.extend(below.map(|entry| [names.as_slice(), &[entry.file_name().as_bytes().to_vec()]].concat()));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::version::Version;
    use proptest::prelude::*;

    fn namespace(path: &str) -> Namespace {
        Namespace { names: parts(path.as_bytes()).map(<[u8]>::to_vec).collect() }
    }

    #[test]
    fn a_path_is_completed_by_what_it_has_in_common_with_our_root() {
        let ours = namespace("/kubepods/pod7/jettison");
        for (path, expected) in [
            ("/", "/kubepods/pod7/jettison"),
            ("/below", "/kubepods/pod7/jettison/below"),
            ("/../sidecar", "/kubepods/pod7/sidecar"),
            ("/../../pod8/db", "/kubepods/pod8/db"),
            ("/../../../system.slice/sshd.service", "/system.slice/sshd.service"),
            ("/../../..", "/"),
        ] {
            let resolved = ours.resolve(path.as_bytes()).map(|path| String::from_utf8(path).unwrap());
            assert_eq!(resolved.as_deref(), Some(expected), "{path}");
        }
        assert_eq!(ours.resolve(b"/../../../.."), None, "above what is mounted");
        assert_eq!(ours.resolve(b"relative"), None);
    }

    #[test]
    fn our_root_is_where_we_are_among_many_of_that_depth() {
        let machine = tempfile::tempdir().unwrap();
        let root = Root::below(machine.path());
        let point = root.sys.join("fs/cgroup");
        for (path, pids) in [
            ("", "1\n"),
            ("pod7", "71\n"),
            ("pod7/jettison", ""),
            ("pod7/jettison/run", "71\n42\n"),
            ("pod8/db/run", "4\n"),
            ("pod8/jettison", "420\n"),
        ] {
            std::fs::create_dir_all(point.join(path)).unwrap();
            std::fs::write(point.join(path).join("cgroup.procs"), pids).unwrap();
        }
        std::fs::create_dir_all(root.proc.join("self")).unwrap();
        std::fs::write(root.proc.join("self/cgroup"), "0::/run\n").unwrap();
        std::fs::write(root.proc.join("self/stat"), "42 (jettison) S 1\n").unwrap();
        let of = |mounted: &str| {
            let mount = Mount { version: Version::V2, point: point.clone(), mounted: mounted.into() };
            Namespace::of(&root, &mount, &point)
        };
        assert_eq!(of("/../.."), Some(namespace("/pod7/jettison")));
        assert_eq!(of("/../../.."), None, "we are not that deep");
        assert_eq!((of("/"), of("/pod7"), of("/../pod8")), (None, None, None));
    }

    proptest! {
        #[test]
        fn whatever_a_process_is_called_its_path_is_below_the_mount(path in "[/.a]{0,20}", ours in "(/[ab]){0,4}") {
            if let Some(resolved) = namespace(&ours).resolve(path.as_bytes()) {
                prop_assert!(resolved.starts_with(b"/"));
                prop_assert!(parts(&resolved).next() != Some(UP));
            }
        }
    }
}
