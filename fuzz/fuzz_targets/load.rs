//! Arbitrary bytes as a module: see `jettison_fuzz::policy::load`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    jettison_fuzz::policy::load(bytes);
});
