//! Arbitrary bytes as a segment of a journal: see `jettison_fuzz::record::journal`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    jettison_fuzz::record::journal(bytes);
});
