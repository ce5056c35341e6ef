//! Names of users. For what people read and write only: a decision compares uids.
//!
//! A look-up goes through NSS (nsswitch.conf(5)). It may load a module and wait for a server, so it is made
//! where a configuration is read or a table is printed, never in a tick and never by the loop.

use std::cell::RefCell;
use std::collections::BTreeMap;

use jettison_model::text::Escaped;
use nix::unistd::{Uid, User};

/// The names of this host's users, or of none.
#[derive(Debug)]
pub(crate) enum Users {
    /// Each uid is looked up once.
    Here(RefCell<BTreeMap<u32, Option<String>>>),
    /// Uids of a folder or a file: another host may call them otherwise, so they stay numbers.
    Elsewhere,
}

impl Users {
    pub(crate) fn here() -> Self {
        Self::Here(RefCell::default())
    }

    /// `None` if the uid has no name, or if this host cannot tell.
    pub(crate) fn name(&self, uid: u32) -> Option<String> {
        let Self::Here(known) = self else { return None };
        let look_up = || User::from_uid(Uid::from_raw(uid)).ok()?.map(|user| user.name);
        known.borrow_mut().entry(uid).or_insert_with(look_up).clone()
    }
}

/// For people: the name, else the uid, else `-`.
pub(crate) fn shown(name: Option<&str>, uid: Option<u32>) -> String {
    match (name, uid) {
        (Some(name), _) => Escaped(name.as_bytes()).to_string(),
        (None, Some(uid)) => uid.to_string(),
        (None, None) => "-".into(),
    }
}

/// The uid of a user of this host, by its name, or by its number as in `User=` of systemd.exec(5). A number
/// needs no user.
///
/// # Errors
/// What to do.
pub(crate) fn uid_of(user: &str) -> Result<u32, String> {
    if !user.is_empty() && user.bytes().all(|byte| byte.is_ascii_digit()) {
        // 2^32-1 is no uid (chown(2)).
        let uid = user.parse().ok().filter(|&uid| uid != u32::MAX);
        return uid.ok_or_else(|| "is no uid: it must be less than 4294967295".into());
    }
    match User::from_name(user) {
        Ok(Some(user)) => Ok(user.uid.as_raw()),
        Ok(None) => Err("is no user of this host: mend the name (`getent passwd`), or give the uid".into()),
        Err(errno) => Err(format!("cannot be looked up ({}): give the uid", errno.desc())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_this_host_alone() {
        let here = Users::here();
        assert_eq!(here.name(0).as_deref(), Some("root"));
        assert_eq!((here.name(4_294_967_000), Users::Elsewhere.name(0)), (None, None));
        assert_eq!(
            [shown(Some("a\n"), Some(7)), shown(None, Some(7)), shown(None, None)],
            ["a\\n", "7", "-"]
        );
    }

    #[test]
    fn a_user_is_a_name_or_a_number() {
        assert_eq!((uid_of("root"), uid_of("0"), uid_of("4294967000")), (Ok(0), Ok(0), Ok(4_294_967_000)));
        for wrong in ["", "no-such-user", "4294967295", "99999999999", "-1", "nul\0"] {
            uid_of(wrong).unwrap_err();
        }
    }
}
