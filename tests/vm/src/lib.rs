//! What a virtual machine is told and what it says: the scenario and the report, known on both sides.
#![warn(missing_docs)]

mod report;
mod scenario;

pub use report::{Cost, Death, How, Report, Sent};
pub use scenario::{Daemon, Expected, Extra, Memcg, Process, Scenario, Text};
