//! The two generations of cgroups (cgroups(7)), whose files differ.

/// Which generation of cgroups has the memory controller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Documentation/admin-guide/cgroup-v1/memory.rst
    V1,
    /// Documentation/admin-guide/cgroup-v2.rst
    V2,
}
