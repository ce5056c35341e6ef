//! The memory of the domain: the host's (`memory.rs`) or, with a scope, the least over the scope, its limited
//! ancestors and the host. All files stay open and are read without an allocation, so the probe between ticks
//! can use them.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use jettison_model::column::{UNKNOWN_U64, UNLIMITED_U64};
use rustix::fs::{AtFlags, statat};
use rustix::io::Errno;

use crate::io::error::SenseError;
use crate::io::file::{Buffer, KeptFile, call, open_root};
use crate::io::tree::{Tree, Unusable, Why, if_present};
use crate::memcg::hierarchy::Hierarchy;
use crate::parse::keyed::memcg_stat;
use crate::parse::pressure::{Pressure, pressure};
use crate::parse::text::Malformed;
use crate::parse::value::limit;
use crate::parse::version::Version;

/// How much memory the domain has, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// `MemTotal` less the pool of hugepages, or the limit of the tightest memcg over the scope.
    pub total_bytes: u64,
    /// `MemAvailable` and what the cache of ZFS can give back, or the least over the scope, its limited
    /// ancestors and the host.
    pub available_bytes: u64,
    /// `SwapTotal`, with zram counted as what its compression saves; less where the scope has a limit on
    /// swap.
    pub swap_total_bytes: u64,
    /// `SwapFree`, likewise.
    pub swap_free_bytes: u64,
}

/// The scope: a memcg with its ancestors.
#[derive(Debug)]
pub(crate) struct Scope {
    /// With its leading slash, without one at its end.
    path: String,
    hierarchy: Tree,
    version: Version,
    directory: CString,
    /// The scope, its parent and so on, up to the root.
    chain: Vec<Member>,
    pressure: KeptFile,
}

#[derive(Debug)]
struct Member {
    limit: KeptFile,
    usage: KeptFile,
    stat: KeptFile,
    swap_limit: KeptFile,
    swap_usage: KeptFile,
}

impl Member {
    fn new(memcg: &str, version: Version) -> Option<Self> {
        let (limit, usage, swap_limit, swap_usage) = match version {
            Version::V1 => (
                "memory.limit_in_bytes",
                "memory.usage_in_bytes",
                "memory.memsw.limit_in_bytes",
                "memory.memsw.usage_in_bytes",
            ),
            Version::V2 => ("memory.max", "memory.current", "memory.swap.max", "memory.swap.current"),
        };
        let kept = |name: &str| Some(KeptFile::new(CString::new(format!("{memcg}/{name}")).ok()?));
        Some(Self {
            limit: kept(limit)?,
            usage: kept(usage)?,
            stat: kept("memory.stat")?,
            swap_limit: kept(swap_limit)?,
            swap_usage: kept(swap_usage)?,
        })
    }

    /// Tightens `memory` by this memcg's limits. One without files has none: the root, or a cgroup for which
    /// the memory controller is off.
    fn tighten<'a>(
        &'a mut self,
        tree: &'a Tree,
        version: Version,
        buffer: &mut Buffer,
        memory: &mut Memory,
    ) -> Result<(), Unusable<'a>> {
        let bytes = |text: &[u8]| limit(text).ok_or(Malformed("not a number of bytes"));
        let stat_of = |text: &[u8]| Ok(memcg_stat(text, version));
        let Some(own_limit) = if_present(tree.read(&mut self.limit, buffer, bytes))? else {
            return Ok(());
        };
        if own_limit == UNLIMITED_U64 && version == Version::V2 && memory.swap_total_bytes == 0 {
            return Ok(());
        }
        let stat = if_present(tree.read(&mut self.stat, buffer, stat_of))?;
        let usage = if_present(tree.read(&mut self.usage, buffer, bytes))?;
        let (Some(stat), Some(usage)) = (stat, usage) else {
            return Ok(());
        };
        // In a container on v1, `memory.stat` is the only place that shows the limits of outer ancestors.
        let limit = own_limit.min(stat.hierarchical_limit.unwrap_or(UNLIMITED_U64));
        let reclaimable = stat.reclaimable_bytes().unwrap_or(0);
        memory.tighten(limit, usage, reclaimable);
        if memory.swap_total_bytes == 0 {
            return Ok(());
        }
        let swap_limit = if_present(tree.read(&mut self.swap_limit, buffer, bytes))?;
        let swap_usage = if_present(tree.read(&mut self.swap_usage, buffer, bytes))?;
        if let (Some(swap_limit), Some(swap_usage)) = (swap_limit, swap_usage)
            && swap_limit != UNLIMITED_U64
        {
            match version {
                Version::V2 => memory.tighten_swap(swap_limit, swap_usage),
                Version::V1 => {
                    // Here the limit is on memory and swap together.
                    memory.tighten(swap_limit, swap_usage, reclaimable);
                    let most = swap_limit.saturating_sub(limit.min(swap_limit));
                    memory.tighten_swap(most, swap_usage.saturating_sub(usage));
                }
            }
        }
        Ok(())
    }
}

impl Memory {
    /// For a host whose `meminfo` cannot be read.
    pub(crate) const UNKNOWN: Self = Self {
        total_bytes: UNKNOWN_U64,
        available_bytes: UNKNOWN_U64,
        swap_total_bytes: UNKNOWN_U64,
        swap_free_bytes: UNKNOWN_U64,
    };

    fn tighten(&mut self, limit: u64, usage: u64, reclaimable: u64) {
        if limit >= UNLIMITED_U64 {
            return;
        }
        let available = limit.saturating_sub(usage).saturating_add(reclaimable).min(limit);
        if available < self.available_bytes {
            self.available_bytes = available;
            self.total_bytes = limit;
        }
    }

    fn tighten_swap(&mut self, most: u64, used: u64) {
        self.swap_total_bytes = self.swap_total_bytes.min(most);
        self.swap_free_bytes = self.swap_free_bytes.min(most.saturating_sub(used));
    }
}

impl Scope {
    /// The memcg of this path.
    ///
    /// # Errors
    /// [`SenseError::Unreadable`] or [`SenseError::NoScope`].
    pub(crate) fn find(scope: &str, hierarchy: &Hierarchy) -> Result<Self, SenseError> {
        let root = open_root(&hierarchy.mount)?;
        Self::new(scope, hierarchy, root).filter(Self::exists).ok_or_else(|| SenseError::NoScope {
            scope: scope.into(),
            directory: hierarchy.directory_of(scope),
        })
    }

    /// The root as the domain, if it has a limit: in a container with a cgroup namespace, or with only a part
    /// of the tree mounted, what is visible as the root is the container's own memcg (cgroup_namespaces(7)).
    pub(crate) fn limited_root(hierarchy: &Hierarchy, buffer: &mut Buffer) -> Option<Self> {
        let directory = open_root(&hierarchy.mount).ok()?;
        let mut root = Self::new("/", hierarchy, directory)?;
        root.has_limit(buffer).then_some(root)
    }

    /// `None` if the path cannot be one: a NUL in it, or `..`.
    fn new(scope: &str, hierarchy: &Hierarchy, directory: OwnedFd) -> Option<Self> {
        let inner = scope.trim_matches('/');
        if inner.split('/').any(|part| part == "..") {
            return None;
        }
        let mut chain = Vec::new();
        let mut memcg = inner;
        while !memcg.is_empty() {
            chain.push(Member::new(memcg, hierarchy.version)?);
            memcg = memcg.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        // In a container the visible root may have a limit, too.
        chain.push(Member::new(".", hierarchy.version)?);
        let below = if inner.is_empty() { "." } else { inner };
        Some(Self {
            path: format!("/{inner}"),
            hierarchy: Tree { path: hierarchy.mount.clone(), directory },
            version: hierarchy.version,
            directory: CString::new(below).ok()?,
            chain,
            pressure: KeptFile::new(CString::new(format!("{below}/memory.pressure")).ok()?),
        })
    }

    pub(crate) fn path(&self) -> &[u8] {
        self.path.as_bytes()
    }

    /// Relative to the hierarchy's root.
    pub(crate) fn directory(&self) -> &CStr {
        &self.directory
    }

    pub(crate) fn exists(&self) -> bool {
        call(|| statat(&self.hierarchy.directory, &self.directory, AtFlags::empty())).is_ok()
    }

    /// Whether it or an ancestor has a limit on memory.
    pub(crate) fn has_limit(&mut self, buffer: &mut Buffer) -> bool {
        const ENDLESS: Memory = Memory {
            total_bytes: UNLIMITED_U64,
            available_bytes: UNLIMITED_U64,
            swap_total_bytes: 0,
            swap_free_bytes: 0,
        };
        self.read(ENDLESS, buffer).is_ok_and(|memory| memory.total_bytes < UNLIMITED_U64)
    }

    /// How much of the host's memory the scope can have. An error if the scope has been removed.
    pub(crate) fn read(&mut self, host: Memory, buffer: &mut Buffer) -> Result<Memory, Unusable<'_>> {
        if !self.exists() {
            return Err(Unusable {
                tree: &self.hierarchy.path,
                file: &self.directory,
                why: Why::Unread(Errno::NOENT),
            });
        }
        let mut memory = host;
        for member in &mut self.chain {
            member.tighten(&self.hierarchy, self.version, buffer, &mut memory)?;
        }
        Ok(memory)
    }

    /// `None` where memcgs have no PSI: on v1.
    pub(crate) fn pressure(&mut self, buffer: &mut Buffer) -> Result<Option<Pressure>, Unusable<'_>> {
        if_present(self.hierarchy.read(&mut self.pressure, buffer, pressure))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: Memory =
        Memory { total_bytes: 1000, available_bytes: 500, swap_total_bytes: 200, swap_free_bytes: 150 };

    #[test]
    fn the_memcg_with_least_left_gives_the_total() {
        let mut memory = HOST;
        memory.tighten(UNLIMITED_U64, 900, 0);
        assert_eq!(memory, HOST);
        memory.tighten(300, 250, 20);
        assert_eq!((memory.total_bytes, memory.available_bytes), (300, 70));
        memory.tighten(100, 10, 0);
        assert_eq!((memory.total_bytes, memory.available_bytes), (300, 70));
        memory.tighten(200, 210, 0);
        assert_eq!((memory.total_bytes, memory.available_bytes), (200, 0));
    }

    #[test]
    fn no_memcg_has_more_available_than_its_limit() {
        let mut memory = HOST;
        memory.tighten(100, 90, 400);
        assert_eq!(memory.available_bytes, 100);
    }

    #[test]
    fn swap_is_what_both_the_host_and_the_memcg_have() {
        let mut memory = HOST;
        memory.tighten_swap(180, 20);
        assert_eq!((memory.swap_total_bytes, memory.swap_free_bytes), (180, 150));
        memory.tighten_swap(100, 90);
        assert_eq!((memory.swap_total_bytes, memory.swap_free_bytes), (100, 10));
    }
}
