//! What a registry asks for before it answers (RFC 9110, 11.6.1; the specification of distribution's tokens).
//!
//! ```text
//! WWW-Authenticate: Bearer realm="https://auth.example.com/token",service="registry",scope="..."
//! WWW-Authenticate: Basic realm="registry"
//! ```

use serde::Deserialize;
use ureq::http::Uri;

use crate::refusal::Refusal;

/// What it wants to see.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// A login.
    Basic,
    /// A token, which is given out elsewhere.
    Bearer { realm: String, service: Option<String> },
}

impl Challenge {
    /// Its scope is not read: a token is asked for what is meant to be done, and for nothing else.
    pub(super) fn parse(header: &str) -> Option<Self> {
        let (scheme, mut rest) = header.trim().split_once(' ')?;
        if scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let (mut realm, mut service) = (None, None);
        while let Some((name, behind)) = rest.split_once("=\"") {
            let (value, behind) = behind.split_once('"')?;
            match name.trim_matches([',', ' ']).to_ascii_lowercase().as_str() {
                "realm" => realm = Some(value.to_owned()),
                "service" => service = Some(value.to_owned()),
                _ => {}
            }
            rest = behind;
        }
        Some(Self::Bearer { realm: realm?, service })
    }
}

/// Where a token for one repository is.
pub(super) fn token_address(
    realm: &Uri,
    service: Option<&str>,
    repository: &str,
    actions: &str,
) -> Result<Uri, Refusal> {
    let separator = if realm.query().is_some() { '&' } else { '?' };
    let mut text =
        format!("{realm}{separator}scope={}", encoded(&format!("repository:{repository}:{actions}")));
    if let Some(service) = service {
        text += &format!("&service={}", encoded(service));
    }
    text.parse().map_err(|_no_uri| Refusal::Nonsense { what: "the address of tokens", why: text.clone() })
}

/// As a part of a query.
fn encoded(text: &str) -> String {
    let is_plain =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b':' | b'/');
    let one = |byte: u8| if is_plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") };
    text.bytes().map(one).collect()
}

#[derive(Deserialize)]
struct Tokens {
    token: Option<String>,
    access_token: Option<String>,
}

/// The token of an answer. It goes into a header, so it has nothing that would end one.
pub(super) fn token(answer: &[u8]) -> Result<String, Refusal> {
    let nonsense = |why: String| Refusal::Nonsense { what: "the token", why };
    let tokens: Tokens = serde_json::from_slice(answer).map_err(|error| nonsense(error.to_string()))?;
    let token = tokens.token.or(tokens.access_token).unwrap_or_default();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(nonsense("there is none in it".into()));
    }
    Ok(token)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_is_read_and_nothing_else() {
        let bearer = |realm: &str, service: Option<&str>| {
            Some(Challenge::Bearer { realm: realm.into(), service: service.map(Into::into) })
        };
        for (header, expected) in [
            ("Basic realm=\"r\"", Some(Challenge::Basic)),
            (
                "bearer realm=\"https://a/t\",service=\"s\",scope=\"x:y:z,w\"",
                bearer("https://a/t", Some("s")),
            ),
            ("Bearer service=\"s\", realm=\"https://a/t\"", bearer("https://a/t", Some("s"))),
            ("Bearer realm=\"https://a/t\"", bearer("https://a/t", None)),
            ("Bearer service=\"s\"", None),
            ("Bearer realm=\"unended", None),
            ("Digest realm=\"r\"", None),
            ("Basic", None),
            ("", None),
        ] {
            assert_eq!(Challenge::parse(header), expected, "{header}");
        }
    }

    #[test]
    fn a_token_is_asked_for_this_repository() {
        let address = |realm: &str| {
            token_address(&realm.parse().unwrap(), Some("a&b c"), "x/y", "pull,push").unwrap().to_string()
        };
        let query = "scope=repository:x/y:pull%2Cpush&service=a%26b%20c";
        assert_eq!(address("https://a.io/t"), format!("https://a.io/t?{query}"));
        assert_eq!(address("https://a.io/t?k=v"), format!("https://a.io/t?k=v&{query}"));
    }

    #[test]
    fn a_token_cannot_add_a_header() {
        assert_eq!(token(br#"{"token":"a.b"}"#).unwrap(), "a.b");
        assert_eq!(token(br#"{"access_token":"c"}"#).unwrap(), "c");
        for bad in [r#"{}"#, r#"{"token":""}"#, r#"{"token":"a\r\nHost: b"}"#, "[]", ""] {
            assert!(token(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
