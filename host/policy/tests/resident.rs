//! After the first consultations nothing grows and nothing is paged in, with all memory locked as in the
//! daemon.
//!
//! Alone in its program, since it looks at the whole process.

mod kit;

use jettison_policy::{Engine, Limits, Policy, builtin};
use kit::{compiler, misbehaving_on, processes, three_processes};
use procfs::process::{Process, Stat};
use rustix::mm::{MlockAllFlags, mlockall};

fn stat() -> Stat {
    Process::myself().and_then(|process| process.stat()).expect("the process may look at itself")
}

#[test]
fn consulting_takes_no_memory_in_the_long_run() {
    // Where the limit of locked memory is too low for it, the rest holds just as well without.
    if let Err(error) = mlockall(MlockAllFlags::CURRENT | MlockAllFlags::FUTURE) {
        println!("memory is not locked: {error}");
    }
    let engine = Engine::new(Limits::default()).expect("an engine");
    let module = builtin("balanced").expect("it is built in");
    let compiled = compiler().compile(module).expect("it compiles");
    let balanced = Policy::load(&engine, &compiled, None, &[], "{}").expect("it loads");
    let hostile = ["bloat", "trap", "many-entries", "log-flood"];
    let hostile = hostile.map(|what| misbehaving_on(&engine, what).expect("it loads"));
    let snapshots = [0, 1, 300, 10_000].map(processes);
    let three = three_processes();
    let round = || {
        for snapshot in &snapshots {
            balanced.consult(snapshot).answer.expect("a ballot");
        }
        for policy in &hostile {
            drop(policy.consult(&three));
        }
    };
    for _ in 0..20 {
        round();
    }
    let before = stat();
    for _ in 0..250 {
        round();
    }
    let after = stat();
    println!("resident pages: {}, then {}", before.rss, after.rss);
    // 2,000 consultations: one page or one fault each would be 2,000. An allocator may take one more step of
    // 32 pages.
    let growth = after.rss.saturating_sub(before.rss);
    assert!(growth < 100, "{growth} pages more");
    assert_eq!(after.majflt, before.majflt);
    let faults = after.minflt - before.minflt;
    assert!(faults < 100, "{faults} minor page faults");
}
