//! What may go now: the protected are reached late, and what no policy speaks of waits for a cause that is
//! protected.

use jettison_model::{Ranked, Tier};

use crate::choose::{Chooser, Need, half, is_same_tier, strength, sum};
use crate::domain::{End, exhaustion_ms, is_inside};
use crate::settings::Reach;
use crate::victim::Maker;

impl<'a> Chooser<'a> {
    /// The protected are reached at critical, or at `act` when there is no time left for their own shutdown
    /// after that: above it the rate of a second or two says too little of the next minute. What takes long
    /// to shut down is not reached before what is cheaper, takes less and is enough. What no policy speaks of
    /// waits with them where one of them is the cause, and at critical what is protected less, too.
    pub(crate) fn is_within_reach(&self, ranked: &Ranked, need: &Need, maker: &Maker<'a>) -> bool {
        match ranked.tier {
            Tier::Sacrifice(_) => true,
            Tier::Unranked(_) => {
                self.settings.reach >= Reach::Unranked && !self.waits_for_the_kept(need, maker)
            }
            Tier::Protected(strength) => {
                let is_late = || self.exhaustion_ms().is_some_and(|left| left < maker.shutdown_ms(ranked));
                let is_needed =
                    || strength <= *maker.enough_up_to.get_or_init(|| self.enough_up_to(need, maker));
                self.settings.reach >= Reach::Protected
                    && !need.spares_protected
                    && (need.is_critical || need.is_at_act && is_late() && is_needed())
                    && !self.goes_after_a_cause(ranked, need, maker)
            }
            Tier::Never => false,
        }
    }

    fn exhaustion_ms(&self) -> Option<u64> {
        exhaustion_ms(self.snapshot, End::Early(&self.settings.thresholds))
    }

    /// The strength up to which the tiers, if all of them were reached, would meet the need, or half of the
    /// scale: law 1 of what is protected more strongly. What waits for the kept counts for nothing.
    fn enough_up_to(&self, need: &Need, maker: &Maker<'a>) -> u16 {
        let mut spared = self.spared();
        let mut found = 0_u64;
        let waits = !self.kept_causes(need, maker).is_empty();
        let counts =
            |tier: &&[Ranked]| !(waits && matches!(tier, [Ranked { tier: Tier::Unranked(_), .. }, ..]));
        for tier in self.ranking.order.chunk_by(|a, b| is_same_tier(a.tier, b.tier)).filter(counts) {
            found = found.saturating_add(sum(&self.worthwhile(tier.iter(), maker, &mut spared, need)));
            if let Some(first) = tier.first().filter(|_| found >= half(need.scale_bytes).min(need.bytes)) {
                return strength(first.tier);
            }
        }
        u16::MAX
    }

    /// What a policy gives up, another protects, and holds half of what is needed: the shortage is known to
    /// be its doing.
    fn kept_causes<'m>(&self, need: &Need, maker: &'m Maker<'a>) -> &'m [&'a Ranked] {
        let half = half(need.scale_bytes);
        let is_cause = |ranked: &&Ranked| {
            let row = ranked.row as usize;
            ranked.given_up > 0
                && self.snapshot.processes.anon_and_swap_bytes(row) >= half
                && is_inside(self.snapshot, row)
        };
        maker.kept_causes.get_or_init(|| self.ranking.order.iter().filter(is_cause).collect())
    }

    /// Whether there is such a one that was not asked to go: then what no policy speaks of waits until it is,
    /// at critical, too. Its end would only be filled again. At critical it waits for none that cannot go.
    fn waits_for_the_kept(&self, need: &Need, maker: &Maker<'a>) -> bool {
        if let Some(known) = maker.waits_for_the_kept.get() {
            return known;
        }
        let is_asked = |ranked: &Ranked| {
            self.state.has_not_answered(ranked.id)
                || self.in_flight.iter().any(|victim| victim.members.contains(&ranked.id))
        };
        let waits = self.kept_causes(need, maker).iter().any(|ranked| {
            !is_asked(ranked) && (!need.is_critical || self.is_within_reach(ranked, need, maker))
        });
        maker.waits_for_the_kept.set(Some(waits));
        waits
    }

    /// Likewise what is protected less strongly, at critical, unless it is of the cause itself: a child that
    /// saves goes before its server.
    fn goes_after_a_cause(&self, ranked: &Ranked, need: &Need, maker: &Maker<'a>) -> bool {
        let is_weaker = |cause: &Ranked| strength(ranked.tier) < strength(cause.tier);
        need.is_critical
            && ranked.given_up == 0
            && self.waits_for_the_kept(need, maker)
            && self
                .kept_causes(need, maker)
                .iter()
                .any(|cause| is_weaker(cause) && !self.descends(ranked.row, cause.row))
    }

    /// Whether a process descends from another one.
    fn descends(&self, row: u32, above: u32) -> bool {
        let parents = &self.snapshot.processes.parents;
        let parent = |row: &u32| parents.get(*row as usize).copied();
        // A torn scan can close a cycle.
        core::iter::successors(parent(&row), parent).take(parents.len()).any(|row| row == above)
    }

    /// Anonymous memory and swap of the protected processes that were not reached.
    pub(crate) fn protected_bytes(&self, need: &Need, maker: &Maker<'a>) -> u64 {
        let processes = &self.snapshot.processes;
        let is_out = |ranked: &&Ranked| {
            matches!(ranked.tier, Tier::Protected(_))
                && !self.is_within_reach(ranked, need, maker)
                && is_inside(self.snapshot, ranked.row as usize)
        };
        let rows = self.ranking.order.iter().filter(is_out).map(|ranked| ranked.row as usize);
        rows.fold(0_u64, |sum, row| sum.saturating_add(processes.anon_and_swap_bytes(row)))
    }
}
