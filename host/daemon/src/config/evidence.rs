//! `[journal]` and `[metrics]`: what is written down of decisions.

use std::path::PathBuf;

use super::meant::Config;
use super::reader::Section;

pub(super) fn journal(section: Section<'_>, config: &mut Config) {
    let to = &mut config.fixed.evidence;
    to.journal_directory = absolute(&section, "directory");
    if let Some(mib) = section.number("max_mib", 0..=1_048_576_u32) {
        to.journal_max_mib = mib;
    }
    section.finish();
}

pub(super) fn metrics(section: Section<'_>, config: &mut Config) {
    config.fixed.evidence.metrics_textfile = absolute(&section, "textfile");
    section.finish();
}

fn absolute(section: &Section<'_>, key: &'static str) -> Option<PathBuf> {
    let path = PathBuf::from(section.text(key)?);
    if !path.is_absolute() {
        section.wrong(key, format!("`{key}` must be an absolute path, not {path:?}"));
    }
    Some(path)
}
