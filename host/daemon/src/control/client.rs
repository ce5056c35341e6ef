//! The commands that talk to the daemon.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use super::place::socket;
use super::show;
use super::wire::{Answer, Ask, Request, Response, VERSION};
use crate::failure::{Failure, printed};
use crate::users::Users;

/// A reload compiles: that may take a while on a busy host.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks and prints the answer.
pub(crate) fn ask(state_dir: &Path, ask: Ask, is_json: bool) -> Result<(), Failure> {
    let answer = named(call(state_dir, ask)?);
    if let Answer::Refused { why } = answer {
        return Err(Failure::Failed(why));
    }
    let mut out = std::io::stdout().lock();
    printed(if is_json { show::json(&mut out, &answer) } else { show::text(&mut out, &answer) })?;
    match answer {
        Answer::Reload(reload) if !reload.problems.is_empty() => {
            Err(Failure::Failed("the reload was refused, and nothing has changed".into()))
        }
        _ => Ok(()),
    }
}

/// Users get their names here and not in the daemon, since a look-up may wait for a server.
fn named(mut answer: Answer) -> Answer {
    let users = Users::here();
    let name = |uid: Option<u32>| uid.and_then(|uid| users.name(uid));
    match &mut answer {
        Answer::History(history) => history.victims.iter_mut().for_each(|past| past.user = name(past.uid)),
        Answer::Why(why) => {
            why.user = name(why.uid);
            if let Some(ranked) = &mut why.ranked {
                ranked["user"] = why.user.clone().into();
            }
        }
        Answer::Status(_)
        | Answer::Reload(_)
        | Answer::Order(_)
        | Answer::Metrics { .. }
        | Answer::Refused { .. } => {}
    }
    answer
}

pub(crate) fn call(state_dir: &Path, ask: Ask) -> Result<Answer, Failure> {
    let path = socket(state_dir);
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::Failed(format!(
            "{}: {what}: {error}; is a daemon running, and with this --state-dir?",
            path.display()
        ))
    };
    let mut stream = UnixStream::connect(&path).map_err(|error| failed("no daemon answers", &error))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|error| failed("no time can be set", &error))?;
    let mut line = serde_json::to_vec(&Request { version: VERSION, ask })
        .map_err(|error| failed("cannot be asked", &error))?;
    line.push(b'\n');
    stream.write_all(&line).map_err(|error| failed("cannot be asked", &error))?;
    let mut reply = String::new();
    BufReader::new(stream).read_line(&mut reply).map_err(|error| failed("gave no answer", &error))?;
    let response: Response =
        serde_json::from_str(&reply).map_err(|error| failed("its answer cannot be understood", &error))?;
    Ok(response.answer)
}
