//! From wasmtime's errors to [`Fault`]s: by type, never by text.

use jettison_model::Fault;
use wasmtime::{Error, Trap};

use crate::guest::Guest;
use crate::limits::Limits;

/// A fault of the host: what was tried, and the error with its causes.
pub(crate) fn host(tried: &str, error: &Error) -> Fault {
    Fault::Host { detail: format!("{tried}: {}", causes(error)) }
}

/// Why a call into the guest, or its instantiation, came to nothing.
pub(crate) fn of_call(error: &Error, guest: &Guest, limits: &Limits) -> Fault {
    let trap = error.downcast_ref::<Trap>();
    match trap {
        Some(Trap::OutOfFuel) => Fault::OutOfFuel { budget: limits.fuel },
        Some(Trap::Interrupt) => Fault::OutOfTime { budget_ms: limits.epoch_ms },
        _ if guest.denied => Fault::OutOfMemory { budget_bytes: limits.memory_bytes as u64 },
        Some(Trap::UnreachableCodeReached) => Fault::Trap {
            detail: match &guest.last_error {
                Some(message) => message.clone(),
                None => "it panicked without a message (`unreachable` was executed)".into(),
            },
        },
        Some(trap) => Fault::Trap { detail: trap.to_string() },
        // No trap of the guest's own: the host could not read what was handed over.
        None => Fault::Trap { detail: format!("what it handed over cannot be taken: {}", causes(error)) },
    }
}

/// An error and its causes on one line.
pub(crate) fn causes(error: &Error) -> String {
    let causes: Vec<String> = error.chain().map(ToString::to_string).collect();
    causes.join(": ")
}
