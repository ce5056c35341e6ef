//! A directory that no other user can reach, or one of a package that no other user can write to, and its
//! files. What is in them will run, as native code or as a policy, so owner and mode are looked at each time,
//! through the descriptor that is then used.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::{
    AtFlags, CWD, Dir, FileType, Mode, OFlags, Stat, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, fstat,
    fsync, futimens, mkdirat, openat, renameat, statat, unlinkat,
};
use rustix::io::Errno;
use rustix::process::geteuid;

/// What the name of a file ends with that is still being written, or whose writer was killed.
const UNFINISHED: &str = ".new";
/// Bits of the mode with which another user could read or write.
const REACHABLE_BY_OTHERS: u32 = 0o077;

/// And could write.
const WRITABLE_BY_OTHERS: u32 = 0o022;

/// The open directory.
#[derive(Debug)]
pub struct Vault {
    directory: OwnedFd,
    /// What the names of all files end with. Others are not ours, and stay.
    suffix: &'static str,
    is_ours: bool,
}

impl Vault {
    /// Opens the directory, and makes it if it is not there; its parent must be.
    ///
    /// # Errors
    /// What the kernel says, or that it is not ours alone.
    pub fn open(path: &Path, suffix: &'static str) -> io::Result<Self> {
        match mkdirat(CWD, path, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(error.into()),
        }
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(CWD, path, flags, Mode::empty())?;
        check_ours_alone(&fstat(&directory)?)?;
        Ok(Self { directory, suffix, is_ours: true })
    }

    /// Opens a directory that came with the program, to read from it.
    ///
    /// # Errors
    /// What the kernel says, or that others than root and us could have written it.
    pub fn open_shipped(path: &Path, suffix: &'static str) -> io::Result<Self> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(CWD, path, flags, Mode::empty())?;
        check_trusted(&fstat(&directory)?)?;
        Ok(Self { directory, suffix, is_ours: false })
    }

    /// The bytes of a file. The age of one of ours begins anew.
    ///
    /// # Errors
    /// What the kernel says, or that it is not ours alone, could have been written by others where it is not
    /// ours, is no plain file, or is larger than that.
    pub fn read(&self, name: &str, bytes_max: u64) -> io::Result<Vec<u8>> {
        // A pipe under that name must not make us wait.
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = openat(&self.directory, name, flags, Mode::empty())?;
        let found = fstat(&file)?;
        if self.is_ours { check_ours_alone(&found) } else { check_trusted(&found) }?;
        if FileType::from_raw_mode(found.st_mode) != FileType::RegularFile || size(&found) > bytes_max {
            return Err(io::Error::other("it is no file of ours"));
        }
        if self.is_ours {
            // Of no consequence if it fails: then it is the first to go.
            futimens(&file, &written_now()).ok();
        }
        let mut bytes = Vec::new();
        File::from(file).take(bytes_max).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Writes a file as a whole, in the place of whatever has that name. It is not flushed to the disk, which
    /// may take long just when there is no time; a torn file has a wrong checksum.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.put(name, bytes, |_| Ok(()))
    }

    /// The same, and it is on the disk afterwards.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn write_through(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        self.put(name, bytes, |file| Ok(fsync(file)?))?;
        Ok(fsync(&self.directory)?)
    }

    fn put(&self, name: &str, bytes: &[u8], flush: fn(&File) -> io::Result<()>) -> io::Result<()> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let unfinished = format!("{}-{}{UNFINISHED}", process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        // A process of the same id may have died here before.
        self.remove(&unfinished)?;
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
        let mut file = File::from(openat(&self.directory, &unfinished, flags, Mode::RUSR | Mode::WUSR)?);
        let written = file.write_all(bytes).and_then(|()| flush(&file));
        match written.and_then(|()| Ok(renameat(&self.directory, &unfinished, &self.directory, name)?)) {
            Ok(()) => Ok(()),
            Err(error) => self.remove(&unfinished).and(Err(error)),
        }
    }

    /// Removes the oldest files until there are at most so many, of so many bytes together.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn keep_newest(&self, files_max: usize, bytes_max: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in Dir::read_from(&self.directory)? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            if !name.ends_with(self.suffix) && !name.ends_with(UNFINISHED) {
                continue;
            }
            match statat(&self.directory, &name, AtFlags::SYMLINK_NOFOLLOW) {
                Ok(found) => files.push((found.st_mtime, found.st_mtime_nsec, name, size(&found))),
                Err(Errno::NOENT) => {}
                Err(error) => return Err(error.into()),
            }
        }
        files.sort_unstable();
        let mut bytes = 0_u64;
        for (index, (_, _, name, size)) in files.iter().rev().enumerate() {
            bytes = bytes.saturating_add(*size);
            if index >= files_max || bytes > bytes_max {
                self.remove(name)?;
            }
        }
        Ok(())
    }

    /// Removes a file if there is one of that name.
    fn remove(&self, name: &str) -> io::Result<()> {
        match unlinkat(&self.directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }
}

fn check_ours_alone(found: &Stat) -> io::Result<()> {
    if found.st_uid != geteuid().as_raw() {
        return Err(io::Error::other(format!("it belongs to user {}", found.st_uid)));
    }
    let mode = Mode::from_raw_mode(found.st_mode).as_raw_mode();
    if mode & REACHABLE_BY_OTHERS != 0 {
        return Err(io::Error::other(format!("others can reach it (mode {mode:04o}): `chmod go=` it")));
    }
    Ok(())
}

fn check_trusted(found: &Stat) -> io::Result<()> {
    if found.st_uid != 0 && found.st_uid != geteuid().as_raw() {
        return Err(io::Error::other(format!("it belongs to user {}", found.st_uid)));
    }
    let mode = Mode::from_raw_mode(found.st_mode).as_raw_mode();
    if mode & WRITABLE_BY_OTHERS != 0 {
        return Err(io::Error::other(format!("others can write to it (mode {mode:04o})")));
    }
    Ok(())
}

fn size(found: &Stat) -> u64 {
    u64::try_from(found.st_size).unwrap_or(u64::MAX)
}

fn written_now() -> Timestamps {
    let time = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    Timestamps { last_access: time(UTIME_OMIT), last_modification: time(UTIME_NOW) }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use std::path::PathBuf;

    use super::*;

    struct Place {
        _parent: tempfile::TempDir,
        path: PathBuf,
    }

    impl Place {
        fn new() -> (Self, Vault) {
            let parent = tempfile::tempdir().expect("a directory");
            let path = parent.path().join("modules");
            let vault = Vault::open(&path, ".code").expect("it can be made");
            (Self { _parent: parent, path }, vault)
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(&self.path).expect("it is there");
            let mut names: Vec<String> = entries
                .map(|entry| entry.expect("a name").file_name().into_string().expect("UTF-8"))
                .collect();
            names.sort_unstable();
            names
        }

        fn mode(&self, name: &str) -> u32 {
            fs::metadata(self.path.join(name)).expect("it is there").permissions().mode() & 0o7777
        }

        fn set_mode(&self, name: &str, mode: u32) {
            let permissions = fs::Permissions::from_mode(mode);
            fs::set_permissions(self.path.join(name), permissions).expect("it is ours");
        }
    }

    #[test]
    fn what_is_made_is_ours_alone() {
        let (place, vault) = Place::new();
        vault.write("a.code", b"one").expect("there is room");
        vault.write_through("a.code", b"two").expect("there is room");
        assert_eq!((place.mode("."), place.mode("a.code")), (0o700, 0o600));
        assert_eq!(place.names(), ["a.code"]);
        assert_eq!(vault.read("a.code", 3).expect("it is ours"), b"two");
        assert!(vault.read("a.code", 2).is_err(), "it is larger");
        assert!(vault.read("b.code", 3).is_err(), "there is none");
    }

    #[test]
    fn what_others_can_reach_is_not_read_until_it_is_written_anew() {
        let (place, vault) = Place::new();
        vault.write("a.code", b"one").expect("there is room");
        for mode in [0o640, 0o604, 0o620, 0o602, 0o610] {
            place.set_mode("a.code", mode);
            let error = vault.read("a.code", 9).expect_err("others can reach it").to_string();
            assert_eq!(error, format!("others can reach it (mode {mode:04o}): `chmod go=` it"));
        }
        vault.write("a.code", b"two").expect("there is room");
        assert_eq!(vault.read("a.code", 9).expect("it is new"), b"two");
        place.set_mode(".", 0o750);
        assert!(Vault::open(&place.path, ".code").is_err());
    }

    #[test]
    fn links_pipes_and_directories_are_not_followed_or_waited_for() {
        let (place, vault) = Place::new();
        vault.write("real.code", b"one").expect("there is room");
        symlink(place.path.join("real.code"), place.path.join("link.code")).expect("a link");
        fs::create_dir(place.path.join("dir.code")).expect("a directory");
        place.set_mode("dir.code", 0o700);
        let pipe = place.path.join("pipe.code");
        rustix::fs::mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe");
        for name in ["link.code", "dir.code", "pipe.code"] {
            assert!(vault.read(name, 9).is_err(), "{name}");
        }
        let link = place.path.with_file_name("link");
        symlink(&place.path, &link).expect("a link");
        assert!(Vault::open(&link, ".code").is_err());
    }

    #[test]
    fn the_oldest_go() {
        let (place, vault) = Place::new();
        fs::write(place.path.join("keep.txt"), "another's").expect("there is room");
        for (age_s, name) in ["d.code", "c.code", "1-0.new", "b.code", "a.code"].into_iter().enumerate() {
            vault.write(name, &[0; 10]).expect("there is room");
            let time = Timespec { tv_sec: 1000 - i64::try_from(age_s).expect("few"), tv_nsec: 0 };
            let file = File::open(place.path.join(name)).expect("it is there");
            futimens(&file, &Timestamps { last_access: time, last_modification: time }).expect("it is ours");
        }
        vault.keep_newest(4, 1000).expect("they are ours");
        assert_eq!(place.names(), ["1-0.new", "b.code", "c.code", "d.code", "keep.txt"]);
        vault.read("b.code", 10).expect("it is there");
        vault.keep_newest(4, 29).expect("they are ours");
        assert_eq!(place.names(), ["b.code", "d.code", "keep.txt"]);
        vault.keep_newest(0, 1000).expect("they are ours");
        assert_eq!(place.names(), ["keep.txt"]);
    }

    #[test]
    #[ignore = "needs root, to give files away"]
    fn what_belongs_to_another_user_is_not_read() {
        let (place, vault) = Place::new();
        vault.write("a.code", b"one").expect("there is room");
        std::os::unix::fs::chown(place.path.join("a.code"), Some(65534), None).expect("root may");
        let error = vault.read("a.code", 9).expect_err("it is another user's");
        assert_eq!(error.to_string(), "it belongs to user 65534");
        std::os::unix::fs::chown(&place.path, Some(65534), None).expect("root may");
        assert!(Vault::open(&place.path, ".code").is_err());
    }
}
