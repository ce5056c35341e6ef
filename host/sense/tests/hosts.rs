//! Fixture machines that are special in what they run or how they are set up.

mod kit;

use std::fmt::Write;

use expect_test::{Expect, expect};
use jettison_model::text::Escaped;
use jettison_model::{Needs, Snapshot};
use jettison_sense::{Root, Runtime, Sensor, Survey, Version, attribution};
use kit::{machine, memcgs, now, sensed};

fn check(name: &str, expected: &Expect) {
    expected.assert_eq(&sensed(name, None, Needs::default()));
}

/// Its memcgs, too.
fn check_both(name: &str, expected: &Expect, memcg: &Expect) {
    check(name, expected);
    memcg.assert_eq(&memcgs(&snapshot(name)));
}

fn snapshot(name: &str) -> Snapshot {
    let machine = machine(name);
    let mut sensor = Sensor::new(Root::below(&machine), None).unwrap();
    let mut snapshot = Snapshot::default();
    sensor.sense(Needs::default(), now(&machine), &mut snapshot);
    snapshot
}

fn survey(name: &str) -> Survey {
    Survey::of(&Root::below(&machine(name)))
}

#[test]
fn a_node_of_kubernetes() {
    check(
        "kubernetes",
        &expect![[r#"
            host 2048M of 16384M, swap 0 of 0, pressure 3.10% 0.40%
            ->1 systemd [] /init.scope uid 0 thr 1 age 3599000 anon 6M file 8M shmem 0 swap 0 pte 60K adj 0
            ->2 kthreadd [kernel] - uid - thr 1 age 3599000 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
            1>640 containerd [] /system.slice/containerd.service uid 0 thr 21 age 3500000 anon 60M file 30M shmem 0 swap 0 pte 60K adj -999
            1>702 kubelet [] /system.slice/kubelet.service uid 0 thr 18 age 3490000 anon 90M file 40M shmem 0 swap 0 pte 60K adj -999
            1>2000 containerd-shim [] /system.slice/containerd.service uid 0 thr 1 age 3000000 anon 8M file 9M shmem 0 swap 0 pte 60K adj -998
            2000>2010 pause [] /kubepods.slice/kubepods-pod3b1a7c1e_7d6b_4a0f_9a52_1f0f6a1e0c11.slice/cri-containerd-100123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd.scope uid 65535 thr 1 age 3000000 anon 40K file 4K shmem 0 swap 0 pte 60K adj -998
            2000>2020 postgres [] /kubepods.slice/kubepods-pod3b1a7c1e_7d6b_4a0f_9a52_1f0f6a1e0c11.slice/cri-containerd-110123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd.scope uid 999 thr 1 age 2990000 anon 4096M file 16M shmem 0 swap 0 pte 8M adj -997
            1>2100 containerd-shim [] /system.slice/containerd.service uid 0 thr 1 age 2500000 anon 8M file 9M shmem 0 swap 0 pte 60K adj -998
            2100>2110 pause [] /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod91d0f2aa_0c5e_4c43_8a0b_5d2f9e77b220.slice/cri-containerd-200123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd.scope uid 65535 thr 1 age 2500000 anon 40K file 4K shmem 0 swap 0 pte 60K adj -998
            2100>2120 node [] /kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod91d0f2aa_0c5e_4c43_8a0b_5d2f9e77b220.slice/cri-containerd-210123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd.scope uid 1000 thr 5 age 2490000 anon 1024M file 16M shmem 0 swap 0 pte 2M adj 936
            1>2200 containerd-shim [] /system.slice/containerd.service uid 0 thr 1 age 2000000 anon 8M file 9M shmem 0 swap 0 pte 60K adj -998
            2200>2210 pause [] /kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podc4e6b8d0_1234_4321_abcd_9f8e7d6c5b4a.slice/cri-containerd-300123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd.scope uid 65535 thr 1 age 2000000 anon 40K file 4K shmem 0 swap 0 pte 60K adj -998
            2200>2220 python3 [] /kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podc4e6b8d0_1234_4321_abcd_9f8e7d6c5b4a.slice/cri-containerd-310123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd.scope uid 1001 thr 9 age 1990000 anon 6144M file 16M shmem 0 swap 0 pte 12M adj 1000
            0 faults, 0 vanished
        "#]],
    );
    let table = snapshot("kubernetes").memcgs;
    let mut said = String::new();
    for row in 0..table.len() {
        let path = table.paths.get(row);
        let owner = attribution(path);
        if let Some(pod) = owner.pod {
            let runtime =
                owner.container.and_then(|container| container.runtime).map_or("-", Runtime::as_str);
            let id = owner.container.map_or(b"-".as_slice(), |container| &container.id[..6]);
            writeln!(said, "{} {} {runtime} {}", pod.uid, pod.qos.as_str(), Escaped(id)).unwrap();
        }
    }
    expect![[r#"
        c4e6b8d0-1234-4321-abcd-9f8e7d6c5b4a BestEffort - -
        c4e6b8d0-1234-4321-abcd-9f8e7d6c5b4a BestEffort containerd 300123
        c4e6b8d0-1234-4321-abcd-9f8e7d6c5b4a BestEffort containerd 310123
        91d0f2aa-0c5e-4c43-8a0b-5d2f9e77b220 Burstable - -
        91d0f2aa-0c5e-4c43-8a0b-5d2f9e77b220 Burstable containerd 200123
        91d0f2aa-0c5e-4c43-8a0b-5d2f9e77b220 Burstable containerd 210123
        3b1a7c1e-7d6b-4a0f-9a52-1f0f6a1e0c11 Guaranteed - -
        3b1a7c1e-7d6b-4a0f-9a52-1f0f6a1e0c11 Guaranteed containerd 100123
        3b1a7c1e-7d6b-4a0f-9a52-1f0f6a1e0c11 Guaranteed containerd 110123
    "#]]
    .assert_eq(&said);
}

#[test]
fn a_file_server_on_zfs_has_the_clean_part_of_its_cache() {
    check(
        "zfs",
        &expect![[r#"
            host 19968M of 32768M, swap 4194300K of 4194300K, pressure 0.00% 0.00%
            ->1 systemd [] /init.scope uid 0 thr 1 age 3599000 anon 6M file 8M shmem 0 swap 0 pte 60K adj 0
            ->2 kthreadd [kernel] - uid - thr 1 age 3599000 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
            2>311 arc_evict [kernel] - uid - thr 1 age 3580000 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
            2>312 arc_prune [kernel] - uid - thr 1 age 3580000 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
            1>900 smbd [] /system.slice/smbd.service uid 0 thr 1 age 3400000 anon 3072M file 20M shmem 0 swap 0 pte 6300K adj 0
            0 faults, 0 vanished
        "#]],
    );
}

#[test]
fn a_container_of_lxc_has_its_own_memory_and_nothing_of_the_cache_of_its_host() {
    check(
        "lxc",
        &expect![[r#"
        host 61M of 1536M, swap 128M of 512M, pressure 0.00% 0.00%
        ->1 systemd [] /init.scope uid 0 thr 1 age 3599000 anon 6M file 8M shmem 0 swap 0 pte 60K adj 0
        1>900 smbd [] /system.slice/smbd.service uid 0 thr 1 age 3400000 anon 1200M file 20M shmem 0 swap 0 pte 6300K adj 0
        0 faults, 0 vanished
    "#]],
    );
    let machine = machine("lxc");
    let mut sensor = Sensor::new(Root::below(&machine), None).unwrap();
    let mut snapshot = Snapshot::default();
    sensor.sense(Needs::ALL, now(&machine), &mut snapshot);
    let host = snapshot.host;
    assert_eq!(sensor.probe().map(|memory| memory.available_bytes), Some(host.memory_available_bytes));
    for of_the_host in [host.zswap_bytes, host.zswapped_bytes, host.watermark_low_bytes, host.oom_kills] {
        assert_eq!(of_the_host, jettison_model::column::UNKNOWN_U64);
    }
}

#[test]
fn a_laptop_on_zram_has_the_swap_that_compression_saves() {
    check(
        "zram",
        &expect![[r#"
            host 640M of 8192M, swap 4194301K of 5592402K, pressure 8.20% 2.10%
            ->1 systemd [] /init.scope uid 0 thr 1 age 3599000 anon 6M file 8M shmem 0 swap 2M pte 60K adj 0
            ->2 kthreadd [kernel] - uid - thr 1 age 3599000 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
            2>77 kswapd0 [kernel] - uid - thr 1 age 3599000 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
            1>640 earlyoom [] /system.slice/earlyoom.service uid 0 thr 1 age 3500000 anon 500K file 1500K shmem 0 swap 0 pte 60K adj -100
            1>1200 firefox [] /user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox.scope uid 1000 thr 90 age 3000000 anon 1024M file 200M shmem 100M swap 256M pte 6000K adj 0
            1200>1290 Isolated Web Co [] /user.slice/user-1000.slice/user@1000.service/app.slice/app-firefox.scope uid 1000 thr 30 age 900000 anon 2048M file 100M shmem 50M swap 768M pte 7000K adj 167
            0 faults, 0 vanished
        "#]],
    );
    let survey = survey("zram");
    assert!(survey.has_zswap);
    assert_eq!(
        survey.rivals.iter().map(|rival| (rival.name.as_str(), rival.pid)).collect::<Vec<_>>(),
        [("earlyoom", 640)]
    );
}

#[test]
fn with_hidepid_the_rest_of_the_machine_is_seen_as_memcgs_only() {
    check(
        "hidepid",
        &expect![[r#"
            host 3072M of 8192M, swap 0 of 0, pressure 0.00% 0.00%
            ->4000 bash [] /user.slice/user-1000.slice/session-7.scope uid 1000 thr 1 age 1000000 anon 2M file 4M shmem 0 swap 0 pte 60K adj 0
            4000>4050 cc1plus [] /user.slice/user-1000.slice/session-7.scope uid 1000 thr 1 age 20000 anon 300M file 4M shmem 0 swap 0 pte 700K adj 0
            4000>4100 jettison [] /user.slice/user-1000.slice/session-7.scope uid 1000 thr 1 age 1000 anon 2M file 4M shmem 0 swap 0 pte 60K adj 0
            0 faults, 0 vanished
        "#]],
    );
    assert!(survey("hidepid").sight.is_hidden && !survey("hidepid").sight.has_kernel_threads);
    assert!(!survey("kubernetes").sight.is_hidden && survey("kubernetes").sight.has_kernel_threads);
}

#[test]
fn one_cpu_stalls_as_a_whole() {
    check(
        "one-cpu",
        &expect![[r#"
            host 40M of 496000K, swap 20M of 262140K, pressure 21.50% 21.43%
            ->1 systemd [] /init.scope uid 0 thr 1 age 3599000 anon 3M file 4M shmem 0 swap 4M pte 60K adj 0
            ->2 kthreadd [kernel] - uid - thr 1 age 3599000 anon 0 file 0 shmem 0 swap 0 pte 0 adj ?
            1>350 hass [] /system.slice/homeassistant.service uid 110 thr 40 age 3300000 anon 250M file 8M shmem 0 swap 200000K pte 900K adj 0
            0 faults, 0 vanished
        "#]],
    );
}

#[test]
fn kernels_of_five_years_say_the_same_in_their_own_formats() {
    let of = |name| sensed(name, None, Needs { pss: true, ..Needs::default() });
    let (old, new) = (of("linux-5.10"), of("linux-6.12"));
    expect![[r#"
        host 2048M of 8192M, swap 1048572K of 2097148K, pressure 0.50% 0.10%
        ->1 systemd [] /init.scope uid 0 thr 1 age 3599000 anon 6M file 8M shmem 0 swap 0 pte 60K adj 0 pss ?
        ->2 kthreadd [kernel] - uid - thr 1 age 3599000 anon 0 file 0 shmem 0 swap 0 pte 0 adj ? pss ?
        1>800 redis-server [] /system.slice/redis.service uid 105 thr 5 age 3400000 anon 2048M file 8M shmem 0 swap 10M pte 4200K adj 0 pss 2099000K
        0 faults, 0 vanished
    "#]]
    .assert_eq(&old);
    // Only the reserve of hugepages differs, which is not in the total.
    assert_eq!(new, old.replace("host 2048M of 8192M", "host 2048M of 6144M"));
    assert_eq!(memcgs(&snapshot("linux-5.10")), memcgs(&snapshot("linux-6.12")));
    let features = |name| {
        let survey = survey(name);
        format!("{:?} {:?} {:?}", survey.pidfd, survey.mrelease, survey.cgroup_kill)
    };
    assert_eq!(features("linux-6.12"), "There There There");
    assert_eq!(features("linux-5.10"), "There Absent { since: (5, 15) } Absent { since: (5, 14) }");
}

#[test]
fn a_survey_tells_a_torn_file_from_an_absent_one() {
    let folder = tempfile::tempdir().unwrap();
    let root = Root::below(folder.path());
    assert_eq!(Survey::of(&root).faults, [], "absent files are normal");
    for (path, text) in [
        ("proc/sys/kernel/osrelease", "six\n"),
        ("proc/sys/vm/panic_on_oom", ""),
        ("proc/self/status", "Name:\tjettison\nCapE"),
        (
            "proc/self/mountinfo",
            "22 1 0:20 / /proc rw - proc proc rw,hidepid=2\n23 1 0:21 / /sys rw shared:7\n",
        ),
        ("proc/cgroups", "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t4\n"),
    ] {
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    std::fs::create_dir(folder.path().join("proc/swaps")).unwrap();
    let survey = Survey::of(&root);
    assert!(survey.sight.is_hidden, "a torn line does not cost the others");
    assert_eq!((survey.release, survey.panic_on_oom, survey.controllers.len()), (None, None, 0));
    let mut lines: Vec<String> = Vec::new();
    for fault in &survey.faults {
        let path = fault.path.strip_prefix(folder.path().to_str().unwrap()).unwrap();
        lines.push(format!("{path}: {}\n", fault.what));
    }
    lines.sort();
    expect![[r#"
        /proc/cgroups: a line is not `name hierarchy num_cgroups enabled`
        /proc/self/mountinfo: a line is not `ID PARENT MAJOR:MINOR ROOT POINT ...`
        /proc/self/status: no line `CapEff:` with a hexadecimal number
        /proc/swaps: cannot be read: Is a directory (os error 21)
        /proc/sys/kernel/osrelease: not a release of two numbers or more
        /proc/sys/vm/panic_on_oom: not a number
    "#]]
    .assert_eq(&lines.concat());
}

#[test]
fn a_real_container_of_podman_on_v1_is_limited_by_its_own_memcg() {
    check_both(
        "podman-v1",
        &expect![[r#"
        host 73980K of 256M, swap 0 of 0, pressure 0.00% 0.00%
        ->1 busybox [] / uid 0 thr 1 age 3070 anon 64K file 1540K shmem 0 swap 0 pte 40K adj 0
        1>6 workload [] / uid 0 thr 1 age 3030 anon 61600K file 2572K shmem 0 swap 0 pte 168K adj 0
        1>7 workload [] / uid 0 thr 1 age 3030 anon 123040K file 2524K shmem 0 swap 0 pte 288K adj 0
        1>8 busybox [] / uid 0 thr 1 age 3030 anon 56K file 1328K shmem 0 swap 0 pte 36K adj 0
        0 faults, 0 vanished
    "#]],
        &expect![[r#"
        -<0 / [] 188436K of 256M min ? low ? high ? swap 148K anon 184816K file 276K shmem 0 reclaimable 272K some - full - max-events 0 oom-kills 0 refaults 0+8
    "#]],
    );
}

#[test]
fn a_real_container_of_docker_on_v2_is_limited_by_its_root() {
    check_both(
        "docker-v2",
        &expect![[r#"
        host 97458K of 150M, swap 0 of 0, pressure 0.00% 0.00%
        ->1 first [] / uid 0 thr 1 age 50510 anon 44K file 220K shmem 0 swap 0 pte 44K adj 0
        1>9 primary [] / uid 0 thr 1 age 44380 anon 51132K file 2200K shmem 0 swap 0 pte 148K adj 0
        1>11 jettisond [] / uid 0 thr 6 age 43940 anon 3584K file 5400K shmem 0 swap 0 pte 96K adj 0
        0 faults, 0 vanished
    "#]],
        &expect![[r#"
        -<0 / [] 60296K of 150M min 0 low 0 high max swap 0 anon 55240K file 3776K shmem 0 reclaimable 4154K some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+0
    "#]],
    );
}

#[test]
fn a_real_container_of_lxc_without_lxcfs_is_limited_by_its_root() {
    check_both(
        "lxc-v2",
        &expect![[r#"
        host 97258K of 150M, swap 0 of 0, pressure 0.00% 0.00%
        ->1 first [] / uid 0 thr 1 age 20720 anon 44K file 220K shmem 0 swap 0 pte 40K adj 0
        1>6 primary [] / uid 0 thr 1 age 20250 anon 51268K file 2232K shmem 0 swap 0 pte 144K adj 0
        1>8 jettisond [] / uid 0 thr 6 age 19960 anon 3564K file 5268K shmem 0 swap 0 pte 88K adj -1000
        0 faults, 0 vanished
    "#]],
        &expect![[r#"
        -<0 / [] 60624K of 150M min 0 low 0 high max swap 0 anon 55396K file 3912K shmem 4K reclaimable 4282K some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+0
    "#]],
    );
}

#[test]
fn a_real_container_of_lxc_with_lxcfs_is_limited_by_its_root_and_its_processes_are_as_old_as_they_are() {
    check_both(
        "lxcfs-v2",
        &expect![[r#"
        host 96920K of 150M, swap 0 of 0, pressure 0.00% 0.00%
        ->1 first [] / uid 0 thr 1 age 29650 anon 40K file 220K shmem 0 swap 0 pte 44K adj 0
        1>22 primary [] / uid 0 thr 1 age 27820 anon 50M file 2232K shmem 0 swap 0 pte 148K adj 0
        1>23 jettisond [] / uid 0 thr 6 age 27820 anon 3856K file 5184K shmem 0 swap 0 pte 92K adj -1000
        0 faults, 0 vanished
    "#]],
        &expect![[r#"
        -<0 / [] 59936K of 150M min 0 low 0 high max swap 0 anon 55628K file 3172K shmem 4K reclaimable 3521K some 0.00% full 0.00% max-events 0 oom-kills 0 refaults 0+0
    "#]],
    );
}

#[test]
fn a_real_hybrid_host_has_the_memcgs_of_v1_and_none_of_the_v2_beside_it() {
    check_both(
        "hybrid",
        &expect![[r#"
        host 411056K of 609248K, swap 0 of 0, pressure 0.00% 0.00%
        ->1 systemd [] /init.scope uid 0 thr 1 age 31760 anon 2644K file 9016K shmem 0 swap 0 pte 88K adj 0
        1>120 systemd-journal [] /system.slice/systemd-journald.service uid 0 thr 1 age 27100 anon 3036K file 7708K shmem 4K swap 0 pte 80K adj -250
        1>140 dbus-daemon [] /system.slice/dbus.service uid 101 thr 1 age 25410 anon 372K file 3284K shmem 0 swap 0 pte 56K adj -900
        1>227 primary [] /system.slice/primary.service uid 0 thr 1 age 5720 anon 51260K file 2116K shmem 0 swap 0 pte 148K adj 0
        0 faults, 0 vanished
    "#]],
        &expect![[r#"
        -<0 / [] 168596K of max min ? low ? high ? swap 48K anon 60352K file 108276K shmem 40K reclaimable 108236K some - full - max-events 0 oom-kills 0 refaults 0+0
        0<1 /init.scope [init.scope] 1832K of max min ? low ? high ? swap 0 anon 1240K file 84K shmem 4K reclaimable 80K some - full - max-events 0 oom-kills 0 refaults 0+0
        0<2 /system.slice [] 153244K of max min ? low ? high ? swap 0 anon 57716K file 89968K shmem 36K reclaimable 89932K some - full - max-events 0 oom-kills 0 refaults 0+0
        2<3 /system.slice/dbus.service [dbus.service] 2284K of max min ? low ? high ? swap 0 anon 524K file 1596K shmem 0 reclaimable 1596K some - full - max-events 0 oom-kills 0 refaults 0+0
        2<4 /system.slice/primary.service [primary.service] 51644K of 300M min ? low ? high ? swap 0 anon 51468K file 0 shmem 0 reclaimable 0 some - full - max-events 0 oom-kills 0 refaults 0+0
        2<5 /system.slice/systemd-journald.service [systemd-journald.service] 5032K of max min ? low ? high ? swap 0 anon 3036K file 1592K shmem 20K reclaimable 1572K some - full - max-events 0 oom-kills 0 refaults 0+0
    "#]],
    );
    assert_eq!(survey("hybrid").hierarchy.unwrap().version, Version::V1);
}
