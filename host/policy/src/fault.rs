//! From wasmtime's errors to [`Fault`]s: by type, never by text.

use jettison_model::Fault;
use wasmtime::{Error, Trap};

use crate::guest::Guest;
use crate::limits::Limits;

/// What runs before any function that is called.
pub(crate) const START: &str = "its start function";

/// A fault of the host: what was tried, and the error with its causes.
pub(crate) fn host(tried: &str, error: &Error) -> Fault {
    Fault::Host { detail: format!("{tried}: {}", causes(error)) }
}

/// Why a call into the guest, or its instantiation, came to nothing. `place` is where in the guest that was.
pub(crate) fn of_call(error: &Error, place: &str, guest: &Guest, limits: &Limits) -> Fault {
    let trap = error.downcast_ref::<Trap>();
    let trapped = |what: &str| Fault::Trap { detail: format!("in {place}: {what}") };
    match trap {
        Some(Trap::OutOfFuel) => Fault::OutOfFuel { budget: limits.fuel },
        Some(Trap::Interrupt) => Fault::OutOfTime { budget_ms: limits.epoch_ms },
        _ if guest.denied => Fault::OutOfMemory { budget_bytes: limits.memory_bytes as u64 },
        _ if let Some(wanted) = guest.table_denied => trapped(&format!(
            "it wanted a table of {wanted} elements, and may have {} (`limits.table_elements`)",
            limits.table_elements
        )),
        Some(Trap::UnreachableCodeReached) => match &guest.last_error {
            Some(message) => trapped(message),
            None => {
                trapped("it ended without a word (`unreachable`), as `abort` or a panic without a hook does")
            }
        },
        Some(Trap::StackOverflow) => {
            trapped(&format!("it recurses deeper than its stack of {} KiB", limits.stack_bytes >> 10))
        }
        Some(trap) => trapped(&trap.to_string()),
        None if place == START => {
            trapped(&format!("it cannot begin ({}): see `limits.tables` if it has many", causes(error)))
        }
        // No trap of the guest's own: the host could not read what was handed over.
        None => trapped(&format!(
            "what it handed over is invalid, or more than {} MiB ({}): build it with jettison-sdk, and answer less",
            limits.answer_bytes >> 20,
            causes(error)
        )),
    }
}

/// An error and its causes on one line.
pub(crate) fn causes(error: &Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.join(": ")
}
