//! Policies that come from an OCI registry.
//!
//! ```text
//! source = "oci://..." ─▶ Fetcher ─▶ store? ─▶ a child: jettison_registry::pull ─▶ proven ─▶ store ─▶ module
//! ```
//!
//! This process reads what its own child hands over, and proves it again. It parses nothing of a registry's.

mod child;
mod fetcher;
mod store;

pub(crate) use child::{fetch_module, with_login};
pub(crate) use fetcher::Fetcher;
