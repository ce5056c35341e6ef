//! Rates of change, from two points in the past.

pub(crate) mod trend;
pub(crate) mod window;
