//! What systemd takes for the name of a unit (systemd.unit(5)).

/// As systemd has it: with the suffix and the byte at the end.
const LENGTH_MAX: usize = 255;
/// Units of these types can be stopped, or are refused by systemd with a reason.
const TYPES: [&str; 11] = [
    "automount",
    "device",
    "mount",
    "path",
    "scope",
    "service",
    "slice",
    "socket",
    "swap",
    "target",
    "timer",
];

/// Whether it is the full name of a unit, and not of a template.
pub(super) fn is_valid(name: &str) -> bool {
    let Some((stem, suffix)) = name.rsplit_once('.') else { return false };
    let is_allowed = |byte: u8| byte.is_ascii_alphanumeric() || b":-_.\\@".contains(&byte);
    name.len() <= LENGTH_MAX
        && TYPES.contains(&suffix)
        && !stem.is_empty()
        && !stem.starts_with('@')
        && !stem.ends_with('@')
        && stem.bytes().all(is_allowed)
}
