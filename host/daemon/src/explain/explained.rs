//! What is explained.

use std::collections::BTreeMap;
use std::time::Duration;

use jettison_decide::Passed;
use jettison_model::Snapshot;
use jettison_tick::Decision;

use crate::policies::Policies;
use crate::users::Users;

/// Between the two scans, so that growth is known.
pub(crate) const BETWEEN_SCANS: Duration = Duration::from_secs(1);

/// A decision, and what it was made from.
pub(super) struct Explained {
    pub(super) snapshot: Snapshot,
    pub(super) policies: Policies,
    pub(super) users: Users,
    pub(super) decision: Decision,
    /// Why ranked processes stay that go with no victim, by row.
    pub(super) passed: BTreeMap<u32, Passed>,
    pub(super) sense_us: u64,
    pub(super) sense_faults: u64,
}
