//! The commands that talk to the daemon.

use std::io::{self, BufRead, BufReader, Write};
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
    let stream = UnixStream::connect(&path).map_err(|error| failed("no daemon answers", &error))?;
    stream.set_read_timeout(Some(PATIENCE)).map_err(|error| failed("no time can be set", &error))?;
    let response =
        exchange(stream, &Request { version: VERSION, ask }).map_err(|(what, error)| failed(what, &error))?;
    Ok(response.answer)
}

/// Sends one request and reads its response. A daemon that refuses a user has answered and closed before
/// the request arrives: the answer counts, and not that it was not heard.
fn exchange(mut stream: UnixStream, request: &Request) -> Result<Response, (&'static str, io::Error)> {
    let mut line = serde_json::to_vec(request).map_err(|error| ("cannot be asked", error.into()))?;
    line.push(b'\n');
    let sent = stream.write_all(&line);
    let mut reply = String::new();
    let got = BufReader::new(stream).read_line(&mut reply);
    if reply.is_empty() {
        sent.map_err(|error| ("cannot be asked", error))?;
    }
    got.map_err(|error| ("gave no answer", error))?;
    serde_json::from_str(&reply).map_err(|error| ("its answer cannot be understood", error.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request() -> Request {
        Request { version: VERSION, ask: Ask::Status }
    }

    #[test]
    fn a_refusal_is_read_though_the_request_was_not_heard() {
        let (ours, mut theirs) = UnixStream::pair().unwrap();
        let answer = Answer::Refused { why: "user 7 may not talk to this daemon".to_owned() };
        serde_json::to_writer(&mut theirs, &Response { version: VERSION, answer }).unwrap();
        theirs.write_all(b"\n").unwrap();
        drop(theirs);
        let response = exchange(ours, &request()).unwrap();
        assert!(matches!(response.answer, Answer::Refused { why } if why.starts_with("user 7")));
    }

    #[test]
    fn one_that_closes_without_a_word_could_not_be_asked() {
        let (ours, theirs) = UnixStream::pair().unwrap();
        drop(theirs);
        let (what, error) = exchange(ours, &request()).err().unwrap();
        assert_eq!((what, error.kind()), ("cannot be asked", io::ErrorKind::BrokenPipe));
    }
}
