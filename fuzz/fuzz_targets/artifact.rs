//! Arbitrary bytes as what a registry has sent: see `jettison_fuzz::registry::artifact`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    jettison_fuzz::registry::artifact(bytes);
});
