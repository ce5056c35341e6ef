//! The policies that are part of the program, as the core modules that `build.rs` built.

/// The names of the built-in policies.
pub const BUILTINS: [&str; 3] = ["services", "balanced", "rules"];

/// Those that are loaded where none is configured, in this order.
pub const DEFAULTS: [&str; 2] = ["services", "balanced"];

/// The functions of `details` that a built-in policy imports.
#[must_use]
pub fn builtin_grants(name: &str) -> &'static [&'static str] {
    match name {
        "services" | "rules" => &["cmdlines", "exes"],
        _ => &[],
    }
}

/// A built-in policy's module by its name, as in `builtin:NAME`.
#[must_use]
pub fn builtin(name: &str) -> Option<&'static [u8]> {
    match name {
        "services" => Some(include_bytes!(concat!(env!("OUT_DIR"), "/services.wasm"))),
        "rules" => Some(include_bytes!(concat!(env!("OUT_DIR"), "/rules.wasm"))),
        "balanced" => Some(include_bytes!(concat!(env!("OUT_DIR"), "/balanced.wasm"))),
        _ => None,
    }
}
