//! Redis.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Result, ensure};
use rustix::process::Signal;

use crate::server::{Server, folder_of};
use crate::stage::Stage;

const USER: &str = "redis";

/// Starts it in its own folder, again if it is there.
///
/// # Errors
/// Where Redis is not installed, or does not start.
pub(crate) fn redis(stage: &Stage) -> Result<Server> {
    let folder = stage.file("redis");
    folder_of(USER, &folder)?;
    let mut command = stage.command(USER, Path::new("redis-server"));
    let socket = folder.join("socket").display().to_string();
    let path = folder.display().to_string();
    command.args(["--port", "0", "--unixsocket", &socket, "--unixsocketperm", "777", "--dir", &path]);
    // A save only where the test asks for one, or at its end: with a rule it saves at SIGTERM.
    command.args(["--save", "3600 1000000000", "--enable-debug-command", "yes"]);
    let probe = ["redis-cli", "-s", &socket, "set", "probe", "1"].map(str::to_owned);
    Server::start(command, folder.with_extension("log"), Signal::TERM, probe.into())
}

/// Has it do something.
///
/// # Errors
/// If it refuses.
pub(crate) fn tell(stage: &Stage, words: &[&str]) -> Result<String> {
    let socket = stage.file("redis").join("socket");
    let output =
        Command::new("redis-cli").arg("-s").arg(socket).args(words).stderr(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success() && !text.starts_with("ERR"), "{words:?}: {text}");
    Ok(text)
}
