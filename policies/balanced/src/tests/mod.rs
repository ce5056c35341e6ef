//! Little machines, each with one thing wrong, and what the policy gives up without any configuration.

use jettison_sdk::Cause::{Manual, MemcgLimit, Pressure, Routine, Warning};
use jettison_sdk::Stance;
use jettison_sdk::testing::{Machine, Subject, Verdict};

use super::Balanced;

mod blame;
mod untaken;

fn machine() -> Machine {
    Machine::new().memory_mib(1024).available_mib(50).deficit_mib(103).cause(Pressure)
}

fn verdict(machine: &Machine) -> Verdict {
    machine.consult::<Balanced>()
}

#[track_caller]
fn assert_first(machine: &Machine, expected: &Subject) {
    let verdict = verdict(machine);
    assert_eq!(verdict.first().as_ref(), Some(expected), "\n{verdict}");
}

#[track_caller]
fn reason(machine: &Machine, pid: u32) -> String {
    verdict(machine).of(pid).expect("it is named").reason().to_owned()
}

/// A bomb: a tiny parent with 60 children of 8 MiB, born over the last six seconds.
fn bomb_below(machine: &mut Machine, parent: u32, comm: &str) -> u32 {
    let bomb = machine.process(comm).child_of(parent).anon_mib(1).age_s(6).pid();
    for n in 0..60 {
        let child = machine.process(comm).child_of(bomb).anon_mib(8).age_ms(6_000 - n * 100);
        // Newborns have grown by all they have within the second or so since the last look.
        if n > 40 {
            child.growth_mib_per_s(6);
        }
    }
    bomb
}

#[test]
fn a_smaller_leak_goes_before_a_bigger_steady_one_though_both_are_young() {
    let mut machine = machine();
    let steady = machine.process("server").anon_mib(420).age_s(6).pid();
    let leak = machine.process("leak").anon_mib(180).age_s(4).growth_mib_per_s(61).pid();
    assert_first(&machine, &Subject::Process(leak));
    assert_eq!(
        reason(&machine, leak),
        "grew 61 MiB/s; 180 MiB in 1 process, 4 s old; what it took is not known yet"
    );
    assert_eq!(verdict(&machine).urgency(steady), None, "it took nothing");
}

#[test]
fn a_slow_leak_is_found_too() {
    let mut machine = machine();
    machine.process("server").anon_mib(500).age_s(25);
    let leak = machine.process("leak").anon_mib(120).age_s(40).growth_mib_per_s(3).pid();
    assert_first(&machine, &Subject::Process(leak));
}

#[test]
fn in_the_very_first_snapshot_what_came_fast_counts_as_growing() {
    let mut machine = machine().first_snapshot();
    machine.process("server").anon_mib(420).age_s(600);
    let leak = machine.process("leak").anon_mib(180).age_s(4).pid();
    assert_first(&machine, &Subject::Process(leak));
    assert_eq!(
        reason(&machine, leak),
        "grew 45 MiB/s on average; 180 MiB in 1 process, 4 s old; what it took is not known yet"
    );
}

#[test]
fn a_leak_in_an_old_service_goes_before_a_young_steady_build() {
    let mut machine = machine().memory_mib(8192);
    machine.process("rustc").anon_mib(2048).age_s(20);
    let leak = machine.process("agent").anon_mib(1024).age_s(86_400).growth_mib_per_s(20).pid();
    assert_first(&machine, &Subject::Process(leak));
}

#[test]
fn a_tiny_grower_does_not_hide_who_holds_the_memory() {
    let mut machine = machine();
    let hog = machine.process("hog").anon_mib(700).age_s(5).pid();
    machine.process("tiny").anon_mib(2).age_s(5).growth_mib_per_s(2);
    assert_first(&machine, &Subject::Process(hog));
}

#[test]
fn a_fork_bomb_goes_as_one_tree_without_the_shell_that_also_started_the_primary() {
    let mut machine = machine();
    let shell = machine.process("sh").age_s(20).pid();
    let primary = machine.process("server").child_of(shell).anon_mib(420).age_s(15).pid();
    let launcher = machine.process("sh").child_of(shell).age_s(6).pid();
    let bomb = bomb_below(&mut machine, launcher, "python3");
    assert_first(&machine, &Subject::Tree(bomb));
    let verdict = verdict(&machine);
    assert!(verdict.urgency(primary) < verdict.urgency(bomb), "\n{verdict}");
    assert_eq!(verdict.sacrifices().len(), 1, "neither its children nor the primary are named\n{verdict}");
    let reason = verdict.of(bomb).unwrap().reason().to_owned();
    assert_eq!(
        reason,
        "multiplies: grew 114 MiB/s; 481 MiB in 61 processes, 6 s old; what it took is not known yet"
    );
}

#[test]
fn a_primary_among_the_bombs_own_kind_is_not_part_of_the_swarm() {
    for primary_mib in [40, 100, 200, 420] {
        let mut machine = machine();
        let launcher = machine.process("python3").anon_mib(1).age_s(20).pid();
        let primary = machine.process("python3").child_of(launcher).anon_mib(primary_mib).age_s(15).pid();
        let bomb = bomb_below(&mut machine, launcher, "python3");
        assert_first(&machine, &Subject::Tree(bomb));
        let of_primary = verdict(&machine).urgency(primary);
        assert!(of_primary < verdict(&machine).urgency(bomb), "{primary_mib} MiB");
    }
}

#[test]
fn a_bomb_that_is_a_chain_or_a_binary_tree_is_one_tree() {
    for arity in [1, 2] {
        let mut machine = machine();
        machine.process("server").anon_mib(420).age_s(15);
        let root = machine.process("bomb").anon_mib(8).age_s(6).pid();
        for n in 1..60 {
            machine.process("bomb").child_of(root + (n - 1) / arity).anon_mib(8).age_s(5).growth_mib_per_s(1);
        }
        let first = verdict(&machine).first();
        let Some(Subject::Tree(pid)) = first else { panic!("{first:?}") };
        assert!(pid < root + 8, "all but an eighth of it goes: {pid} of {root}");
    }
}

#[test]
fn each_of_a_bombs_orphans_goes_with_the_weight_of_all() {
    let mut machine = machine();
    let primary = machine.process("python3").anon_mib(420).age_s(15).pid();
    let orphans: Vec<u32> =
        (0..60).map(|_| machine.process("python3").anon_mib(8).age_s(3).growth_mib_per_s(1).pid()).collect();
    let verdict = verdict(&machine);
    let Some(Subject::Process(first)) = verdict.first() else { panic!("\n{verdict}") };
    assert!(orphans.contains(&first));
    assert!(verdict.urgency(primary) < verdict.urgency(first), "\n{verdict}");
    let reason = verdict.of(first).unwrap().reason();
    assert_eq!(
        reason,
        "one of 60 alike that together grew 60 MiB/s; 480 MiB in 60 processes, 3 s old; what it took is not known yet"
    );
}

#[test]
fn a_session_survives_the_bomb_that_its_shell_started() {
    let mut machine = machine();
    let terminal = machine.process("tmux").anon_mib(10).age_s(7_200).pid();
    let shell = machine.process("bash").child_of(terminal).anon_mib(4).age_s(7_000).pid();
    let editor = machine.process("vim").child_of(shell).anon_mib(60).age_s(5_000).pid();
    let mut children = Vec::new();
    for _ in 0..60 {
        let wrapper = machine.process("sh").child_of(shell).age_s(4).pid();
        machine.process("stress").child_of(wrapper).anon_mib(8).age_s(4);
        children.push(wrapper);
    }
    let verdict = verdict(&machine);
    let Some(Subject::Tree(first)) = verdict.first() else { panic!("\n{verdict}") };
    assert!(children.contains(&first), "\n{verdict}");
    for spared in [terminal, shell, editor] {
        assert!(verdict.urgency(spared) < verdict.urgency(first), "\n{verdict}");
    }
}

#[test]
fn a_leaking_helper_goes_alone_though_it_is_a_child_of_the_primary_in_its_memcg() {
    for cause in [Pressure, MemcgLimit] {
        let mut machine = match cause {
            MemcgLimit => Machine::new().memory_mib(65_536).available_mib(50_000).memcg_limit("/app"),
            _ => machine(),
        };
        machine.memcg("/app").max_mib(700);
        let outside = machine.process("leak").anon_mib(200).age_s(4).growth_mib_per_s(90).memcg("/b").pid();
        let primary = machine.process("server").anon_mib(420).age_s(600).memcg("/app").pid();
        let helper = machine
            .process("helper")
            .child_of(primary)
            .anon_mib(150)
            .age_s(20)
            .growth_mib_per_s(30)
            .memcg("/app/sub")
            .pid();
        if cause == MemcgLimit {
            assert_first(&machine, &Subject::Process(helper));
            let verdict = verdict(&machine);
            assert_eq!(verdict.urgency(outside), None, "its end would not help\n{verdict}");
            assert_eq!(verdict.strength(primary), Some(350), "60% of what is short\n{verdict}");
        } else {
            let verdict = verdict(&machine);
            assert_eq!(verdict.sacrifices()[..2], [Subject::Process(outside), Subject::Process(helper)]);
        }
    }
}

#[test]
fn where_nothing_leaks_the_youngest_goes_and_the_old_large_service_is_kept() {
    let mut machine = machine();
    let service = machine.process("postgres").anon_mib(500).age_s(86_400).pid();
    machine.process("worker").anon_mib(150).age_s(3_600);
    let youngest = machine.process("job").anon_mib(100).age_s(12).pid();
    assert_first(&machine, &Subject::Process(youngest));
    assert_eq!(verdict(&machine).strength(service), Some(322));
}

#[test]
fn old_steady_and_large_is_kept_at_every_cause_and_its_own_size_does_not_count_against_it() {
    for cause in [Routine, Warning, Pressure] {
        let mut machine = machine().cause(cause);
        let service = machine.process("server").anon_mib(420).file_mib(20).age_s(7_300).taken_mib(0).pid();
        let verdict = verdict(&machine);
        let entry = verdict.of(service).unwrap();
        assert_eq!((entry.stance(), entry.oom_score_adj()), (Stance::Protect(307), Some(-429)));
        assert_eq!(entry.reason(), "steady at 440 MiB, 42% of memory, 2 h old");
    }
}

#[test]
fn who_is_young_small_growing_unmeasured_or_expendable_is_not_kept() {
    let mut machine = machine();
    let rows = [
        machine.process("young").anon_mib(300).age_s(29).pid(),
        machine.process("small").anon_mib(100).age_s(600).pid(),
        machine.process("growing").anon_mib(300).age_s(600).growth_mib_per_s(2).pid(),
        machine.process("unmeasured").anon_mib(300).age_s(600).growth_unknown().pid(),
        machine.process("expendable").anon_mib(300).age_s(600).oom_score_adj(1).pid(),
        machine.process("excluded").anon_mib(300).age_s(600).excluded().pid(),
        machine.process("elsewhere").anon_mib(300).age_s(600).out_of_scope().pid(),
    ];
    let verdict = verdict(&machine);
    for pid in rows {
        assert_eq!(verdict.strength(pid), None, "\n{verdict}");
    }
    assert_eq!(verdict.urgency(rows[5]).or(verdict.urgency(rows[6])), None, "not ours\n{verdict}");
}

#[test]
fn a_unit_that_systemd_is_told_to_avoid_stays_behind_all_others_but_the_settled() {
    let mut machine = machine();
    machine.memcg("/panel.service").unit("panel.service").oomd_avoid();
    machine.memcg("/panel.service/inner").unit("panel.service").max_mib(300);
    machine.memcg("/panel.service/other.service").unit("other.service");
    let leak = |machine: &mut Machine, memcg| {
        machine.process("leak").anon_mib(200).age_s(9).growth_mib_per_s(50).memcg(memcg).pid()
    };
    let avoided = [leak(&mut machine, "/panel.service"), leak(&mut machine, "/panel.service/inner")];
    machine.process("tiny").anon_mib(1).age_s(9).memcg("/panel.service").pid();
    let other = machine.process("job").anon_mib(20).age_s(900).memcg("/panel.service/other.service").pid();
    let verdict = verdict(&machine);
    assert!(verdict.of(other).is_none(), "what is not named goes before what is kept\n{verdict}");
    for pid in avoided {
        let entry = verdict.of(pid).unwrap();
        assert_eq!((entry.stance(), entry.oom_score_adj()), (Stance::Protect(100), None));
        assert_eq!(entry.reason(), "its unit has ManagedOOMPreference=avoid");
    }
    // At a limit of its own one of its processes has to go.
    let machine = machine.cause(MemcgLimit).memcg_limit("/panel.service");
    assert_first(&machine, &Subject::Process(avoided[0]));
}

#[test]
fn a_database_with_shared_buffers_loses_the_backend_that_grows_and_not_its_postmaster() {
    let mut machine = Machine::new().memory_mib(8192).available_mib(300).cause(Pressure);
    let postmaster = machine.process("postgres").anon_mib(20).shmem_mib(200).age_s(86_400).pid();
    let mut backends = Vec::new();
    for _ in 0..20 {
        backends.push(
            machine.process("postgres").child_of(postmaster).anon_mib(30).shmem_mib(2048).age_s(900).pid(),
        );
    }
    let growing = machine
        .process("postgres")
        .child_of(postmaster)
        .anon_mib(300)
        .shmem_mib(1500)
        .age_s(60)
        .growth_mib_per_s(40)
        .pid();
    assert_first(&machine, &Subject::Process(growing));
    let verdict = verdict(&machine);
    assert_eq!(
        reason(&machine, growing),
        "grew 40 MiB/s; 300 MiB in 1 process, 60 s old; what it took is not known yet"
    );
    assert_eq!(verdict.strength(backends[0]), Some(263), "a quarter of 25% is added\n{verdict}");
    assert!(verdict.entries().all(|(subject, _)| !matches!(subject, Subject::Tree(_))), "\n{verdict}");
}

#[test]
fn a_young_database_is_no_swarm_when_one_backend_leaks() {
    let mut machine = machine();
    let postmaster = machine.process("postgres").anon_mib(10).age_s(12).pid();
    for _ in 0..12 {
        machine.process("postgres").child_of(postmaster).anon_mib(10).shmem_mib(128).age_s(10);
    }
    let leak =
        machine.process("postgres").child_of(postmaster).anon_mib(250).age_s(9).growth_mib_per_s(30).pid();
    assert_first(&machine, &Subject::Process(leak));
}

#[test]
fn shared_memory_that_only_one_maps_counts() {
    let mut machine = machine();
    machine.process("server").anon_mib(100).age_s(20);
    let hog = machine.process("shm-hog").shmem_mib(400).age_s(20).pid();
    assert_first(&machine, &Subject::Process(hog));
}

#[test]
fn an_administrators_leaning_shifts_but_does_not_decide() {
    let mut machine = machine();
    let spared = machine.process("a").anon_mib(200).age_s(20).oom_score_adj(-500).pid();
    let plain = machine.process("a").anon_mib(150).age_s(20).pid();
    let offered = machine.process("a").anon_mib(60).age_s(20).oom_score_adj(800).pid();
    let verdict = verdict(&machine);
    assert_eq!(verdict.sacrifices(), [offered, plain].map(Subject::Process), "\n{verdict}");
    assert_eq!(verdict.strength(spared), Some(500), "\n{verdict}");
    assert_eq!(
        verdict.of(offered).unwrap().reason(),
        "steady; 60 MiB in 1 process, 20 s old, oom_score_adj 800; what it took is not known yet"
    );
}

#[test]
fn the_kernel_is_told_to_prefer_the_leak_once_memory_is_short() {
    for (cause, expected) in [(Routine, None), (Manual, None), (Warning, Some(236)), (Pressure, Some(236))] {
        let mut machine = machine().cause(cause);
        machine.process("server").anon_mib(420).age_s(600);
        let leak = machine.process("leak").anon_mib(180).age_s(4).growth_mib_per_s(61).pid();
        assert_eq!(verdict(&machine).of(leak).unwrap().oom_score_adj(), expected, "{cause:?}");
    }
}

#[test]
fn pids_and_the_order_of_rows_decide_nothing() {
    let build = |numbers: [u32; 4]| {
        // So much is missing that what was taken explains none of it.
        let mut machine = machine().deficit_mib(1 << 20);
        let [server, leak, job, idle] = numbers;
        machine.process("server").numbered(server).anon_mib(420).age_s(20);
        machine.process("leak").numbered(leak).anon_mib(180).age_s(20).growth_mib_per_s(20);
        machine.process("job").numbered(job).anon_mib(90).age_s(2);
        machine.process("idle").numbered(idle).anon_mib(90).age_s(900);
        let names: Vec<usize> = verdict(&machine)
            .sacrifices()
            .iter()
            .map(|subject| numbers.iter().position(|&pid| *subject == Subject::Process(pid)).unwrap())
            .collect();
        names
    };
    let order = build([100, 101, 102, 103]);
    assert_eq!(order, [1, 0, 2, 3]);
    for numbers in [[103, 102, 101, 100], [4_000_000, 7, 300, 12], [50, 9_999, 51, 2]] {
        assert_eq!(build(numbers), order, "{numbers:?}");
    }
}

#[test]
fn the_ballot_stays_short_and_its_numbers_in_range_on_a_huge_machine() {
    let mut machine = Machine::new().memory_mib(u64::MAX >> 20).available_mib(1).cause(Pressure);
    for n in 0..2_000 {
        machine.process("p").anon_mib(n << 30).age_ms(n).growth_bytes_per_s(i64::MAX).oom_score_adj(1000);
    }
    machine.process("odd").memory_unknown().oom_score_adj_unknown().uid_unknown();
    let verdict = verdict(&machine);
    assert_eq!(verdict.sacrifices().len(), 64);
    assert!(verdict.entries().all(|(_, entry)| entry.reason().len() < 200), "\n{verdict}");
}

#[test]
fn an_empty_machine_gives_an_empty_ballot() {
    assert_eq!(verdict(&Machine::new()).entries().len(), 0);
}

#[test]
fn every_setting_is_checked_and_all_problems_are_named() {
    assert_eq!(Machine::problems::<Balanced>("{}"), []);
    let bad = r#"{"old_s": 0, "large_percent": 101, "hold_max": 1000, "swarm": 2, "avoid_strength": 0}"#;
    let keys: Vec<String> =
        Machine::problems::<Balanced>(bad).into_iter().map(|problem| problem.key).collect();
    assert_eq!(keys, ["old_s", "large_percent", "avoid_strength", "hold_max", "swarm"]);
    let unknown = &Machine::problems::<Balanced>(r#"{"large_percentage": 10}"#)[0];
    assert!(unknown.message.contains("unknown field `large_percentage`"), "{unknown:?}");
}
