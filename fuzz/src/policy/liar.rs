//! A guest that answers with whatever bytes the snapshot holds: they come in as the names of processes, and
//! where the host has written them, there the guest says that its answer is.

use std::path::Path;
use std::sync::Arc;

use jettison_model::Snapshot;
use wit_component::StringEncoding;
use wit_parser::Resolve;

/// Rows of both tables.
pub(crate) const ROWS: usize = 3;
/// More would overwrite what the host writes next.
pub const ANSWER_BYTES_MAX: usize = 60_000;

/// Names are written to address 16; what is aligned (where each ends, 8 bytes of their result) beyond them.
const TEXT: &str = r#"(module
    (import "jettison:policy/processes@0.1.0" "comms" (func $comms (param i32)))
    (memory (export "memory") 2)
    (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
        (select (i32.const 16) (i32.const 70000) (i32.eq (local.get 2) (i32.const 1))))
    (func (export "jettison:policy/policy@0.1.0#describe") (result i32) i32.const 80000)
    (func (export "jettison:policy/policy@0.1.0#validate") (result i32) i32.const 80000)
    (func (export "jettison:policy/policy@0.1.0#rank") (result i32)
        (call $comms (i32.const 90000))
        i32.const 16))"#;

pub(crate) fn module() -> Vec<u8> {
    let mut module = wat::parse_str(TEXT).expect("it is right");
    let mut resolve = Resolve::default();
    let wit = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().find_map(|dir| {
        let wit = dir.join("wit");
        wit.is_dir().then_some(wit)
    });
    let (package, _) = resolve.push_dir(wit.expect("the contract is there")).expect("the contract parses");
    let world = resolve.select_world(&[package], Some("guest")).expect("it has the world");
    wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
        .expect("it takes one section more");
    module
}

/// Three processes in three memcgs; the name of the first is the answer.
pub(crate) fn snapshot(answer: &[u8]) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let answer = answer.get(..ANSWER_BYTES_MAX).unwrap_or(answer);
    snapshot.processes.pids = Arc::new(vec![1, 2, 3]);
    snapshot.processes.comms = [answer, b"", b""].into_iter().collect();
    snapshot.memcgs.paths = [b"/a".as_slice(), b"/b", b"/c"].into_iter().collect();
    snapshot
}
