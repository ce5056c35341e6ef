//! MariaDB.

use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Result;
use rustix::process::Signal;

use crate::server::{Server, as_user, folder_of, run};
use crate::stage::Stage;

const USER: &str = "mysql";

/// Starts it in its own folder, with the data that is there, if any.
///
/// # Errors
/// Where MariaDB is not installed, or does not start.
pub(crate) fn mariadb(stage: &Stage) -> Result<Server> {
    let folder = stage.file("mariadb");
    let data = format!("--datadir={}", folder.display());
    if !folder.exists() {
        folder_of(USER, &folder)?;
        let mut command = as_user(USER, Path::new("mariadb-install-db"));
        command.args(["--no-defaults", "--skip-test-db", "--auth-root-authentication-method=normal", &data]);
        run(&mut command)?;
    }
    let socket = folder.join("socket").display().to_string();
    let mut command = stage.command(USER, Path::new("mariadbd"));
    command.args(["--no-defaults", &data, "--skip-networking", "--innodb-buffer-pool-size=16M"]);
    command.args(["--performance-schema=0", "--innodb-log-file-size=4M", &format!("--socket={socket}")]);
    let probe = ["mariadb", "--no-defaults", "-uroot", "-S", &socket, "-e", "SELECT 1"].map(str::to_owned);
    Server::start(command, folder.with_extension("log"), Signal::TERM, probe.into())
}

/// A session that does this.
///
/// # Errors
/// Without a client.
pub(crate) fn session(stage: &Stage, sql: &str) -> Result<Child> {
    let mut command = Command::new("mariadb");
    command.args(["--no-defaults", "-uroot", "-S"]).arg(stage.file("mariadb").join("socket"));
    command.args(["-e", sql]).stdout(Stdio::null()).stderr(Stdio::null());
    Ok(command.spawn()?)
}
