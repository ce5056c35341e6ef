//! Signals and their senders: the tracepoint `signal:signal_generate` (Documentation/trace/events.rst).

use std::collections::BTreeMap;
use std::fs::write;
use std::io::{BufRead, BufReader};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use jettison_vm_guest::Sent;
use rustix::process::Signal;

const TRACING: &str = "/sys/kernel/tracing";
/// `SI_KERNEL`: sent by the kernel itself.
const FROM_KERNEL: &str = "code=128";
/// Its name, as a sender.
const KERNEL: &str = "kernel";

/// What is listened for: signals that end or stop a process.
const SIGNALS: [Signal; 4] = [Signal::KILL, Signal::TERM, Signal::STOP, Signal::INT];

/// Those that were sent, in order.
#[derive(Clone, Default)]
pub(crate) struct Signals {
    sent: Arc<Mutex<Vec<Sent>>>,
    titles: Arc<Mutex<Titles>>,
}

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self> {
        let event = format!("{TRACING}/events/signal/signal_generate");
        let filter = SIGNALS.map(|signal| format!("sig=={}", signal.as_raw())).join(" || ");
        write(format!("{event}/filter"), filter).context("the filter")?;
        write(format!("{event}/enable"), "1").context("the tracepoint")?;
        let pipe = std::fs::File::open(format!("{TRACING}/trace_pipe")).context("trace_pipe")?;
        let signals = Self::default();
        let noted = signals.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if let Some(mut sent) = parse(&line) {
                    sent.title = lock(&noted.titles).of(&sent).unwrap_or_else(|| sent.to.clone());
                    lock(&noted.sent).push(sent);
                }
            }
        });
        Ok(signals)
    }

    pub(crate) fn all(&self) -> Vec<Sent> {
        lock(&self.sent).clone()
    }

    /// Notes the command lines of all processes, for those that end at once when they are signalled.
    pub(crate) fn note_titles(&self) {
        lock(&self.titles).note();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Command lines, by pid. A server may write what it does there: `postgres: walwriter`.
#[derive(Default)]
struct Titles(BTreeMap<u32, String>);

impl Titles {
    fn note(&mut self) {
        let Ok(entries) = std::fs::read_dir("/proc") else { return };
        let pids = entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok());
        self.0.extend(pids.filter_map(|pid| Some((pid, title(pid)?))));
    }

    /// As it is now, or as it was. Never asked of a victim of the kernel: a reader of a command line holds
    /// the address space meanwhile, and may have to wait for memory itself. The victim then gives nothing
    /// back, is reaped, and the kernel takes another one.
    fn of(&self, sent: &Sent) -> Option<String> {
        let now = if sent.from == KERNEL { None } else { title(sent.pid) };
        now.or_else(|| self.0.get(&sent.pid).cloned())
    }
}

/// The arguments are separated by NUL (proc_pid_cmdline(5)). A zombie has none.
fn title(pid: u32) -> Option<String> {
    let arguments = std::fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let title = String::from_utf8_lossy(&arguments).replace('\0', " ").trim_end().to_owned();
    (!title.is_empty()).then_some(title)
}

/// `  jettison-70  [001] d..1.  12.3: signal_generate: sig=15 errno=0 code=0 comm=hog pid=90 grp=1 res=0`
fn parse(line: &str) -> Option<Sent> {
    let (sender, rest) = line.split_once(" [")?;
    let (_, event) = rest.split_once("signal_generate: ")?;
    let field = |key: &str| Some(event.split_once(key)?.1);
    let word = |key: &str| field(key)?.split_whitespace().next()?.parse().ok();
    let name = field("comm=")?.rsplit_once(" pid=").map(|(name, _)| name)?;
    let from = match event.contains(FROM_KERNEL) {
        true => KERNEL,
        false => &name_of(sender.trim())?,
    };
    let pid = event.rsplit_once(" pid=")?.1.split_whitespace().next()?.parse().ok()?;
    Some(Sent { signal: word("sig=")?, to: name.into(), pid, title: String::new(), from: from.into() })
}

/// The tracer does not always keep the name of a process: then it writes `<...>-70`.
fn name_of(sender: &str) -> Option<String> {
    match sender.rsplit_once('-')? {
        ("<...>", pid) => {
            let name = std::fs::read_to_string(format!("/proc/{pid}/comm"));
            Some(name.map_or_else(|_| "?".into(), |name| name.trim_end().into()))
        }
        (name, _) => Some(name.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_trace_has_the_signal_its_receiver_and_its_sender() {
        let line = "        jettison-70      [001] d..1.    12.345678: signal_generate: sig=15 errno=0 code=0 comm=hog pid=90 grp=1 res=0";
        let sent = |signal, from: &str| Sent {
            signal,
            to: "hog".into(),
            pid: 90,
            title: String::new(),
            from: from.into(),
        };
        assert_eq!(parse(line), Some(sent(15, "jettison")));
        let kernel = line.replace("code=0", "code=128").replace("sig=15", "sig=9");
        assert_eq!(parse(&kernel), Some(sent(9, "kernel")));
        let nameless = line.replace("jettison-70", &format!("<...>-{}", std::process::id()));
        let ours = std::fs::read_to_string("/proc/self/comm").unwrap();
        assert_eq!(parse(&nameless), Some(sent(15, ours.trim_end())));
        assert_eq!(parse("# tracer: nop"), None);
    }

    #[test]
    fn a_title_is_the_command_line_as_it_is_or_as_it_was() {
        let sent = |pid, from: &str| Sent {
            signal: 9,
            to: String::new(),
            pid,
            title: String::new(),
            from: from.into(),
        };
        let us = std::process::id();
        let mut titles = Titles::default();
        let now = titles.of(&sent(us, "jettison")).unwrap();
        assert!(now.starts_with(&std::env::args().next().unwrap()), "{now}");
        assert_eq!(titles.of(&sent(us, KERNEL)), None);
        titles.note();
        assert_eq!(titles.of(&sent(us, KERNEL)), Some(now));
        titles.0.insert(u32::MAX, "gone".into());
        assert_eq!(titles.of(&sent(u32::MAX, "jettison")).as_deref(), Some("gone"));
    }
}
