//! The manifests for Kubernetes, held to its schemas.

use std::path::PathBuf;

use anyhow::Result;

use crate::{call, debian, target_dir, text_of};

/// From PyPI; it carries the schemas of all releases.
const VALIDATOR: &str = "kubernetes-validate==1.37.0";
/// The oldest release that has all that is used, and the latest that the validator knows.
const RELEASES: [&str; 2] = ["1.30.0", "1.37.0"];
const MANIFESTS: [&str; 3] = [
    "packaging/kubernetes/base.yaml",
    "packaging/kubernetes/daemonset.yaml",
    "packaging/kubernetes/events.yaml",
];

fn environment() -> PathBuf {
    target_dir().join("kubernetes-validate")
}

fn validator() -> PathBuf {
    environment().join("bin/kubernetes-validate")
}

/// Installs the validator, in a folder of its own.
pub(crate) fn set_up() -> Result<()> {
    if validator().exists() {
        return Ok(());
    }
    println!("installing {VALIDATOR}, which holds the manifests to their schemas");
    debian::virtual_environment(&environment())?;
    call(text_of(&environment().join("bin/pip"))?, &["install", "--quiet", VALIDATOR])
}

/// Fails if a manifest is not what Kubernetes takes.
pub(crate) fn check() -> Result<()> {
    for release in RELEASES {
        let options = ["--strict", "--quiet", "--kubernetes-version", release];
        call(text_of(&validator())?, &[&options[..], &MANIFESTS].concat())?;
    }
    println!("packaging/kubernetes: as Kubernetes {} want it", RELEASES.join(" and "));
    Ok(())
}
