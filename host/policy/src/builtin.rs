//! The policies that are part of the program, as the core modules that `build.rs` built.

/// A built-in policy's module by its name, as in `builtin:NAME`.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static [u8]> {
    match name {
        "balanced" => Some(include_bytes!(concat!(env!("OUT_DIR"), "/balanced.wasm"))),
        _ => None,
    }
}
