//! Arbitrary bytes as a guest's answer: see `jettison_fuzz::policy::ballot`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    jettison_fuzz::policy::ballot(bytes);
});
