//! Whom we see, and who else ends processes when memory is short.

use super::read;
use crate::parse::{lines, number};
use crate::root::Root;

/// Names by which other such daemons are known. The kernel keeps 15 bytes of a name.
const RIVALS: [&[u8]; 6] = [b"bustd", b"earlyoom", b"low-memory-moni", b"nohang", b"oomd", b"systemd-oomd"];

/// Another daemon that ends processes when memory is short.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rival {
    /// Its name, as it calls itself.
    pub name: String,
    /// Its process.
    pub pid: u32,
}

/// Which processes procfs shows us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Mounted with `hidepid` (proc(5)): processes of other users are hidden, or most of their files.
    pub is_hidden: bool,
    /// Kernel threads are there. Where they are not, we are in a pid namespace and see only what is in it.
    pub has_kernel_threads: bool,
}

pub(super) fn rivals(root: &Root) -> Vec<Rival> {
    let listed = std::fs::read_dir(&root.proc).into_iter().flatten().flatten();
    let pids = listed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut rivals: Vec<Rival> = pids
        .filter_map(|pid| {
            let comm = read(&root.proc.join(format!("{pid}/comm")))?;
            let name = RIVALS.into_iter().find(|&name| comm.trim_ascii_end() == name)?;
            Some(Rival { name: String::from_utf8_lossy(name).into_owned(), pid })
        })
        .collect();
    rivals.sort_unstable();
    rivals
}

pub(super) fn sight(root: &Root) -> Sight {
    let mounts = read(&root.proc.join("self/mountinfo")).unwrap_or_default();
    let comm = read(&root.proc.join("2/comm")).unwrap_or_default();
    Sight {
        is_hidden: lines(&mounts).any(hides_processes),
        has_kernel_threads: comm.trim_ascii_end() == b"kthreadd",
    }
}

/// `22 1 0:21 / /proc rw - proc proc rw,hidepid=invisible`: a mount of procfs at its usual place. Kernels before 5.8
/// print a number.
fn hides_processes(line: &[u8]) -> bool {
    let mut words = line.split(|&byte| byte == b' ');
    let is_usual =
        words.nth(4) == Some(b"/proc") && words.any(|word| word == b"-") && words.next() == Some(b"proc");
    let options = if is_usual { words.nth(1).unwrap_or_default() } else { b"" };
    options.split(|&byte| byte == b',').any(|option| match option.strip_prefix(b"hidepid=") {
        Some(b"off") | None => false,
        Some(value) => number(value) != Some(0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hidepid_is_an_option_of_procfs_in_words_or_numbers() {
        let proc = |options: &str| format!("22 27 0:21 / /proc rw,relatime shared:5 - proc proc {options}");
        for hidden in ["rw,hidepid=2", "rw,gid=27,hidepid=invisible", "rw,hidepid=1", "rw,hidepid=ptraceable"]
        {
            assert!(hides_processes(proc(hidden).as_bytes()), "{hidden}");
        }
        for open in ["rw", "rw,hidepid=0", "rw,hidepid=off"] {
            assert!(!hides_processes(proc(open).as_bytes()), "{open}");
        }
        assert!(!hides_processes(b"22 27 0:21 / /srv/proc rw - proc proc rw,hidepid=2"));
        assert!(!hides_processes(b"22 27 0:21 / /proc rw - tmpfs proc rw,hidepid=2"));
    }

    proptest! {
        #[test]
        fn nothing_panics(line: Vec<u8>) {
            prop_assert!(!hides_processes(&line));
        }
    }
}
