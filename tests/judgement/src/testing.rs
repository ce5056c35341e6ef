//! A machine as the SDK's test bench has it, so that a policy can be consulted natively on each of these
//! machines.

use jettison_sdk::testing::{Machine as TestMachine, Subject};
use jettison_sdk::{Cause, Policy, Stance};

use crate::domain::Domain;
use crate::verdict::{Taken, Verdict, judge};
use crate::{Machine, Process};

/// The defaults of `trigger`: percent of memory, and MiB at most.
const WARN: (f64, f64) = (15.0, 4096.0);
const CRITICAL: (f64, f64) = (3.0, 768.0);

/// The machine, with what a policy sees of it. Sizes are whole MiB.
#[must_use]
pub fn test_machine(machine: &Machine) -> TestMachine {
    let domain = Domain::of(machine);
    let critical = level(machine.total, CRITICAL);
    let mut test = TestMachine::new()
        .memory_mib(mib(machine.total))
        .available_mib(mib(machine.available))
        .swap_mib(mib(machine.swap_total), mib(machine.swap_free))
        .deficit_mib(mib(missing(machine)));
    if machine.is_ease_known() {
        test = test
            .eased_ms_ago(mib(machine.eased_s * 1000.0))
            .taken_by_nobody_mib(mib(machine.taken_by_nobody));
    }
    test = match &domain {
        Domain::Memcg(path) => test.memcg_limit(path),
        Domain::Host if machine.available <= critical => test.cause(Cause::Critical),
        Domain::Host => test.cause(Cause::Pressure),
    };
    for (path, memcg) in &machine.memcgs {
        let parts = path.rsplit('/');
        let unit = parts.clone().find(|part| part.ends_with(".service") || part.ends_with(".scope"));
        let row =
            test.memcg(path).current_mib(mib(machine.current(path))).shmem_mib(mib(machine.shmem(path)));
        memcg.max.map(|max| row.max_mib(mib(max)));
        machine.usual(path).map(|usual| row.usual_mib(mib(usual)));
        unit.map(|unit| row.unit(unit));
    }
    for process in machine.processes.iter().filter(|process| process.pid > 1) {
        add(&mut test, process, machine.known_taken(process));
    }
    test
}

fn level(total: f64, (percent, cap): (f64, f64)) -> f64 {
    (total * percent / 100.0).min(cap)
}

/// What is missing below the warn level, where memory is short.
fn missing(machine: &Machine) -> f64 {
    let (total, available) = match Domain::of(machine) {
        Domain::Host => (machine.total, machine.available),
        Domain::Memcg(path) => {
            let max = machine.memcgs.get(&path).and_then(|memcg| memcg.max).unwrap_or(machine.total);
            (max, max - machine.current(&path))
        }
    };
    (level(total, WARN) - available).max(0.0)
}

fn add(test: &mut TestMachine, process: &Process, taken: Option<f64>) {
    let comm: String = process.comm.chars().take(15).collect();
    let row = test
        .process(comm)
        .numbered(process.pid)
        .child_of(process.parent)
        .memcg(&process.memcg)
        .uid(process.uid)
        .threads(process.threads)
        .age_ms(mib(process.age_s * 1000.0))
        .anon_mib(mib(process.anon))
        .file_mib(mib(process.file))
        .shmem_mib(mib(process.shm))
        .swap_mib(mib(process.swap))
        .growth_bytes_per_s(bytes(process.grow))
        .births_per_1000s(u32::try_from(mib(process.births * 1000.0)).unwrap_or(u32::MAX))
        .oom_score_adj(process.adj);
    taken.map(|taken| row.taken_mib(bytes(taken) >> 20));
    process.hour.map(|hour| row.growth_1h_bytes_per_s(bytes(hour)));
    if process.adj == -1000 {
        row.excluded();
    }
}

/// Consults a policy natively. Only what it gives up first is judged: the plan, which is the host's, may take
/// less or more.
#[must_use]
pub fn judge_policy<P: Policy>(machine: &Machine) -> (Taken, Verdict) {
    let test = test_machine(machine);
    let said = test.consult::<P>();
    let held =
        |pid: u32| machine.processes.iter().find(|process| process.pid == pid).map_or(0.0, Process::held);
    let labels = |subject: &Subject| -> (f64, Vec<String>) {
        let members: Vec<&Process> = match subject {
            Subject::Process(pid) | Subject::Tree(pid) => {
                machine.processes.iter().filter(|process| process.pid == *pid).collect()
            }
            Subject::Memcg(path) => machine.members(path).collect(),
        };
        let size = members.iter().map(|process| held(process.pid)).sum();
        (size, members.into_iter().map(|process| process.label.clone()).collect())
    };
    // Of equal urgency the larger goes first, and crumbs are passed over, as in a plan.
    let crumb = missing(machine) / 16.0;
    let mut first: Option<(u16, f64, Vec<String>)> = None;
    for (subject, entry) in said.entries() {
        let Stance::Sacrifice(urgency) = entry.stance() else { continue };
        let (size, labels) = labels(&subject);
        let is_first = first.as_ref().is_none_or(|(most, large, _)| (urgency, size) > (*most, *large));
        if is_first && size >= crumb {
            first = Some((urgency, size, labels));
        }
    }
    let units: Option<Vec<String>> = first.map(|(_, _, labels)| labels);
    let taken = Taken { units: units.into_iter().collect(), note: said.to_string() };
    let verdict = judge(machine, &taken);
    (taken, verdict)
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "machines are small, and sizes positive"
)]
fn mib(value: f64) -> u64 {
    value.max(0.0).round() as u64
}

#[expect(clippy::cast_possible_truncation, reason = "machines are small")]
fn bytes(mib: f64) -> i64 {
    (mib * 1_048_576.0) as i64
}
