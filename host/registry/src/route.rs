//! Where a registry may send us.

use ureq::http::Uri;

use crate::refusal::Refusal;

/// Whether both are the same server, by its scheme, host and port: what is told to the one may be told to the
/// other.
pub(crate) fn is_same(one: &Uri, other: &Uri) -> bool {
    let origin = |uri: &Uri| {
        let scheme = uri.scheme_str().unwrap_or_default().to_ascii_lowercase();
        let port = uri.port_u16().unwrap_or(if scheme == "http" { 80 } else { 443 });
        (scheme, uri.host().unwrap_or_default().to_ascii_lowercase(), port)
    };
    origin(one) == origin(other)
}

/// Where a `Location` leads: to the same server, or by TLS to another where we came by TLS.
pub(crate) fn hop(from: &Uri, location: &str) -> Result<Uri, Refusal> {
    let refused = |why: &'static str| Refusal::Elsewhere { url: shown(from), to: shown_text(location), why };
    let absolute = if location.starts_with('/') && !location.starts_with("//") {
        let authority = from.authority().map(ToString::to_string).unwrap_or_default();
        format!("{}://{authority}{location}", from.scheme_str().unwrap_or_default())
    } else {
        location.to_owned()
    };
    let Ok(to) = absolute.parse::<Uri>() else { return Err(refused("which is no address")) };
    check(&to).map_err(refused)?;
    if is_same(from, &to) || (is_tls(from) && is_tls(&to)) {
        return Ok(to);
    }
    Err(refused(if is_tls(from) {
        "where there is no TLS"
    } else {
        "another server, which a registry without TLS may not"
    }))
}

/// Where tokens are given out: the login is sent there, so it is the registry itself or has TLS.
pub(crate) fn realm(registry: &Uri, realm: &str) -> Result<Uri, Refusal> {
    let refused = |why: &'static str| Refusal::Elsewhere { url: shown(registry), to: shown_text(realm), why };
    let to = realm.parse::<Uri>().ok().filter(|to| check(to).is_ok());
    let to = to.ok_or_else(|| refused("which is no address for a login"))?;
    if is_same(registry, &to) || is_tls(&to) {
        return Ok(to);
    }
    Err(refused("where a login would be sent without TLS"))
}

fn is_tls(uri: &Uri) -> bool {
    uri.scheme_str() == Some("https")
}

fn check(uri: &Uri) -> Result<(), &'static str> {
    let authority = uri.authority().ok_or("which has no host")?;
    if authority.as_str().contains('@') {
        return Err("which has a login within");
    }
    if uri.host().is_none_or(str::is_empty) || !matches!(uri.scheme_str(), Some("http" | "https")) {
        return Err("which is neither http nor https");
    }
    Ok(())
}

/// Without what is behind a `?`, which may be a signature that gives access.
pub(crate) fn shown(uri: &Uri) -> String {
    shown_text(&uri.to_string())
}

fn shown_text(address: &str) -> String {
    address.split('?').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_sent_from_tls_to_tls_and_within_the_same_server() {
        let ok = |to: &str| Ok(to.to_owned());
        let tls = "https://r.io/v2/a/blobs/x";
        for (from, location, expected) in [
            (tls, "/b?c=d", ok("https://r.io/b?c=d")),
            (tls, "https://r.io:443/b", ok("https://r.io:443/b")),
            (tls, "https://cdn.io/b", ok("https://cdn.io/b")),
            (tls, "http://r.io/b", Err("where there is no TLS")),
            (tls, "http://127.0.0.1/b", Err("where there is no TLS")),
            (tls, "//cdn.io/b", Err("which has no host")),
            (tls, "b", Err("which is neither http nor https")),
            (tls, "", Err("which is no address")),
            (tls, "https://", Err("which is no address")),
            (tls, "file:///etc/passwd", Err("which is no address")),
            (tls, "ftp://cdn.io/b", Err("which is neither http nor https")),
            (tls, "https://a:b@cdn.io/b", Err("which has a login within")),
            ("http://127.0.0.1:1/x", "/b", ok("http://127.0.0.1:1/b")),
            ("http://127.0.0.1:1/x", "http://127.0.0.1:1/b", ok("http://127.0.0.1:1/b")),
            ("http://127.0.0.1:1/x", "http://127.0.0.1:2/b", Err("another server, which")),
            ("http://127.0.0.1:1/x", "http://localhost:1/b", Err("another server, which")),
            ("http://127.0.0.1:1/x", "https://cdn.io/b", Err("another server, which")),
        ] {
            match (hop(&from.parse().unwrap(), location), expected) {
                (Ok(to), Ok(expected)) => assert_eq!(to.to_string(), expected, "{location}"),
                (Err(refusal), Err(expected)) => {
                    assert!(refusal.to_string().contains(expected), "{location}: {refusal}");
                }
                (found, expected) => panic!("{location}: {found:?}, and not {expected:?}"),
            }
        }
    }

    #[test]
    fn a_login_goes_to_the_registry_or_by_tls() {
        for (registry, to, is_good) in [
            ("https://r.io/v2/", "https://auth.io/token", true),
            ("https://r.io/v2/", "http://auth.io/token", false),
            ("https://r.io/v2/", "http://r.io/token", false),
            ("http://127.0.0.1:1/v2/", "http://127.0.0.1:1/token", true),
            ("http://127.0.0.1:1/v2/", "http://127.0.0.1:2/token", false),
            ("https://r.io/v2/", "/token", false),
            ("https://r.io/v2/", "https://u:p@auth.io/token", false),
        ] {
            assert_eq!(realm(&registry.parse().unwrap(), to).is_ok(), is_good, "{registry} {to}");
        }
    }

    #[test]
    fn a_signature_is_not_shown() {
        let refusal = hop(&"https://r.io/x".parse().unwrap(), "http://cdn.io/b?sig=secret").unwrap_err();
        assert!(!refusal.to_string().contains("secret"), "{refusal}");
    }
}
