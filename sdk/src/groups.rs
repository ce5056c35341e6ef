//! What belongs together: trees, units, containers, pods.

use crate::memcg::Memcg;
use crate::process::Process;
use crate::snapshot::{PerMemcg, Snapshot};

/// What belongs together. What goes first is often more than one process.
///
/// ```
/// use jettison_sdk::matching::comm;
/// use jettison_sdk::{Ballot, Snapshot};
///
/// fn rank(snapshot: &Snapshot, ballot: &mut Ballot) {
///     for tests in snapshot.trees(comm(["pytest", "jest"])) {
///         ballot.sacrifice(tests.tree(), 700).because("tests can be run again");
///     }
///     for job in snapshot.units().filter(|unit| unit.unit().starts_with(b"batch-")) {
///         ballot.sacrifice(job, 500).because("a job of the batch queue");
///     }
/// }
/// # let mut machine = jettison_sdk::testing::Machine::new();
/// # let first = machine.process("pytest").pid();
/// # machine.process("pytest").child_of(first);
/// # let snapshot = machine.snapshot();
/// # assert_eq!(snapshot.trees(comm(["pytest", "jest"])).map(|p| p.pid()).collect::<Vec<_>>(), [first]);
/// # rank(&snapshot, &mut Ballot::default());
/// ```
impl Snapshot {
    /// The processes that fit and do not descend from another one that does: each is the root of a tree, and
    /// no tree is part of another.
    pub fn trees<'s>(&'s self, fits: impl Fn(&Process<'_>) -> bool) -> impl Iterator<Item = Process<'s>> {
        let mut rest = self.tree().order();
        std::iter::from_fn(move || {
            loop {
                let (&row, after) = rest.split_first()?;
                let p = Process { snapshot: self, row: row as usize };
                if fits(&p) {
                    rest = &rest[self.tree().subtree(p.row).len()..];
                    return Some(p);
                }
                rest = after;
            }
        })
    }

    /// The systemd units that have processes, each as its topmost memcg ([`Memcg::is_unit`]).
    pub fn units(&self) -> impl Iterator<Item = Memcg<'_>> + Clone {
        self.memcgs().filter(Memcg::is_unit)
    }

    /// The containers, each as its topmost memcg.
    pub fn containers(&self) -> impl Iterator<Item = Memcg<'_>> + Clone {
        self.memcgs().filter(Memcg::is_container)
    }

    /// The pods of Kubernetes, each as a whole.
    pub fn pods(&self) -> impl Iterator<Item = Memcg<'_>> + Clone {
        self.memcgs().filter(Memcg::is_pod)
    }

    /// For each memcg the sum over the processes in it and below it, in one pass over all of them.
    pub fn memcg_sums<'s>(&'s self, mut own: impl FnMut(Process<'s>) -> u64) -> PerMemcg<u64> {
        let mut sums = self.per_memcg(|_| 0_u64);
        for p in self.processes() {
            if let Some(memcg) = p.memcg() {
                sums[memcg] = sums[memcg].saturating_add(own(p));
            }
        }
        // Parents come before their children.
        for memcg in self.memcgs().rev() {
            if let Some(parent) = memcg.parent() {
                sums[parent] = sums[parent].saturating_add(sums[memcg]);
            }
        }
        sums
    }
}

impl<'s> Memcg<'s> {
    /// The processes in it and below it. It looks at all processes: for a sum over every memcg there is
    /// [`Snapshot::memcg_sums`].
    pub fn processes(&self) -> impl Iterator<Item = Process<'s>> + Clone + use<'s> {
        let memcg = *self;
        self.snapshot.processes().filter(move |p| p.is_in(&memcg))
    }

    /// Whether it is a systemd unit as a whole, and not a part of one.
    pub fn is_unit(&self) -> bool {
        let unit = self.unit();
        !unit.is_empty() && self.parent().is_none_or(|parent| parent.unit() != unit)
    }

    /// Whether it is a container as a whole.
    pub fn is_container(&self) -> bool {
        let id = self.container_id();
        !id.is_empty() && self.parent().is_none_or(|parent| parent.container_id() != id)
    }

    /// Whether it is a pod as a whole, and not one of its containers.
    pub fn is_pod(&self) -> bool {
        let uid = self.pod_uid();
        !uid.is_empty() && self.parent().is_none_or(|parent| parent.pod_uid() != uid)
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::container::Qos;
    use crate::matching::comm;
    use crate::testing::Machine;

    fn pids<'s>(processes: impl Iterator<Item = Process<'s>>) -> Vec<u32> {
        processes.map(|p| p.pid()).collect()
    }

    #[test]
    fn a_tree_that_is_part_of_another_is_none_of_its_own() {
        let mut machine = Machine::new();
        let shell = machine.process("sh").pid();
        let outer = machine.process("make").child_of(shell).pid();
        let between = machine.process("sh").child_of(outer).pid();
        machine.process("make").child_of(between);
        let other = machine.process("make").child_of(shell).pid();
        let snapshot = machine.snapshot();
        assert_eq!(pids(snapshot.trees(comm("make"))), [outer, other]);
        assert_eq!(pids(snapshot.trees(|_| true)), [1]);
        assert_eq!(pids(snapshot.trees(|_| false)), [0; 0]);
    }

    #[test]
    fn a_group_is_its_topmost_memcg() {
        let mut machine = Machine::new();
        machine.memcg("/a.service").unit("a.service");
        machine.memcg("/a.service/part").unit("a.service");
        machine.memcg("/p").pod("7", Qos::Guaranteed);
        machine.memcg("/p/c").pod("7", Qos::Guaranteed).container("c0", None);
        machine.memcg("/p/c/part").pod("7", Qos::Guaranteed).container("c0", None);
        let part = machine.process("x").memcg("/p/c/part").anon_mib(2).pid();
        machine.process("y").memcg("/p").anon_mib(1);
        let snapshot = machine.snapshot();
        let paths = |memcgs: Vec<Memcg<'_>>| -> Vec<String> {
            memcgs.iter().map(|memcg| String::from_utf8_lossy(memcg.path()).into_owned()).collect()
        };
        assert_eq!(paths(snapshot.units().collect()), ["/a.service"]);
        assert_eq!(paths(snapshot.containers().collect()), ["/p/c"]);
        assert_eq!(paths(snapshot.pods().collect()), ["/p"]);
        assert_eq!(pids(snapshot.memcg("/p/c").unwrap().processes()), [part]);
        let sums = snapshot.memcg_sums(|p| p.anon_and_swap_bytes());
        let sum = |path: &str| sums[snapshot.memcg(path).unwrap()] >> 20;
        assert_eq!(["/", "/p", "/p/c", "/a.service"].map(sum), [3, 3, 2, 0]);
    }
}
