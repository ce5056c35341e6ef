//! The policies that are part of the program, as the core modules that `build.rs` built.

/// The names of the built-in policies, in the order in which they are loaded where none is configured.
pub const BUILTINS: [&str; 2] = ["services", "balanced"];

/// A built-in policy's module by its name, as in `builtin:NAME`.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static [u8]> {
    match name {
        "services" => Some(include_bytes!(concat!(env!("OUT_DIR"), "/services.wasm"))),
        "balanced" => Some(include_bytes!(concat!(env!("OUT_DIR"), "/balanced.wasm"))),
        _ => None,
    }
}
