//! Who asks: a name and a password, given or from the file that `docker login` writes.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::limits::LOGINS_BYTES_MAX;
use crate::reference::Reference;

/// Under which `docker login` keeps the login of its own registry.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// A name and a password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Login {
    /// The name.
    pub username: String,
    /// The password, or a token in its place.
    pub password: String,
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login").field("username", &self.username).finish_non_exhaustive()
    }
}

/// The part of Docker's `config.json` that holds logins. Helpers are not asked: they are programs.
#[derive(Deserialize)]
struct DockerConfig {
    #[serde(default)]
    auths: BTreeMap<String, Auth>,
}

#[derive(Deserialize)]
struct Auth {
    /// `name:password` in base64.
    #[serde(default)]
    auth: String,
}

impl Login {
    /// The login of a registry in a folder of Docker's, if there is one.
    ///
    /// # Errors
    /// What is wrong with its `config.json`. One that is not there is no error.
    pub fn from_docker(folder: &Path, reference: &Reference) -> Result<Option<Self>, String> {
        let path = folder.join("config.json");
        let named = |what: &dyn fmt::Display| format!("{}: {what}", path.display());
        let mut text = String::new();
        match File::open(&path).and_then(|file| file.take(LOGINS_BYTES_MAX).read_to_string(&mut text)) {
            Ok(_) => Self::in_docker(&text, reference).map_err(|what| named(&what)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(named(&error)),
        }
    }

    fn in_docker(text: &str, reference: &Reference) -> Result<Option<Self>, String> {
        let config: DockerConfig = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let registry = reference.registry();
        let keys = [registry.to_owned(), format!("https://{registry}"), DOCKER_HUB_KEY.to_owned()];
        let keys = if registry == "docker.io" { &keys[..] } else { keys.get(..2).unwrap_or_default() };
        let found = keys.iter().find_map(|key| config.auths.get(key)).filter(|auth| !auth.auth.is_empty());
        let Some(Auth { auth }) = found else { return Ok(None) };
        let decoded = STANDARD.decode(auth).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        match decoded.as_deref().and_then(|text| text.split_once(':')) {
            Some((username, password)) => {
                Ok(Some(Self { username: username.into(), password: password.into() }))
            }
            None => Err(format!("the `auth` of {registry} is not NAME:PASSWORD in base64")),
        }
    }

    /// The value of the header `Authorization`.
    pub(crate) fn header(&self) -> String {
        format!("Basic {}", STANDARD.encode(format!("{}:{}", self.username, self.password)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login(text: &str, reference: &str) -> Result<Option<String>, String> {
        let found = Login::in_docker(text, &reference.parse().unwrap())?;
        Ok(found.map(|login| format!("{} {}", login.username, login.password)))
    }

    #[test]
    fn a_login_is_found_by_its_registry_alone() {
        let text = r#"{"auths": {
            "ghcr.io": {"auth": "YTpiOmM="}, "https://quay.io": {"auth": "ZDpl"}, "empty.io": {},
            "https://index.docker.io/v1/": {"auth": "Zjpn"}, "bad.io": {"auth": "YWI="}
        }, "credsStore": "desktop"}"#;
        for (reference, expected) in [
            ("ghcr.io/x", Some("a b:c")),
            ("quay.io/x", Some("d e")),
            ("docker.io/library/x", Some("f g")),
            ("empty.io/x", None),
            ("ghcr.io:443/x", None),
            ("evil.ghcr.io/x", None),
        ] {
            assert_eq!(login(text, reference), Ok(expected.map(Into::into)), "{reference}");
        }
        assert!(login(text, "bad.io/x").unwrap_err().contains("NAME:PASSWORD"));
        assert!(login("{", "ghcr.io/x").is_err());
    }

    #[test]
    fn a_password_is_not_printed() {
        let login = Login { username: "a".into(), password: "secret".into() };
        assert!(!format!("{login:?}").contains("secret"));
    }
}
