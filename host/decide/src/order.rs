//! The order of the ranking, once the tier and relief of every process are known.

use alloc::vec::Vec;
use core::cmp::Reverse;

use jettison_model::{Ranked, Snapshot, Tier};

use crate::badness::badness;

/// First to go first; then more relief, later start, higher pid.
///
/// Sort one packed key per row, then permute the rows. Rows of equal keys are sorted once more.
pub(crate) fn sort(snapshot: &Snapshot, order: &mut [Ranked], is_builtin: bool) {
    let key = |(place, ranked): (u32, &Ranked)| (standing(snapshot, ranked, is_builtin), place);
    let mut keys: Vec<(u128, u32)> = (0_u32..).zip(&*order).map(key).collect();
    keys.sort_unstable_by_key(|&(standing, _)| standing);
    for ties in keys.chunk_by_mut(|a, b| a.0 == b.0).filter(|ties| ties.len() > 1) {
        ties.sort_unstable_by_key(|&(_, place)| {
            let ranked = &order[place as usize];
            Reverse((ranked.relief_bytes, ranked.id.start_time, ranked.id.pid))
        });
    }
    for place in 0..keys.len() {
        // The row that was at an earlier place has been swapped away from there.
        let mut from = keys[place].1;
        while (from as usize) < place {
            from = keys[from as usize].1;
        }
        keys[place].1 = from;
        order.swap(place, from as usize);
    }
}

/// Tier, place in the tier and relief in one number; less goes first.
///
/// The built-in ranking's scores are thousandths for people to read. Equal ones are ordered by bytes.
fn standing(snapshot: &Snapshot, ranked: &Ranked, is_builtin: bool) -> u128 {
    const RELIEF_BITS: u32 = 62;
    const GIVEN_UP_BITS: u32 = 48;
    let by_badness = |badness: i64| !(badness.cast_unsigned() ^ (1 << 63));
    let (class, within) = match ranked.tier {
        Tier::Sacrifice(_) if is_builtin => {
            let row = ranked.row as usize;
            (0_u8, by_badness(badness(&snapshot.processes, row, snapshot.host.memory_total_bytes)))
        }
        Tier::Sacrifice(score) => (0, !score),
        Tier::Unranked(badness) => (1, by_badness(badness)),
        // Of two that are kept at one price the one goes first that a policy holds to be the cause.
        Tier::Protected(strength) => {
            let most = (1 << GIVEN_UP_BITS) - 1;
            (2, u64::from(strength) << GIVEN_UP_BITS | (most - ranked.given_up.min(most)))
        }
        Tier::Never => (3, 0),
    };
    let most = (1 << RELIEF_BITS) - 1;
    let relief = most - ranked.relief_bytes.min(most);
    u128::from(class) << 126 | u128::from(within) << RELIEF_BITS | u128::from(relief)
}
