//! `CapEff` of `/proc/self/status` (proc_pid_status(5)).

use super::read::Files;
use crate::io::root::Root;
use crate::parse::text::{Malformed, cut, lines};

/// Those that the daemon uses, with their numbers in the kernel (include/uapi/linux/capability.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Capability {
    /// To signal processes of other users.
    Kill = 5,
    /// To lock memory beyond `RLIMIT_MEMLOCK`.
    IpcLock = 14,
    /// To look into processes of other users.
    SysPtrace = 19,
    /// To lower `oom_score_adj`, and for PSI windows that are not multiples of 2 s.
    SysResource = 24,
}

/// A set of capabilities.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capabilities(u64);

impl Capabilities {
    /// The effective ones of this process. `None` if they cannot be read.
    #[must_use]
    pub fn own(root: &Root) -> Option<Self> {
        own(root, &mut Files::default())
    }

    /// Whether it is in the set.
    #[must_use]
    pub fn has(self, capability: Capability) -> bool {
        self.0 & (1 << capability as u8) != 0
    }
}

pub(super) fn own(root: &Root, files: &mut Files) -> Option<Capabilities> {
    files.parsed(&root.proc.join("self/status"), |text| {
        effective(text).ok_or(Malformed("no line `CapEff:` with a hexadecimal number"))
    })
}

/// `CapEff: 000001ffffffffff`. The `Status` of procfs wants some thirty other lines, too, and a
/// kernel, a sandbox or a fixture machine without one of them would cost the capabilities.
fn effective(status: &[u8]) -> Option<Capabilities> {
    let value = lines(status).find_map(|line| {
        let (key, value) = cut(line, b':')?;
        (key == b"CapEff").then(|| value.trim_ascii())
    })?;
    let digits =
        std::str::from_utf8(value).ok().filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()))?;
    u64::from_str_radix(digits, 16).ok().map(Capabilities)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_effective_set_is_read_and_not_the_others() {
        let status =
            b"Name:\tx\nCapInh:\t0000000000000000\nCapPrm:\t000001ffffffffff\nCapEff:\t000001fffeffffff\n";
        let own = effective(status).unwrap();
        assert!(own.has(Capability::Kill) && own.has(Capability::IpcLock) && own.has(Capability::SysPtrace));
        assert!(!own.has(Capability::SysResource), "bit 24 is missing");
        assert!(effective(b"CapEff:\t0000000001000020\n").unwrap().has(Capability::SysResource));
        for garbage in [b"".as_slice(), b"CapEff:\t\n", b"CapEff:\t+5\n", b"CapEff:\t11111111111111111\n"] {
            assert_eq!(effective(garbage), None);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text: Vec<u8>) {
            prop_assert_eq!(effective(&text), None);
        }

        #[test]
        fn what_was_formatted_parses_back(bits: u64) {
            let status = format!("Name:\tx\nCapEff:\t{bits:016x}\nSeccomp:\t0\n");
            prop_assert_eq!(effective(status.as_bytes()), Some(Capabilities(bits)));
        }
    }
}
