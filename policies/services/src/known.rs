//! Which processes are services: by executable, tree, unit and command line, and never by a name that a
//! process gave itself.

use std::cell::OnceCell;

use jettison_sdk::{PerProcess, Process, Snapshot};

use crate::companions::{COMPANIONS, Companion};
use crate::table::{Keeps, Marks, SERVICES, Service, Which};
use crate::work::{WORKS, Work, is_the_hosts};

/// What a process is.
#[derive(Clone, Copy)]
pub(crate) enum Role<'s> {
    /// The first process of a service.
    Head(&'static Service),
    /// A child of a service, or a grandchild, that runs the same program.
    Part(&'static Service, Process<'s>),
    /// It goes before the services.
    Companion(&'static Companion),
    /// It must not be broken off, with all that it has started.
    Work(&'static Work),
}

/// The roles of all processes that have one: on most machines few.
pub(crate) struct Known<'s> {
    roles: PerProcess<Option<Role<'s>>>,
    /// In ascending order of pid.
    found: Vec<Process<'s>>,
}

impl<'s> Known<'s> {
    pub(crate) fn of(snapshot: &'s Snapshot) -> Self {
        let programs = Programs::new();
        let mut known = Self { roles: snapshot.per_process(|_| None), found: Vec::new() };
        for p in snapshot.processes_by_family().filter(|p| !p.is_kernel_thread() && !p.is_zombie()) {
            if let Some(role) = known.role(p, &programs) {
                known.roles[p] = Some(role);
                known.found.push(p);
            }
        }
        let Self { mut roles, mut found } = known;
        // One process that merely has the file name of a server of many is none.
        found.retain(|&p| {
            if let Some(Role::Head(service)) = roles[p]
                && service.has_sessions()
                && !p
                    .children()
                    .any(|child| matches!(roles[child], Some(Role::Part(of, _)) if of.is(service)))
            {
                roles[p] = None;
            }
            roles[p].is_some()
        });
        found.sort_unstable_by_key(Process::pid);
        Self { roles, found }
    }

    /// All that have a role, with it.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Process<'s>, Role<'s>)> {
        self.found.iter().filter_map(|&p| Some((p, self.roles[p]?)))
    }

    pub(crate) fn of_process(&self, p: Process<'s>) -> Option<Role<'s>> {
        self.roles[p]
    }

    /// The service that a process is of, and its first process.
    fn service_of(&self, p: Process<'s>) -> Option<(&'static Service, Process<'s>)> {
        match self.roles[p]? {
            Role::Head(service) => Some((service, p)),
            Role::Part(service, head) => Some((service, head)),
            Role::Companion(_) | Role::Work(_) => None,
        }
    }

    /// The nearest service that a process was started by.
    pub(crate) fn above(&self, p: Process<'s>) -> Option<(&'static Service, Process<'s>)> {
        p.ancestors().find_map(|above| self.service_of(above))
    }

    fn role(&self, p: Process<'s>, programs: &Programs) -> Option<Role<'s>> {
        let above = || p.parent().and_then(|parent| self.service_of(parent));
        let program = program_of(p.exe_path());
        if program.is_empty() {
            return self.unread(p, above());
        }
        let cmdline = OnceCell::new();
        let cmdline = || *cmdline.get_or_init(|| p.cmdline());
        for known in programs.named(program) {
            match *known {
                Program::Service(service) => {
                    // A child may have another title than its parent, so the executable is enough.
                    if let Some((_, head)) = above().filter(|(of, _)| of.is(service)) {
                        return Some(Role::Part(service, head));
                    }
                    if service.marks.fit(cmdline) {
                        return Some(Role::Head(service));
                    }
                }
                Program::Companion(companion) => return Some(Role::Companion(companion)),
                Program::Work(work) if is_the_hosts(p) && work.marks.fit(cmdline) => {
                    return Some(Role::Work(work));
                }
                Program::Work(_) => {}
            }
        }
        None
    }

    /// Where the kernel does not tell the executable: the name counts if tree and unit agree.
    fn unread(&self, p: Process<'s>, above: Option<(&'static Service, Process<'s>)>) -> Option<Role<'s>> {
        let is_named = |service: &Service| service.programs.iter().any(|pattern| fits(pattern, p.comm()));
        let own = p.memcg();
        match above.filter(|(service, _)| is_named(service)) {
            Some((service, head)) if head.memcg() == own => return Some(Role::Part(service, head)),
            _ => {}
        }
        let unit = own?.unit();
        let is_of = |service: &&Service| service.units.iter().any(|name| unit.starts_with(name.as_bytes()));
        let is_first = p.parent().is_none_or(|parent| parent.memcg() != own);
        let service = SERVICES.iter().find(|service| is_named(service) && is_of(service))?;
        (is_first && matches!(service.marks, Marks::None)).then_some(Role::Head(service))
    }
}

impl Service {
    pub(crate) fn is(&self, other: &Self) -> bool {
        std::ptr::eq(self, other)
    }

    /// A server of sessions has processes of its own beside them, from its start.
    fn has_sessions(&self) -> bool {
        self.child.as_ref().is_some_and(|child| child.which == Which::Sessions)
    }

    pub(crate) fn is_tree(&self) -> bool {
        self.keeps == Keeps::Tree
    }
}

impl Marks {
    pub(crate) fn fit<'c>(&self, cmdline: impl Fn() -> &'c [u8]) -> bool {
        match self {
            Self::None => true,
            Self::Early(words) => {
                let mut early = cmdline().split(|&byte| byte == 0 || byte == b' ').take(3);
                early.any(|argument| {
                    let name = program_of(argument);
                    words.iter().any(|word| name.starts_with(word.as_bytes()))
                })
            }
            Self::Anywhere(texts) => texts.iter().any(|text| holds(cmdline(), text.as_bytes())),
        }
    }
}

/// A title of PostgreSQL, `postgres: [CLUSTER: ]USER DATABASE CLIENT ACTIVITY`, that names a client:
/// `[local]` or `HOST(PORT)` (`init_ps_display` in src/backend/utils/init/miscinit.c); or that of a worker of
/// autovacuum, or of a subscription, which its launcher starts again.
///
/// A sender of the log to a standby names a client, too, and is a part of replication. One that decodes the
/// log for a subscriber is a session: its subscriber connects again and goes on where it was. It is in a
/// database and names that, as a sender to a standby does not (`ProcessStartupPacket` in
/// src/backend/tcop/backend_startup.c).
pub(crate) fn is_session(title: &[u8]) -> bool {
    let Some(title) = title.strip_prefix(b"postgres: ") else { return false };
    if holds(title, b"autovacuum worker") || holds(title, b" worker for subscription ") {
        return true;
    }
    let is_port = |word: &[u8]| {
        let port = word.strip_suffix(b")").and_then(|word| word.rsplit(|&byte| byte == b'(').next());
        port.is_some_and(|port| {
            port.len() < word.len() - 1 && !port.is_empty() && port.iter().all(u8::is_ascii_digit)
        })
    };
    let words = || title.split(|&byte| byte == b' ' || byte == 0);
    let Some(client) = words().position(|word| word == b"[local]" || is_port(word)) else { return false };
    let sender = words().take(client).position(|word| word == b"walsender");
    // `walsender USER DATABASE CLIENT`.
    sender.is_none_or(|sender| client - sender == 3)
}

/// What is in the title of each process that PostgreSQL has of its own (`PG_PROCTYPE` in
/// src/include/postmaster/proctypelist.h, and what version 15 had). All that has to do with the log begins
/// with `wal`.
const OWN_TITLES: [&[u8]; 12] = [
    b"archiver",
    b"autovacuum launcher",
    b"background writer",
    b"checkpointer",
    b"io worker",
    b"logger",
    b"logical replication launcher",
    b"parallel worker",
    b"slotsync worker",
    b"startup",
    b"stats collector",
    b"wal",
];
/// PostgreSQL's own are far smaller by nature, what they share left out.
const WORKER_BYTES_MIN: u64 = 64 << 20;

/// Whether it is a worker of an extension that has grown: SIGTERM ends it, and the postmaster starts it again
/// (<https://www.postgresql.org/docs/current/bgworker.html>).
pub(crate) fn is_grown_worker(title: &[u8], anon_and_swap_bytes: u64) -> bool {
    let title = title.strip_prefix(b"postgres: ").filter(|_| anon_and_swap_bytes >= WORKER_BYTES_MIN);
    title.is_some_and(|title| !OWN_TITLES.iter().any(|own| holds(title, own)))
}

/// The file name of a path.
fn program_of(path: &[u8]) -> &[u8] {
    path.rsplit(|&byte| byte == b'/').next().unwrap_or(path)
}

fn holds(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

/// A name with a `*` at its end or its beginning, taken apart.
#[derive(Clone, Copy)]
struct Pattern {
    text: &'static [u8],
    place: Place,
}

/// Where in a name a pattern's text stands.
#[derive(Clone, Copy)]
enum Place {
    Whole,
    Start,
    End,
}

impl Pattern {
    fn new(pattern: &'static str) -> Self {
        let (text, place) = match (pattern.strip_suffix('*'), pattern.strip_prefix('*')) {
            (Some(start), _) => (start, Place::Start),
            (None, Some(end)) => (end, Place::End),
            (None, None) => (pattern, Place::Whole),
        };
        Self { text: text.as_bytes(), place }
    }

    fn fits(&self, name: &[u8]) -> bool {
        match self.place {
            Place::Whole => name == self.text,
            Place::Start => name.starts_with(self.text),
            Place::End => name.ends_with(self.text),
        }
    }
}

/// Whether a name is one with a `*` at its end or its beginning.
pub(crate) fn fits(pattern: &'static str, name: &[u8]) -> bool {
    Pattern::new(pattern).fits(name)
}

#[derive(Clone, Copy)]
enum Program {
    Service(&'static Service),
    Companion(&'static Companion),
    Work(&'static Work),
}

/// The patterns of the table by their first byte, so that a process is compared with a few of them.
struct Programs {
    by_first: Vec<Vec<(Pattern, Program)>>,
    any: Vec<(Pattern, Program)>,
}

impl Programs {
    fn new() -> Self {
        let mut programs = Self { by_first: vec![Vec::new(); 256], any: Vec::new() };
        let services =
            SERVICES.iter().flat_map(|it| it.programs.iter().map(move |name| (*name, Program::Service(it))));
        let companions = COMPANIONS
            .iter()
            .flat_map(|it| it.programs.iter().map(move |name| (*name, Program::Companion(it))));
        let works =
            WORKS.iter().flat_map(|it| it.programs.iter().map(move |name| (*name, Program::Work(it))));
        for (name, program) in services.chain(companions).chain(works) {
            let pattern = Pattern::new(name);
            let first = pattern.text.first().filter(|_| !matches!(pattern.place, Place::End));
            match first.and_then(|&first| programs.by_first.get_mut(usize::from(first))) {
                Some(slot) => slot.push((pattern, program)),
                None => programs.any.push((pattern, program)),
            }
        }
        programs
    }

    fn named(&self, name: &[u8]) -> impl Iterator<Item = &Program> {
        let first = name.first().and_then(|&first| self.by_first.get(usize::from(first)));
        let all = first.into_iter().flatten().chain(&self.any);
        all.filter(move |(pattern, _)| pattern.fits(name)).map(|(_, program)| program)
    }
}
