//! `jettison doctor` from outside: on this host, and on machines made up here.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use expect_test::{Expect, expect};
use jettison_tests::{Running, wait_for};
use serde_json::Value;
use tempfile::TempDir;

fn doctor(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_jettison")).arg("doctor").args(args).output().unwrap()
}

fn json(args: &[&str]) -> Value {
    serde_json::from_slice(&doctor(&[args, &["--json"]].concat()).stdout).unwrap()
}

fn check<'v>(report: &'v Value, name: &str) -> &'v Value {
    let checks = report["checks"].as_array().unwrap();
    checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("no {name} in {report}"))
}

fn machine(files: &[(&str, &str)]) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    folder
}

/// What it prints about a machine, and its status.
fn said(machine: &TempDir, expected: &Expect) {
    let output = doctor(&["--root", machine.path().to_str().unwrap()]);
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8(text).unwrap().replace(machine.path().to_str().unwrap(), "DIR");
    expected.assert_eq(&format!("{text}{}\n", output.status.code().unwrap()));
}

#[test]
fn it_tells_the_truth_about_this_host() {
    let report = json(&[]);
    assert_eq!(report["schema"], "jettison.doctor/1");
    let is_ok = |name: &str| check(&report, name)["status"] == "ok";
    assert_eq!(is_ok("psi"), fs::read("/proc/pressure/memory").is_ok());
    let v2 = fs::read_to_string("/sys/fs/cgroup/cgroup.controllers").unwrap_or_default();
    assert_eq!(is_ok("cgroup"), v2.split(' ').any(|controller| controller.trim() == "memory"));
    let swaps = fs::read_to_string("/proc/swaps").unwrap_or_default().lines().count();
    assert_eq!(is_ok("swap"), swaps > 1);
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    assert_eq!(check(&report, "kernel")["found"], release.trim());
    assert!(is_ok("pidfd"));
    // Whether a value may be lowered is what the capability is about, so it is tried.
    let own = "/proc/self/oom_score_adj";
    let lowered =
        Command::new("sh").args(["-c", &format!("echo -1000 > {own}")]).stderr(Stdio::null()).status();
    assert_eq!(is_ok("cap-sys-resource"), lowered.unwrap().success());
    let can_enforce = report["checks"].as_array().unwrap().iter().all(|check| check["is_blocking"] == false);
    assert_eq!(report["can_enforce"], can_enforce);
    assert_eq!(doctor(&[]).status.code(), Some(i32::from(!can_enforce)));
}

#[test]
fn another_daemon_that_runs_is_named_with_its_pid() {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("earlyoom");
    fs::copy(Path::new("/bin/sleep"), &program).unwrap();
    let sleeper = Running(Command::new(&program).arg("60").spawn().unwrap());
    let named = format!("earlyoom ({})", sleeper.0.id());
    let comm = format!("/proc/{}/comm", sleeper.0.id());
    wait_for("exec", || (fs::read_to_string(&comm).ok()? == "earlyoom\n").then_some(()));
    let report = json(&[]);
    let found = check(&report, "other-daemons");
    assert_eq!((&found["status"], &found["is_blocking"]), (&"lacking".into(), &false.into()));
    assert!(found["found"].as_str().unwrap().contains(&named), "{found}");
    assert!(found["advice"].as_str().unwrap().contains("systemctl disable"), "{found}");
    let pid = sleeper.0.id().to_string();
    drop(sleeper);
    assert!(!check(&json(&[]), "other-daemons")["found"].as_str().unwrap().contains(&pid));
}

const GOOD: &[(&str, &str)] = &[
    ("proc/2/comm", "kthreadd\n"),
    ("proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\n"),
    ("proc/pressure/memory", "some avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"),
    ("proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"),
    ("proc/self/status", "Name:\tjettison\nCapEff:\t000001ffffffffff\n"),
    (
        "proc/swaps",
        "Filename Type Size Used Priority\n/dev/sda2 partition 4194304 0 -2\n/dev/zram0 partition 8388608 0 5\n",
    ),
    ("proc/sys/kernel/osrelease", "6.1.0-13-amd64\n"),
    ("proc/sys/vm/overcommit_memory", "0\n"),
    ("proc/sys/vm/panic_on_oom", "0\n"),
    ("proc/sys/vm/oom_kill_allocating_task", "0\n"),
    ("run/systemd/private", ""),
    ("run/systemd/system/x", ""),
    ("sys/fs/cgroup/cgroup.controllers", "cpu io memory pids\n"),
    ("sys/fs/cgroup/init.scope/cgroup.kill", ""),
    ("sys/module/zswap/parameters/enabled", "Y\n"),
];

#[test]
fn a_host_with_everything_is_ok_in_every_line() {
    said(
        &machine(GOOD),
        &expect![[r#"
            ok       psi                the kernel measures memory pressure and can wake the daemon by it
            ok       cgroup             v2 at DIR/sys/fs/cgroup
            ok       controllers        cpu io memory pids
            ok       swap               disk, 4.0 GiB; zram, 8.0 GiB before compression; zswap before it
            ok       overcommit         0: heuristic, the kernel's default
            ok       oom-settings       the kernel's own OOM killer goes by oom_score_adj
            ok       processes          all are seen
            ok       cap-kill           CAP_KILL is there
            ok       cap-sys-resource   CAP_SYS_RESOURCE is there
            ok       cap-ipc-lock       CAP_IPC_LOCK is there
            ok       other-daemons      no other daemon that ends processes is running
            ok       service-manager    systemd, on its own socket
            ok       kernel             6.1.0-13-amd64
            ok       pidfd              pidfd_open and pidfd_send_signal are there
            ok       process-mrelease   process_mrelease is there
            ok       cgroup-kill        cgroup.kill is there

            enforcing works here; 16 of 16 are ok
            0
        "#]],
    );
}

#[test]
fn what_enforcing_cannot_do_without_is_marked_and_ends_with_status_1() {
    let bad = [
        ("proc/2/comm", "bash\n"),
        ("proc/77/comm", "systemd-oomd\n"),
        ("proc/self/mountinfo", "22 1 0:21 / /proc rw - proc proc rw,hidepid=2\n"),
        ("proc/self/status", "Name:\tjettison\nCapEff:\t0000000000000000\n"),
        ("proc/sys/kernel/osrelease", "4.18.0-553.el8.x86_64\n"),
        ("proc/sys/vm/overcommit_memory", "2\n"),
        ("proc/sys/vm/panic_on_oom", "1\n"),
    ];
    said(
        &machine(&bad),
        &expect![[r#"
            lacking  psi                no memory pressure (PSI) in this kernel
                                        Without it the daemon goes by available memory alone. Boot with psi=1,
                                        or use a kernel with CONFIG_PSI.
            lacking  cgroup             no hierarchy with the memory controller is mounted
                                        The host as a whole is looked after; --scope, memcg limits and units are
                                        not known. Mount cgroup2 with the memory controller.
            lacking  controllers        none
                                        The memory controller is off. Boot with cgroup_enable=memory, without
                                        cgroup_disable=memory.
            lacking  swap               none
                                        Without swap memory runs out within moments and pressure tells late.
                                        Some swap, or zram, gives a grace period time to work.
            lacking  overcommit         2: never
                                        Allocations fail at the commit limit while memory may still be
                                        available, so programs may fail before the daemon sees a shortage. Set
                                        vm.overcommit_memory=0 unless this is meant.
            lacking  oom-settings       vm.panic_on_oom is 1
                                        Where the daemon is too late the kernel panics. Set it to 0 unless this
                                        is meant.
            lacking! processes          /proc is mounted with hidepid and hides other users' processes
                                        What is not seen cannot be ranked. Run with CAP_SYS_PTRACE, or mount
                                        /proc with gid= of the daemon's group.
            lacking! cap-kill           CAP_KILL is missing
                                        Processes of other users cannot be shut down. Run as root with CAP_KILL
                                        (systemd: CapabilityBoundingSet=).
            lacking  cap-sys-resource   CAP_SYS_RESOURCE is missing
                                        Without it oom_score_adj can be raised, not lowered, so protection
                                        against the kernel's own OOM killer does not work; and PSI windows are
                                        multiples of 2 s.
            lacking  cap-ipc-lock       CAP_IPC_LOCK is missing
                                        The daemon's own memory may be swapped out when it is needed most. Give
                                        it CAP_IPC_LOCK, or LimitMEMLOCK=infinity.
            lacking  other-daemons      systemd-oomd (77) is running
                                        Two that choose by different rules end more than one would. Stop and
                                        disable the other one, e.g. systemctl disable --now earlyoom.
            lacking  service-manager    systemd is not the init system here
                                        Works without: a step that stops a unit is skipped, and its processes
                                        get SIGTERM. In a container mount the host's /run/systemd.
            ok       kernel             4.18.0-553.el8.x86_64
            lacking! pidfd              missing: it came with Linux 5.3
                                        Signals are sent through pidfds only, so that none reaches a process
                                        that has the pid by now. Use Linux 5.3 or newer, and a seccomp filter
                                        that allows pidfd_open and pidfd_send_signal.
            lacking  process-mrelease   missing: it came with Linux 5.15
                                        Works without: the memory of a killed process comes back when it exits,
                                        which may take longer on a stalled host.
            lacking  cgroup-kill        missing: it needs the memory controller on cgroup v2
                                        Works without: members of a memcg are ended one by one.

            enforcing cannot work here: see what is marked with !; 1 of 16 are ok
            jettison: enforcing cannot work here: see processes, cap-kill, pidfd
            1
        "#]],
    );
}

#[test]
fn an_empty_machine_is_all_unknown_and_no_crash() {
    said(
        &machine(&[("proc/swaps", "\u{0}\u{0}")]),
        &expect![[r#"
            lacking  psi                no memory pressure (PSI) in this kernel
                                        Without it the daemon goes by available memory alone. Boot with psi=1,
                                        or use a kernel with CONFIG_PSI.
            lacking  cgroup             no hierarchy with the memory controller is mounted
                                        The host as a whole is looked after; --scope, memcg limits and units are
                                        not known. Mount cgroup2 with the memory controller.
            lacking  controllers        none
                                        The memory controller is off. Boot with cgroup_enable=memory, without
                                        cgroup_disable=memory.
            lacking  swap               none
                                        Without swap memory runs out within moments and pressure tells late.
                                        Some swap, or zram, gives a grace period time to work.
            lacking  overcommit         not known
                                        vm.overcommit_memory cannot be read.
            lacking  oom-settings       not known
                                        vm.panic_on_oom and vm.oom_kill_allocating_task cannot be read.
            lacking  processes          no kernel threads are seen: this is a container's pid namespace
                                        Only processes of this container are seen. Run it in the host's pid
                                        namespace to look after the host.
            lacking! cap-kill           not known: /proc/self/status has no CapEff
                                        Processes of other users cannot be shut down. Run as root with CAP_KILL
                                        (systemd: CapabilityBoundingSet=).
            lacking  cap-sys-resource   not known: /proc/self/status has no CapEff
                                        Without it oom_score_adj can be raised, not lowered, so protection
                                        against the kernel's own OOM killer does not work; and PSI windows are
                                        multiples of 2 s.
            lacking  cap-ipc-lock       not known: /proc/self/status has no CapEff
                                        The daemon's own memory may be swapped out when it is needed most. Give
                                        it CAP_IPC_LOCK, or LimitMEMLOCK=infinity.
            ok       other-daemons      no other daemon that ends processes is running
            lacking  service-manager    systemd is not the init system here
                                        Works without: a step that stops a unit is skipped, and its processes
                                        get SIGTERM. In a container mount the host's /run/systemd.
            lacking  kernel             not known
                                        /proc/sys/kernel/osrelease cannot be read.
            lacking  pidfd              not known
                                        Signals are sent through pidfds only, so that none reaches a process
                                        that has the pid by now. Use Linux 5.3 or newer, and a seccomp filter
                                        that allows pidfd_open and pidfd_send_signal.
            lacking  process-mrelease   not known
                                        Works without: the memory of a killed process comes back when it exits,
                                        which may take longer on a stalled host.
            lacking  cgroup-kill        missing: it needs the memory controller on cgroup v2
                                        Works without: members of a memcg are ended one by one.

            enforcing cannot work here: see what is marked with !; 1 of 16 are ok
            jettison: enforcing cannot work here: see cap-kill
            1
        "#]],
    );
}

#[test]
fn fixture_machines_are_told_apart() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/machines");
    let report = |name: &str| json(&["--root", folder.join(name).to_str().unwrap()]);
    let hidden = report("hidepid");
    assert_eq!(hidden["can_enforce"], false);
    assert_eq!(check(&hidden, "processes")["is_blocking"], true);
    for name in ["kubernetes", "zfs", "zram", "one-cpu", "linux-5.10", "linux-6.12"] {
        assert_eq!(report(name)["can_enforce"], true, "{name}");
    }
    let swap = |name: &str| check(&report(name), "swap")["found"].as_str().unwrap().to_owned();
    assert_eq!(swap("kubernetes"), "none");
    assert_eq!(swap("zram"), "zram, 7.9 GiB before compression");
    assert_eq!(check(&report("zram"), "other-daemons")["found"], "earlyoom (640) is running");
    assert_eq!(check(&report("linux-5.10"), "process-mrelease")["found"], "missing: it came with Linux 5.15");
    assert_eq!(check(&report("linux-6.12"), "cgroup-kill")["status"], "ok");
}

#[test]
fn the_report_fits_a_terminal() {
    for machine in [machine(GOOD), machine(&[])] {
        let output = doctor(&["--root", machine.path().to_str().unwrap()]);
        for line in String::from_utf8(output.stdout).unwrap().lines() {
            assert!(line.chars().count() <= 100 && !line.contains('\x1b'), "{line:?}");
        }
    }
}

#[test]
fn the_way_to_systemd_is_its_socket_or_the_bus_or_none() {
    let found = |files: &[(&str, &str)]| {
        let machine = machine(files);
        let report = json(&["--root", machine.path().to_str().unwrap()]);
        let check = check(&report, "service-manager");
        format!("{}: {}", check["status"].as_str().unwrap(), check["found"].as_str().unwrap())
    };
    let (booted, bus) = (("run/systemd/system/x", ""), ("run/dbus/system_bus_socket", ""));
    assert_eq!(found(&[booted, bus]), "ok: systemd, on the system bus");
    assert_eq!(found(&[booted]), "lacking: systemd has neither its own socket nor a system bus");
    assert_eq!(found(&[bus]), "lacking: systemd is not the init system here");
}

#[test]
fn a_file_that_cannot_be_parsed_is_named() {
    let torn = machine(&[("proc/sys/vm/panic_on_oom", "zero\n")]);
    let report = json(&["--root", torn.path().to_str().unwrap()]);
    let found = check(&report, "files")["found"].as_str().unwrap();
    assert!(found.ends_with("proc/sys/vm/panic_on_oom: not a number"), "{found}");
}

#[test]
fn the_limit_of_a_containers_root_is_said() {
    let limit = ("sys/fs/cgroup/memory.max", "536870912\n");
    let machine = machine(&[GOOD, &[limit]].concat());
    let report = json(&["--root", machine.path().to_str().unwrap()]);
    let found = check(&report, "cgroup")["found"].as_str().unwrap().to_owned();
    assert!(
        found.ends_with("its root has a limit of 512 MiB, within which memory is looked after"),
        "{found}"
    );
}
