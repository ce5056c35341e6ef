//! Which processes are visible, and which other daemons act when memory is short.

use std::path::Path;

use procfs::process::MountInfo;

use super::read::Files;
use crate::io::root::Root;
use crate::parse::mounts::mounts;
use crate::parse::text::number;

/// Names of other such daemons. The kernel keeps 15 bytes of a name.
const RIVALS: [&[u8]; 6] = [b"bustd", b"earlyoom", b"low-memory-moni", b"nohang", b"oomd", b"systemd-oomd"];

/// Another daemon that ends processes when memory is short.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rival {
    /// Its name.
    pub name: String,
    /// Its pid.
    pub pid: u32,
}

/// Which processes procfs shows us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Mounted with `hidepid` (proc(5)): processes of other users are hidden, or most of their files.
    pub is_hidden: bool,
    /// Kernel threads are visible. If not, this is a pid namespace and its processes are all that is visible.
    pub has_kernel_threads: bool,
}

pub(super) fn rivals(root: &Root) -> Vec<Rival> {
    let listed = std::fs::read_dir(&root.proc).into_iter().flatten().flatten();
    let pids = listed.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let mut rivals: Vec<Rival> = pids
        .filter_map(|pid| {
            // One that has ended meanwhile, or is hidden, is no fault.
            let comm = std::fs::read(root.proc.join(format!("{pid}/comm"))).ok()?;
            let name = RIVALS.into_iter().find(|&name| comm.trim_ascii_end() == name)?;
            Some(Rival { name: String::from_utf8_lossy(name).into_owned(), pid })
        })
        .collect();
    rivals.sort_unstable();
    rivals
}

pub(super) fn sight(root: &Root, files: &mut Files) -> Sight {
    let path = root.proc.join("self/mountinfo");
    let text = files.read(&path).unwrap_or_default();
    let (mut is_hidden, mut first_error) = (false, None);
    for mount in mounts(&text) {
        match mount {
            Ok(mount) => is_hidden |= hides_processes(&mount),
            Err(what) => first_error = first_error.or(Some(what)),
        }
    }
    if let Some(what) = first_error {
        files.fault(&path, &what);
    }
    let comm = files.read(&root.proc.join("2/comm")).unwrap_or_default();
    Sight { is_hidden, has_kernel_threads: comm.trim_ascii_end() == b"kthreadd" }
}

/// `22 1 0:21 / /proc rw - proc proc rw,hidepid=invisible`: a mount of procfs at its usual place. Kernels
/// before 5.8 print a number.
fn hides_processes(mount: &MountInfo) -> bool {
    let is_usual = mount.fs_type == "proc" && mount.mount_point == Path::new("/proc");
    let option = mount.super_options.get("hidepid").filter(|_| is_usual);
    option
        .and_then(Option::as_deref)
        .is_some_and(|value| value != "off" && number(value.as_bytes()) != Some(0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hides_processes(line: &[u8]) -> bool {
        mounts(line).flatten().any(|mount| super::hides_processes(&mount))
    }

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
