//! The fuzz targets, on inputs that a seed gives: they compile, they reach what they are for, and nothing
//! panics.

#[path = "../../../fuzz/src/policy/mod.rs"]
#[allow(unreachable_pub, reason = "there it is a library")]
mod fuzz;

use std::fs;
use std::path::Path;

use jettison_tests::{Random, inputs};

/// What a failure is repeated with.
const SEED: u64 = 0x6a65_7474;

#[test]
fn arbitrary_modules() {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden/0.1.0/every-function.wasm");
    let golden = fs::read(golden).expect("it is there");
    let component = wat::parse_str(
        r#"(component (import "jettison:policy/host@0.1.0" (instance (export "now-ms" (func (result u64))))))"#,
    )
    .expect("it is right");
    let mut random = Random::new(SEED);
    for seed in [component, b"\0asm\x01\0\0\0".to_vec()] {
        for _ in 0..inputs(2_000) {
            fuzz::load(&random.changed(&seed));
        }
    }
    for _ in 0..100 {
        fuzz::load(&random.changed(&golden));
    }
    assert!(!fuzz::load(&golden), "it asks for details, which are not granted");
}

/// An answer with one entry, at the address 16 + 16.
fn one_entry() -> Vec<u8> {
    let ok_of_one_entry = [0_u32, 32, 1, 0].map(u32::to_le_bytes).concat();
    // Process of row 2; sacrifice 500; no adj; no steps; a reason of three bytes right behind it.
    let target = [0_u32, 2].map(u32::to_le_bytes).concat();
    let stance = [1_u16, 500, 0, 0].map(u16::to_le_bytes).concat();
    let steps_and_reason = [0_u32, 0, 64, 3].map(u32::to_le_bytes).concat();
    [ok_of_one_entry, target, stance, steps_and_reason, b"why".to_vec()].concat()
}

#[test]
fn arbitrary_answers() {
    assert!(fuzz::ballot(&one_entry()), "the layout is that of the contract");
    let mut random = Random::new(SEED);
    let mut taken = 0;
    let tries = inputs(5_000);
    for _ in 0..tries {
        taken += usize::from(fuzz::ballot(&random.changed(&one_entry())));
    }
    println!("{taken} of {tries} are ballots");
    assert!((tries / 10..tries * 9 / 10).contains(&taken), "{taken} of {tries} are ballots");
    for length in [0, 1, 11, 12, 1_000, fuzz::ANSWER_BYTES_MAX, fuzz::ANSWER_BYTES_MAX + 1] {
        let noise: Vec<u8> = (0..length).map(|_| random.byte()).collect();
        fuzz::ballot(&noise);
    }
}
