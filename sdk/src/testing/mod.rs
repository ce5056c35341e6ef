//! Machines made up in a test or recorded on a real one, and what a policy says of them. Not part of a
//! module: natively only.
//!
//! ```
//! use jettison_sdk::Cause;
//! use jettison_sdk::testing::Machine;
//!
//! let mut machine = Machine::new().memory_mib(1024).available_mib(50).cause(Cause::Pressure);
//! machine.memcg("/app").max_mib(512);
//! let server = machine.process("server").anon_mib(300).age_s(600).memcg("/app").pid();
//! machine.process("helper").child_of(server).anon_mib(100).age_s(4).growth_mib_per_s(30).memcg("/app");
//! let snapshot = machine.snapshot();
//! assert_eq!(snapshot.process(server).map(|p| p.children().count()), Some(1));
//! ```

mod cells;
mod machine;
mod memcg_row;
mod process_row;
mod reclaim;
mod recorded;
mod rows;
mod trend;
mod verdict;

pub use machine::Machine;
pub use memcg_row::MemcgRow;
pub use process_row::ProcessRow;
pub use verdict::{Subject, Verdict};
