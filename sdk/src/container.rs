//! The container and the pod that a memcg belongs to.

use crate::columns::NONE_U32;
use crate::memcg::Memcg;

/// Who runs a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Runtime {
    /// Docker, under Kubernetes through cri-dockerd.
    Docker,
    /// containerd by its CRI, or by nerdctl.
    Containerd,
    /// CRI-O.
    CriO,
    /// Podman.
    Podman,
    /// One that a later host knows, by its number.
    Other(u32),
}

impl Runtime {
    const KNOWN: [Self; 4] = [Self::Docker, Self::Containerd, Self::CriO, Self::Podman];

    fn of(number: u32) -> Option<Self> {
        let known = Self::KNOWN.get(number as usize).copied();
        (number != NONE_U32).then(|| known.unwrap_or(Self::Other(number)))
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Docker => 0,
            Self::Containerd => 1,
            Self::CriO => 2,
            Self::Podman => 3,
            Self::Other(number) => number,
        }
    }
}

/// The quality of service that Kubernetes gives a pod (kubernetes.io/docs/concepts/workloads/pods/pod-qos).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Qos {
    /// Requests equal limits, for all of its containers.
    Guaranteed,
    /// Some request or limit.
    Burstable,
    /// None.
    BestEffort,
    /// One that a later host knows, by its number.
    Other(u32),
}

impl Qos {
    const KNOWN: [Self; 3] = [Self::Guaranteed, Self::Burstable, Self::BestEffort];

    fn of(number: u32) -> Option<Self> {
        let known = Self::KNOWN.get(number as usize).copied();
        (number != NONE_U32).then(|| known.unwrap_or(Self::Other(number)))
    }

    #[cfg(not(target_arch = "wasm32"))]
    pub(crate) fn number(self) -> u32 {
        match self {
            Self::Guaranteed => 0,
            Self::Burstable => 1,
            Self::BestEffort => 2,
            Self::Other(number) => number,
        }
    }
}

/// Its container and pod, as its path says.
///
/// ```
/// use jettison_sdk::{Ballot, Qos, Snapshot};
///
/// /// Pods without any request or limit go first, those that grow before all; those with some come behind.
/// fn rank(snapshot: &Snapshot, ballot: &mut Ballot) {
///     for pod in snapshot.pods() {
///         let grows = pod.growth_bytes_per_s().is_some_and(|growth| growth > 1 << 20);
///         let urgency = match pod.pod_qos() {
///             Some(Qos::BestEffort) if grows => 900,
///             Some(Qos::BestEffort) => 500,
///             Some(Qos::Burstable) => 100,
///             _ => continue,
///         };
///         let uid = String::from_utf8_lossy(pod.pod_uid());
///         ballot.sacrifice(pod, urgency).because(format!("pod {uid}"));
///     }
/// }
/// # use jettison_sdk::testing::{Machine, Subject};
/// # use jettison_sdk::{Description, NoConfig, Policy};
/// # struct ByClass;
/// # impl Policy for ByClass {
/// #     type Config = NoConfig;
/// #     fn describe() -> Description {
/// #         Description { name: "by-class", version: "1", summary: "Pods by their class" }
/// #     }
/// #     fn new(NoConfig {}: NoConfig) -> Self {
/// #         Self
/// #     }
/// #     fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
/// #         rank(snapshot, ballot);
/// #         Ok(())
/// #     }
/// # }
/// # let mut machine = Machine::new();
/// # machine.memcg("/kubepods/burstable/pod1").pod("1", Qos::Burstable).growth_mib_per_s(9);
/// # machine.memcg("/kubepods/besteffort/pod2").pod("2", Qos::BestEffort);
/// # machine.memcg("/kubepods/besteffort/pod3").pod("3", Qos::BestEffort).growth_mib_per_s(9);
/// # machine.memcg("/kubepods/besteffort/pod3/c").pod("3", Qos::BestEffort).container("c", None);
/// # let verdict = machine.consult::<ByClass>();
/// # assert_eq!(verdict.first(), Some(Subject::Memcg("/kubepods/besteffort/pod3".into())));
/// # assert_eq!(verdict.entries().len(), 3);
/// ```
impl<'s> Memcg<'s> {
    /// The id of its container, 64 hexadecimal digits, empty if it is in none.
    pub fn container_id(&self) -> &'s [u8] {
        self.snapshot.memcgs.container_ids().get(self.row)
    }

    /// Who runs its container, where the path says so: below Kubernetes with the cgroupfs driver it does not.
    pub fn container_runtime(&self) -> Option<Runtime> {
        Runtime::of(self.snapshot.memcgs.container_runtimes()[self.row])
    }

    /// The uid of its pod of Kubernetes, empty if it is in none. The pod itself, its containers and what is
    /// below them have the same.
    pub fn pod_uid(&self) -> &'s [u8] {
        self.snapshot.memcgs.pod_uids().get(self.row)
    }

    /// The quality of service of its pod.
    pub fn pod_qos(&self) -> Option<Qos> {
        Qos::of(self.snapshot.memcgs.pod_qos_classes()[self.row])
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::testing::Machine;

    #[test]
    fn numbers_have_their_names_and_those_of_later_hosts_are_kept() {
        for runtime in Runtime::KNOWN.into_iter().chain([Runtime::Other(77)]) {
            assert_eq!(Runtime::of(runtime.number()), Some(runtime));
        }
        for qos in Qos::KNOWN.into_iter().chain([Qos::Other(3)]) {
            assert_eq!(Qos::of(qos.number()), Some(qos));
        }
        assert_eq!((Runtime::of(NONE_U32), Qos::of(NONE_U32)), (None, None));
    }

    #[test]
    fn a_memcg_without_a_container_has_none() {
        let mut machine = Machine::new();
        machine.memcg("/d").container("0123", Some(Runtime::Podman));
        let snapshot = machine.snapshot();
        let container = |memcg: Memcg<'_>| {
            (memcg.container_id().to_vec(), memcg.container_runtime(), memcg.pod_uid().len(), memcg.pod_qos())
        };
        let all: Vec<_> = snapshot.memcgs().map(container).collect();
        let expected = [(b"".to_vec(), None, 0, None), (b"0123".to_vec(), Some(Runtime::Podman), 0, None)];
        assert_eq!(all, expected);
        assert!(!snapshot.memcgs().any(|memcg| memcg.is_pod()));
    }
}
