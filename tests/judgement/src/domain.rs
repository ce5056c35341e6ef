//! Where memory is short: on the host, or in a memcg at its limit.

use crate::Machine;

/// earlyoom's `-m 10`, which the largest of the peers' defaults is. With more than that available none of
/// them acts.
const HOST_SHORT_PERCENT: f64 = 10.0;

/// Where memory is short.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Domain {
    /// The host.
    Host,
    /// The memcg of this path, at its limit, with memory available outside.
    Memcg(String),
}

impl Domain {
    /// Of a machine: the host if 10 % or less of it is available, else the memcg that is nearest to its
    /// limit.
    #[must_use]
    pub fn of(machine: &Machine) -> Self {
        if machine.available <= machine.total * HOST_SHORT_PERCENT / 100.0 {
            return Self::Host;
        }
        let limited = machine
            .memcgs
            .iter()
            .filter_map(|(path, memcg)| Some((memcg.max? - machine.current(path), path)));
        let tightest = limited.min_by(|(a, _), (b, _)| a.total_cmp(b));
        tightest.map_or(Self::Host, |(_, path)| Self::Memcg(path.clone()))
    }
}
