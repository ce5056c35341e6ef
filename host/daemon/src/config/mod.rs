//! `jettison.toml`: as written, into what is meant (docs/reference/configuration.md).
//!
//! ```text
//! jettison.toml, policies.d/*.toml ─ files ─▶ reader ─▶ sections ─▶ Config { Fixed, Live, policies }
//! ```
//!
//! [`keys`] has every key once, for the reference, the example and the schema.

mod evidence;
mod files;
mod guard;
mod keys;
mod meant;
mod places;
mod reader;
mod registries;
mod sections;
#[cfg(test)]
mod tests;

pub(crate) use files::{DEFAULT_PATH, toml_files};
pub(crate) use keys::print_schema;
pub(crate) use meant::{Config, Evidence, Fixed, Grants, Mode, Overrides, Own, PolicyConfig, Source};
pub(crate) use reader::Problem;
pub(crate) use registries::Registries;
