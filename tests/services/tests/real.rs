//! Jettison keeps each service up, without a recovery; and a SIGKILL is seen, so that these can fail.
#![expect(clippy::disallowed_methods, reason = "what is real takes real time")]

mod kit;

use anyhow::Result;
use jettison_services::scenarios::{self, Outcome, until};
use jettison_services::{Contender, Postgres, Stage};
use kit::assert_up;
use rustix::process::Signal;

/// Up and clean, with no process taken by the kernel.
#[track_caller]
fn assert_kept(outcome: &Outcome) {
    assert!(outcome.is_up && outcome.is_clean && outcome.kernel_kills == 0, "{outcome:#?}");
}

macro_rules! kept {
    ($($name:ident: $scenario:ident;)*) => {$(
        #[test]
        #[ignore = "needs root, to make a memcg, and the databases of Debian"]
        fn $name() {
            assert_kept(&scenarios::$scenario(Contender::Jettison).unwrap());
        }
    )*};
}

kept! {
    a_leaking_sidecar_goes_and_the_cluster_stays: leaking_sidecar;
    a_runaway_backend_is_cancelled: runaway_backend;
    growing_sorts_go_one_by_one_and_the_young_cluster_stays: four_sorts;
    of_two_hundred_backends_some_go: middling_backends;
    the_child_that_saves_goes_and_redis_stays: redis_save;
    mariadb_with_a_growing_session_shuts_down_cleanly: mariadb_session;
    redis_alone_saves_and_shuts_down: only_redis;
    postgresql_alone_shuts_down_cleanly: only_postgres;
}

#[test]
#[ignore = "needs root, to make a memcg, and the databases of Debian"]
fn a_sigkill_of_a_backend_is_a_crash_in_the_log() {
    let outcome = scenarios::runaway_backend(Contender::Kernel).unwrap();
    assert!(outcome.kernel_kills > 0 && !outcome.is_clean, "{outcome:#?}");
    assert!(outcome.told.iter().any(|line| line.contains("was terminated by signal 9")), "{outcome:#?}");
}

/// A stage with Jettison, and a cluster on it.
fn cluster(name: &str) -> Result<(Stage, Postgres)> {
    let stage = Stage::new(name, 384, Contender::Jettison)?;
    let postgres = Postgres::new(&stage, "main", &[])?;
    Ok((stage, postgres))
}

#[test]
#[ignore = "needs root, to make a memcg, and the databases of Debian"]
fn what_only_calls_itself_postgres_goes_like_any_other() {
    let (stage, postgres) = cluster("liar").unwrap();
    let mut liar = stage.leak("postgres", 40).unwrap();
    until("the liar ends", || liar.ended().is_some()).unwrap();
    assert!(stage.said().contains("policy=balanced"), "{}", stage.said());
    assert_up(&stage, &postgres);
}

#[test]
#[ignore = "needs root, to make a memcg, and the databases of Debian"]
fn of_several_clusters_the_backend_that_grows_goes_and_all_stay() {
    let (stage, one) = cluster("two").unwrap();
    let other = Postgres::new(&stage, "other", &["cluster_name=other"]).unwrap();
    let mut sort = other.sort(30).unwrap();
    until("the sort ends", || sort.is_over()).unwrap();
    assert_up(&stage, &one);
    assert_up(&stage, &other);
}

#[test]
#[ignore = "needs root, to make a memcg, and the databases of Debian"]
fn a_standby_loses_a_query_and_goes_on_following() {
    let (stage, primary) = cluster("standby").unwrap();
    let standby = primary.standby(&stage, "standby").unwrap();
    let mut sort = standby.sort(30).unwrap();
    until("the sort ends", || sort.is_over()).unwrap();
    assert_up(&stage, &standby);
    assert_up(&stage, &primary);
    assert!(standby.backend("walreceiver").is_some(), "{:?}", standby.children());
}

#[test]
#[ignore = "needs root, to make a memcg, and the databases of Debian"]
fn a_backend_that_does_not_answer_is_given_up_on_and_gets_no_sigkill() {
    let (stage, postgres) = cluster("deaf").unwrap();
    let _deaf = postgres.sort(60).unwrap();
    let mut deaf = None;
    until("a large backend", || {
        deaf = postgres.backend("SELECT").filter(|&pid| jettison_services::resident_kib(pid) > 150 << 10);
        deaf.is_some()
    })
    .unwrap();
    let deaf = deaf.unwrap();
    jettison_services::signal_to(deaf, Signal::STOP).unwrap();
    let mut other = postgres.sort(8).unwrap();
    until("another one is taken instead", || other.is_over()).unwrap();
    assert!(std::path::Path::new(&format!("/proc/{deaf}")).exists(), "{}", stage.said());
    assert_up(&stage, &postgres);
    jettison_services::signal_to(deaf, Signal::CONT).unwrap();
}

#[test]
#[ignore = "needs root, to make a memcg, and the databases of Debian"]
fn while_the_postmaster_is_stopped_its_backends_go_all_the_same() {
    let (stage, postgres) = cluster("stopped").unwrap();
    let mut sort = postgres.sort(30).unwrap();
    until("a backend", || postgres.backend("SELECT").is_some()).unwrap();
    postgres.signal(Signal::STOP).unwrap();
    until("the sort ends", || sort.is_over()).unwrap();
    postgres.signal(Signal::CONT).unwrap();
    assert_up(&stage, &postgres);
}

#[test]
#[ignore = "needs root, to make a memcg, and the databases of Debian"]
fn a_new_backend_gets_its_own_value_within_a_moment() {
    let stage = Stage::new("held", 384, Contender::Jettison).unwrap();
    // Without CAP_SYS_RESOURCE a value can be lowered to 0 at the least.
    let postgres = Postgres::with_adj(&stage, "main", &[], 500).unwrap();
    let adj = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).unwrap_or_default();
    until("the postmaster's value is held", || ["0\n", "-900\n"].contains(&adj(postgres.pid()).as_str()))
        .unwrap();
    let _session = postgres.session("SELECT pg_sleep(30)").unwrap();
    let mut backend = None;
    until("the backend", || {
        backend = postgres.backend("pg_sleep").or_else(|| postgres.backend("SELECT"));
        backend.is_some()
    })
    .unwrap();
    let started = std::time::Instant::now();
    until("its own value", || adj(backend.unwrap()) == "500\n").unwrap();
    assert!(started.elapsed().as_millis() < 2_000, "{:?}", started.elapsed());
}
