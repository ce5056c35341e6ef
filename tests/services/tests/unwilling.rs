//! Services that do not go as they are asked to, or cannot be told easily.

mod kit;

use jettison_services::scenarios::{slow_shutdown, until};
use jettison_services::{Contender, Postgres, Stage, resident_kib, signal_to};
use kit::assert_up;
use rustix::process::Signal;

#[test]
#[ignore = "needs root, to make a memcg, and the databases of Debian"]
fn a_shutdown_that_takes_longer_has_its_whole_time_and_then_goes_at_once() {
    let (outcome, given_s) = slow_shutdown(Contender::Jettison).unwrap();
    assert!(outcome.is_up && outcome.kernel_kills == 0, "{outcome:#?}");
    assert!((14..=25).contains(&given_s), "{given_s} s\n{outcome:#?}");
    assert!(!outcome.told.iter().any(|line| line.contains("bye bye")), "{outcome:#?}");
    assert!(outcome.said.iter().any(|line| line.contains("kill")), "{outcome:#?}");
}

#[test]
#[ignore = "needs root, to make a memcg, and the databases of Debian"]
fn a_cluster_with_pids_of_its_own_is_known_and_loses_a_query() {
    let stage = Stage::new("contained", 384, Contender::Jettison).unwrap();
    let postgres = Postgres::contained(&stage, "main").unwrap();
    let status = std::fs::read_to_string(format!("/proc/{}/status", postgres.pid())).unwrap();
    let own = status.lines().find_map(|line| line.strip_prefix("NSpid:")).unwrap();
    assert_eq!(own.split_whitespace().nth(1), Some("1"), "it is the first there");
    let mut sort = postgres.sort(30).unwrap();
    until("the sort ends", || sort.is_over()).unwrap();
    let said = stage.said();
    assert!(said.contains("signal=2") && !said.contains("kill pid"), "it is asked as a session is\n{said}");
    assert_up(&stage, &postgres);
}

#[test]
#[ignore = "needs root, to make a memcg, and the databases of Debian"]
fn a_backend_in_a_long_system_call_is_given_up_on_and_gets_no_sigkill() {
    let stage = Stage::new("syscall", 512, Contender::Jettison).unwrap();
    let postgres = Postgres::new(&stage, "main", &[]).unwrap();
    // It holds a sorted result, and reads from a program that says nothing: read(2) goes on after a signal.
    let mut deaf = postgres
        .session(
            "SET work_mem = '1GB'; CREATE TABLE t (r text); BEGIN; \
             DECLARE c CURSOR FOR SELECT repeat(md5(g::text), 30) AS r \
             FROM generate_series(1, 200000) AS g ORDER BY r DESC; FETCH 1 FROM c; \
             COPY t FROM PROGRAM 'sleep 25'; COMMIT",
        )
        .unwrap();
    let mut pid = None;
    until("it reads", || {
        pid = postgres.backend("COPY");
        pid.is_some()
    })
    .unwrap();
    let pid = pid.unwrap();
    assert!(resident_kib(pid) > 150 << 10, "{} KiB", resident_kib(pid));
    let mut limit_bytes = stage.memcg().usage_bytes().unwrap() + (80 << 20);
    until("it is asked", || {
        limit_bytes -= 256 << 10;
        stage.memcg().limit(limit_bytes).unwrap();
        stage.said().contains(&format!("signal pid={pid} signal=2"))
    })
    .map_err(|error| error.context(stage.said()))
    .unwrap();
    until("it is given up on", || stage.said().contains(&format!("given up on pid={pid} ")))
        .map_err(|error| error.context(stage.said()))
        .unwrap();
    assert!(!deaf.is_over() && !has_ended(pid), "{}", stage.said());
    stage.memcg().limit(512 << 20).unwrap();
    until("it ends when its program does", || deaf.is_over()).unwrap();
    assert!(postgres.log().contains("terminating connection due to administrator command"));
    assert_up(&stage, &postgres);
}

/// Stops it in a trace (ptrace(2)), as a debugger does.
#[expect(unsafe_code, reason = "no library of ours wraps ptrace(2)")]
fn trace(pid: u32) {
    let pid = libc::pid_t::try_from(pid).unwrap();
    let none = std::ptr::null_mut::<libc::c_void>();
    for request in [libc::PTRACE_SEIZE, libc::PTRACE_INTERRUPT] {
        // SAFETY: both take a pid, and neither reads or writes memory of ours.
        let result = unsafe { libc::ptrace(request, pid, none, none) };
        assert_eq!(result, 0, "{}", std::io::Error::last_os_error());
    }
    // Else the process that waits for its end would be told of this stop.
    // SAFETY: without a place for the status none is written.
    let waited = unsafe { libc::waitpid(pid, std::ptr::null_mut(), 0) };
    assert_eq!(waited, pid, "{}", std::io::Error::last_os_error());
}

/// Whether it is gone, or a zombie. What is reaped early (process_mrelease(2)) holds nothing any more, and is
/// still attached to shared memory.
fn has_ended(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.map_or(true, |stat| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('Z')))
}

/// The service has to go as a whole, and its first process cannot answer.
fn goes_at_once_although(name: &str, hold: impl FnOnce(u32)) {
    let stage = Stage::new(name, 384, Contender::Jettison).unwrap();
    let mut postgres = Postgres::new(&stage, "main", &["shared_buffers=380MB"]).unwrap();
    let _load = postgres
        .session(
            "CREATE TABLE t (r text); DO $$ BEGIN FOR i IN 1..3000 LOOP INSERT INTO t \
             SELECT repeat('x', 900) FROM generate_series(1, 600) AS g; PERFORM pg_sleep(0.01); \
             END LOOP; END $$",
        )
        .unwrap();
    until("a backend", || postgres.backend("DO").is_some()).unwrap();
    hold(postgres.pid());
    // It starts no more of them.
    let parts = postgres.children();
    until("it ends", || !postgres.lives()).map_err(|error| error.context(stage.said())).unwrap();
    until("so do its parts", || parts.iter().all(|(pid, _)| has_ended(*pid))).unwrap();
    assert_eq!(stage.memcg().oom_kills().unwrap(), 0, "{}", stage.said());
    assert!(stage.said().contains("kill pid"), "{}", stage.said());
    let postgres = postgres.restart(&stage).unwrap();
    assert!(postgres.is_up(), "{:?}", postgres.told());
}

#[test]
#[ignore = "needs root, to make a memcg, and the databases of Debian"]
fn a_service_whose_postmaster_is_stopped_goes_as_a_whole_before_the_kernel_takes_a_part() {
    goes_at_once_although("held-stop", |pid| signal_to(pid, Signal::STOP).unwrap());
}

#[test]
#[ignore = "needs root, to make a memcg, and the databases of Debian"]
fn a_service_whose_postmaster_is_traced_goes_as_a_whole_before_the_kernel_takes_a_part() {
    goes_at_once_although("held-trace", trace);
}
