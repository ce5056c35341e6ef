//! What a fetch may take, and by what login.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::login::Login;
use crate::reference::Reference;

/// What the administrator allows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Terms {
    /// Bytes of a module.
    pub module_bytes: u64,
    /// Seconds for all requests together.
    pub seconds: u64,
    /// Registries, as `HOST:PORT`, that are spoken to without TLS. This very host is in any case.
    pub plain_http: Vec<String>,
    /// Nothing where a registry is asked without a login.
    pub login: Option<Login>,
}

impl Terms {
    pub(crate) fn time(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// Where the registry is: without TLS only where that is allowed.
    pub(crate) fn base(&self, reference: &Reference) -> String {
        let is_plain =
            reference.is_loopback() || self.plain_http.iter().any(|plain| plain == reference.registry());
        format!("{}://{}", if is_plain { "http" } else { "https" }, reference.host())
    }
}
