//! What belongs together: the processes of a service, a session or a container, and the one that all of it
//! ends with.

use jettison_sdk::{Memcg, PerMemcg, PerProcess, Process, Snapshot};

use crate::terms::WARMING_MS;

/// A systemd unit or a container: its topmost memcg, and what is in and below it.
#[derive(Clone, Debug)]
pub(crate) struct Unit<'s> {
    /// The process that the others came from: its oldest one whose parent is outside.
    pub(crate) head: Option<Process<'s>>,
    /// Processes.
    pub(crate) members: usize,
    /// What they hold together, shared memory left out.
    pub(crate) bytes: u64,
}

/// All units of a snapshot.
pub(crate) struct Units<'s> {
    /// By memcg: the topmost memcg of its unit, if it is in one.
    tops: PerMemcg<Option<Memcg<'s>>>,
    units: PerMemcg<Option<Unit<'s>>>,
}

impl<'s> Units<'s> {
    pub(crate) fn of(snapshot: &'s Snapshot) -> Self {
        let mut tops = snapshot.per_memcg(|_| None);
        for memcg in snapshot.memcgs() {
            let above = memcg.parent().and_then(|parent| tops[parent]);
            tops[memcg] = match above {
                Some(top) if is_same(top, memcg) => Some(top),
                _ => is_unit(memcg).then_some(memcg),
            };
        }
        let mut units = Self { tops, units: snapshot.per_memcg(|_| None) };
        for p in snapshot.processes() {
            units.add(p);
        }
        units
    }

    fn add(&mut self, p: Process<'s>) {
        let Some(top) = self.top(p) else { return };
        let is_outside = p.parent().is_none_or(|parent| self.top(parent) != Some(top));
        let unit = self.units[top].get_or_insert(Unit { head: None, members: 0, bytes: 0 });
        unit.members += 1;
        unit.bytes = unit.bytes.saturating_add(p.anon_and_swap_bytes());
        // Of two that are equally old the one with the lower pid came first.
        if is_outside && unit.head.is_none_or(|head| p.age_ms() > head.age_ms()) {
            unit.head = Some(p);
        }
    }

    /// The topmost memcg of the unit of a process.
    pub(crate) fn top(&self, p: Process<'s>) -> Option<Memcg<'s>> {
        p.memcg().and_then(|memcg| self.tops[memcg])
    }

    /// Whether the unit of a process has held as much in quiet times as it holds now.
    pub(crate) fn holds_the_usual(&self, p: Process<'s>) -> bool {
        let known = self.top(p).and_then(|top| Some((top.usual_bytes()?, top.current_bytes()?)));
        known.is_some_and(|(usual, current)| current <= still_usual_bytes(usual))
    }

    /// The unit that would end with this process, if there is more in it than the process.
    pub(crate) fn headed_by(&self, p: Process<'s>) -> Option<(Memcg<'s>, &Unit<'s>)> {
        let top = self.top(p)?;
        let unit = self.units[top].as_ref()?;
        (unit.head == Some(p) && unit.members > 1).then_some((top, unit))
    }
}

/// An eighth more than usual is still usual.
fn still_usual_bytes(usual_bytes: u64) -> u64 {
    usual_bytes.saturating_add(usual_bytes / 8)
}

/// Scopes and services of systemd (systemd.unit(5)), and containers.
fn is_unit(memcg: Memcg<'_>) -> bool {
    let unit = memcg.unit();
    !memcg.container_id().is_empty() || unit.ends_with(b".service") || unit.ends_with(b".scope")
}

/// A service makes memcgs below its own; a container engine makes units there.
fn is_same(top: Memcg<'_>, memcg: Memcg<'_>) -> bool {
    top.unit() == memcg.unit() && top.container_id() == memcg.container_id()
}

/// What the units that warm up again are still short of: memory that they have held in quiet times, earlier
/// runs included.
pub(crate) struct Usual(Option<PerMemcg<u64>>);

impl Usual {
    /// By the topmost memcg of a unit, in thousandths: the part of what its processes took that is more than
    /// is usual.
    pub(crate) fn of<'s>(snapshot: &'s Snapshot, units: &Units<'s>, taken_bytes: &PerProcess<u64>) -> Self {
        if !snapshot.memcgs().any(|memcg| memcg.usual_bytes().is_some()) {
            return Self(None);
        }
        let mut taken = snapshot.per_memcg(|_| 0_u64);
        let (mut old_bytes, mut young_bytes) = (snapshot.per_memcg(|_| 0_u64), snapshot.per_memcg(|_| 0_u64));
        for p in snapshot.processes() {
            if let Some(top) = units.top(p) {
                taken[top] = taken[top].saturating_add(taken_bytes[p]);
                let held = if p.age_ms() < WARMING_MS { &mut young_bytes } else { &mut old_bytes };
                held[top] = held[top].saturating_add(p.anon_and_swap_bytes());
            }
        }
        let unusual = snapshot.per_memcg(|memcg| match (memcg.usual_bytes(), memcg.current_bytes()) {
            (Some(usual), Some(current)) if taken[memcg] > 0 => {
                // What those hold that do not warm up is no room for those that do: a backup tool that has
                // come to a database is no part of what that usually holds.
                let room = still_usual_bytes(usual.saturating_sub(old_bytes[memcg]));
                let excess = current.saturating_sub(still_usual_bytes(usual));
                let excess = excess.max(young_bytes[memcg].saturating_sub(room));
                u64::try_from(u128::from(excess) * 1000 / u128::from(taken[memcg])).unwrap_or(1000).min(1000)
            }
            _ => 1000,
        });
        Self(Some(unusual))
    }

    /// The unusual part of what a process took.
    pub(crate) fn unusual(&self, top: Option<Memcg<'_>>, bytes: u64) -> u64 {
        match (&self.0, top) {
            (Some(unusual), Some(top)) => crate::terms::permille(bytes, unusual[top]),
            _ => bytes,
        }
    }
}
