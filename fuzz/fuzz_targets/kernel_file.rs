//! Arbitrary bytes as a file of the kernel: see `jettison_fuzz::sense::kernel_file`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    jettison_fuzz::sense::kernel_file(bytes);
});
