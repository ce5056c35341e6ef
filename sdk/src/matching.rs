//! What a process is known by: its name, its program, what it belongs to.
//!
//! Each is a function from [patterns](crate::Pattern) to a test of a process, to be handed to `filter`,
//! [`Snapshot::trees`](crate::Snapshot::trees) and other tests. A policy sees, and needs the grant of, what
//! the tests that it uses look at, and nothing else.
//!
//! ```
//! use jettison_sdk::matching::{Matcher, comm, unit};
//! use jettison_sdk::{Ballot, Snapshot};
//!
//! /// Compilers of builds go, linkers and what runs under systemd's own units do not.
//! fn rank(snapshot: &Snapshot, ballot: &mut Ballot) {
//!     let compiler = comm(["cc1*", "rustc"]).and(unit("build-*.scope"));
//!     for p in snapshot.processes().filter(compiler) {
//!         ballot.sacrifice(p, 600).because("can be compiled again");
//!     }
//! }
//! # let mut machine = jettison_sdk::testing::Machine::new();
//! # machine.memcg("/build-1.scope").unit("build-1.scope");
//! # let compiler = machine.process("cc1plus").memcg("/build-1.scope").pid();
//! # machine.process("cc1plus");
//! # machine.process("ld").memcg("/build-1.scope");
//! # let snapshot = machine.snapshot();
//! # let test = comm(["cc1*", "rustc"]).and(unit("build-*.scope"));
//! # assert_eq!(snapshot.processes().filter(test).map(|p| p.pid()).collect::<Vec<_>>(), [compiler]);
//! # rank(&snapshot, &mut Ballot::default());
//! ```

use crate::checked::refuse;
use crate::memcg::Memcg;
use crate::pattern::{Pattern, Patterns};
use crate::process::Process;

/// The kernel keeps so much of a name (`TASK_COMM_LEN` less the NUL).
const COMM_BYTES_MAX: usize = 15;

/// A test of a process: any function or closure from one to whether it fits.
pub trait Matcher: Fn(&Process<'_>) -> bool + Sized {
    /// Both fit.
    fn and(self, other: impl Fn(&Process<'_>) -> bool) -> impl Fn(&Process<'_>) -> bool {
        move |p| self(p) && other(p)
    }

    /// One of them fits.
    fn or(self, other: impl Fn(&Process<'_>) -> bool) -> impl Fn(&Process<'_>) -> bool {
        move |p| self(p) || other(p)
    }

    /// This one fits and the other does not.
    fn but_not(self, other: impl Fn(&Process<'_>) -> bool) -> impl Fn(&Process<'_>) -> bool {
        move |p| self(p) && !other(p)
    }
}

impl<F: Fn(&Process<'_>) -> bool> Matcher for F {}

/// By the command name. One of more than 15 bytes matches nothing, and is an error in a native test.
#[track_caller]
pub fn comm(names: impl Into<Patterns>) -> impl Fn(&Process<'_>) -> bool {
    let names = names.into();
    for long in names.iter().filter_map(Pattern::literal).filter(|name| name.len() > COMM_BYTES_MAX) {
        refuse(&format!("the kernel keeps 15 bytes of the name \"{long}\""), "it matches nothing");
    }
    move |p| names.matches(p.comm())
}

/// By the path of the executable, without the mark that the kernel adds after an update. Needs the grant
/// `exes`.
pub fn exe(paths: impl Into<Patterns>) -> impl Fn(&Process<'_>) -> bool {
    let paths = paths.into();
    move |p| paths.matches(p.exe_path())
}

/// By the command line as it was typed: one space between arguments. Needs the grant `cmdlines`.
pub fn cmdline(lines: impl Into<Patterns>) -> impl Fn(&Process<'_>) -> bool {
    let lines = lines.into();
    move |p| lines.matches(p.cmdline_typed())
}

/// By the systemd unit, such as `nginx.service`. What is in none fits no pattern, `*` neither.
pub fn unit(names: impl Into<Patterns>) -> impl Fn(&Process<'_>) -> bool {
    of_memcg(names.into(), |memcg| memcg.unit())
}

/// By the id of the container, 64 hexadecimal digits; `*` is any container.
pub fn container(ids: impl Into<Patterns>) -> impl Fn(&Process<'_>) -> bool {
    of_memcg(ids.into(), |memcg| memcg.container_id())
}

/// By the uid of the pod of Kubernetes; `*` is any pod.
pub fn pod(uids: impl Into<Patterns>) -> impl Fn(&Process<'_>) -> bool {
    of_memcg(uids.into(), |memcg| memcg.pod_uid())
}

/// By the path of its memcg, or of one above: `/batch.slice` is all that is below it.
pub fn cgroup(paths: impl Into<Patterns>) -> impl Fn(&Process<'_>) -> bool {
    let paths = paths.into();
    move |p| {
        let mut all = std::iter::successors(p.memcg(), Memcg::parent);
        all.any(|memcg| paths.matches(memcg.path()))
    }
}

/// By the effective user id.
pub fn uid(uid: u32) -> impl Fn(&Process<'_>) -> bool {
    move |p| p.uid() == Some(uid)
}

/// By what started it: its parent, the parent of that, and so on.
pub fn below(ancestor: impl Fn(&Process<'_>) -> bool) -> impl Fn(&Process<'_>) -> bool {
    move |p| p.ancestors().any(|above| ancestor(&above))
}

/// What belongs to nothing has an empty name, which `*` would fit.
fn of_memcg(
    patterns: Patterns,
    name: impl for<'s> Fn(&Memcg<'s>) -> &'s [u8],
) -> impl Fn(&Process<'_>) -> bool {
    move |p| {
        p.memcg().is_some_and(|memcg| {
            let name = name(&memcg);
            !name.is_empty() && patterns.matches(name)
        })
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use super::*;
    use crate::container::Qos;
    use crate::testing::Machine;

    fn fits(machine: &Machine, pid: u32, test: impl Fn(&Process<'_>) -> bool) -> bool {
        test(&machine.snapshot().process(pid).expect("it is there"))
    }

    #[test]
    fn each_looks_at_what_it_says() {
        let mut machine = Machine::new();
        machine.memcg("/kubepods").unit("kubelet.service");
        machine.memcg("/kubepods/c").unit("kubelet.service").pod("7", Qos::Burstable).container("c0", None);
        let runner = machine.process("runner").pid();
        let job = machine.process("job").memcg("/kubepods/c").uid(1000).child_of(runner);
        let job = job.exe("/opt/x/job (deleted)").cmdline("job\0--all\0").pid();
        let it = |test: &dyn Fn(&Process<'_>) -> bool| fits(&machine, job, test);
        assert!(it(&comm("jo?")) && !it(&comm("jo")));
        assert!(it(&exe("/opt/*/job")) && !it(&exe("job")));
        assert!(it(&cmdline("job --all")) && !it(&cmdline("job")));
        assert!(it(&unit("kubelet.*")) && !it(&unit("docker*")));
        assert!(it(&container("c0")) && it(&pod("*")) && !it(&pod("8")));
        assert!(it(&cgroup("/kubepods")) && !it(&cgroup("/kube")));
        assert!(it(&uid(1000)) && !it(&uid(0)));
        assert!(it(&below(comm("runner"))) && !it(&below(comm("job"))));
        for any in [&unit("*") as &dyn Fn(&Process<'_>) -> bool, &container("*"), &pod("*")] {
            assert!(!fits(&machine, runner, any), "it is in none");
        }
    }

    #[test]
    fn tests_are_put_together() {
        let mut machine = Machine::new();
        let job = machine.process("job").uid(7).age_s(9).pid();
        assert!(fits(&machine, job, comm("job").and(uid(7))));
        assert!(!fits(&machine, job, comm("job").and(uid(8))));
        assert!(fits(&machine, job, comm("other").or(uid(7))));
        assert!(!fits(&machine, job, comm("job").but_not(|p| p.age_ms() > 5000)));
    }

    #[test]
    fn a_name_that_the_kernel_cuts_is_an_error() {
        assert!(std::panic::catch_unwind(|| drop(comm("exactly-16-bytes"))).is_err());
        drop(comm(["exactly-15-byte", "a-glob-may-be-as-long-as-it-likes*"]));
    }
}
