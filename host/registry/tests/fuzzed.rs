//! The fuzz targets, on inputs that a seed gives.

#[path = "../../../fuzz/src/registry/mod.rs"]
#[allow(unreachable_pub, reason = "there it is a library")]
mod fuzz;

use jettison_registry::{Artifact, Digest};
use jettison_tests::Random;

/// What a failure is repeated with.
const SEED: u64 = 0x6a65_7474;

#[test]
fn arbitrary_artifacts() {
    let manifest = format!(
        r#"{{"schemaVersion":2,"config":{{"mediaType":"application/vnd.wasm.config.v0+json","digest":"","size":0}},"layers":[{{"mediaType":"application/wasm","digest":"{}","size":6}}]}}"#,
        Digest::of(b"module")
    );
    let good = Artifact { manifest: manifest.into_bytes(), module: b"module".to_vec() }.encode();
    assert!(fuzz::artifact(&good));
    let mut random = Random::new(SEED);
    let taken = (0..10_000).filter(|_| fuzz::artifact(&random.changed(&good))).count();
    println!("{taken} of 10,000 are artifacts");
    assert!((1..5_000).contains(&taken), "{taken} of 10,000 are artifacts");
}

#[test]
fn arbitrary_references() {
    let good = format!("oci://registry.example.com:5000/a/b-c_d.e:1.0@{}", Digest::of(b""));
    assert!(fuzz::reference(good.as_bytes()));
    let mut random = Random::new(SEED);
    let taken = (0..10_000).filter(|_| fuzz::reference(&random.changed(good.as_bytes()))).count();
    println!("{taken} of 10,000 are references");
    assert!((1..9_000).contains(&taken), "{taken} of 10,000 are references");
}
