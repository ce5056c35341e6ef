//! What tests of several crates share. Tests of the whole are in `tests/tests/`.
#![warn(missing_docs)]
#![expect(clippy::disallowed_methods, reason = "tests have no clock but the real one")]

mod hog;
mod measure;
mod memcg;
mod random;
mod running;

use std::thread::sleep;
use std::time::{Duration, Instant};

pub use hog::Hog;
pub use measure::{medians, own_cpu};
pub use memcg::Memcg;
pub use random::{Random, changed_texts, inputs};
pub use running::{Running, sleepers};

/// When something is wrong. Nothing that is waited for takes a tenth of it.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// Looks again and again until there is something.
///
/// # Panics
/// After 30 s, with what was waited for.
#[track_caller]
pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(started.elapsed() < DEADLINE, "waited in vain: {what}");
        sleep(Duration::from_millis(10));
    }
}
