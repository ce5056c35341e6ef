//! Every fixture machine, sensed: what is special about each is in the first line of its `machine.toml`.

mod kit;

use expect_test::{Expect, expect};
use jettison_model::{Needs, Snapshot};
use jettison_sense::{Now, PsiKind, PsiSpec, PsiTrigger, Root, SenseError, Sensor, TriggerError, Version};
use kit::{machine, memcgs, now, sensed};

const DETAILS: Needs = Needs::ALL;

fn check(name: &str, scope: Option<&str>, needs: Needs, expected: &Expect) {
    expected.assert_eq(&sensed(name, scope, needs));
}

fn check_memcgs(name: &str, version: Version, expected: &Expect) {
    let machine = machine(name);
    let mut sensor = Sensor::new(Root::below(&machine), None).unwrap();
    assert_eq!(sensor.hierarchy().map(|hierarchy| hierarchy.version), Some(version));
    let mut snapshot = Snapshot::default();
    sensor.sense(Needs::default(), now(&machine), &mut snapshot);
    expected.assert_eq(&memcgs(&snapshot));
}

#[test]
fn a_systemd_host_on_v2() {
    check(
        "plain-v2",
        None,
        Needs::default(),
        &expect![[r#"
        host 800M of 4096M, swap 512M of 1024M, pressure 1.25% 0.50%
        ->1 systemd [] /init.scope uid 0 thr 1 age 3599950 anon 6M file 8M shmem 0 swap 0 pte 80K adj 0
        ->2 kthreadd [kernel] - uid - thr 1 age 3599950 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
        2>17 kworker/u4:1-events_unbound [kernel] - uid - thr 1 age 3599910 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
        1>512 sshd [] /system.slice/ssh.service uid 0 thr 1 age 3591000 anon 1M file 6M shmem 0 swap 0 pte 60K adj -1000
        1>700 postgres [] /system.slice/postgresql.service uid 26 thr 1 age 3590000 anon 20M file 16M shmem 130M swap 1M pte 400K adj -900
        700>703 postgres [] /system.slice/postgresql.service uid 26 thr 1 age 3589900 anon 4M file 8M shmem 100M swap 0 pte 300K adj 0
        700>711 postgres [] /system.slice/postgresql.service uid 26 thr 1 age 1600000 anon 500M file 12M shmem 64M swap 63M pte 1400K adj 0
        512>880 bash [] /user.slice/user-1000.slice/session-3.scope uid 1000 thr 1 age 1100000 anon 2M file 4M shmem 0 swap 0 pte 50K adj 0
        880>900 make [zombie] /user.slice/user-1000.slice/session-3.scope uid 1000 thr 1 age 600000 anon 0 file 0 shmem 0 swap 0 pte 0 adj 0
        880>950 leaker [] /user.slice/user-1000.slice/session-3.scope uid 1000 thr 2 age 50000 anon 800M file 2M shmem 0 swap 0 pte 1700K adj 200
        0 faults, 0 vanished
    "#]],
    );
}

#[test]
fn the_memcgs_of_v2() {
    check_memcgs(
        "plain-v2",
        Version::V2,
        &expect![[r#"
            -<0 / [] ? of ? min ? low ? high ? swap ? anon 2900M file 600M shmem 0 reclaimable 564M some 1.25% full 0.50% max-events ? oom-kills ? refaults 0+?
            0<1 /dev-hugepages.mount [dev-hugepages.mount] ? of ? min ? low ? high ? swap ? anon ? file ? shmem ? reclaimable ? some - full - max-events ? oom-kills ?
            0<2 /init.scope [init.scope] 12M of max min 0 low 0 high max swap 0 anon 6M file 4M shmem 0 reclaimable 5M some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+?
            0<3 /system.slice [] 2048M of max min 0 low 0 high max swap 0 anon 1700M file 300M shmem 130M reclaimable 220M some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+?
            3<4 /system.slice/postgresql.service [postgresql.service] 1000M of 1024M min 0 low 512M high max swap 64M anon 700M file 200M shmem 130M reclaimable 56M some 12.34% full 5.60% max-events 17 oom-kills 1 oom-group refaults 0+?
            3<5 /system.slice/ssh.service [ssh.service] 8M of max min 16M low 0 high max swap 0 anon 5M file 2M shmem 0 reclaimable 3M some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+?
            0<6 /user.slice [] 900M of max min 0 low 0 high 2048M swap 0 anon 800M file 50M shmem 0 reclaimable 44M some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+?
            6<7 /user.slice/user-1000.slice [] 900M of max min 0 low 0 high max swap 0 anon 800M file 50M shmem 0 reclaimable 44M some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+?
            7<8 /user.slice/user-1000.slice/session-3.scope [session-3.scope] 900M of max min 0 low 0 high max swap 0 anon 800M file 50M shmem 0 reclaimable 44M some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+?
        "#]],
    );
}

#[test]
fn details_are_read_on_demand() {
    check(
        "plain-v2",
        None,
        DETAILS,
        &expect![[r#"
        host 800M of 4096M, swap 512M of 1024M, pressure 1.25% 0.50%
        ->1 systemd [] /init.scope uid 0 thr 1 age 3599950 anon 6M file 8M shmem 0 swap 0 pte 80K adj 0 cmdline "/sbin/init\\0" exe "/usr/lib/systemd/systemd" pss 9000K
        ->2 kthreadd [kernel] - uid - thr 1 age 3599950 anon 0 file 0 shmem 0 swap 0 pte 0 adj ? cmdline "" exe "" pss ?
        2>17 kworker/u4:1-events_unbound [kernel] - uid - thr 1 age 3599910 anon 0 file 0 shmem 0 swap 0 pte 0 adj ? cmdline "" exe "" pss ?
        1>512 sshd [] /system.slice/ssh.service uid 0 thr 1 age 3591000 anon 1M file 6M shmem 0 swap 0 pte 60K adj -1000 cmdline "sshd: /usr/sbin/sshd -D [listener]\\0" exe "/usr/sbin/sshd" pss 3000K
        1>700 postgres [] /system.slice/postgresql.service uid 26 thr 1 age 3590000 anon 20M file 16M shmem 130M swap 1M pte 400K adj -900 cmdline "/usr/lib/postgresql/15/bin/postgres\\0-D\\0/var/lib/postgresql/15/main\\0" exe "/usr/lib/postgresql/15/bin/postgres" pss 90000K
        700>703 postgres [] /system.slice/postgresql.service uid 26 thr 1 age 3589900 anon 4M file 8M shmem 100M swap 0 pte 300K adj 0 cmdline "postgres: checkpointer \\0\\0\\0" exe "/usr/lib/postgresql/15/bin/postgres" pss 40000K
        700>711 postgres [] /system.slice/postgresql.service uid 26 thr 1 age 1600000 anon 500M file 12M shmem 64M swap 63M pte 1400K adj 0 cmdline "postgres: app shop 10.0.0.7(51234) SELECT\\0" exe "/usr/lib/postgresql/15/bin/postgres" pss 540000K
        512>880 bash [] /user.slice/user-1000.slice/session-3.scope uid 1000 thr 1 age 1100000 anon 2M file 4M shmem 0 swap 0 pte 50K adj 0 cmdline "-bash\\0" exe "/usr/bin/bash" pss 3500K
        880>900 make [zombie] /user.slice/user-1000.slice/session-3.scope uid 1000 thr 1 age 600000 anon 0 file 0 shmem 0 swap 0 pte 0 adj 0 cmdline "" exe "" pss ?
        880>950 leaker [] /user.slice/user-1000.slice/session-3.scope uid 1000 thr 2 age 50000 anon 800M file 2M shmem 0 swap 0 pte 1700K adj 200 cmdline "./leaker\\0--fast\\0" exe "" pss ?
        0 faults, 0 vanished
    "#]],
    );
}

#[test]
fn a_scope_on_v2_has_its_own_pressure_and_swap() {
    check(
        "plain-v2",
        Some("/system.slice/postgresql.service"),
        Needs::default(),
        &expect![[r#"
        host 80M of 1024M, swap 192M of 256M, pressure 12.34% 5.60%
        ->1 systemd [outside] /init.scope uid 0 thr 1 age 3599950 anon 6M file 8M shmem 0 swap 0 pte 80K adj 0
        ->2 kthreadd [kernel outside] - uid - thr 1 age 3599950 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
        2>17 kworker/u4:1-events_unbound [kernel outside] - uid - thr 1 age 3599910 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
        1>512 sshd [outside] /system.slice/ssh.service uid 0 thr 1 age 3591000 anon 1M file 6M shmem 0 swap 0 pte 60K adj -1000
        1>700 postgres [] /system.slice/postgresql.service uid 26 thr 1 age 3590000 anon 20M file 16M shmem 130M swap 1M pte 400K adj -900
        700>703 postgres [] /system.slice/postgresql.service uid 26 thr 1 age 3589900 anon 4M file 8M shmem 100M swap 0 pte 300K adj 0
        700>711 postgres [] /system.slice/postgresql.service uid 26 thr 1 age 1600000 anon 500M file 12M shmem 64M swap 63M pte 1400K adj 0
        512>880 bash [outside] /user.slice/user-1000.slice/session-3.scope uid 1000 thr 1 age 1100000 anon 2M file 4M shmem 0 swap 0 pte 50K adj 0
        880>900 make [zombie outside] /user.slice/user-1000.slice/session-3.scope uid 1000 thr 1 age 600000 anon 0 file 0 shmem 0 swap 0 pte 0 adj 0
        880>950 leaker [outside] /user.slice/user-1000.slice/session-3.scope uid 1000 thr 2 age 50000 anon 800M file 2M shmem 0 swap 0 pte 1700K adj 200
        0 faults, 0 vanished
    "#]],
    );
}

#[test]
fn a_container_host_on_v1() {
    check(
        "plain-v1",
        None,
        Needs::default(),
        &expect![[r#"
        host 5120M of 8192M, swap 2048M of 2048M, pressure 0.00% 0.00%
        ->1 init [] / uid 0 thr 1 age 3599990 anon 512K file 1M shmem 0 swap 0 pte 40K adj 0
        ->2 kthreadd [kernel] - uid - thr 1 age 3599990 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
        1>50 mysqld [] /machine/db42 uid 999 thr 38 age 3595000 anon 500M file 20M shmem 10M swap 80M pte 1300K adj 0
        50>61 backup [] /machine/db42/helper.service uid 999 thr 1 age 2700000 anon 40M file 2M shmem 0 swap 0 pte 120K adj 100
        1>70 redis-server [] /machine/db421 uid 998 thr 5 age 3593000 anon 280M file 4M shmem 0 swap 0 pte 700K adj 0
        1>80 cron [] / uid 0 thr 1 age 3592000 anon 256K file 2M shmem 0 swap 0 pte 44K adj 0
        0 faults, 0 vanished
    "#]],
    );
}

#[test]
fn the_memcgs_of_v1() {
    check_memcgs(
        "plain-v1",
        Version::V1,
        &expect![[r#"
            -<0 / [] 3000M of max min ? low ? high ? swap 0 anon 2000M file 900M shmem 0 reclaimable 700M some - full - max-events 0 oom-kills 0
            0<1 /machine [] 1000M of 1024M min ? low ? high ? swap 100M anon 880M file 100M shmem 10M reclaimable 30M some - full - max-events 9 oom-kills 2
            1<2 /machine/db42 [] 600M of 900M min ? low ? high ? swap 80M anon 540M file 50M shmem 10M reclaimable 15M some - full - max-events 0 oom-kills 0
            2<3 /machine/db42/helper.service [helper.service] 50M of max min ? low ? high ? swap 0 anon 40M file 5M shmem 0 reclaimable 2M some - full - max-events 0 oom-kills 0
            1<4 /machine/db421 [] 300M of max min ? low ? high ? swap 0 anon 280M file 20M shmem 0 reclaimable 15M some - full - max-events 0 oom-kills 0
        "#]],
    );
}

#[test]
fn a_scope_on_v1_is_bounded_by_its_parent() {
    check(
        "plain-v1",
        Some("/machine/db42/"),
        Needs::default(),
        &expect![[r#"
        host 54M of 1024M, swap 412M of 512M, pressure 0.00% 0.00%
        ->1 init [outside] / uid 0 thr 1 age 3599990 anon 512K file 1M shmem 0 swap 0 pte 40K adj 0
        ->2 kthreadd [kernel outside] - uid - thr 1 age 3599990 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
        1>50 mysqld [] /machine/db42 uid 999 thr 38 age 3595000 anon 500M file 20M shmem 10M swap 80M pte 1300K adj 0
        50>61 backup [] /machine/db42/helper.service uid 999 thr 1 age 2700000 anon 40M file 2M shmem 0 swap 0 pte 120K adj 100
        1>70 redis-server [outside] /machine/db421 uid 998 thr 5 age 3593000 anon 280M file 4M shmem 0 swap 0 pte 700K adj 0
        1>80 cron [outside] / uid 0 thr 1 age 3592000 anon 256K file 2M shmem 0 swap 0 pte 44K adj 0
        0 faults, 0 vanished
    "#]],
    );
}

#[test]
fn hostile_names_stay_in_their_fields() {
    check(
        "hostile-names",
        None,
        DETAILS,
        &expect![[r#"
        host 768M of 1024M, swap 0 of 0, pressure 0.00% 0.00%
        ->1 init [] / uid 0 thr 1 age 3599990 anon 100K file 100K shmem 0 swap 0 pte 40K adj 0 cmdline "" exe "" pss ?
        1>20 ) Z 1 ( [] /a/c uid 0 thr 1 age 3599000 anon 1000K file 100K shmem 0 swap 0 pte 40K adj 0 cmdline "" exe "" pss ?
        1>21 a\n22 (b) R 1 [] /a-b uid 0 thr 1 age 3599000 anon 1000K file 100K shmem 0 swap 0 pte 40K adj 0 cmdline "" exe "" pss ?
        1>22 \xff\xfe\x80k\xe4se [] /with: colon/x.service uid 0 thr 1 age 3599000 anon 1000K file 100K shmem 0 swap 0 pte 40K adj 0 cmdline "\\xff\\0\\n\\0" exe "" pss ?
        1>23  [] /näme.scope uid 0 thr 1 age 3599000 anon 1000K file 100K shmem 0 swap 0 pte 40K adj 0 cmdline "" exe "" pss ?
        20>24 (((( [] - uid 0 thr 1 age 3599000 anon 1000K file 100K shmem 0 swap 0 pte 40K adj 0 cmdline "" exe "" pss ?
        20>25 \u{1b}[31mred [] - uid 0 thr 1 age 3599000 anon 1000K file 100K shmem 0 swap 0 pte 40K adj 0 cmdline "" exe "" pss ?
        0 faults, 0 vanished
    "#]],
    );
    check_memcgs(
        "hostile-names",
        Version::V2,
        &expect![[r#"
            -<0 / [] ? of ? min ? low ? high ? swap ? anon 10M file 2M shmem 0 reclaimable 3M some 0.00% full 0.00% max-events ? oom-kills ? refaults 0+?
            0<1 /a [] 16M of max min 0 low 0 high max swap 0 anon 10M file 2M shmem 0 reclaimable 3M some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+?
            0<2 /a-b [] 16M of max min 0 low 0 high max swap 0 anon 10M file 2M shmem 0 reclaimable 3M some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+?
            1<3 /a/c [] 16M of max min 0 low 0 high max swap 0 anon 10M file 2M shmem 0 reclaimable 3M some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+?
            0<4 /näme.scope [näme.scope] 16M of max min 0 low 0 high max swap 0 anon 10M file 2M shmem 0 reclaimable 3M some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+?
            0<5 /with: colon [] 16M of max min 0 low 0 high max swap 0 anon 10M file 2M shmem 0 reclaimable 3M some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+?
            5<6 /with: colon/x.service [x.service] 16M of max min 0 low 0 high max swap 0 anon 10M file 2M shmem 0 reclaimable 3M some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+?
        "#]],
    );
}

#[test]
fn without_psi_and_swap_both_are_absent_and_no_fault() {
    check(
        "no-psi",
        Some("/app.service"),
        Needs::default(),
        &expect![[r#"
        host 32M of 256M, swap 0 of 0, pressure - -
        ->1 init [outside] / uid 0 thr 1 age 3599990 anon 300K file 400K shmem 0 swap 0 pte 40K adj 0
        1>40 app [] /app.service uid 0 thr 4 age 3596000 anon 90M file 2M shmem 0 swap 0 pte 200K adj 0
        0 faults, 0 vanished
    "#]],
    );
    check_memcgs(
        "no-psi",
        Version::V2,
        &expect![[r#"
            -<0 / [] ? of ? min ? low ? high ? swap ? anon 10M file 2M shmem 0 reclaimable 3M some - full - max-events ? oom-kills ? refaults 0+?
            0<1 /app.service [app.service] 100M of 128M min 0 low 0 high max swap ? anon 90M file 8M shmem 0 reclaimable 7M some - full - max-events 0 oom-kills 0 refaults 0+?
        "#]],
    );
}

#[test]
fn what_vanishes_costs_its_row_and_what_is_torn_its_value() {
    check(
        "torn",
        None,
        Needs::default(),
        &expect![[r#"
            host 768M of 1024M, swap 0 of 0, pressure - -
            ->1 init [] / uid 0 thr 1 age 3599990 anon 300K file 400K shmem 0 swap 0 pte 40K adj 0
            1>33 nostatus [] /x uid - thr 1 age 3599000 anon ? file ? shmem ? swap ? pte ? adj 7
            1>34 badadj [] /x uid 0 thr 1 age 3599000 anon 300K file 400K shmem 0 swap 0 pte 40K adj ?
            1>35 nocgroup [] - uid 0 thr 1 age 3599000 anon 300K file 400K shmem 0 swap 0 pte 40K adj 0
            ->36 orphan [] /x uid 0 thr 1 age 3599000 anon 500K file 400K shmem 0 swap 0 pte 40K adj 0
            fault /proc/pressure/memory: no `some avg10=`
            fault /sys/fs/cgroup/x/memory.max: not a number of bytes
            fault /proc/32/stat: no flags in field 9
            fault /proc/33/status: no line `Uid:` with four numbers
            fault /proc/34/oom_score_adj: not a number of -1000 to 1000
            fault /proc/35/cgroup: no line for the memory hierarchy
            6 faults, 2 vanished
        "#]],
    );
}

#[test]
fn every_machine_says_what_is_special_about_it() {
    for entry in std::fs::read_dir(machine("")).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            let text = std::fs::read_to_string(path.join("machine.toml")).unwrap();
            assert!(text.starts_with("# ") && text.lines().next().unwrap().len() > 20, "{}", path.display());
            assert!(now(&path).boot_ms > 0);
        }
    }
}

#[test]
fn growth_is_over_the_time_between_scans() {
    let machine = machine("plain-v1");
    let mut sensor = Sensor::new(Root::below(&machine), None).unwrap();
    let mut snapshot = Snapshot::default();
    let first = now(&machine);
    sensor.sense(Needs::default(), first, &mut snapshot);
    let later = Now { boot_ms: first.boot_ms + 1500, wall_ms: first.wall_ms + 1500 };
    sensor.sense(Needs::default(), later, &mut snapshot);
    assert_eq!((snapshot.now_ms, snapshot.taken_at_ms), (later.boot_ms, later.wall_ms));
    assert!(snapshot.processes.growth_bytes_per_s.iter().all(|&growth| growth == 0));
}

#[test]
fn columns_that_are_no_longer_needed_are_empty_again() {
    let machine = machine("plain-v2");
    let mut sensor = Sensor::new(Root::below(&machine), None).unwrap();
    let mut snapshot = Snapshot::default();
    sensor.sense(DETAILS, now(&machine), &mut snapshot);
    let table = &snapshot.processes;
    assert_eq!([table.cmdlines.len(), table.exes.len(), table.pss_bytes.len()], [table.len(); 3]);
    sensor.sense(Needs::default(), now(&machine), &mut snapshot);
    let table = &snapshot.processes;
    assert_eq!([table.cmdlines.len(), table.exes.len(), table.pss_bytes.len()], [0; 3]);
}

#[test]
fn a_reader_of_the_last_snapshot_keeps_its_numbers() {
    let (v1, v2) = (machine("plain-v1"), machine("plain-v2"));
    let mut snapshot = Snapshot::default();
    Sensor::new(Root::below(&v1), None).unwrap().sense(DETAILS, now(&v1), &mut snapshot);
    let reader = snapshot.clone();
    Sensor::new(Root::below(&v2), None).unwrap().sense(DETAILS, now(&v2), &mut snapshot);
    assert_eq!(reader.processes.comms.get(2), b"mysqld");
    assert_eq!(snapshot.processes.comms.get(2), b"kworker/u4:1-events_unbound");
}

#[test]
fn a_scope_that_is_not_there_is_named_with_its_directory() {
    let root = || Root::below(&machine("plain-v1"));
    for scope in ["/machine/db43", "machine/db43/", "/../..", "/machine/\0"] {
        let error = Sensor::new(root(), Some(scope)).unwrap_err();
        assert!(matches!(&error, SenseError::NoScope { scope: named, .. } if named == scope), "{error}");
    }
    let error = Sensor::new(root(), Some("/machine/db43")).unwrap_err().to_string();
    assert!(error.ends_with("/sys/fs/cgroup/memory/machine/db43"), "{error}");
}

#[test]
fn a_folder_that_is_no_machine_is_an_error_that_names_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let error = Sensor::new(Root::below(folder.path()), None).unwrap_err();
    assert!(matches!(&error, SenseError::Unreadable { path, .. } if path.ends_with("proc")), "{error}");
    std::fs::create_dir(folder.path().join("proc")).unwrap();
    let error = Sensor::new(Root::below(folder.path()), None).unwrap_err();
    assert!(matches!(&error, SenseError::Unreadable { path, .. } if path.ends_with("meminfo")), "{error}");
    std::fs::write(folder.path().join("proc/meminfo"), "MemTotal: 1 kB\n").unwrap();
    let error = Sensor::new(Root::below(folder.path()), None).unwrap_err();
    assert!(error.to_string().ends_with("proc/meminfo: no line `MemAvailable:`"), "{error}");
    std::fs::write(folder.path().join("proc/meminfo"), "MemTotal: 2 kB\nMemAvailable: 1 kB\n").unwrap();
    assert!(Sensor::new(Root::below(folder.path()), None).unwrap().hierarchy().is_none());
    let error = Sensor::new(Root::below(folder.path()), Some("/a")).unwrap_err();
    assert!(matches!(error, SenseError::NoHierarchy { .. }), "{error}");
}

#[test]
fn a_machine_from_files_arms_no_trigger_and_v1_memcgs_have_none() {
    let spec = |memcg: Option<&str>| PsiSpec {
        kind: PsiKind::Some,
        stall_ms: 150,
        window_ms: 1000,
        memcg: memcg.map(String::from),
    };
    let root = |name| Root::below(&machine(name));
    let error = PsiTrigger::arm(&root("plain-v2"), &spec(None)).unwrap_err();
    assert!(
        matches!(&error, TriggerError::NotLive { path } if path.ends_with("proc/pressure/memory")),
        "{error}"
    );
    let error = PsiTrigger::arm(&root("plain-v2"), &spec(Some("/system.slice"))).unwrap_err();
    assert!(
        matches!(&error, TriggerError::NotLive { path } if path.ends_with("system.slice/memory.pressure")),
        "{error}"
    );
    let error = PsiTrigger::arm(&root("plain-v1"), &spec(Some("/machine"))).unwrap_err();
    assert!(
        matches!(&error, TriggerError::V1 { directory } if directory.ends_with("memory/machine")),
        "{error}"
    );
}

#[test]
fn faults_are_all_counted_but_only_the_first_are_kept() {
    let folder = tempfile::tempdir().unwrap();
    let proc = folder.path().join("proc");
    std::fs::create_dir(&proc).unwrap();
    std::fs::write(proc.join("meminfo"), "MemTotal: 2 kB\nMemAvailable: 1 kB\n").unwrap();
    for pid in 1..=100 {
        std::fs::create_dir(proc.join(pid.to_string())).unwrap();
        std::fs::write(proc.join(format!("{pid}/stat")), "garbage").unwrap();
    }
    let mut sensor = Sensor::new(Root::below(folder.path()), None).unwrap();
    let mut snapshot = Snapshot::default();
    for _ in 0..2 {
        sensor.sense(Needs::default(), Now { boot_ms: 1, wall_ms: 1 }, &mut snapshot);
        assert_eq!((sensor.faults_total(), sensor.faults().len(), snapshot.processes.len()), (100, 32, 0));
    }
}

#[test]
fn a_host_that_cannot_be_read_any_more_has_unknown_memory_and_not_none() {
    let folder = tempfile::tempdir().unwrap();
    let meminfo = folder.path().join("proc/meminfo");
    std::fs::create_dir(folder.path().join("proc")).unwrap();
    std::fs::write(&meminfo, "MemTotal: 2 kB\nMemAvailable: 1 kB\n").unwrap();
    let mut sensor = Sensor::new(Root::below(folder.path()), None).unwrap();
    std::fs::write(&meminfo, "").unwrap();
    let mut snapshot = Snapshot::default();
    sensor.sense(Needs::default(), Now { boot_ms: 1, wall_ms: 1 }, &mut snapshot);
    assert_eq!(snapshot.host.memory_available_bytes, jettison_model::column::UNKNOWN_U64);
    assert_eq!(sensor.faults().len(), 1);
    assert_eq!(sensor.probe(), None);
}
