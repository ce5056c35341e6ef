//! What happens to a service, and what became of it.

use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context, Result, ensure};

use crate::postgres::{Postgres, Session};
use crate::server::{Server, pause};
use crate::stage::{Contender, Stage};
use crate::{mariadb, redis};

/// A scenario has ended after this, whatever happens.
const DEADLINE: Duration = Duration::from_secs(40);

/// What became of a service.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// It answered throughout, or was stopped cleanly and answers after its next start.
    pub is_up: bool,
    /// It neither crashed nor had to recover.
    pub is_clean: bool,
    /// Lines of its own log.
    pub told: Vec<String>,
    /// How many processes the kernel's OOM killer took.
    pub kernel_kills: u64,
    /// What Jettison logged of its victims.
    pub said: Vec<String>,
}

/// A name and what it does.
pub type Scenario = (&'static str, fn(Contender) -> Result<Outcome>);

/// All, in the order of the table.
pub const ALL: [Scenario; 8] = [
    ("a leaking sidecar", leaking_sidecar),
    ("one runaway backend", runaway_backend),
    ("four growing sorts in a young cluster", four_sorts),
    ("two hundred middling backends", middling_backends),
    ("a save of Redis", redis_save),
    ("MariaDB, a session that grows", mariadb_session),
    ("nothing but Redis to give", only_redis),
    ("nothing but PostgreSQL to give", only_postgres),
];

/// A sidecar leaks beside an idle cluster.
///
/// # Errors
/// Where the machine is not able to stage it, as of the others.
pub fn leaking_sidecar(contender: Contender) -> Result<Outcome> {
    let stage = Stage::new("sidecar", 384, contender)?;
    let postgres = Postgres::new(&stage, "main", &["shared_buffers=128MB"])?;
    // It fills the buffers: now a process of the service is the largest.
    let _fill =
        postgres.session("CREATE TABLE t AS SELECT repeat('x', 900) AS r FROM generate_series(1, 120000)")?;
    pause(3_000);
    let mut leak = stage.leak("exporter", 30)?;
    until("the leak or the service ends", || leak.ended().is_some() || postgres.has_crashed())?;
    postgres_outcome(&stage, &postgres)
}

/// One session sorts more than there is.
///
/// # Errors
/// As above.
pub fn runaway_backend(contender: Contender) -> Result<Outcome> {
    let stage = Stage::new("runaway", 384, contender)?;
    let postgres = Postgres::new(&stage, "main", &[])?;
    let _load = postgres.bench(&stage, 4, "SELECT 1;\n\\sleep 20 ms\n")?;
    let mut sort = postgres.sort(30)?;
    until("the sort ends", || sort.is_over())?;
    postgres_outcome(&stage, &postgres)
}

/// Four sessions sort at once, seconds after the start.
///
/// # Errors
/// As above.
pub fn four_sorts(contender: Contender) -> Result<Outcome> {
    let stage = Stage::new("sorts", 512, contender)?;
    let postgres = Postgres::new(&stage, "main", &[])?;
    let _load = postgres.bench(&stage, 4, "SELECT 1;\n\\sleep 20 ms\n")?;
    let mut sorts: Vec<Session> = (0..4).map(|_| postgres.sort(10)).collect::<Result<_>>()?;
    until("a sort ends", || sorts.iter_mut().any(Session::is_over))?;
    // The others go on for a while.
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(5) && !sorts.iter_mut().all(Session::is_over) {
        pause(100);
    }
    postgres_outcome(&stage, &postgres)
}

/// Two hundred sessions, each with a little more than was planned.
///
/// # Errors
/// As above.
pub fn middling_backends(contender: Contender) -> Result<Outcome> {
    let stage = Stage::new("middling", 560, contender)?;
    let postgres = Postgres::new(&stage, "main", &[])?;
    let sql = "SET temp_buffers = '16MB';\nCREATE TEMP TABLE IF NOT EXISTS t (r text);\n\
               INSERT INTO t SELECT repeat(md5(g::text), 30) FROM generate_series(1, 60) AS g;\n\\sleep 1000 ms\n";
    let mut load = postgres.bench(&stage, 200, sql)?;
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs(25) && !load.is_over() && !postgres.has_crashed() {
        pause(100);
    }
    drop(load);
    postgres_outcome(&stage, &postgres)
}

/// Redis saves while all its values are written anew, so that nothing is shared with the child that saves.
///
/// # Errors
/// As above.
pub fn redis_save(contender: Contender) -> Result<Outcome> {
    let stage = Stage::new("save", 320, contender)?;
    let mut server = redis::redis(&stage)?;
    redis::tell(&stage, &["debug", "populate", "170000", "key", "1000"])?;
    redis::tell(&stage, &["config", "set", "rdb-key-save-delay", "200"])?;
    redis::tell(&stage, &["bgsave"])?;
    let is_over = || {
        !redis::tell(&stage, &["info", "persistence"])
            .is_ok_and(|text| text.contains("rdb_bgsave_in_progress:1"))
    };
    let load = "for i = 0, 1699 do redis.call('setrange', 'key:' .. (ARGV[1] * 1700 + i), 0, 'y') end";
    let mut next = 0;
    until("the save ends", || {
        // A server that is short of memory may refuse it, or be gone, which the loop sees.
        redis::tell(&stage, &["eval", load, "0", &(next % 100).to_string()]).ok();
        next += 1;
        pause(60);
        is_over() || !server.lives()
    })?;
    // The kernel may have taken the server: that is the outcome.
    redis::tell(&stage, &["config", "set", "rdb-key-save-delay", "0"]).ok();
    let is_up = server.is_up();
    outcome(&stage, &server, is_up, is_up, &["terminated by signal", "Background saving", "bye bye"])
}

/// A session fills a table in memory. The server is one process: nothing less can go.
///
/// # Errors
/// As above.
pub fn mariadb_session(contender: Contender) -> Result<Outcome> {
    let stage = Stage::new("mariadb", 384, contender)?;
    let mut server = mariadb::mariadb(&stage)?;
    let sql = "SET max_heap_table_size = 4294967296; USE mysql; \
               CREATE TEMPORARY TABLE t (c CHAR(200), s INT) ENGINE = MEMORY; \
               INSERT INTO t SELECT REPEAT('x', 200), IF(seq % 2000 = 0, SLEEP(0.02), 0) FROM seq_1_to_4000000";
    let mut session = mariadb::session(&stage, sql)?;
    until("the session ends", || session.try_wait().is_ok_and(|status| status.is_some()))?;
    let kills = stage.memcg().oom_kills()?;
    let has_ended = kills > 0 || !server.is_up();
    if has_ended {
        server.wait_for_end()?;
        drop(server);
        server = mariadb::mariadb(&stage)?;
    }
    let is_up = server.is_up();
    let log = server.log();
    let has_shut_down = !has_ended || log.contains("Shutdown complete");
    let is_clean = has_shut_down && !log.contains("Starting crash recovery");
    outcome(
        &stage,
        &server,
        is_up,
        is_clean,
        &["Starting crash recovery", "Normal shutdown", "Shutdown complete"],
    )
}

/// Redis alone, and it is written to until it is full.
///
/// # Errors
/// As above.
pub fn only_redis(contender: Contender) -> Result<Outcome> {
    let stage = Stage::new("only-redis", 384, contender)?;
    let mut server = redis::redis(&stage)?;
    let mut number = 0;
    until("it is full", || {
        number += 1;
        // As above.
        redis::tell(&stage, &["debug", "populate", "3000", &format!("key{number}"), "1000"]).ok();
        pause(50);
        !server.lives()
    })?;
    server.wait_for_end()?;
    drop(server);
    let server = redis::redis(&stage)?;
    let log = server.log();
    let is_clean = log.contains("DB saved on disk") && log.contains("bye bye");
    let is_up = server.is_up();
    outcome(
        &stage,
        &server,
        is_up,
        is_clean,
        &["SIGTERM", "DB saved on disk", "bye bye", "DB loaded from disk"],
    )
}

/// Redis alone, whose save at its end takes longer than it is given. Also says how many seconds it was given.
///
/// # Errors
/// As above.
pub fn slow_shutdown(contender: Contender) -> Result<(Outcome, u64)> {
    let stage = Stage::new("slow", 384, contender)?;
    let mut server = redis::redis(&stage)?;
    redis::tell(&stage, &["config", "set", "rdb-key-save-delay", "500"])?;
    let mut number = 0;
    until("it ends", || {
        number += 1;
        // While it saves it does not answer.
        redis::tell(&stage, &["debug", "populate", "3000", &format!("key{number}"), "1000"]).ok();
        !server.lives()
    })?;
    let ended_s = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
    // PID:signal-handler (1795956384) Received SIGTERM scheduling shutdown...
    let log = server.log();
    let asked_s = log.split_once("signal-handler (").and_then(|(_, rest)| rest.split_once(')'));
    let asked_s: u64 = asked_s.context("it was not asked to end")?.0.parse()?;
    drop(server);
    let server = redis::redis(&stage)?;
    let is_up = server.is_up();
    Ok((outcome(&stage, &server, is_up, false, &["SIGTERM", "bye bye"])?, ended_s.saturating_sub(asked_s)))
}

/// PostgreSQL alone. What is short is held by its shared buffers, which no session gives back.
///
/// # Errors
/// As above.
pub fn only_postgres(contender: Contender) -> Result<Outcome> {
    let stage = Stage::new("only-pg", 384, contender)?;
    let mut postgres = Postgres::new(&stage, "main", &["shared_buffers=380MB"])?;
    let _load = postgres.sessions(
        "CREATE TABLE IF NOT EXISTS t (r text); DO $$ BEGIN FOR i IN 1..3000 LOOP INSERT INTO t SELECT repeat(md5(g::text), 30) \
         FROM generate_series(1, 1000) AS g; PERFORM pg_sleep(0.01); END LOOP; END $$",
    )?;
    until("it ends", || !postgres.lives() || postgres.has_crashed())
        .map_err(|error| error.context(stage.said()))?;
    if !postgres.lives() {
        postgres = postgres.restart(&stage)?;
    }
    postgres_outcome(&stage, &postgres)
}

fn postgres_outcome(stage: &Stage, postgres: &Postgres) -> Result<Outcome> {
    // A crash is told within a moment.
    pause(500);
    let is_clean = !postgres.has_crashed();
    let (is_up, told) = (postgres.is_up(), postgres.told());
    Ok(Outcome { told, ..outcome(stage, postgres, is_up, is_clean, &[])? })
}

fn outcome(stage: &Stage, server: &Server, is_up: bool, is_clean: bool, telling: &[&str]) -> Result<Outcome> {
    let log = server.log();
    let told = log.lines().filter(|line| telling.iter().any(|text| line.contains(text))).map(str::to_owned);
    let said = stage.said();
    let words = [" victim cause=", "signal pid", "did not answer", "kill pid"];
    let said = said.lines().filter(|line| words.iter().any(|text| line.contains(text))).map(str::to_owned);
    let kernel_kills = stage.memcg().oom_kills()?;
    Ok(Outcome { is_up, is_clean, told: told.collect(), kernel_kills, said: said.collect() })
}

/// Waits until something happens.
///
/// # Errors
/// If it does not.
pub fn until(what: &str, mut is_so: impl FnMut() -> bool) -> Result<()> {
    let started = Instant::now();
    while !is_so() {
        ensure!(started.elapsed() < DEADLINE, "waited in vain: {what}");
        pause(20);
    }
    Ok(())
}
