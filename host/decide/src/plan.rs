//! Ranking to plan: the values to hold and, if the tick is armed, as many victims as are needed.

use alloc::vec::Vec;

use jettison_model::{Exclusion, Hold, Idle, Plan, Ranking, Snapshot, Vote};

use crate::choose::{Chooser, Need};
use crate::domain::could_relieve;
use crate::settings::Settings;
use crate::state::{InFlight, State};
use crate::tally::tally_and_shields;
use crate::{border, gate};

/// The whole decision of a tick.
///
/// `excluded` is what [`crate::exclusions`] said of this snapshot, `in_flight` the victims under way. Victims
/// that the plan names are entered into the state by [`State::note`], once they are being carried out.
/// Arguments that do not fit each other abort a test; a release goes on without what does not fit.
#[must_use]
pub fn plan(
    snapshot: &Snapshot,
    excluded: Vec<(u32, Exclusion)>,
    votes: &[Vote],
    in_flight: &[InFlight],
    state: State,
    settings: &Settings,
) -> (Plan, Ranking, State) {
    let Some(misfit) = border::misfit(snapshot, &excluded, votes) else {
        return decide(snapshot, excluded, votes, in_flight, state, settings);
    };
    debug_assert!(false, "{misfit}");
    let (snapshot, excluded, votes) = border::mended(snapshot, excluded, votes);
    decide(&snapshot, excluded, &votes, in_flight, state, settings)
}

/// The decision, on arguments that fit each other.
pub(crate) fn decide(
    snapshot: &Snapshot,
    excluded: Vec<(u32, Exclusion)>,
    votes: &[Vote],
    in_flight: &[InFlight],
    mut state: State,
    settings: &Settings,
) -> (Plan, Ranking, State) {
    let (ranking, shields) = tally_and_shields(snapshot, votes, excluded, &mut state);
    let mut plan = Plan { holds: holds(snapshot, &ranking, shields, settings), ..Plan::default() };
    if snapshot.request.cause.is_armed() {
        state.forget_before(snapshot.now_ms);
        let chosen = need(snapshot, in_flight, &state, settings).and_then(|need| {
            Chooser { snapshot, votes, ranking: &ranking, in_flight, state: &state, settings }.choose(need)
        });
        match chosen {
            Ok(victims) => plan.victims = victims,
            Err(idle) => plan.idle = Some(idle),
        }
    }
    (plan, ranking, state)
}

fn holds(snapshot: &Snapshot, ranking: &Ranking, shields: Vec<Hold>, settings: &Settings) -> Vec<Hold> {
    if !settings.is_adjusting {
        return Vec::new();
    }
    let mut holds = shields;
    let ranked = ranking
        .order
        .iter()
        .map(|ranked| (ranked, snapshot.processes.oom_score_adj(ranked.row as usize)))
        .filter(|&(ranked, original)| ranked.oom_score_adj != original)
        .map(|(ranked, original)| Hold { id: ranked.id, original, value: ranked.oom_score_adj });
    holds.extend(ranked);
    holds.sort_unstable_by_key(|hold| hold.id);
    holds
}

/// How much new victims should give back, beyond what is already on its way, and how many may be named.
pub(crate) fn need(
    snapshot: &Snapshot,
    in_flight: &[InFlight],
    state: &State,
    settings: &Settings,
) -> Result<Need, Idle> {
    let helps = |victim: &&InFlight| !victim.is_overdue && could_relieve(snapshot, &victim.members);
    let (mut in_time, mut late) = (0_u64, 0_u64);
    for victim in in_flight.iter().filter(helps) {
        let sum = if victim.comes_late { &mut late } else { &mut in_time };
        *sum = sum.saturating_add(victim.predicted_relief_bytes);
    }
    let on_its_way = in_time.saturating_add(late);
    let needed = snapshot.request.need_bytes.max(1);
    if in_time >= needed {
        return Err(Idle::OnTheWay);
    }
    let spares_protected = on_its_way >= needed;
    let on_its_way = if spares_protected { in_time } else { on_its_way };
    let is_critical = gate::is_critical(snapshot, &settings.thresholds);
    let room = (settings.kills_per_minute_max as usize).saturating_sub(state.named_at_ms.len());
    let is_cool = |last_ms| snapshot.now_ms.saturating_sub(last_ms) >= u64::from(settings.cool_down_ms);
    if !is_critical && !state.last_named_ms().is_none_or(is_cool) {
        return Err(Idle::CoolingDown);
    }
    let bytes = needed - on_its_way;
    let scale_bytes = snapshot.request.scale_bytes.saturating_sub(on_its_way).max(bytes);
    let is_at_act = gate::is_at_act(snapshot, &settings.thresholds);
    let room = if is_critical { usize::MAX } else { room };
    Ok(Need { bytes, scale_bytes, room, is_critical, is_at_act, spares_protected })
}
