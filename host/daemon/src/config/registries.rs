//! `[registries]`: where policies may come from, and how.

use jettison_registry::Reference;

use super::reader::Section;

/// `[registries]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Registries {
    /// `HOST:PORT` of those that are spoken to without TLS.
    pub(crate) plain_http: Vec<String>,
    /// Seconds for one policy.
    pub(crate) fetch_s: u32,
}

impl Default for Registries {
    fn default() -> Self {
        Self { plain_http: Vec::new(), fetch_s: 30 }
    }
}

pub(super) fn registries(section: Section<'_>) -> Registries {
    let mut to = Registries::default();
    for host in section.texts("plain_http").unwrap_or_default() {
        let is_host = format!("{host}/a").parse().is_ok_and(|it: Reference| it.registry() == host);
        if is_host {
            to.plain_http.push(host);
        } else {
            let expected = "hosts, such as \"registry.lan:5000\"";
            section
                .wrong("plain_http", format!("`registries.plain_http` must hold {expected}, not {host:?}"));
        }
    }
    if let Some(seconds) = section.number("fetch_s", 1..=120_u32) {
        to.fetch_s = seconds;
    }
    section.finish();
    to
}
