//! Real programs as hooks: those that work, fail, hang, flood, and are not there.
#![expect(clippy::disallowed_methods, reason = "tests have no clock but the real one")]

use std::collections::BTreeMap;
use std::fs::{Permissions, read_to_string, set_permissions, write};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use jettison_act::{Ended, Helpers, HookCommand, LiveHelpers, Places, Task, TaskId};
use jettison_tests::{DEADLINE, wait_for};

/// Hooks as shell scripts in a directory of their own, and what runs them.
struct Kit {
    directory: tempfile::TempDir,
    helpers: LiveHelpers,
    hooks: BTreeMap<String, HookCommand>,
}

impl Kit {
    fn new() -> Self {
        let helpers = LiveHelpers::new(Places { proc: "/proc".into(), ..Places::default() }).unwrap();
        Self { directory: tempfile::tempdir().unwrap(), helpers, hooks: BTreeMap::new() }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// `$OUT` is a file for the script to write to.
    fn hook(self, name: &str, timeout_ms: u64, script: &str) -> Self {
        let program = self.path(name);
        let out = self.path("out");
        write(&program, format!("#!/bin/sh\nOUT={}\n{script}\n", out.display())).unwrap();
        set_permissions(&program, Permissions::from_mode(0o755)).unwrap();
        self.with(name, program, timeout_ms)
    }

    fn with(mut self, name: &str, program: PathBuf, timeout_ms: u64) -> Self {
        let timeout = Duration::from_millis(timeout_ms);
        let command = HookCommand { program, arguments: vec!["--quick".into(), "$HOME".into()], timeout };
        self.hooks.insert(name.into(), command);
        self.helpers.set_hooks(self.hooks.clone());
        self
    }

    fn start(&mut self, id: u64, name: &str, facts: &[(&'static str, &[u8])]) {
        let facts = facts.iter().map(|&(name, value)| (name, value.to_vec())).collect();
        self.helpers.start(TaskId(id), Task::Hook { name: name.into(), facts });
    }

    fn ended(&mut self, count: usize) -> Vec<Ended> {
        let mut ended = Vec::new();
        wait_for("the hooks to end", || {
            ended.extend(self.helpers.take_ended());
            (ended.len() >= count).then_some(())
        });
        ended.sort_by_key(|ended| ended.id);
        ended
    }

    /// Runs one hook to its end.
    fn run(&mut self, name: &str) -> Result<(), String> {
        self.start(1, name, &[]);
        self.ended(1).remove(0).result
    }

    fn out(&self) -> String {
        read_to_string(self.path("out")).unwrap()
    }
}

#[test]
fn a_hook_gets_its_arguments_and_an_environment_of_its_own() {
    let script = "echo \"$@\" > $OUT; pwd >> $OUT; cat >> $OUT; env | grep -v -e ^PWD= -e ^SHLVL= -e ^_= -e ^OUT= | sort >> $OUT";
    let mut kit = Kit::new().hook("drain", 5_000, script);
    let long = [b'x'; 5_000];
    let facts: [(&str, &[u8]); 3] =
        [("JETTISON_PID", b"42"), ("JETTISON_COMM", b"a b;\0$(c)"), ("JETTISON_REASON", &long)];
    kit.start(7, "drain", &facts);
    assert_eq!(kit.ended(1), [Ended { id: TaskId(7), result: Ok(()), freed_bytes: 0 }]);
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
    let cut = "x".repeat(4_096);
    let expected = format!(
        "--quick $HOME\n/\nJETTISON_COMM=a b;$(c)\nJETTISON_HOOK=drain\nJETTISON_PID=42\nJETTISON_REASON={cut}\n\
         LANG=C.UTF-8\nPATH={path}\n"
    );
    assert!(kit.out() == expected, "{}", kit.out().replace(&cut, "cut"));
}

#[test]
fn what_goes_wrong_is_said() {
    let mut kit = Kit::new().hook("three", 5_000, "exit 3").hook("shot", 5_000, "kill -USR1 $$").with(
        "missing",
        "/nowhere/drain".into(),
        5_000,
    );
    write(kit.path("data"), "no program").unwrap();
    let data = kit.path("data");
    kit = kit.with("data", data.clone(), 5_000);
    assert_eq!(kit.run("three"), Err("hook three: exit status 3".into()));
    assert_eq!(kit.run("shot"), Err("hook shot: ended by signal 10".into()));
    assert_eq!(
        kit.run("missing"),
        Err("hook missing: /nowhere/drain: No such file or directory (os error 2)".into())
    );
    let refused = format!("hook data: {}: Permission denied (os error 13)", data.display());
    assert_eq!(kit.run("data"), Err(refused));
    assert_eq!(kit.run("other"), Err("hook other is not configured any more".into()));
}

fn is_alive(pid: &str) -> bool {
    let stat = read_to_string(format!("/proc/{}/stat", pid.trim()));
    stat.is_ok_and(|stat| !stat.rsplit_once(") ").unwrap().1.starts_with('Z'))
}

#[test]
fn one_that_hangs_is_killed_with_its_children() {
    let script = "trap '' TERM INT; sleep 60 & echo $! > $OUT; wait; wait";
    let mut kit = Kit::new().hook("hangs", 300, script);
    let began = Instant::now();
    let why = "hook hangs: took longer than timeout_ms = 300 and was killed";
    assert_eq!(kit.run("hangs"), Err(why.into()));
    assert!(began.elapsed() >= Duration::from_millis(300) && began.elapsed() < DEADLINE);
    let child = kit.out();
    wait_for("its child to die", || (!is_alive(&child)).then_some(()));
}

#[test]
fn what_a_hook_leaves_in_the_background_is_not_waited_for_and_lives_on() {
    let mut kit = Kit::new().hook("forks", 30_000, "sleep 60 & echo $! > $OUT");
    let began = Instant::now();
    assert_eq!(kit.run("forks"), Ok(()));
    assert!(began.elapsed() < Duration::from_secs(20), "it holds the pipes, which are not waited for");
    let child = kit.out();
    assert!(is_alive(&child));
    let pid = rustix::process::Pid::from_raw(child.trim().parse().unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn one_that_floods_its_output_ends_all_the_same() {
    let script = "i=0; while [ $i -lt 20000 ]; do echo 0123456789012345678901234567890123456789; echo err >&2; i=$((i+1)); done; printf '\\033[31m\\377\\000'";
    assert_eq!(Kit::new().hook("floods", 60_000, script).run("floods"), Ok(()));
}

#[test]
fn a_hook_is_an_ordinary_process() {
    let script = "grep -e SigBlk -e SigIgn -e VmLck /proc/self/status > $OUT; cat /proc/self/oom_score_adj >> $OUT; \
        cut -d' ' -f1,5 /proc/$$/stat >> $OUT";
    let mut kit = Kit::new().hook("plain", 5_000, script);
    assert_eq!(kit.run("plain"), Ok(()));
    let out = kit.out();
    let lines: Vec<&str> = out.lines().collect();
    assert_eq!(lines[0], "VmLck:\t       0 kB", "{out}");
    // The two behind SIGSYS are the C library's own (nptl(7)), and may come from the program that runs the
    // tests.
    let standard = |line: &str| u64::from_str_radix(&line[8..], 16).unwrap() & 0x7fff_ffff;
    assert_eq!((standard(lines[1]), standard(lines[2])), (0, 0), "{out}");
    assert_eq!(lines[3], "0", "{out}");
    let (pid, group) = lines[4].split_once(' ').unwrap();
    assert_eq!(pid, group, "a group of its own");
}

#[test]
fn what_is_only_for_us_is_not_inherited() {
    // Ours is -1000 where the daemon may write that; any other is inherited the same way. A runner gives each
    // test a process of its own.
    write("/proc/self/oom_score_adj", "500").unwrap();
    let mut kit =
        Kit::new().hook("plain", 5_000, "sleep 0.2; (cat /proc/self/oom_score_adj; ulimit -S -n) > $OUT");
    let result = kit.run("plain");
    write("/proc/self/oom_score_adj", "0").unwrap();
    assert_eq!((result, kit.out().as_str()), (Ok(()), "0\n1024\n"));
}

#[test]
fn hooks_run_side_by_side_but_not_without_end() {
    let mut kit = Kit::new().hook("slow", 20_000, "sleep 2");
    for id in 0..20 {
        kit.start(id, "slow", &[]);
    }
    let began = Instant::now();
    let ended = kit.ended(20);
    assert!(began.elapsed() < Duration::from_secs(15), "one after the other they would take 32 s");
    let (done, refused): (Vec<&Ended>, Vec<&Ended>) = ended.iter().partition(|ended| ended.result.is_ok());
    assert_eq!((done.len(), refused.len()), (16, 4));
    assert_eq!(refused[0].result, Err("hook slow: 16 hooks are running already".into()));
}

#[test]
fn a_new_table_counts_from_then_on() {
    let mut kit = Kit::new().hook("one", 5_000, "exit 0");
    assert_eq!(kit.run("one"), Ok(()));
    kit.hooks.clear();
    let mut kit = kit.hook("two", 5_000, "exit 0");
    assert_eq!(kit.run("two"), Ok(()));
    assert_eq!(kit.run("one"), Err("hook one is not configured any more".into()));
}
