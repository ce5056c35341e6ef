//! `/proc/PID/cgroup` (cgroups(7)): the memcg of a process, and the systemd units in its path.

use super::text::{cut, lines};
use crate::parse::version::Version;

/// The path in the memory hierarchy; `None` if the file has no line for it.
///
/// ```text
/// 4:memory:/machine/db42      v1: hierarchy, controllers, path
/// 0::/machine.slice           v2
/// ```
pub(crate) fn memcg_path(text: &[u8], version: Version) -> Option<&[u8]> {
    lines(text).find_map(|line| {
        let (hierarchy, rest) = cut(line, b':')?;
        let (controllers, path) = cut(rest, b':')?;
        let is_ours = match version {
            Version::V1 => controllers.split(|&byte| byte == b',').any(|controller| controller == b"memory"),
            Version::V2 => hierarchy == b"0" && controllers.is_empty(),
        };
        (is_ours && path.starts_with(b"/")).then_some(path)
    })
}

/// Whether a memcg is `scope` or below it.
pub(crate) fn is_within(path: &[u8], scope: &[u8]) -> bool {
    scope == b"/" || path.strip_prefix(scope).is_some_and(|below| below.is_empty() || below.starts_with(b"/"))
}

/// The deepest part of the path that is a systemd unit with processes of its own (systemd.unit(5)), or
/// nothing. Slices are not among them: they only group units.
pub(crate) fn unit(path: &[u8]) -> &[u8] {
    const SUFFIXES: [&[u8]; 5] = [b".service", b".scope", b".mount", b".swap", b".socket"];
    path.rsplit(|&byte| byte == b'/')
        .find(|part| SUFFIXES.iter().any(|suffix| part.len() > suffix.len() && part.ends_with(suffix)))
        .unwrap_or_default()
}

/// The deepest part of the path that is a systemd slice (systemd.slice(5)), or nothing.
pub(crate) fn slice(path: &[u8]) -> &[u8] {
    const SUFFIX: &[u8] = b".slice";
    let is_slice = |part: &&[u8]| part.len() > SUFFIX.len() && part.ends_with(SUFFIX);
    path.rsplit(|&byte| byte == b'/').find(is_slice).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_generation_has_its_line() {
        let hybrid = b"9:name=systemd:/s\n4:hugetlb,memory:/m:with:colons\n0::/unified\n";
        assert_eq!(memcg_path(hybrid, Version::V1), Some(b"/m:with:colons".as_slice()));
        assert_eq!(memcg_path(hybrid, Version::V2), Some(b"/unified".as_slice()));
        assert_eq!(memcg_path(b"0::/\n", Version::V1), None);
        for garbage in [b"".as_slice(), b"0:", b"0::", b"0::relative", b"1:name=memory:/x"] {
            assert_eq!(memcg_path(garbage, Version::V1), None);
            assert_eq!(memcg_path(garbage, Version::V2), None);
        }
    }

    #[test]
    fn a_scope_holds_itself_and_what_is_below_but_not_its_namesakes() {
        assert!(is_within(b"/a/b", b"/a/b"));
        assert!(is_within(b"/a/b/c", b"/a/b"));
        assert!(!is_within(b"/a/bc", b"/a/b"));
        assert!(!is_within(b"/a", b"/a/b"));
        assert!(is_within(b"/a", b"/"));
    }

    #[test]
    fn the_unit_is_the_deepest_that_is_not_a_slice() {
        let session = b"/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome.scope/inner";
        assert_eq!(unit(session), b"app-gnome.scope");
        assert_eq!(unit(b"/system.slice/dbus.service"), b"dbus.service");
        assert_eq!(unit(b"/system.slice"), b"");
        assert_eq!(unit(b"/.service"), b"");
        assert_eq!(unit(b"/kubepods/pod1"), b"");
        assert_eq!(slice(session), b"app.slice");
        assert_eq!(slice(b"/system.slice/dbus.service"), b"system.slice");
        assert_eq!(slice(b"/.slice/x"), b"");
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>) {
            prop_assert!(unit(&text).len() <= text.len());
            let found = memcg_path(&text, Version::V2).or(memcg_path(&text, Version::V1));
            prop_assert!(found.is_none_or(|path| path.len() < text.len()));
        }

        #[test]
        fn what_was_formatted_parses_back(path in "/[^\n]{0,40}") {
            let text = format!("5:cpu:/x\n4:memory:{path}\n0::{path}\n");
            prop_assert_eq!(memcg_path(text.as_bytes(), Version::V1), Some(path.as_bytes()));
            prop_assert_eq!(memcg_path(text.as_bytes(), Version::V2), Some(path.as_bytes()));
        }
    }
}
