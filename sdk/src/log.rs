//! Words for the daemon's log: at most 64 lines of 512 bytes for each consultation. Natively they go to
//! stderr.

/// Something is wrong.
pub fn error(message: &str) {
    emit(1, message);
}

/// Something is odd.
pub fn warn(message: &str) {
    emit(2, message);
}

/// Something is worth knowing.
pub fn info(message: &str) {
    emit(3, message);
}

/// Something helps to understand the policy.
pub fn debug(message: &str) {
    emit(4, message);
}

#[cfg(target_arch = "wasm32")]
use crate::guest::bindings::jettison::policy::log::emit;

#[cfg(not(target_arch = "wasm32"))]
fn emit(level: u32, message: &str) {
    eprintln!("policy log, level {level}: {message}");
}
