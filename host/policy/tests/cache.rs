//! Compiled code that is kept, and when it is not believed.

mod kit;

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};

use jettison_policy::{Compiled, Compiler, Policy, builtin};
use kit::{compiler, engine, three_processes};
use tempfile::TempDir;

fn module() -> &'static [u8] {
    builtin("balanced").expect("it is built in")
}

/// A compiler whose child cannot be started: whatever it brings was kept.
fn without_a_child(cache: &Path) -> Compiler {
    Compiler::new("/nonexistent/jettison".into()).with_cache(cache)
}

/// A cache with one module in it.
struct Filled {
    parent: TempDir,
    cache: PathBuf,
    compiled: Compiled,
}

impl Filled {
    fn new() -> Self {
        let parent = tempfile::tempdir().expect("a directory");
        let cache = parent.path().join("modules");
        let compiled = compiler().with_cache(&cache).compile(module()).expect("it compiles");
        Self { parent, cache, compiled }
    }

    fn file(&self) -> PathBuf {
        let files: Vec<_> = fs::read_dir(&self.cache).expect("it is there").collect();
        let [Ok(file)] = files.as_slice() else { panic!("one file, not {files:?}") };
        file.path()
    }

    fn is_believed(&self) -> bool {
        match without_a_child(&self.cache).compile(module()) {
            Ok(kept) => kept == self.compiled,
            Err(fault) => {
                assert!(fault.to_string().contains("could not be run"), "{fault}");
                false
            }
        }
    }

    /// Has the file spoilt: it is not believed, costs one compilation, and is whole again.
    fn spoil(what: &str, spoil: impl FnOnce(&Path)) {
        let filled = Self::new();
        assert!(filled.is_believed(), "{what}: before");
        spoil(&filled.file());
        assert!(!filled.is_believed(), "{what}");
        let again = compiler().with_cache(&filled.cache).compile(module()).expect("it compiles");
        assert_eq!(again.digest, filled.compiled.digest);
        let kept = without_a_child(&filled.cache).compile(module()).expect("it is whole again");
        assert_eq!(kept, again, "{what}: afterwards");
    }
}

#[test]
fn what_was_compiled_once_needs_no_child() {
    let filled = Filled::new();
    let kept = without_a_child(&filled.cache).compile(module()).expect("it was kept");
    assert_eq!(kept, filled.compiled);
    let policy = Policy::load(engine(), &kept, Some(&[]), &[], "{}").expect("it loads");
    policy.consult(&three_processes()).answer.expect("a ballot");
    let other = without_a_child(&filled.cache).compile(b"\0asm\x0d\0\x01\0");
    assert_eq!(other.expect_err("another module was not").kind(), "compile");
}

#[test]
fn faults_are_not_kept() {
    let parent = tempfile::tempdir().expect("a directory");
    let cache = parent.path().join("modules");
    let fault = compiler().with_cache(&cache).compile(b"no module").expect_err("it is none");
    assert_eq!(fault.kind(), "not-a-component");
    assert!(without_a_child(&cache).compile(b"no module").is_err_and(|fault| fault.kind() == "compile"));
}

#[test]
fn a_damaged_file_is_compiled_anew() {
    let change = |change: fn(&mut Vec<u8>)| {
        move |file: &Path| {
            let mut bytes = fs::read(file).expect("it is ours");
            change(&mut bytes);
            fs::write(file, bytes).expect("it is ours");
        }
    };
    Filled::spoil("empty", change(Vec::clear));
    Filled::spoil("truncated", change(|bytes| bytes.truncate(bytes.len() / 2)));
    Filled::spoil("longer", change(|bytes| bytes.push(0)));
    Filled::spoil("a flipped bit of the checksum", change(|bytes| bytes[3] ^= 4));
    Filled::spoil("a flipped bit of the code", change(|bytes| *bytes.last_mut().expect("it is long") ^= 1));
}

#[test]
fn a_file_that_others_could_have_written_is_compiled_anew() {
    Filled::spoil("mode", |file| {
        fs::set_permissions(file, fs::Permissions::from_mode(0o620)).expect("it is ours");
    });
    Filled::spoil("a link", |file| {
        let elsewhere = file.with_file_name("elsewhere");
        fs::rename(file, &elsewhere).expect("it is ours");
        std::os::unix::fs::symlink(elsewhere, file).expect("it is ours");
    });
}

#[test]
#[ignore = "needs root, to give a file away"]
fn a_file_of_another_user_is_compiled_anew() {
    Filled::spoil("owner", |file| chown(file, Some(65534), None).expect("root may"));
}

#[test]
fn the_file_of_one_module_is_not_that_of_another() {
    let filled = Filled::new();
    let other = b"\0asm\x0d\0\x01\0";
    let compiled = compiler().compile(other).expect("an empty component");
    let name = filled.file().file_name().expect("a name").to_string_lossy().into_owned();
    let its_name = name.replace(&filled.compiled.digest, &compiled.digest);
    assert_ne!(name, its_name);
    fs::copy(filled.file(), filled.cache.join(its_name)).expect("there is room");
    assert!(without_a_child(&filled.cache).compile(other).is_err());
}

#[test]
fn without_a_directory_only_the_cache_is_lost() {
    let filled = Filled::new();
    let open = filled.parent.path().join("open");
    fs::create_dir(&open).expect("there is room");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o777)).expect("it is ours");
    let file = filled.parent.path().join("file");
    fs::write(&file, "").expect("there is room");
    let nowhere = PathBuf::from("/nonexistent/cache/modules");
    for (dir, problem) in
        [(nowhere, "No such file"), (file, "Not a directory"), (open, "others can reach it")]
    {
        let compiler = compiler().with_cache(&dir);
        assert_eq!(compiler.compile(module()).expect("it compiles").digest, filled.compiled.digest);
        let found = compiler.cache_problem().expect("nothing can be kept there");
        assert!(found.starts_with(dir.to_str().expect("UTF-8")) && found.contains(problem), "{found}");
        assert!(without_a_child(&dir).compile(module()).is_err());
    }
    assert_eq!(compiler().with_cache(&filled.cache).cache_problem(), None);
    assert_eq!(compiler().cache_problem(), None);
}
