//! The manifest of a policy: the layout of the wasm OCI artifact (CNCF TAG Runtime).
//!
//! ```json
//! {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
//!  "config": {"mediaType": "application/vnd.wasm.config.v0+json", "digest": "sha256:...", "size": 300},
//!  "layers": [{"mediaType": "application/wasm", "digest": "sha256:...", "size": 100000}]}
//! ```

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::digest::Digest;
use crate::refusal::{MANIFEST, Refusal};

pub(crate) const MANIFEST_TYPE: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const CONFIG_TYPE: &str = "application/vnd.wasm.config.v0+json";
pub(crate) const LAYER_TYPE: &str = "application/wasm";
/// What the config says of when it was made. The same module has the same digest, whenever it is pushed.
const CREATED: &str = "1970-01-01T00:00:00Z";

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Manifest {
    schema_version: u32,
    #[serde(default)]
    media_type: String,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    annotations: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: String,
    digest: String,
    size: u64,
}

/// What a manifest promises of its module.
pub(crate) struct Layer {
    pub(crate) digest: Digest,
    pub(crate) size: u64,
}

/// The one layer of a policy's manifest.
pub(crate) fn layer(manifest: &[u8]) -> Result<Layer, Refusal> {
    let nonsense = |why: String| Refusal::Nonsense { what: MANIFEST, why };
    let manifest: Manifest = serde_json::from_slice(manifest).map_err(|error| nonsense(error.to_string()))?;
    let wrong = |what, expected, came: &str| Err(Refusal::WrongType { what, expected, came: came.into() });
    // It may be left out (the image specification says SHOULD).
    if !matches!(manifest.media_type.as_str(), "" | MANIFEST_TYPE) {
        return wrong(MANIFEST, MANIFEST_TYPE, &manifest.media_type);
    }
    let config = manifest.config.map(|config| config.media_type).unwrap_or_default();
    if config != CONFIG_TYPE {
        return wrong("its config", CONFIG_TYPE, &config);
    }
    let [layer] = manifest.layers.as_slice() else { return Err(Refusal::Layers(manifest.layers.len())) };
    if layer.media_type != LAYER_TYPE {
        return wrong("its layer", LAYER_TYPE, &layer.media_type);
    }
    let digest = layer.digest.parse().map_err(|why| nonsense(format!("its layer: {why}")))?;
    Ok(Layer { digest, size: layer.size })
}

/// What is said of a component in its config and its annotations.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// Its name.
    pub title: String,
    /// Its version.
    pub version: String,
    /// What it does.
    pub description: String,
    /// The interfaces that it imports, as `package/interface@version`.
    pub imports: Vec<String>,
    /// The interfaces that it exports.
    pub exports: Vec<String>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Config<'a> {
    created: &'a str,
    architecture: &'a str,
    os: &'a str,
    layer_digests: [String; 1],
    component: Component<'a>,
}

#[derive(Serialize)]
struct Component<'a> {
    exports: &'a [String],
    imports: &'a [String],
}

/// A manifest and its config, as they are pushed.
pub(crate) struct Made {
    pub(crate) manifest: Vec<u8>,
    pub(crate) config: Vec<u8>,
}

/// The manifest of a component.
pub(crate) fn make(component: &[u8], about: &About) -> Result<Made, Refusal> {
    let unwritable = |error: serde_json::Error| Refusal::Nonsense { what: MANIFEST, why: error.to_string() };
    let module = Digest::of(component).to_string();
    let config = serde_json::to_vec(&Config {
        created: CREATED,
        architecture: "wasm",
        os: "wasip2",
        layer_digests: [module.clone()],
        component: Component { exports: &about.exports, imports: &about.imports },
    })
    .map_err(unwritable)?;
    let descriptor = |media_type: &str, digest: String, content: &[u8]| Descriptor {
        media_type: media_type.into(),
        digest,
        size: content.len() as u64,
    };
    let annotations =
        [("title", &about.title), ("version", &about.version), ("description", &about.description)];
    let manifest = Manifest {
        schema_version: 2,
        media_type: MANIFEST_TYPE.into(),
        config: Some(descriptor(CONFIG_TYPE, Digest::of(&config).to_string(), &config)),
        layers: vec![descriptor(LAYER_TYPE, module, component)],
        annotations: annotations
            .into_iter()
            .map(|(name, value)| (format!("org.opencontainers.image.{name}"), value.clone()))
            .collect(),
    };
    Ok(Made { manifest: serde_json::to_vec(&manifest).map_err(unwritable)?, config })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> String {
        let about = About { title: "site".into(), version: "1.0".into(), ..About::default() };
        String::from_utf8(make(b"module", &about).unwrap().manifest).unwrap()
    }

    #[test]
    fn what_is_made_is_read_and_is_the_same_each_time() {
        let layer = layer(made().as_bytes()).unwrap();
        assert_eq!((layer.digest, layer.size), (Digest::of(b"module"), 6));
        assert_eq!(made(), made());
    }

    #[test]
    fn each_bad_one_is_refused_with_its_reason() {
        let two = made().replace(
            "\"layers\":[",
            "\"layers\":[{\"mediaType\":\"application/wasm\",\"digest\":\"sha256:0\",\"size\":1},",
        );
        let none = r#"{"schemaVersion":2,"config":{"mediaType":"application/vnd.wasm.config.v0+json","digest":"","size":0}}"#;
        let index =
            r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;
        for (text, expected) in [
            (two.as_str(), "it has 2 layers"),
            (none, "it has 0 layers"),
            (index, "image.index.v1+json, and not application/vnd.oci.image.manifest"),
            (&made().replace(CONFIG_TYPE, "application/vnd.oci.image.config.v1+json"), "its config is"),
            (&made().replace(LAYER_TYPE, "application/x-tar"), "its layer is application/x-tar"),
            (&made().replace("\"digest\":\"sha256:", "\"digest\":\"sha512:"), "begins with `sha256:`"),
            (&made().replace("\"size\":6", "\"size\":-6"), "the manifest cannot be read"),
            ("", "the manifest cannot be read"),
            ("<html>", "the manifest cannot be read"),
            ("{}", "the manifest cannot be read"),
        ] {
            let said = layer(text.as_bytes()).map(|_| ()).unwrap_err().to_string();
            assert!(said.contains(expected), "{text}: {said}");
        }
    }
}
