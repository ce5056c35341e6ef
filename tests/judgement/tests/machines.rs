//! The machines of this repository are readable, and what they say agrees.

use jettison_judgement::{load_all, machines, snapshot};

#[test]
fn every_machine_is_readable_and_says_what_it_stands_for() {
    let machines = load_all(&machines()).unwrap();
    assert!(machines.len() >= 25, "{}", machines.len());
    for machine in &machines {
        assert!(!machine.summary.is_empty() && !machine.why.is_empty(), "{}", machine.name);
    }
}

#[test]
fn the_columns_of_a_snapshot_are_as_long_as_the_table() {
    for machine in load_all(&machines()).unwrap() {
        let snapshot = snapshot(&machine);
        for (table, count) in [("processes", machine.processes.len()), ("memcgs", machine.memcgs.len())] {
            for (name, column) in snapshot[table].as_object().unwrap() {
                assert_eq!(column.as_array().unwrap().len(), count, "{}: {table}.{name}", machine.name);
            }
        }
    }
}
