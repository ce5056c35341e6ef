//! The configured policies: loaded, or the fault that kept them from it; and what they say when consulted.

use std::path::PathBuf;

use jettison_model::limits::MODULE_BYTES_MAX;
use jettison_model::{Fault, Needs, Snapshot, Vote};
use jettison_policy::{Compiler, Engine, Limits, LogLine, Policy};

use crate::clock::Clock;
use crate::config::{Grants, PolicyConfig, Source};

/// One configured policy.
pub(crate) struct Loaded {
    pub(crate) config: PolicyConfig,
    pub(crate) policy: Result<Policy, Fault>,
}

/// What one policy's consultation cost, and what it wrote to the log.
pub(crate) struct Consulted {
    pub(crate) fuel: u64,
    pub(crate) us: u64,
    pub(crate) log: Vec<LogLine>,
}

/// All configured policies, in the order of the configuration.
pub(crate) struct Policies {
    pub(crate) loaded: Vec<Loaded>,
}

impl Policies {
    /// Loads each. A policy that cannot be loaded is a fault in every tick, never the end of the daemon.
    pub(crate) fn load(configs: Vec<PolicyConfig>, hooks: &[String], program: PathBuf) -> Self {
        let compiler = Compiler::new(program);
        let engine = Engine::new(Limits::default());
        let loaded = configs
            .into_iter()
            .map(|config| {
                let policy = match &engine {
                    Ok(engine) => load(engine, &compiler, &config, hooks),
                    Err(fault) => Err(fault.clone()),
                };
                Loaded { config, policy }
            })
            .collect();
        Self { loaded }
    }

    /// What the sensor must read beyond what the host itself needs.
    pub(crate) fn needs(&self) -> Needs {
        let policies = self.loaded.iter().filter_map(|loaded| loaded.policy.as_ref().ok());
        policies.fold(Needs::default(), |needs, policy| needs.or(policy.needs()))
    }

    /// Asks each, in a fresh instance.
    pub(crate) fn consult(&self, snapshot: &Snapshot, clock: Clock) -> (Vec<Vote>, Vec<Consulted>) {
        let ask = |loaded: &Loaded| {
            let stopwatch = clock.stopwatch();
            let (answer, fuel, log) = match &loaded.policy {
                Ok(policy) => {
                    let consultation = policy.consult(snapshot);
                    (consultation.answer, consultation.fuel, consultation.log)
                }
                Err(fault) => (Err(fault.clone()), 0, Vec::new()),
            };
            let config = &loaded.config;
            let vote =
                Vote { policy: config.name.clone(), weight: config.weight, shadow: config.shadow, answer };
            (vote, Consulted { fuel, us: stopwatch.us(), log })
        };
        self.loaded.iter().map(ask).unzip()
    }
}

fn load(
    engine: &Engine,
    compiler: &Compiler,
    config: &PolicyConfig,
    hooks: &[String],
) -> Result<Policy, Fault> {
    let module = module(&config.source)?;
    let compiled = compiler.compile(&module)?;
    let grants = match &config.grants {
        Grants::Listed(grants) => Some(grants.as_slice()),
        Grants::All => None,
    };
    Policy::load(engine, &compiled, grants, hooks, &config.config)
}

fn module(source: &Source) -> Result<Vec<u8>, Fault> {
    let missing = |error: String| Fault::Missing { error };
    match source {
        Source::Builtin(name) => match jettison_policy::builtin(name) {
            Some(bytes) => Ok(bytes.to_vec()),
            None => {
                Err(missing(format!("there is no built-in policy `{name}`; the one there is, is `balanced`")))
            }
        },
        Source::File(path) => {
            let size = std::fs::metadata(path).map_err(|error| missing(error.to_string()))?.len();
            if size > MODULE_BYTES_MAX {
                return Err(missing(format!(
                    "{size} bytes, more than the {MODULE_BYTES_MAX} that a module may have"
                )));
            }
            std::fs::read(path).map_err(|error| missing(error.to_string()))
        }
    }
}
