//! Arbitrary bytes as a reference: see `jettison_fuzz::registry::reference`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    jettison_fuzz::registry::reference(bytes);
});
