//! Who signalled whom: the kernel's tracepoint `signal:signal_generate` (Documentation/trace/events.rst).

use std::fs::write;
use std::io::{BufRead, BufReader};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use jettison_vm_guest::Sent;

const TRACING: &str = "/sys/kernel/tracing";
/// `SI_KERNEL`: sent by the kernel itself.
const FROM_KERNEL: &str = "code=128";

/// Signals that end or stop somebody, in order.
#[derive(Clone, Default)]
pub(crate) struct Signals(Arc<Mutex<Vec<Sent>>>);

impl Signals {
    /// Listens from now on.
    pub(crate) fn listen() -> Result<Self> {
        let event = format!("{TRACING}/events/signal/signal_generate");
        write(format!("{event}/filter"), "sig==9 || sig==15 || sig==19 || sig==2").context("the filter")?;
        write(format!("{event}/enable"), "1").context("the tracepoint")?;
        let pipe = std::fs::File::open(format!("{TRACING}/trace_pipe")).context("trace_pipe")?;
        let signals = Self::default();
        let noted = signals.clone();
        std::thread::spawn(move || {
            for line in BufReader::new(pipe).lines().map_while(Result::ok) {
                if let Some(sent) = parse(&line) {
                    noted.0.lock().unwrap_or_else(PoisonError::into_inner).push(sent);
                }
            }
        });
        Ok(signals)
    }

    pub(crate) fn all(&self) -> Vec<Sent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// `  jettison-70  [001] d..1.  12.3: signal_generate: sig=15 errno=0 code=0 comm=hog pid=90 grp=1 res=0`
fn parse(line: &str) -> Option<Sent> {
    let (sender, rest) = line.split_once(" [")?;
    let (_, event) = rest.split_once("signal_generate: ")?;
    let field = |key: &str| Some(event.split_once(key)?.1);
    let word = |key: &str| field(key)?.split_whitespace().next()?.parse().ok();
    let name = field("comm=")?.rsplit_once(" pid=").map(|(name, _)| name)?;
    let from = match event.contains(FROM_KERNEL) {
        true => "kernel",
        false => &name_of(sender.trim())?,
    };
    let pid = event.rsplit_once(" pid=")?.1.split_whitespace().next()?.parse().ok()?;
    Some(Sent { signal: word("sig=")?, to: name.into(), pid, from: from.into() })
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
    fn a_line_of_the_trace_says_who_signalled_whom() {
        let line = "        jettison-70      [001] d..1.    12.345678: signal_generate: sig=15 errno=0 code=0 comm=hog pid=90 grp=1 res=0";
        let sent = |signal, from: &str| Sent { signal, to: "hog".into(), pid: 90, from: from.into() };
        assert_eq!(parse(line), Some(sent(15, "jettison")));
        let kernel = line.replace("code=0", "code=128").replace("sig=15", "sig=9");
        assert_eq!(parse(&kernel), Some(sent(9, "kernel")));
        let nameless = line.replace("jettison-70", &format!("<...>-{}", std::process::id()));
        let ours = std::fs::read_to_string("/proc/self/comm").unwrap();
        assert_eq!(parse(&nameless), Some(sent(15, ours.trim_end())));
        assert_eq!(parse("# tracer: nop"), None);
    }
}
