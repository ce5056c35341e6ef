//! What a policy asked for and cannot have.

/// Says it: an error in a native test, a warning in the daemon's log, where a policy that says something is
/// better than none. `instead` is what is taken there.
#[track_caller]
pub(crate) fn refuse(what: &str, instead: &str) {
    #[cfg(not(target_arch = "wasm32"))]
    panic!("{what}: {instead} in the daemon");
    #[cfg(target_arch = "wasm32")]
    crate::log::warn(&format!("{what}: {instead}"));
}

/// A number within its bounds.
#[track_caller]
pub(crate) fn bounded<N: Copy + Into<i64> + TryFrom<i64>>(what: &str, given: N, least: N, most: N) -> N {
    N::try_from(clamped(what, given.into(), least.into(), most.into())).unwrap_or(given)
}

#[track_caller]
fn clamped(what: &str, given: i64, least: i64, most: i64) -> i64 {
    let taken = given.max(least).min(most);
    if taken != given {
        refuse(&format!("{what} is {given}, and must be {least} to {most}"), &format!("{taken} is taken"));
    }
    taken
}
