//! What the tests of services hold in common.

use jettison_services::{Postgres, Stage};

#[track_caller]
pub(crate) fn assert_up(stage: &Stage, postgres: &Postgres) {
    assert!(postgres.is_up() && !postgres.has_crashed(), "{:?}\n{}", postgres.told(), stage.said());
    assert_eq!(stage.memcg().oom_kills().unwrap(), 0, "{}", stage.said());
}
