//! From a configured source to a policy that can be consulted.

use std::path::Path;
use std::sync::Arc;

use jettison_model::{Cause, Fault, Snapshot, column};
use jettison_policy::{CompileLimits, Compiled, Compiler, Engine, Limits, Policy};

use crate::bounded::{self, Unread};
use crate::config::{Grants, PolicyConfig, Registries, Source};
use crate::failure::Failure;
use crate::program::of_children;
use crate::registry::Fetcher;

/// What a package brings along: the built-in policies, compiled. So its first start compiles nothing, on
/// whatever processor.
const SHIPPED: &str = "/usr/lib/jettison/compiled";

/// Loads policies. Cloning shares the engine that runs them.
#[derive(Clone)]
pub(crate) struct Loader {
    compiler: Compiler,
    engine: Result<Engine, Fault>,
    limits: Limits,
    pub(crate) hooks: Vec<String>,
    pub(crate) fetcher: Fetcher,
    is_wary: bool,
}

impl Loader {
    /// `hooks` are the names under `[hooks]`. With `is_wary` a module that others could have written is
    /// refused.
    pub(crate) fn new(limits: Limits, hooks: Vec<String>, is_wary: bool) -> Self {
        let program = of_children();
        let fetcher = Fetcher::new(program.clone(), limits.compile.module_bytes);
        let compiler = Compiler::new(program).with_limits(limits.compile).with_shipped(Path::new(SHIPPED));
        let engine = Engine::new(limits);
        Self { compiler, engine, limits, hooks, fetcher, is_wary }
    }

    /// Loads one.
    pub(crate) fn load(&self, config: &PolicyConfig) -> Result<Policy, Fault> {
        self.load_read(config, &self.module(&config.source)?)
    }

    /// The same, from its module as it was read.
    pub(crate) fn load_read(&self, config: &PolicyConfig, module: &[u8]) -> Result<Policy, Fault> {
        self.ready(config, &self.compiler.compile(module)?)
    }

    /// Loads one that is to replace another, from its module as it was read: first on an engine of its own,
    /// where it is consulted on a made-up snapshot and on `live`, so that whatever it does there disturbs no
    /// tick.
    pub(crate) fn load_on_trial(
        &self,
        config: &PolicyConfig,
        module: &[u8],
        live: &Snapshot,
    ) -> Result<Policy, Fault> {
        let compiled = self.compiler.compile(module)?;
        let aside = Self { engine: Engine::new(self.limits), ..self.clone() };
        let candidate = aside.ready(config, &compiled)?;
        for snapshot in [&canned(), live] {
            candidate.consult(snapshot).answer?;
        }
        drop(candidate);
        self.ready(config, &compiled)
    }

    /// Knows the registries of a configuration.
    pub(crate) fn with_registries(mut self, registries: Registries) -> Self {
        self.fetcher.registries = registries;
        self
    }

    /// Keeps what is fetched below this directory.
    pub(crate) fn with_store(self, directory: &Path) -> Self {
        Self { fetcher: self.fetcher.keeping_below(directory), ..self }
    }

    /// Waits for no registry.
    pub(crate) fn offline(self) -> Self {
        Self { fetcher: self.fetcher.offline(), ..self }
    }

    /// The functions that a module imports.
    pub(crate) fn imports(&self, module: &[u8]) -> Result<Vec<String>, Fault> {
        Ok(self.compiler.compile(module)?.imports)
    }

    /// Keeps compiled code in this directory, so that a restart compiles nothing.
    pub(crate) fn with_cache(self, directory: &Path) -> Self {
        Self { compiler: self.compiler.with_cache(directory), ..self }
    }

    /// Why compiled code cannot be kept, if so.
    pub(crate) fn cache_problem(&self) -> Option<String> {
        self.compiler.cache_problem()
    }

    /// The module's file, as it is now: opened, trusted and read once, so that it is one file throughout.
    pub(crate) fn module(&self, source: &Source) -> Result<Vec<u8>, Fault> {
        match source {
            Source::Builtin(name) => match jettison_policy::builtin(name) {
                Some(bytes) => Ok(bytes.to_vec()),
                None => Err(missing(format!(
                    "there is no built-in policy `{name}`; there are `{}`",
                    jettison_policy::BUILTINS.join("`, `")
                ))),
            },
            Source::File(path) => self.file(path),
            Source::Registry(reference) => self.fetcher.module(reference),
        }
    }

    fn file(&self, path: &Path) -> Result<Vec<u8>, Fault> {
        bounded::read(path, self.limits.compile.module_bytes, self.is_wary).map_err(|unread| match unread {
            Unread::TooLarge(detail) => Fault::Compile { detail },
            Unread::Failed(error) => missing(error.to_string()),
            Unread::Distrusted(why) => Fault::Distrusted { why },
        })
    }

    fn ready(&self, config: &PolicyConfig, compiled: &Compiled) -> Result<Policy, Fault> {
        let engine = self.engine.as_ref().map_err(Clone::clone)?;
        let grants = match &config.grants {
            Grants::Listed(grants) => Some(grants.as_slice()),
            Grants::All => None,
        };
        let place = |key: &str| config.places.of(key);
        Policy::load_placed(engine, compiled, grants, &self.hooks, &config.config, &place)
    }
}

fn missing(error: String) -> Fault {
    Fault::Missing { error }
}

/// Three processes on a machine that is out of memory.
pub(crate) fn canned() -> Snapshot {
    let mut snapshot = Snapshot { now_ms: 3_600_000, ..Snapshot::default() };
    snapshot.host.memory_total_bytes = 1 << 30;
    snapshot.host.memory_available_bytes = 10 << 20;
    snapshot.request.cause = Cause::Critical;
    snapshot.request.deficit_bytes = 150 << 20;
    let table = &mut snapshot.processes;
    table.pids = Arc::new(vec![1, 100, 101]);
    table.start_times = Arc::new(vec![1, 1_000, 300_000]);
    table.parents = Arc::new(vec![column::NONE_U32, 0, 0]);
    table.memcgs = Arc::new(vec![column::NONE_U32; 3]);
    table.comms = [b"init".as_slice(), b"database", b"leak"].into_iter().collect();
    table.flags = Arc::new(vec![jettison_model::snapshot::flags::EXCLUDED, 0, 0]);
    table.uids = Arc::new(vec![0; 3]);
    table.threads = Arc::new(vec![1; 3]);
    table.ages_ms = Arc::new(vec![3_600_000, 3_590_000, 600_000]);
    table.rss_anon_bytes = Arc::new(vec![4 << 20, 500 << 20, 400 << 20]);
    for column in [&mut table.rss_file_bytes, &mut table.rss_shmem_bytes] {
        *column = Arc::new(vec![1 << 20; 3]);
    }
    for column in [&mut table.swap_bytes, &mut table.page_table_bytes] {
        *column = Arc::new(vec![0; 3]);
    }
    table.growth_bytes_per_s = Arc::new(vec![0, 0, 10 << 20]);
    table.oom_score_adjs = Arc::new(vec![0; 3]);
    table.oom_score_adjs_now = Arc::new(vec![0; 3]);
    table.pss_bytes = Arc::new(vec![column::UNKNOWN_U64; 3]);
    table.cmdlines = table.comms.clone();
    table.exes = table.comms.clone();
    snapshot
}

/// Compiles the module on standard input, as a child of the daemon. Without limits it takes the default ones.
#[cfg(feature = "tools")]
pub(crate) fn compile_module(limits: &[String]) -> Result<(), Failure> {
    let limits = CompileLimits::from_args(limits);
    let limits = limits.ok_or_else(|| Failure::Usage("limits are three whole numbers".into()))?;
    jettison_policy::compile_module(limits, std::io::stdin(), std::io::stdout())
        .map_err(|error| Failure::Failed(format!("the compiled module cannot be handed over: {error}")))
}

/// Compiles the built-in policies for a package.
#[cfg(feature = "tools")]
pub(crate) fn compile_builtin(directory: &Path) -> Result<(), Failure> {
    jettison_policy::compile_builtins(directory)
        .map_err(|fault| Failure::Failed(format!("{}: {fault}", directory.display())))
}
