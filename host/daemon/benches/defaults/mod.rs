//! The default policies, as benches consult them.

use jettison_model::{Needs, Snapshot, Vote};
use jettison_policy::{Compiler, DEFAULTS, Engine, Limits, Policy, builtin, builtin_grants};
use jettison_tick::{Consult, Consulted};

/// By name, with the grants that they need.
pub(crate) struct Defaults(pub(crate) Vec<(String, Policy)>);

impl Defaults {
    pub(crate) fn load() -> Self {
        let engine = Engine::new(Limits::default()).expect("an engine");
        let compiler = Compiler::new(env!("CARGO_BIN_EXE_jettison").into());
        let load = |name: &str| {
            let compiled = compiler.compile(builtin(name).expect("it is embedded")).expect("it compiles");
            let policy = Policy::load(&engine, &compiled, Some(&grants(name)), &[], "{}").expect("it loads");
            (name.to_owned(), policy)
        };
        Self(DEFAULTS.map(load).into())
    }
}

pub(crate) fn grants(name: &str) -> Vec<String> {
    builtin_grants(name).iter().map(|&grant| grant.to_owned()).collect()
}

impl Consult for Defaults {
    fn needs(&self) -> Needs {
        self.0.iter().fold(Needs::default(), |needs, (_, policy)| needs.or(policy.needs()))
    }

    fn consult(&mut self, snapshot: &Snapshot) -> (Vec<Vote>, Vec<Consulted>) {
        let vote = |(name, policy): &(String, Policy)| Vote {
            policy: name.clone(),
            weight: 1,
            shadow: false,
            answer: policy.consult(snapshot).answer,
        };
        (self.0.iter().map(vote).collect(), Vec::new())
    }

    fn would_differ(&mut self, _: usize) {}
}
