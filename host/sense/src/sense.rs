//! What the later stages need of this one, as a trait: in a test the machine may be scripted.

use jettison_model::{Memcgs, Needs, ProcessId, Snapshot};

use crate::host::domain::Memory;
use crate::memcg::limit_watch::Left;
use crate::now::Now;
use crate::sensor::Sensor;
use crate::survey::Holder;

/// Stage 1: [`Sensor`], which reads the files of a machine, or a scripted machine.
pub trait Sense {
    /// As [`Sensor::sense`].
    fn sense(&mut self, needs: Needs, now: Now, into: &mut Snapshot);
    /// As [`Sensor::glance`].
    fn glance(&mut self, needs: Needs, now: Now, into: &mut Snapshot) -> bool;
    /// As [`Sensor::focus`].
    fn focus(&mut self, needs: Needs, now: Now, on: &[ProcessId], into: &mut Snapshot) -> bool;
    /// As [`Sensor::whole`].
    fn whole(&mut self, needs: Needs, now: Now, _on: &[ProcessId], into: &mut Snapshot) {
        self.sense(needs, now, into);
    }
    /// As [`Sensor::blame`].
    fn blame(&mut self, warn_bytes: u64, into: &mut Snapshot);
    /// As [`Sensor::probe`].
    fn probe(&mut self) -> Option<Memory>;
    /// As [`Sensor::holders`].
    fn holders(&self) -> Vec<Holder>;
    /// As [`Sensor::watch_limits`].
    fn watch_limits(&mut self, memcgs: &Memcgs, is_watched: impl Fn(&[u8]) -> bool);
    /// As [`Sensor::nearest_limit`].
    fn nearest_limit(&mut self, is_near: impl Fn(Left) -> bool) -> Option<Left>;
    /// As [`Sensor::has_newcomer`].
    fn has_newcomer(&mut self, is_home: &dyn Fn(&[u8]) -> bool) -> bool;
    /// As [`Sensor::note_adj`].
    fn note_adj(&mut self, id: ProcessId, adj: i16, into: &mut Snapshot);
    /// As [`Sensor::scope_exists`].
    fn scope_exists(&self) -> bool;
}

impl Sense for Sensor {
    fn sense(&mut self, needs: Needs, now: Now, into: &mut Snapshot) {
        Self::sense(self, needs, now, into);
    }

    fn glance(&mut self, needs: Needs, now: Now, into: &mut Snapshot) -> bool {
        Self::glance(self, needs, now, into)
    }

    fn focus(&mut self, needs: Needs, now: Now, on: &[ProcessId], into: &mut Snapshot) -> bool {
        Self::focus(self, needs, now, on, into)
    }

    fn whole(&mut self, needs: Needs, now: Now, on: &[ProcessId], into: &mut Snapshot) {
        Self::whole(self, needs, now, on, into);
    }

    fn blame(&mut self, warn_bytes: u64, into: &mut Snapshot) {
        Self::blame(self, warn_bytes, into);
    }

    fn probe(&mut self) -> Option<Memory> {
        Self::probe(self)
    }

    fn holders(&self) -> Vec<Holder> {
        Self::holders(self)
    }

    fn watch_limits(&mut self, memcgs: &Memcgs, is_watched: impl Fn(&[u8]) -> bool) {
        Self::watch_limits(self, memcgs, is_watched);
    }

    fn nearest_limit(&mut self, is_near: impl Fn(Left) -> bool) -> Option<Left> {
        Self::nearest_limit(self, is_near)
    }

    fn has_newcomer(&mut self, is_home: &dyn Fn(&[u8]) -> bool) -> bool {
        Self::has_newcomer(self, is_home)
    }

    fn note_adj(&mut self, id: ProcessId, adj: i16, into: &mut Snapshot) {
        Self::note_adj(self, id, adj, into);
    }

    fn scope_exists(&self) -> bool {
        Self::scope_exists(self)
    }
}
