//! What names a policy in a registry: `oci://HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]`.

use std::fmt;
use std::str::FromStr;

use crate::digest::Digest;
use crate::limits::{REPOSITORY_BYTES_MAX, TAG_BYTES_MAX};

/// How a reference begins in a configuration.
const SCHEME: &str = "oci://";
/// The registry that has another host for its API than for its name.
const DOCKER_HUB: (&str, &str) = ("docker.io", "registry-1.docker.io");

/// A reference, with a tag, a digest, or both; then the digest counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference {
    registry: String,
    repository: String,
    tag: Option<String>,
    digest: Option<Digest>,
}

/// Why a text is no reference, with what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadReference(String);

impl fmt::Display for BadReference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for BadReference {}

impl Reference {
    /// Host and port.
    #[must_use]
    pub fn registry(&self) -> &str {
        &self.registry
    }

    /// The name within the registry.
    #[must_use]
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The tag, if it has one.
    #[must_use]
    pub fn tag(&self) -> Option<&str> {
        self.tag.as_deref()
    }

    /// The digest of the manifest, if it has one.
    #[must_use]
    pub fn digest(&self) -> Option<&Digest> {
        self.digest.as_ref()
    }

    /// The same with this digest.
    #[must_use]
    pub fn pinned(self, digest: Digest) -> Pinned {
        Pinned { reference: Self { digest: Some(digest.clone()), ..self }, digest }
    }

    /// Where its API is.
    pub(crate) fn host(&self) -> &str {
        if self.registry == DOCKER_HUB.0 { DOCKER_HUB.1 } else { &self.registry }
    }

    /// What a manifest is asked for by.
    pub(crate) fn version(&self) -> String {
        match (&self.digest, &self.tag) {
            (Some(digest), _) => digest.to_string(),
            (None, Some(tag)) => tag.clone(),
            (None, None) => "latest".into(),
        }
    }

    /// Whether the registry is this very host, which no other can listen in to.
    pub(crate) fn is_loopback(&self) -> bool {
        let host = self.registry.split(':').next().unwrap_or_default();
        host == "localhost" || host.parse().is_ok_and(|address: std::net::Ipv4Addr| address.is_loopback())
    }
}

impl FromStr for Reference {
    type Err = BadReference;

    /// Takes it with or without `oci://`.
    fn from_str(text: &str) -> Result<Self, BadReference> {
        let bad = |what: &str| {
            BadReference(format!(
                "{text:?} is no reference ({what}): expected \"oci://HOST/NAME@sha256:...\", as `jettison pull` prints it"
            ))
        };
        let rest = text.strip_prefix(SCHEME).unwrap_or(text);
        if rest.contains("://") {
            return Err(bad("only `oci://` may stand before the host"));
        }
        let (rest, digest) = match rest.split_once('@') {
            Some((rest, digest)) => (rest, Some(digest.parse::<Digest>().map_err(bad)?)),
            None => (rest, None),
        };
        let (registry, name) = rest.split_once('/').ok_or_else(|| bad("there is no `/` after the host"))?;
        check_registry(registry).map_err(bad)?;
        let (repository, tag) = match name.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (name, None),
        };
        if !is_repository(repository) {
            return Err(bad(
                "a name has lower case letters, digits and single `.`, `_`, `-` within, and `/` between its parts",
            ));
        }
        if tag.is_some_and(|tag| !is_tag(tag)) {
            return Err(bad("a tag has up to 128 letters, digits, `_`, `.` and `-`"));
        }
        Ok(Self {
            registry: registry.into(),
            repository: repository.into(),
            tag: tag.map(Into::into),
            digest,
        })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}/{}", self.registry, self.repository)?;
        self.tag.iter().try_for_each(|tag| write!(f, ":{tag}"))?;
        self.digest.iter().try_for_each(|digest| write!(f, "@{digest}"))
    }
}

/// A reference that one content answers to alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pinned {
    reference: Reference,
    digest: Digest,
}

impl Pinned {
    /// The reference.
    #[must_use]
    pub fn reference(&self) -> &Reference {
        &self.reference
    }

    /// The digest of the manifest.
    #[must_use]
    pub fn digest(&self) -> &Digest {
        &self.digest
    }
}

impl FromStr for Pinned {
    type Err = BadReference;

    fn from_str(text: &str) -> Result<Self, BadReference> {
        let reference: Reference = text.parse()?;
        match reference.digest.clone() {
            Some(digest) => Ok(Self { reference, digest }),
            None => Err(BadReference(format!(
                "{text:?} has no digest, so what it names may change: `jettison pull {reference}` prints the line with `@sha256:...`"
            ))),
        }
    }
}

impl fmt::Display for Pinned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.reference.fmt(f)
    }
}

fn check_registry(registry: &str) -> Result<(), &'static str> {
    let (host, port) = match registry.split_once(':') {
        Some((host, port)) => (host, Some(port)),
        None => (registry, None),
    };
    let is_label = |label: &str| {
        let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.bytes().all(is_inner) && !label.starts_with('-') && !label.ends_with('-')
    };
    if host.len() > 253 || !host.split('.').all(is_label) {
        return Err("a host has lower case letters, digits, `-` and `.`");
    }
    if port.is_some_and(|port| {
        !port.bytes().all(|it| it.is_ascii_digit()) || !matches!(port.parse(), Ok(1..=u16::MAX))
    }) {
        return Err("a port is a number from 1 to 65535");
    }
    if port.is_none() && host != "localhost" && !host.contains('.') {
        return Err("the host must be named, as in `ghcr.io/NAME`");
    }
    Ok(())
}

fn is_repository(name: &str) -> bool {
    name.len() <= REPOSITORY_BYTES_MAX && name.split('/').all(is_part)
}

/// Letters and digits with separators between them: `.`, `_`, `__` or any number of `-`.
fn is_part(part: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let (mut separator, mut is_good) = (String::new(), !part.is_empty());
    for byte in part.bytes().chain([b'a']) {
        if !is_word(byte) {
            separator.push(char::from(byte));
            continue;
        }
        is_good &=
            matches!(separator.as_str(), "" | "." | "_" | "__") || separator.bytes().all(|it| it == b'-');
        separator.clear();
    }
    let is_edge = |byte: Option<u8>| byte.is_some_and(is_word);
    is_good && is_edge(part.bytes().next()) && is_edge(part.bytes().last())
}

fn is_tag(tag: &str) -> bool {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let is_inner = |byte: u8| is_word(byte) || byte == b'.' || byte == b'-';
    (1..=TAG_BYTES_MAX).contains(&tag.len())
        && tag.bytes().next().is_some_and(is_word)
        && tag.bytes().all(is_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEX: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn good_ones_are_printed_as_they_were_read() {
        let digest = format!("@sha256:{HEX}");
        for (text, registry, repository, tag) in [
            ("ghcr.io/a/b:1.0", "ghcr.io", "a/b", Some("1.0")),
            ("localhost:5000/site", "localhost:5000", "site", None),
            ("127.0.0.1:5000/p/x__y.z-1:latest", "127.0.0.1:5000", "p/x__y.z-1", Some("latest")),
            ("registry.example.com/a--b:V_1", "registry.example.com", "a--b", Some("V_1")),
        ] {
            for suffix in ["", &digest] {
                let shown = format!("oci://{text}{suffix}");
                let found: Reference = shown.parse().unwrap();
                assert_eq!(shown[6..].parse(), Ok(found.clone()), "without its scheme");
                assert_eq!((found.registry(), found.repository(), found.tag()), (registry, repository, tag));
                assert_eq!(found.digest().is_some(), !suffix.is_empty());
                assert_eq!(found.to_string(), shown);
            }
        }
    }

    #[test]
    fn each_bad_one_is_refused_with_its_reason() {
        let (host, name, tag, port) = ("a host has", "a name has", "a tag has", "a port is");
        let long = format!("ghcr.io/{}", "a".repeat(256));
        let long_tag = format!("ghcr.io/a:{}", "a".repeat(129));
        for (text, expected) in [
            ("", "no `/`"),
            ("oci://", "no `/`"),
            ("oci://ghcr.io", "no `/`"),
            ("https://ghcr.io/a", "only `oci://`"),
            ("oci://oci://ghcr.io/a", "only `oci://`"),
            ("oci:///a", host),
            ("oci://Ghcr.io/a", host),
            ("oci://user:pw@ghcr.io/a", "begins with `sha256:`"),
            ("oci://a b.io/a", host),
            ("oci://-a.io/a", host),
            ("oci://a..io/a", host),
            ("oci://[::1]:5000/a", host),
            ("oci://ghcr.io:/a", port),
            ("oci://ghcr.io:0/a", port),
            ("oci://ghcr.io:+1/a", port),
            ("oci://ghcr.io:65536/a", port),
            ("oci://ghcr.io:1:2/a", port),
            ("oci://library/a", "the host must be named"),
            ("oci://ghcr.io/", name),
            ("oci://ghcr.io//a", name),
            ("oci://ghcr.io/a/", name),
            ("oci://ghcr.io/A", name),
            ("oci://ghcr.io/../a", name),
            ("oci://ghcr.io/a/./b", name),
            ("oci://ghcr.io/a..b", name),
            ("oci://ghcr.io/a___b", name),
            ("oci://ghcr.io/a._b", name),
            ("oci://ghcr.io/a-", name),
            ("oci://ghcr.io/a?x", name),
            ("oci://ghcr.io/a%2fb", name),
            ("oci://ghcr.io/a\nb", name),
            ("oci://ghcr.io/ä", name),
            (&long, name),
            ("oci://ghcr.io/a:", tag),
            ("oci://ghcr.io/a:.b", tag),
            ("oci://ghcr.io/a:b c", tag),
            (&long_tag, tag),
            ("oci://ghcr.io/a@", "begins with `sha256:`"),
            ("oci://ghcr.io/a@sha512:00", "begins with `sha256:`"),
            ("oci://ghcr.io/a@sha256:00", "64 digits"),
            (&format!("oci://ghcr.io/a@sha256:{}", HEX.to_uppercase()), "64 digits"),
            (&format!("oci://ghcr.io/a@sha256:{HEX}0"), "64 digits"),
            (&format!("oci://ghcr.io/a@sha256:{HEX}@sha256:{HEX}"), "64 digits"),
        ] {
            let said = text.parse::<Reference>().map_err(|bad| bad.to_string());
            assert!(said.as_ref().is_err_and(|said| said.contains(expected)), "{text:?}: {said:?}");
        }
    }

    #[test]
    fn one_without_a_digest_is_not_pinned_and_says_how_to_get_it() {
        let said = "oci://ghcr.io/a:1".parse::<Pinned>().unwrap_err().to_string();
        assert!(
            said.contains("has no digest") && said.contains("`jettison pull oci://ghcr.io/a:1`"),
            "{said}"
        );
        let pinned: Pinned = format!("oci://ghcr.io/a:1@sha256:{HEX}").parse().unwrap();
        assert_eq!((pinned.digest().hex(), pinned.reference().tag()), (HEX, Some("1")));
    }

    #[test]
    fn this_host_is_known_by_its_name_and_addresses() {
        let is_loopback = |text: &str| text.parse::<Reference>().unwrap().is_loopback();
        for loopback in ["localhost/a", "localhost:5000/a", "127.0.0.1:5000/a", "127.9.9.9/a"] {
            assert!(is_loopback(loopback), "{loopback}");
        }
        for other in
            ["localhost.example.com/a", "127.0.0.1.example.com/a", "10.0.0.1:5000/a", "registry:80/a"]
        {
            assert!(!is_loopback(other), "{other}");
        }
    }
}
