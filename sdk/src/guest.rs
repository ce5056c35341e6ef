//! The border on the guest's side: the host's calls, and what they give back.

use std::marker::PhantomData;
use std::mem::ManuallyDrop;
use std::panic::PanicHookInfo;

use self::bindings::exports::jettison::policy::policy as wit;
use self::bindings::jettison::policy::request;
use crate::ballot::{Entry, Kind, Stance, Target};
use crate::log;
use crate::policy::{self, Policy};
use crate::snapshot::Snapshot;
use crate::step::Step;

/// 7 KiB smaller than that of the standard library, which is a sixth of a small module.
#[global_allocator]
static ALLOCATOR: rlsf::SmallGlobalTlsf = rlsf::SmallGlobalTlsf::new();

/// Generated from `wit/`.
#[allow(missing_docs, unreachable_pub, clippy::all, reason = "generated")]
pub mod bindings {
    wit_bindgen::generate!({
        path: "wit",
        world: "guest",
        pub_export_macro: true,
        export_macro_name: "export_guest",
        default_bindings_module: "jettison_sdk::guest::bindings",
        runtime_path: "jettison_sdk::guest::runtime",
    });
}

#[doc(hidden)]
pub use wit_bindgen::rt as runtime;

/// Any policy as the component's exports.
#[derive(Debug)]
pub struct Exports<P>(PhantomData<P>);

impl<P: Policy> wit::Guest for Exports<P> {
    fn describe() -> wit::Description {
        report_panics();
        let described = P::describe();
        wit::Description {
            name: described.name.to_owned(),
            version: described.version.to_owned(),
            summary: described.summary.to_owned(),
        }
    }

    fn validate() -> Vec<wit::Problem> {
        report_panics();
        policy::problems::<P>(&request::config())
            .into_iter()
            .map(|problem| wit::Problem { key: problem.key, message: problem.message })
            .collect()
    }

    fn rank() -> Result<wit::Ballot, String> {
        report_panics();
        // The instance ends with this call, so nothing is put away.
        let snapshot = ManuallyDrop::new(Snapshot::default());
        let entries = policy::consult::<P>(&request::config(), &snapshot)?;
        Ok(wit::Ballot { entries: entries.into_iter().map(wit::Entry::from).collect() })
    }
}

/// A panic ends in a trap, which says nothing: its message goes to the host first.
fn report_panics() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let message = panic.payload_as_str().unwrap_or("panicked");
        match panic.location() {
            Some(location) => log::error(&format!("{message}, at {location}")),
            None => log::error(message),
        }
    }));
}

impl From<Entry> for wit::Entry {
    fn from(entry: Entry) -> Self {
        let Target(kind, row) = entry.target;
        Self {
            target: match kind {
                Kind::Process => wit::Target::Process(row),
                Kind::Tree => wit::Target::Tree(row),
                Kind::Memcg => wit::Target::Memcg(row),
            },
            stance: match entry.stance {
                Stance::Protect(strength) => wit::Stance::Protect(strength),
                Stance::Sacrifice(urgency) => wit::Stance::Sacrifice(urgency),
            },
            oom_score_adj: entry.oom_score_adj,
            shutdown: entry.shutdown.into_iter().map(wit::Step::from).collect(),
            reason: entry.reason,
        }
    }
}

impl From<Step> for wit::Step {
    fn from(step: Step) -> Self {
        match step {
            Step::Signal { signal, wait_ms } => {
                Self::Signal(wit::SignalStep { number: signal.number(), wait_ms })
            }
            Step::StopUnit { wait_ms } => Self::StopUnit(wait_ms),
            Step::Hook { name, wait_ms } => Self::Hook(wit::HookStep { name, wait_ms }),
        }
    }
}
