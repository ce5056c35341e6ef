//! The manifests for Kubernetes, held to its schemas.

use anyhow::Result;

use crate::python::Package;
use crate::{call, text_of};

/// It carries the schemas of all releases.
const VALIDATOR: Package = Package {
    names: &["kubernetes-validate==1.37.0"],
    folder: "kubernetes-validate",
    proof: "bin/kubernetes-validate",
    purpose: "which holds the manifests to their schemas",
};
/// The oldest release that has all that is used, and the latest that the validator knows.
const RELEASES: [&str; 2] = ["1.30.0", "1.37.0"];
const MANIFESTS: [&str; 3] = [
    "packaging/kubernetes/base.yaml",
    "packaging/kubernetes/daemonset.yaml",
    "packaging/kubernetes/events.yaml",
];

/// Installs the validator, in a folder of its own.
pub(crate) fn set_up() -> Result<()> {
    VALIDATOR.set_up()
}

/// Fails if a manifest is not what Kubernetes takes.
pub(crate) fn check() -> Result<()> {
    let validator = VALIDATOR.path(VALIDATOR.proof);
    for release in RELEASES {
        let options = ["--strict", "--quiet", "--kubernetes-version", release];
        call(text_of(&validator)?, &[&options[..], &MANIFESTS].concat())?;
    }
    println!("packaging/kubernetes: as Kubernetes {} want it", RELEASES.join(" and "));
    Ok(())
}
