//! The owner of a memcg, from its path: systemd unit and slice, container and pod. Pure functions of the
//! path.
//!
//! ```text
//! /system.slice/docker-ID.scope                                     docker, containerd ...: systemd driver
//! /docker/ID                                                        docker: cgroupfs driver
//! /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID.slice/cri-containerd-ID.scope
//! /kubepods/besteffort/podUID/ID                                    the runtime is not in the path
//! /machine.slice/libpod-ID.scope/container                           podman
//! ```
//!
//! Sources: kubelet (pkg/kubelet/cm/cgroup_manager_linux.go, pod_container_manager_linux.go), runc
//! (`unitName` in libcontainer/cgroups/systemd), containerd (internal/cri, `getCgroupsPath`), CRI-O
//! (`CrioPrefix` in internal/config/cgmgr), podman (libpod/container_internal_linux.go).

use std::fmt;

use crate::parse::cgroup::{slice, unit};

/// What a path contains. A part that is not in it is empty or `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attribution<'p> {
    /// The deepest systemd unit with processes of its own (systemd.unit(5)).
    pub unit: &'p [u8],
    /// The deepest systemd slice (systemd.slice(5)).
    pub slice: &'p [u8],
    /// The deepest container.
    pub container: Option<Container<'p>>,
    /// The pod of Kubernetes.
    pub pod: Option<Pod>,
}

/// A container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Container<'p> {
    /// `None` where it is not in the path (Kubernetes with the cgroupfs driver).
    pub runtime: Option<Runtime>,
    /// 64 hexadecimal digits.
    pub id: &'p [u8],
}

/// Container runtimes, with the numbers of `container-runtimes` in wit/memcgs.wit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Runtime {
    /// Docker, under Kubernetes through cri-dockerd.
    Docker = 0,
    /// containerd by its CRI, or by nerdctl.
    Containerd = 1,
    /// CRI-O.
    CriO = 2,
    /// Podman.
    Podman = 3,
}

impl Runtime {
    /// All of them, by number.
    pub const ALL: [Self; 4] = [Self::Docker, Self::Containerd, Self::CriO, Self::Podman];

    /// The word used in JSON: that of Kubernetes' container ids (`containerd://ID`).
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Docker => "docker",
            Self::Containerd => "containerd",
            Self::CriO => "cri-o",
            Self::Podman => "podman",
        }
    }
}

/// A pod of Kubernetes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pod {
    /// Its uid.
    pub uid: PodUid,
    /// Its quality of service class.
    pub qos: Qos,
}

/// Classes of quality of service (kubernetes.io/docs/concepts/workloads/pods/pod-qos). With the numbers of
/// `pod-qos-classes` in wit/memcgs.wit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Qos {
    /// Requests equal limits, for all of its containers.
    Guaranteed = 0,
    /// Some request or limit.
    Burstable = 1,
    /// None.
    BestEffort = 2,
}

impl Qos {
    /// All of them, by number.
    pub const ALL: [Self; 3] = [Self::Guaranteed, Self::Burstable, Self::BestEffort];

    /// The word used in JSON, as Kubernetes spells it in `status.qosClass`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guaranteed => "Guaranteed",
            Self::Burstable => "Burstable",
            Self::BestEffort => "BestEffort",
        }
    }
}

/// The uid of a pod, with dashes; of a static pod 32 digits without any.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PodUid {
    bytes: [u8; UID_BYTES],
    length: usize,
}

const UID_BYTES: usize = 36;
const STATIC_UID_BYTES: usize = 32;
const ID_BYTES: usize = 64;

impl PodUid {
    /// Its digits and dashes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }
}

impl fmt::Display for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_bytes().iter().try_for_each(|&byte| write!(f, "{}", char::from(byte)))
    }
}

impl fmt::Debug for PodUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Parses the path of a memcg.
#[must_use]
pub fn attribution(path: &[u8]) -> Attribution<'_> {
    Attribution { unit: unit(path), slice: slice(path), container: container(path), pod: pod(path) }
}

fn parts(path: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/')
}

/// The container of a path. What watches a container (`crio-conmon-`, `libpod-conmon-`) is not in it.
fn container(path: &[u8]) -> Option<Container<'_>> {
    let mut above = parts(path).rev().skip(1);
    parts(path).rev().find_map(|part| named_container(part, above.next().unwrap_or_default()))
}

/// With the systemd driver `PREFIX-ID.scope`; with a runtime and a kubelet of different drivers
/// `SLICE:PREFIX:ID`; with the cgroupfs driver `ID` below a name, or `PREFIX-ID`.
fn named_container<'p>(part: &'p [u8], parent: &[u8]) -> Option<Container<'p>> {
    let part = part.strip_suffix(b".scope").unwrap_or(part);
    let (rest, id) = part.split_at_checked(part.len().checked_sub(ID_BYTES)?)?;
    if !id.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f')) {
        return None;
    }
    let prefix = rest.strip_suffix(b"-").or_else(|| rest.strip_suffix(b":")).unwrap_or(rest);
    let prefix = prefix.rsplit(|&byte| byte == b':').next().unwrap_or_default();
    let runtime = match (prefix, parent) {
        (b"docker", _) | (b"", b"docker") => Some(Runtime::Docker),
        (b"cri-containerd" | b"nerdctl", _) | (b"", b"k8s.io" | b"default") => Some(Runtime::Containerd),
        (b"crio", _) => Some(Runtime::CriO),
        (b"libpod", _) => Some(Runtime::Podman),
        (b"", parent) if parent.starts_with(b"pod") => None,
        _ => return None,
    };
    Some(Container { runtime, id })
}

/// The pod of a path: `kubepods[-burstable|-besteffort]-podUID.slice` with the systemd driver, where dashes
/// of the uid are underscores, or `kubepods[/burstable|/besteffort]/podUID`.
fn pod(path: &[u8]) -> Option<Pod> {
    let mut above = parts(path).rev().skip(1);
    parts(path).rev().find_map(|part| {
        let parent = above.next().unwrap_or_default();
        if let Some(digits) = part.strip_prefix(b"pod") {
            return Some(Pod { uid: pod_uid(digits)?, qos: qos_of_parent(parent)? });
        }
        // Also in `SLICE:PREFIX:ID`.
        let name = part.split(|&byte| byte == b':').next()?.strip_suffix(b".slice")?;
        let at = name.windows(4).rposition(|window| window == b"-pod")?;
        let (group, digits) = (name.get(..at)?, name.get(at + 4..)?);
        let group = group.strip_prefix(b"kubelet-").unwrap_or(group);
        let qos = match group {
            b"kubepods" => Qos::Guaranteed,
            b"kubepods-burstable" => Qos::Burstable,
            b"kubepods-besteffort" => Qos::BestEffort,
            _ => return None,
        };
        Some(Pod { uid: pod_uid(digits)?, qos })
    })
}

fn qos_of_parent(parent: &[u8]) -> Option<Qos> {
    match parent {
        b"kubepods" => Some(Qos::Guaranteed),
        b"burstable" => Some(Qos::Burstable),
        b"besteffort" => Some(Qos::BestEffort),
        _ => None,
    }
}

fn pod_uid(digits: &[u8]) -> Option<PodUid> {
    const DASHES: [usize; 4] = [8, 13, 18, 23];
    let mut uid = PodUid { bytes: [0; UID_BYTES], length: digits.len() };
    let is_long = match digits.len() {
        UID_BYTES => true,
        STATIC_UID_BYTES => false,
        _ => return None,
    };
    for (at, (slot, &byte)) in uid.bytes.iter_mut().zip(digits).enumerate() {
        *slot = match byte {
            b'-' | b'_' if is_long && DASHES.contains(&at) => b'-',
            b'0'..=b'9' | b'a'..=b'f' if !(is_long && DASHES.contains(&at)) => byte,
            _ => return None,
        };
    }
    Some(uid)
}

#[cfg(test)]
mod tests {
    use super::*;
    use expect_test::{Expect, expect};
    use proptest::prelude::*;

    const ID: &str = "4f0c8b1d6f0a4c53a3d1f3f4a9d1b7c2e5f60718293a4b5c6d7e8f9012345678";
    const UID: &str = "0f3c9a77-51de-4e0b-9d0c-8a6f2f3a1b2c";

    /// Container, pod, unit and slice of each path.
    fn check(paths: &[&str], expected: &Expect) {
        let underscored = UID.replace('-', "_");
        let long =
            |text: &str| text.replace("$ID", ID).replace("$UNDERSCORED", &underscored).replace("$UID", UID);
        let short = |text: String| {
            let text = text.replace(ID, "$ID").replace(&underscored, "$UNDERSCORED").replace(UID, "$UID");
            if text.is_empty() { "-".into() } else { text }
        };
        let mut lines = String::new();
        for path in paths.iter().map(|path| long(path)) {
            let said = attribution(path.as_bytes());
            let container = said.container.map(|container| {
                assert_eq!(container.id, ID.as_bytes());
                container.runtime.map_or("?", Runtime::as_str).to_string()
            });
            let pod = said.pod.map(|pod| format!("{} {}", pod.uid, pod.qos.as_str()));
            let [unit, slice] =
                [said.unit, said.slice].map(|name| String::from_utf8_lossy(name).into_owned());
            let parts = [container.unwrap_or_default(), pod.unwrap_or_default(), unit, slice].map(short);
            lines += &(parts.join(" | ") + "\n");
        }
        expected.assert_eq(&lines);
    }

    #[test]
    fn each_runtime_is_known_by_its_path() {
        check(
            &[
                "/system.slice/docker-$ID.scope",
                "/docker/$ID",
                "/docker/$ID/init",
                "/system.slice/nerdctl-$ID.scope",
                "/default/$ID",
                "/machine.slice/libpod-$ID.scope/container",
                "/libpod_parent/libpod-$ID",
                "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-$ID.scope/container",
            ],
            &expect![[r#"
                docker | - | docker-$ID.scope | system.slice
                docker | - | - | -
                docker | - | - | -
                containerd | - | nerdctl-$ID.scope | system.slice
                containerd | - | - | -
                podman | - | libpod-$ID.scope | machine.slice
                podman | - | - | -
                podman | - | libpod-$ID.scope | user.slice
            "#]],
        );
    }

    #[test]
    fn pods_have_their_uid_and_class_with_either_driver() {
        check(
            &[
                "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod$UNDERSCORED.slice/cri-containerd-$ID.scope",
                "/kubepods.slice/kubepods-pod$UNDERSCORED.slice/crio-$ID.scope",
                "/kubelet.slice/kubelet-kubepods-besteffort-pod$UNDERSCORED.slice/cri-containerd-$ID.scope/web",
                "/kubepods/besteffort/pod$UID/$ID",
                "/kubepods/pod$UID/crio-$ID",
                "/system.slice/containerd.service/kubepods-burstable-pod$UNDERSCORED.slice:cri-containerd:$ID",
                "/kubepods/burstable/pod4f0c8b1d6f0a4c53a3d1f3f4a9d1b7c2",
            ],
            &expect![[r#"
                containerd | $UID Burstable | cri-containerd-$ID.scope | kubepods-burstable-pod$UNDERSCORED.slice
                cri-o | $UID Guaranteed | crio-$ID.scope | kubepods-pod$UNDERSCORED.slice
                containerd | $UID BestEffort | cri-containerd-$ID.scope | kubelet-kubepods-besteffort-pod$UNDERSCORED.slice
                ? | $UID BestEffort | - | -
                cri-o | $UID Guaranteed | - | -
                containerd | $UID Burstable | containerd.service | system.slice
                - | 4f0c8b1d6f0a4c53a3d1f3f4a9d1b7c2 Burstable | - | -
            "#]],
        );
    }

    #[test]
    fn paths_that_look_like_containers_and_pods_are_none() {
        check(
            &[
                "/",
                "/system.slice/ssh.service",
                "/machine.slice/libpod-conmon-$ID.scope",
                "/kubepods.slice/crio-conmon-$ID.scope",
                "/system.slice/mine-$ID.scope",
                "/home/$ID",
                "/docker/ABC$ID",
                "/kubepods/burstable/pod-$UID",
                "/kubepods/best/pod$UID",
                "/my-pod$UNDERSCORED.slice",
                "/kubepods-pod$UNDERSCORED",
                "/docker/4f0c",
            ],
            &expect![[r#"
                - | - | - | -
                - | - | ssh.service | system.slice
                - | - | libpod-conmon-$ID.scope | machine.slice
                - | - | crio-conmon-$ID.scope | kubepods.slice
                - | - | mine-$ID.scope | system.slice
                - | - | - | -
                - | - | - | -
                - | - | - | -
                - | - | - | -
                - | - | - | my-pod$UNDERSCORED.slice
                - | - | - | -
                - | - | - | -
            "#]],
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(path: Vec<u8>, part in "(/?(kubepods|docker|crio|pod|burstable)?[-:./]?[0-9a-f-]{0,70}){0,3}(.slice|.scope)?") {
            for path in [path.as_slice(), part.as_bytes()] {
                let said = attribution(path);
                prop_assert!(said.container.is_none_or(|container| container.id.len() == ID_BYTES));
                prop_assert!(said.pod.is_none_or(|pod| path.len() > pod.uid.to_string().len()));
            }
        }
    }
}
