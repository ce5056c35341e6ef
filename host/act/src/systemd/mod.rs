//! systemd's `StopUnit` (org.freedesktop.systemd1(5)), on a thread of its own.
//!
//! ```text
//! stop(id, unit) ─▶ thread ─▶ systemd's own socket, else the bus ─▶ StopUnit(unit, "replace") ─▶ EndSender
//! ```
//!
//! systemd stops a unit as its administrator has written: `ExecStop=`, its own signal, its own order, and no
//! restart.
//!
//! A task has succeeded when systemd has queued the job. Whether the unit is gone is seen by its processes,
//! as with any step. A job that fails later is not noticed; the step's wait ends it. Listening for it would
//! take a subscription, which makes systemd report every job of the host. A connection lives for one task: it
//! is made in a millisecond, and a restart of systemd or of the bus between two tasks needs no special case.

mod address;
mod socket;
#[cfg(test)]
mod stand_in;
#[cfg(test)]
mod tests;
mod unit_name;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, timeout_at};
use zbus::{Connection, Error, fdo};

pub use address::ManagerAddress;

use crate::task::{EndSender, TaskId};

/// Tasks at once. One victim at a time has one step at a time, so more than a few means that systemd does not
/// answer, and asking more often does not help.
const UNDERWAY_MAX: usize = 16;
/// An eighth of it is enough for what the tests do, unoptimised. What is not touched costs nothing.
const STACK_BYTES: usize = 256 << 10;

const NAME: &str = "org.freedesktop.systemd1";
const PATH: &str = "/org/freedesktop/systemd1";
const INTERFACE: &str = "org.freedesktop.systemd1.Manager";
/// Jobs that wait for this unit, a start among them, give way to the stop.
const MODE: &str = "replace";
const NO_SUCH_UNIT: &str = "org.freedesktop.systemd1.NoSuchUnit";

/// Has systemd stop service units. Its thread starts with the first task.
#[derive(Debug)]
pub(crate) struct ServiceManager {
    asker: Arc<Asker>,
    ended: EndSender,
    underway: Arc<Semaphore>,
    thread: Option<UnboundedSender<Request>>,
}

/// A service unit to stop.
#[derive(Debug)]
struct Request {
    id: TaskId,
    service_unit: String,
    _underway: OwnedSemaphorePermit,
}

/// Where to ask, and for how long.
#[derive(Debug)]
struct Asker {
    addresses: Vec<ManagerAddress>,
    limit: Duration,
}

impl ServiceManager {
    /// Asks at the first of `addresses` that accepts a connection. A task takes no longer than `limit`,
    /// whatever hangs.
    pub(crate) fn new(addresses: Vec<ManagerAddress>, limit: Duration, ended: EndSender) -> Self {
        Self {
            asker: Arc::new(Asker { addresses, limit }),
            ended,
            underway: Arc::new(Semaphore::new(UNDERWAY_MAX)),
            thread: None,
        }
    }

    /// Has a service unit stopped. Its end is sent within the limit.
    pub(crate) fn stop(&mut self, id: TaskId, service_unit: String) {
        if let Err(why) = self.hand_over(id, service_unit) {
            self.ended.send(id, Err(why));
        }
    }

    fn hand_over(&mut self, id: TaskId, service_unit: String) -> Result<(), String> {
        if !unit_name::is_valid(&service_unit) {
            return Err(format!("{service_unit:?} is not the name of a unit"));
        }
        let Ok(permit) = Arc::clone(&self.underway).try_acquire_owned() else {
            return Err(format!("{UNDERWAY_MAX} units are being stopped, and systemd has not answered yet"));
        };
        let thread = match &self.thread {
            Some(thread) => thread,
            None => self.thread.insert(start(Arc::clone(&self.asker), self.ended.clone())?),
        };
        let sent = thread.send(Request { id, service_unit, _underway: permit });
        sent.map_err(|request| {
            format!("unit {} not stopped: the thread for it has ended", request.0.service_unit)
        })
    }
}

fn start(asker: Arc<Asker>, ended: EndSender) -> Result<UnboundedSender<Request>, String> {
    let failed = |error| format!("no thread to ask systemd: {error}");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build();
    let runtime = runtime.map_err(failed)?;
    let (sender, receiver) = unbounded_channel();
    std::thread::Builder::new()
        .name("systemd".into())
        .stack_size(STACK_BYTES)
        .spawn(move || runtime.block_on(serve(receiver, asker, ended)))
        .map_err(failed)?;
    Ok(sender)
}

/// Tasks do not wait for each other, so that one that hangs makes no other late.
async fn serve(mut requests: UnboundedReceiver<Request>, asker: Arc<Asker>, ended: EndSender) {
    while let Some(request) = requests.recv().await {
        let (asker, ended) = (Arc::clone(&asker), ended.clone());
        tokio::spawn(async move {
            let result = asker.stop(&request.service_unit).await;
            ended.send(request.id, result);
        });
    }
}

impl Asker {
    async fn stop(&self, unit: &str) -> Result<(), String> {
        let deadline = sleep(self.limit).deadline();
        let (connection, address) = self.connect(deadline).await?;
        let arguments = (unit, MODE);
        let call = connection.call_method(Some(NAME), PATH, Some(INTERFACE), "StopUnit", &arguments);
        match timeout_at(deadline, call).await {
            Ok(Ok(_job)) => Ok(()),
            Ok(Err(error)) => Err(meaning(&error, unit, address)),
            Err(_elapsed) => {
                Err(format!("no answer from systemd within {} ({address})", seconds(self.limit)))
            }
        }
    }

    /// Tries the next address where the connection is refused. An address that hangs uses up the deadline.
    async fn connect(&self, deadline: Instant) -> Result<(Connection, &ManagerAddress), String> {
        let mut refusals = Vec::new();
        for address in &self.addresses {
            match timeout_at(deadline, address.connect()).await {
                Ok(Ok(connection)) => return Ok((connection, address)),
                Ok(Err(why)) => refusals.push(format!("no {address}: {why}")),
                Err(_elapsed) => {
                    return Err(format!("no answer from {address} within {}", seconds(self.limit)));
                }
            }
        }
        Err(refusals.join("; "))
    }
}

/// For people. Other errors are clear as they are.
fn meaning(error: &Error, unit: &str, address: &ManagerAddress) -> String {
    if let Error::MethodError(name, ..) = error
        && name.as_str() == NO_SUCH_UNIT
    {
        return format!("unit {unit} not loaded");
    }
    if let Error::InputOutput(error) = error {
        return format!("{address} broke off: {error}");
    }
    let Error::FDO(refusal) = error else { return error.to_string() };
    if let fdo::Error::AccessDenied(said) | fdo::Error::InteractiveAuthorizationRequired(said) =
        refusal.as_ref()
    {
        return format!("access denied: {said}");
    }
    if let fdo::Error::ServiceUnknown(_) | fdo::Error::NameHasNoOwner(_) = refusal.as_ref() {
        return format!("systemd is not on the bus ({address})");
    }
    error.to_string()
}

fn seconds(limit: Duration) -> String {
    format!("{} s", limit.as_secs_f32())
}
