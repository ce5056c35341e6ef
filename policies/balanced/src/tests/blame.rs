//! What took the memory, what is usual, and what is dear.

use jettison_sdk::Cause::Pressure;
use jettison_sdk::testing::{Machine, Subject};
use jettison_sdk::{Qos, Stance};

use super::{assert_first, reason, verdict};

/// Sixteen GiB, of which 1.5 GiB are missing, with memory at ease ten minutes ago.
pub(super) fn short() -> Machine {
    Machine::new()
        .memory_mib(16_384)
        .available_mib(900)
        .deficit_mib(1_500)
        .eased_ms_ago(600_000)
        .cause(Pressure)
}

#[test]
fn what_took_the_memory_goes_however_old_and_slow_it_is() {
    let mut machine = short();
    machine.process("mysqld").anon_mib(3_800).age_s(1_728_000).taken_mib(0);
    let leak = machine
        .process("leakyd")
        .anon_mib(9_200)
        .age_s(259_200)
        .growth_bytes_per_s(307_200)
        .taken_mib(180)
        .pid();
    assert_first(&machine, &Subject::Process(leak));
    let expected = "took 180 MiB of the 180 MiB that went in the last 10 min, grew 300 KiB/s; 8.9 GiB in 1 process, 3 d old";
    assert_eq!(reason(&machine, leak), expected);
    assert_eq!(verdict(&machine).sacrifices().len(), 1, "the host waits rather than end another");
}

#[test]
fn a_service_that_warms_up_again_is_no_leak_until_it_passes_what_is_usual() {
    let warming = |usual_mib, age_s| {
        let mut machine = short();
        machine.memcg("/db.service").unit("db.service").current_mib(6_000).usual_mib(usual_mib);
        let database = machine
            .process("mongod")
            .anon_mib(6_000)
            .age_s(age_s)
            .taken_mib(6_000)
            .memcg("/db.service")
            .pid();
        let leak = machine.process("agent").anon_mib(900).age_s(259_200).taken_mib(500).pid();
        (verdict(&machine).urgency(database), verdict(&machine).urgency(leak))
    };
    assert!(matches!(warming(6_000, 300), (None, Some(_))));
    assert!(matches!(warming(1_000, 300), (Some(_), _)), "five times what is usual");
    assert!(matches!(warming(6_000, 90_000), (Some(_), _)), "after a day it has warmed up");
}

#[test]
fn the_head_of_a_unit_is_kept_and_its_guilty_child_goes() {
    let mut machine = short();
    machine.memcg("/ci.service").unit("ci.service");
    let head = machine.process("runner").anon_mib(160).age_s(90_000).taken_mib(0).memcg("/ci.service").pid();
    let job =
        machine.process("sh").child_of(head).anon_mib(2).age_s(300).taken_mib(2).memcg("/ci.service").pid();
    let test = machine
        .process("pytest")
        .child_of(job)
        .anon_mib(4_000)
        .age_s(300)
        .taken_mib(4_000)
        .memcg("/ci.service")
        .pid();
    assert_first(&machine, &Subject::Process(test));
    let verdict = verdict(&machine);
    let entry = verdict.of(head).expect("it is named");
    assert_eq!(
        (entry.stance(), entry.reason()),
        (Stance::Protect(150), "all of ci.service would end with it")
    );
}

#[test]
fn what_much_depends_on_goes_if_it_took_the_memory_itself() {
    let of = |taken_mib| {
        let mut machine = short();
        let shell = machine.process("gnome-shell").anon_mib(6_000).age_s(90_000).taken_mib(taken_mib).pid();
        machine.process("job").anon_mib(900).age_s(900).taken_mib(800);
        let verdict = verdict(&machine);
        (verdict.strength(shell), verdict.urgency(shell).is_some())
    };
    assert_eq!(of(0), (Some(700), false));
    assert_eq!(of(100), (Some(700), false), "others took more");
    assert_eq!(of(5_000), (None, true));
}

#[test]
fn a_young_server_that_starts_no_more_processes_is_no_swarm() {
    let first = |births| {
        let mut machine = short();
        let root =
            machine.process("server").anon_mib(40).age_s(26).taken_mib(40).births_per_1000s(births).pid();
        for _ in 0..20 {
            machine
                .process("server")
                .child_of(root)
                .anon_mib(100)
                .age_s(20)
                .taken_mib(100)
                .births_per_1000s(0);
        }
        verdict(&machine).first()
    };
    assert!(matches!(first(0), Some(Subject::Process(_))));
    assert!(matches!(first(2_000), Some(Subject::Tree(_))), "twenty within ten seconds");
}

#[test]
fn a_value_that_a_whole_service_inherited_keeps_none_of_its_children() {
    let mut machine = short();
    let head = machine.process("orca").anon_mib(900).age_s(90_000).taken_mib(0).oom_score_adj(-200).pid();
    let child = machine
        .process("node")
        .child_of(head)
        .anon_mib(700)
        .age_s(90_000)
        .taken_mib(0)
        .oom_score_adj(-200)
        .pid();
    machine.process("cc1plus").anon_mib(3_000).age_s(20).taken_mib(3_000);
    let verdict = verdict(&machine);
    assert_eq!((verdict.strength(head), verdict.strength(child)), (Some(260), None), "\n{verdict}");
}

#[test]
fn what_the_kubelet_takes_off_a_pod_keeps_none_that_took_the_memory() {
    let first = |memcg: &str, taken_mib| {
        let mut machine = short();
        machine.memcg("/kubepods/pod7").pod("7", Qos::Guaranteed);
        machine.memcg("/system.slice/agent.service");
        let agent = machine.process("agent").anon_mib(3_000).age_s(90_000).taken_mib(taken_mib);
        let agent = agent.oom_score_adj(-997).memcg(memcg).pid();
        machine.process("other").anon_mib(300).age_s(90_000).taken_mib(300);
        (verdict(&machine).first() == Some(Subject::Process(agent)), verdict(&machine).strength(agent))
    };
    assert_eq!(first("/kubepods/pod7", 2_900), (true, None));
    assert_eq!(first("/kubepods/pod7", 10), (false, Some(892)), "it took next to nothing");
    assert_eq!(first("/system.slice/agent.service", 2_900), (false, Some(892)), "its administrator says so");
}

#[test]
fn at_the_limit_of_a_memcg_on_a_host_at_ease_growth_tells() {
    let mut machine =
        Machine::new().memory_mib(65_536).available_mib(50_000).eased_ms_ago(0).memcg_limit("/app");
    machine.memcg("/app").max_mib(700).current_mib(690);
    machine.process("server").anon_mib(420).age_s(600).taken_mib(0).memcg("/app");
    let helper = machine
        .process("helper")
        .anon_mib(150)
        .age_s(20)
        .growth_mib_per_s(15)
        .taken_mib(0)
        .memcg("/app")
        .pid();
    assert_first(&machine, &Subject::Process(helper));
    assert_eq!(reason(&machine, helper), "grew 15 MiB/s; 150 MiB in 1 process, 20 s old");
}

#[test]
fn on_a_host_at_ease_what_is_large_and_steady_is_kept_before_it_is_a_day_old() {
    let strength = |has_seen_ease: bool| {
        let machine = Machine::new().memory_mib(512).available_mib(230);
        let mut machine = if has_seen_ease { machine.eased_ms_ago(0) } else { machine };
        let primary = machine.process("primary").anon_mib(230).age_s(3_600);
        let pid = if has_seen_ease { primary.taken_mib(0).pid() } else { primary.pid() };
        verdict(&machine).strength(pid)
    };
    assert!(strength(true).is_some() && strength(false).is_none());
}

#[test]
fn small_parts_of_the_base_system_never_go_whatever_the_size_of_the_board() {
    let strength = |mib, uid| {
        let mut machine = Machine::new().memory_mib(256).available_mib(6).deficit_mib(32).cause(Pressure);
        let manager = machine.process("NetworkManager").anon_mib(mib).age_s(90_000).uid(uid).pid();
        machine.process("gateway").anon_mib(60).age_s(90_000);
        verdict(&machine).strength(manager)
    };
    assert_eq!(strength(14, 0), Some(1000));
    assert_eq!(strength(14, 1000), Some(700), "a user may call a program as it likes");
    assert_eq!(strength(40, 0), Some(700), "a sixth of the board is worth a plan");
}

#[test]
fn where_nothing_is_known_of_what_was_taken_what_is_large_and_of_today_is_not_kept_for_its_size() {
    let of = |age_s, usual_mib: Option<u64>, taken_mib: Option<i64>| {
        let mut machine = short();
        let unit = machine.memcg("/job.service").unit("job.service").current_mib(6_000);
        usual_mib.map(|mib| unit.usual_mib(mib));
        let row = machine.process("job").anon_mib(6_000).age_s(age_s).memcg("/job.service");
        taken_mib.map(|mib| row.taken_mib(mib));
        let job = row.pid();
        verdict(&machine).strength(job)
    };
    assert_eq!(of(18_000, None, None), None, "it may be what took the memory");
    assert_eq!(of(18_000, None, Some(0)), Some(291), "it is known that it did not");
    assert_eq!(of(90_000, None, None), Some(291), "older than a day");
    assert_eq!(of(18_000, Some(5_900), None), Some(291), "its unit has held as much before");
    assert_eq!(of(18_000, Some(1_000), None), None);
}

#[test]
fn many_that_leak_alike_are_all_given_up_though_none_has_an_eighth() {
    let mut machine = short();
    machine.process("mysqld").anon_mib(7_000).age_s(1_728_000).taken_mib(0);
    machine.process("agent").anon_mib(400).age_s(1_728_000).taken_mib(20);
    let leaking: Vec<Subject> = (0..12)
        .map(|n| {
            let memcg = format!("/svc-{n}.service");
            let row = machine.process("java").anon_mib(560).age_s(259_200).taken_mib(380).memcg(&memcg);
            Subject::Process(row.pid())
        })
        .collect();
    let verdict = verdict(&machine);
    let given_up = verdict.sacrifices();
    assert!(leaking.iter().all(|subject| given_up.contains(subject)), "\n{verdict}");
    assert_eq!(given_up.len(), leaking.len(), "what took a nineteenth of that is not\n{verdict}");
}

#[test]
fn a_part_of_the_base_system_that_has_half_of_all_memory_is_what_is_missing() {
    let strength = |mib, is_known: bool| {
        let mut machine = short();
        let log = machine.process("rsyslogd").anon_mib(mib).age_s(1_728_000).pid();
        if is_known {
            machine.process("job").anon_mib(2_000).age_s(300).taken_mib(2_000);
        }
        verdict(&machine).strength(log)
    };
    assert_eq!(strength(9_000, false), None);
    assert_eq!(strength(7_000, false), Some(700));
    assert_eq!(strength(9_000, true), Some(700), "another took it");
}

#[test]
fn heads_that_leak_alike_are_not_kept_for_their_units() {
    let mut machine = short();
    let mut head = |n: usize, own_mib, child_mib| {
        let memcg = format!("/svc-{n}.service");
        machine.memcg(&memcg).unit(&format!("svc-{n}.service"));
        let row = machine.process("java").anon_mib(1_100).age_s(259_200).taken_mib(own_mib).memcg(&memcg);
        let head = row.pid();
        let child = machine.process("worker").child_of(head).anon_mib(600).age_s(259_200).memcg(&memcg);
        child.taken_mib(child_mib);
        head
    };
    let leaking: Vec<u32> = (0..6).map(|n| head(n, 500, 0)).collect();
    let (steady, parent) = (head(6, 0, 0), head(7, 300, 400));
    let verdict = verdict(&machine);
    assert!(leaking.iter().all(|&pid| verdict.urgency(pid).is_some()), "\n{verdict}");
    assert_eq!((verdict.strength(steady), verdict.strength(parent)), (Some(150), Some(150)), "\n{verdict}");
}

#[test]
fn a_unit_that_multiplies_from_its_head_on_is_one_swarm() {
    let bomb = |births, usual: Option<u64>| {
        let mut machine = short();
        let unit = machine.memcg("/bomb.service").unit("bomb.service");
        if let Some(mib) = usual {
            unit.usual_mib(mib);
        }
        let root = machine.process("bomb").anon_mib(1).age_s(5).taken_mib(1).births_per_1000s(births);
        let root = root.memcg("/bomb.service").pid();
        for _ in 0..50 {
            let child = machine.process("bomb").child_of(root).anon_mib(40).age_s(3).taken_mib(40);
            child.births_per_1000s(0).memcg("/bomb.service");
        }
        let verdict = verdict(&machine);
        (verdict.urgency(root).is_some(), verdict.strength(root))
    };
    assert_eq!(bomb(5_000, None), (true, None), "one by one it would fork on faster than it goes");
    assert_eq!(bomb(0, None), (false, Some(150)), "a server that has all its workers loses some of them");
    assert_eq!(bomb(5_000, Some(2_000)), (false, Some(150)), "it has run before");
}

#[test]
fn a_newcomer_to_a_large_unit_does_not_warm_up_in_the_room_of_what_was_there() {
    let first = |engine_age_s| {
        let mut machine = short();
        machine.memcg("/db.service").unit("db.service").current_mib(6_300).usual_mib(6_000);
        let engine = machine.process("engine").anon_mib(5_900).age_s(engine_age_s).taken_mib(90);
        engine.memcg("/db.service");
        let backup = machine.process("backup").anon_mib(600).age_s(1_500).taken_mib(600);
        let backup = backup.memcg("/db.service").pid();
        (verdict(&machine).first(), backup)
    };
    let (of_old, backup) = first(2_000_000);
    assert_eq!(
        of_old,
        Some(Subject::Process(backup)),
        "the engine holds what is usual, and ten minutes' noise"
    );
}

#[test]
fn a_worker_that_stands_out_is_not_kept_for_being_large_and_steady() {
    let strength = |large_mib, siblings| {
        let mut machine = short();
        let master = machine.process("celery").anon_mib(60).age_s(900_000).taken_mib(0).pid();
        let worker = |machine: &mut Machine, mib| {
            machine.process("celery").child_of(master).anon_mib(mib).age_s(90_000).taken_mib(0).pid()
        };
        let large = worker(&mut machine, large_mib);
        (0..siblings).for_each(|_| _ = worker(&mut machine, 700));
        verdict(&machine).strength(large)
    };
    assert!(strength(2_000, 4).is_some_and(|strength| strength >= 200), "it may do more than they do");
    assert!(strength(2_000, 1).is_some_and(|strength| strength >= 200), "one sibling tells nothing");
    assert!(strength(2_000, 0).is_some_and(|strength| strength >= 200));
    assert!(strength(3_000, 4).is_none_or(|strength| strength < 200), "it has leaked");
}

/// A daemon that has not seen memory at ease: what each took before is not known. A process of 3,000 MiB.
fn unwatched(age_s: u64, growth_1h_bytes_per_s: i64) -> (Machine, u32) {
    let mut machine = Machine::new().memory_mib(16_384).available_mib(900).deficit_mib(1_500).cause(Pressure);
    for _ in 0..6 {
        machine.process("apache2").anon_mib(40).age_s(18_000);
    }
    let row =
        machine.process("wget").anon_mib(3_000).age_s(age_s).growth_1h_bytes_per_s(growth_1h_bytes_per_s);
    let pid = row.pid();
    (machine, pid)
}

#[test]
fn a_rate_of_before_the_shortage_is_no_blame() {
    let named = |eased_ms_ago, taken_mib| {
        let mut machine = short().eased_ms_ago(eased_ms_ago).taken_by_nobody_mib(1_600);
        let row = machine.process("redis").anon_mib(2_900).age_s(2).taken_mib(taken_mib);
        row.growth_bytes_per_s(1_500 << 20);
        !verdict(&machine).sacrifices().is_empty()
    };
    assert!(!named(600, 0), "it has read what it needs");
    assert!(named(600, 900), "it goes on");
    assert!(named(2_000, 0), "it has grown since");
}

#[test]
fn what_grows_as_it_has_on_average_since_it_started_has_leaked_all_of_it() {
    // 3,000 MiB in three days are 12,136 bytes a second.
    for rate in [6_100, 12_136, 24_200] {
        let (machine, leak) = unwatched(259_200, rate);
        assert_eq!(verdict(&machine).sacrifices(), [Subject::Process(leak)], "{rate}");
    }
    // A burst, next to none, none and less are no such leak: it is old, large and steady.
    for (age_s, rate) in [(259_200, 50_000), (259_200, 600), (259_200, 0), (259_200, -9_000)] {
        let (machine, leak) = unwatched(age_s, rate);
        assert_eq!(verdict(&machine).urgency(leak), None, "{age_s} s, {rate} bytes a second");
    }
}

#[test]
fn a_steady_leak_that_is_not_to_blame_is_not_kept_as_settled() {
    let strength = |rate| {
        let mut machine = short();
        let row = machine.process("filebeat").anon_mib(3_000).age_s(259_200).taken_mib(75);
        let shipper = row.growth_1h_bytes_per_s(rate).pid();
        machine.process("zstd").anon_mib(1_500).age_s(60).taken_mib(1_500);
        verdict(&machine).strength(shipper)
    };
    assert_eq!((strength(0).is_some(), strength(12_136)), (true, None));
}

#[test]
fn where_what_was_taken_explains_little_what_has_leaked_since_it_started_does() {
    let taken = |other_mib| {
        let mut machine = short();
        machine.process("glusterfsd").anon_mib(1_400).age_s(1_296_000).taken_mib(0);
        let row = machine.process("glusterd").anon_mib(7_900).age_s(1_296_000).taken_mib(3);
        let leak = row.growth_1h_bytes_per_s(5_767).pid();
        machine.process("job").anon_mib(2_000).age_s(300).taken_mib(other_mib);
        verdict(&machine).sacrifices().contains(&Subject::Process(leak))
    };
    assert!(taken(0));
    assert!(!taken(1_500), "another took it");
}

#[test]
fn what_does_not_grow_within_the_hour_took_no_more_than_of_late() {
    let first = |hourly| {
        let mut machine = short().eased_ms_ago(0);
        let row = machine.process("server").anon_mib(1_500).age_s(90_000).growth_bytes_per_s(3 << 20);
        let server = row.growth_1h_bytes_per_s(hourly).pid();
        machine.process("job").anon_mib(900).age_s(120).growth_bytes_per_s(4 << 20);
        verdict(&machine).sacrifices().first() == Some(&Subject::Process(server))
    };
    assert_eq!((first(0), first(1 << 20)), (false, true));
}
