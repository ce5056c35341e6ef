//! A scan fills every column of both tables.

mod kit;

use jettison_model::{Memcgs, Needs, Processes, Snapshot, memcg_columns, process_columns};
use jettison_sense::{Root, Sensor};
use kit::{machine, now};

/// The columns of a table, with the numbers of their values.
trait Lengths {
    fn lengths(&self) -> Vec<(&'static str, usize)>;
}

macro_rules! lengths {
    ($(#[$doc:meta])* $table:ident {
        $($group:ident { $($(#[$meta:meta])* $column:ident: $kind:ty,)* })*
    }) => {
        impl Lengths for $table {
            fn lengths(&self) -> Vec<(&'static str, usize)> {
                vec![$($((stringify!($column), self.$column.len()),)*)*]
            }
        }
    };
}
process_columns!(lengths);
memcg_columns!(lengths);

#[test]
fn each_column_has_a_value_for_each_row() {
    for name in ["plain-v2", "plain-v1"] {
        let machine = machine(name);
        let mut sensor = Sensor::new(Root::below(&machine), None).unwrap();
        let mut snapshot = Snapshot::default();
        sensor.sense(Needs::ALL, now(&machine), &mut snapshot);
        let (processes, memcgs) = (&snapshot.processes, &snapshot.memcgs);
        assert!(processes.len() > 1 && memcgs.len() > 1, "{name}");
        for (rows, columns) in [(processes.len(), processes.lengths()), (memcgs.len(), memcgs.lengths())] {
            for (column, length) in columns {
                assert_eq!(length, rows, "{name}: {column}");
            }
        }
    }
}
