//! The built-in policy, as it comes out of the build.

mod kit;

use expect_test::expect;
use jettison_policy::{Policy, builtin};
use kit::{compiler, engine, ranks_all};

fn balanced() -> Policy {
    let compiled = compiler().compile(builtin("balanced").expect("it is built in")).expect("it compiles");
    Policy::load(engine(), &compiled, Some(&[]), &[], "{}").expect("it loads without any grant")
}

#[test]
fn it_asks_for_what_it_calls_and_no_more() {
    let policy = balanced();
    assert_eq!(policy.name(), "balanced");
    expect![[r#"
        host.eased-ms-ago
        host.memory-total-bytes
        host.taken-by-nobody-bytes
        host.taken-bytes
        log.emit
        memcgs.container-ids
        memcgs.count
        memcgs.current-bytes
        memcgs.file-bytes
        memcgs.flags
        memcgs.max-bytes
        memcgs.parents
        memcgs.pod-qos-classes
        memcgs.shmem-bytes
        memcgs.units
        memcgs.usual-bytes
        processes.ages-ms
        processes.births-per-1000s
        processes.comms
        processes.count
        processes.flags
        processes.growth-1h-bytes-per-s
        processes.growth-bytes-per-s
        processes.memcgs
        processes.oom-score-adjs
        processes.page-table-bytes
        processes.parents
        processes.pids
        processes.rss-anon-bytes
        processes.rss-file-bytes
        processes.rss-shmem-bytes
        processes.swap-bytes
        processes.taken-bytes
        processes.uids
        request.cause
        request.cause-memcg
        request.config
        request.deficit-bytes"#]]
    .assert_eq(&policy.imports().join("\n"));
}

#[test]
fn it_ranks_whatever_there_is() {
    ranks_all(&balanced(), [0, 1, 300, 2000, 10_000]);
}

#[test]
fn what_it_cannot_read_of_its_configuration_is_reported() {
    let compiled = compiler().compile(builtin("balanced").expect("it is built in")).expect("it compiles");
    let load = |config: &str| Policy::load(engine(), &compiled, Some(&[]), &[], config).map(drop);
    let fault = load(r#"{"primray": "postgres"}"#).expect_err("there is no such key");
    assert_eq!(fault.kind(), "bad-config", "{fault}");
}
