//! What ends as one: a memcg that can be killed whole, and a unit that the service manager may stop.

mod kit;

use jettison_decide::{enclosure, stoppable};
use jettison_model::snapshot::flags;
use jettison_model::{ProcessId, Snapshot, Target, Unit};
use kit::{FIRST_PID, decide, id, machine, process, protect, sacrifice, victim, vote};

fn ids(rows: &[u32]) -> Vec<ProcessId> {
    rows.iter().map(|row| id(FIRST_PID + row)).collect()
}

/// Rows 1 and 2 are in a unit, 3 below it, 0 beside it.
fn host() -> Snapshot {
    let memcgs = [
        "/",
        "/system.slice/a.service",
        "/system.slice/a.service/sub",
        "/user.slice/user@1.service/b.service",
    ];
    let rows = [
        process(5).inside(0),
        process(50).inside(1),
        process(9).inside(1).child_of(1),
        process(9).inside(2).child_of(1),
    ];
    let mut snapshot = machine(&memcgs, &rows);
    let units: [&[u8]; 4] = [b"", b"a.service", b"a.service", b"b.service"];
    snapshot.memcgs.units = units.into_iter().collect();
    snapshot
}

fn service() -> Unit {
    Unit::Memcg(b"/system.slice/a.service".to_vec())
}

fn enclosed(snapshot: &Snapshot, unit: Unit, members: &[u32]) -> Option<String> {
    let victim = victim(unit, &ids(members), &[]);
    let path = enclosure(snapshot, &victim, &ids(members))?;
    Some(String::from_utf8(path.to_vec()).unwrap())
}

#[test]
fn a_memcg_that_holds_members_alone_encloses_them() {
    let whole = Some("/system.slice/a.service".to_owned());
    assert_eq!(enclosed(&host(), Unit::Tree, &[1, 2, 3]), whole);
    assert_eq!(enclosed(&host(), service(), &[3, 2, 1]), whole);
    assert_eq!(enclosed(&host(), Unit::Tree, &[1, 2]), None, "a process below it stays");
    assert_eq!(enclosed(&host(), service(), &[2, 3]), None);
    assert_eq!(enclosed(&host(), Unit::Process, &[1]), None);
    assert_eq!(enclosed(&host(), Unit::Tree, &[0]), None, "the root of the hierarchy is never killed");
}

#[test]
fn a_zombie_is_not_in_the_way() {
    let mut snapshot = host();
    std::sync::Arc::make_mut(&mut snapshot.processes.flags)[3] = flags::ZOMBIE;
    assert!(enclosed(&snapshot, Unit::Tree, &[1, 2]).is_some());
}

#[test]
fn a_unit_is_stopped_where_none_of_its_processes_stays() {
    let snapshot = host();
    let ranking = decide(&snapshot, &[]).ranking;
    assert_eq!(stoppable(&snapshot, &ranking, &ids(&[1])), Ok("a.service".into()));
    assert_eq!(stoppable(&snapshot, &ranking, &ids(&[3])), Ok("a.service".into()), "from below it");
    assert_eq!(stoppable(&snapshot, &ranking, &ids(&[0])), Err("it belongs to no systemd unit"));
    assert_eq!(stoppable(&snapshot, &ranking, &[]), Err("its memcg is not known"));
}

#[test]
fn a_unit_in_which_a_process_stays_is_not_stopped() {
    let snapshot = host();
    let stays = Err("its unit also holds processes that have to stay");
    for strength in [1, 1000] {
        let votes =
            [vote("p", 1, &[sacrifice(Target::Process(1), 9), protect(Target::Process(3), strength)])];
        let decided = decide(&snapshot, &votes);
        assert_eq!(stoppable(&snapshot, &decided.ranking, &ids(&[1])), stays);
    }
    let mut guarded = host();
    std::sync::Arc::make_mut(&mut guarded.processes.flags)[2] = flags::EXCLUDED;
    let ranking = decide(&guarded, &[]).ranking;
    assert_eq!(stoppable(&guarded, &ranking, &ids(&[1])), stays);
}

#[test]
fn another_managers_unit_is_not_mistaken_for_the_hosts() {
    let mut snapshot = host();
    std::sync::Arc::make_mut(&mut snapshot.processes.memcgs)[1] = 3;
    let ranking = decide(&snapshot, &[]).ranking;
    let why = stoppable(&snapshot, &ranking, &ids(&[1])).unwrap_err();
    assert!(why.contains("another service manager"), "{why}");
}
