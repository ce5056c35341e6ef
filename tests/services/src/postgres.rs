//! PostgreSQL: a cluster of its own, and sessions that grow.

use std::ops::{Deref, DerefMut};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use jettison_tests::Running;
use rustix::process::Signal;

use crate::server::{Server, as_user, folder_of, run};
use crate::stage::Stage;

const USER: &str = "postgres";
/// Debian's place for each version.
const VERSIONS: &str = "/usr/lib/postgresql";

/// A cluster.
#[derive(Debug)]
pub struct Postgres {
    server: Server,
    home: PathBuf,
    data: PathBuf,
}

impl Deref for Postgres {
    type Target = Server;

    fn deref(&self) -> &Server {
        &self.server
    }
}

impl DerefMut for Postgres {
    fn deref_mut(&mut self) -> &mut Server {
        &mut self.server
    }
}

impl Postgres {
    /// Makes a cluster of this name and starts it with these settings.
    ///
    /// # Errors
    /// Where PostgreSQL is not installed, or does not start.
    pub fn new(stage: &Stage, name: &str, settings: &[&str]) -> Result<Self> {
        Self::with_adj(stage, name, settings, 0)
    }

    /// Likewise, with this `oom_score_adj`.
    ///
    /// # Errors
    /// As [`Postgres::new`].
    pub fn with_adj(stage: &Stage, name: &str, settings: &[&str], adj: i16) -> Result<Self> {
        let command = stage.command(USER, Path::new("choom"));
        Self::start(empty(stage, name)?, settings, (command, adj))
    }

    /// One with pids of its own, as in a container.
    ///
    /// # Errors
    /// As [`Postgres::new`].
    pub fn contained(stage: &Stage, name: &str) -> Result<Self> {
        let command = stage.contained(USER, Path::new("choom"));
        let mut postgres = Self::start(empty(stage, name)?, &[], (command, 0))?;
        postgres.step_in()?;
        Ok(postgres)
    }

    /// A standby of this cluster.
    ///
    /// # Errors
    /// If it does not start.
    pub fn standby(&self, stage: &Stage, name: &str) -> Result<Self> {
        let data = stage.file(name);
        folder_of(USER, &data)?;
        let mut command = as_user(USER, &self.home.join("pg_basebackup"));
        command
            .args(["-R", "--no-sync", "--checkpoint=fast", "-h"])
            .arg(sockets(&self.data))
            .arg("-D")
            .arg(&data);
        run(&mut command)?;
        Self::start_again(stage, (self.home.clone(), data))
    }

    fn start_again(stage: &Stage, folders: (PathBuf, PathBuf)) -> Result<Self> {
        Self::start(folders, &[], (stage.command(USER, Path::new("choom")), 0))
    }

    /// `command` is choom(1), for a server with this value.
    fn start(
        (home, data): (PathBuf, PathBuf),
        settings: &[&str],
        (mut command, adj): (Command, i16),
    ) -> Result<Self> {
        command.args(["-n", &adj.to_string(), "--"]).arg(home.join("postgres"));
        // A copy of the data must not have the sockets.
        let sockets = sockets(&data);
        folder_of(USER, &sockets)?;
        command.arg("-D").arg(&data).arg("-k").arg(&sockets);
        let small =
            ["listen_addresses=", "shared_buffers=16MB", "max_connections=250", "jit=off", "fsync=off"];
        for setting in small.iter().chain(settings) {
            command.args(["-c", setting]);
        }
        let log = data.with_extension("log");
        let query = ["-h", &sockets.display().to_string(), "-U", USER, "-qc", "SELECT 1"].map(str::to_owned);
        let probe = [home.join("psql").display().to_string()].into_iter().chain(query).collect();
        let server = Server::start(command, log, Signal::INT, probe)?;
        Ok(Self { server, home, data })
    }

    /// Starts it again, once it has ended.
    ///
    /// # Errors
    /// If it does not end or start.
    pub fn restart(mut self, stage: &Stage) -> Result<Self> {
        self.server.wait_for_end()?;
        let (home, data) = (self.home.clone(), self.data.clone());
        drop(self);
        Self::start_again(stage, (home, data))
    }

    /// A session, outside of the memcg but for its server's part.
    ///
    /// # Errors
    /// Without a client.
    pub fn session(&self, sql: &str) -> Result<Session> {
        let mut command = self.client("psql");
        command.args(["-U", USER, "-qc", sql]).stdout(Stdio::null()).stderr(Stdio::null());
        Ok(Session(Running(command.spawn()?)))
    }

    /// Session after session that does this, until the server is gone.
    ///
    /// # Errors
    /// Without a client.
    pub fn sessions(&self, sql: &str) -> Result<Session> {
        let psql = self.client("psql");
        let mut command = Command::new("sh");
        let again = "while \"$@\" || kill -0 $0 2>/dev/null; do sleep 0.1; done";
        command.args(["-c", again, &self.pid().to_string()]);
        command.arg(psql.get_program()).args(psql.get_args()).args(["-U", USER, "-qc", sql]);
        Ok(Session(Running(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)))
    }

    /// A session whose sort grows some so many MiB/s up to 1 GiB.
    ///
    /// # Errors
    /// Without a client.
    pub fn sort(&self, mib_per_s: u32) -> Result<Session> {
        // Each row is about 1 KiB; it sleeps for 10 ms after so many.
        let rows = mib_per_s * 10;
        self.session(&format!(
            "SET work_mem = '2GB'; SELECT count(*) FROM (SELECT repeat(md5(g::text), 30) AS r, \
             CASE WHEN g % {rows} = 0 THEN pg_sleep(0.01)::text END AS z \
             FROM generate_series(1, 1000000) AS g ORDER BY r DESC, z OFFSET 1) AS s"
        ))
    }

    /// So many clients of pgbench, each doing this again and again.
    ///
    /// # Errors
    /// Without pgbench.
    pub fn bench(&self, stage: &Stage, clients: u32, sql: &str) -> Result<Session> {
        let script = stage.file("bench.sql");
        std::fs::write(&script, sql)?;
        let mut command = self.client("pgbench");
        command.args(["-n", "-U", USER, "-T", "30", "-c", &clients.to_string(), "-f"]).arg(script);
        Ok(Session(Running(command.arg("postgres").stdout(Stdio::null()).stderr(Stdio::null()).spawn()?)))
    }

    fn client(&self, program: &str) -> Command {
        let mut command = Command::new(self.home.join(program));
        command.arg("-h").arg(sockets(&self.data));
        command
    }

    /// The process of the session that does this, the largest of several.
    #[must_use]
    pub fn backend(&self, does: &str) -> Option<u32> {
        let children = self.children().into_iter().filter(|(_, title)| title.contains(does));
        children.map(|(pid, _)| (resident_kib(pid), pid)).max().map(|(_, pid)| pid)
    }

    /// What tells of a crash or of a clean end in its log.
    #[must_use]
    pub fn told(&self) -> Vec<String> {
        const TELLING: [&str; 6] = [
            "was terminated by signal",
            "automatic recovery in progress",
            "not properly shut down",
            "fast shutdown request",
            "immediate shutdown request",
            "database system is shut down",
        ];
        let log = self.log();
        let lines = log.lines().filter(|line| TELLING.iter().any(|text| line.contains(text)));
        lines.map(str::to_owned).collect()
    }

    /// Whether it had to recover, or will have to.
    #[must_use]
    pub fn has_crashed(&self) -> bool {
        self.told().iter().any(|line| !line.contains("fast shutdown") && !line.contains("is shut down"))
    }
}

/// What a process has in memory, KiB.
#[must_use]
pub fn resident_kib(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// A client. Ended when dropped.
#[derive(Debug)]
pub struct Session(Running);

impl Session {
    /// Whether the client has been told that its query or its session is over.
    pub fn is_over(&mut self) -> bool {
        self.0.try_wait().is_ok_and(|status| status.is_some())
    }
}

/// The programs, and a folder with an empty cluster.
fn empty(stage: &Stage, name: &str) -> Result<(PathBuf, PathBuf)> {
    let (home, data) = (home()?, stage.file(name));
    folder_of(USER, &data)?;
    let mut command = as_user(USER, &home.join("initdb"));
    run(command.arg("--no-sync").arg("-A").arg("trust").arg("-D").arg(&data))?;
    Ok((home, data))
}

fn sockets(data: &Path) -> PathBuf {
    data.with_extension("sockets")
}

/// The newest version's programs.
fn home() -> Result<PathBuf> {
    let versions = std::fs::read_dir(VERSIONS).context("PostgreSQL is not installed")?;
    let paths = versions.filter_map(|entry| Some(entry.ok()?.path().join("bin")));
    let found = paths.filter(|path| path.join("postgres").exists()).max();
    found.with_context(|| format!("no PostgreSQL in {}", Path::new(VERSIONS).display()))
}
