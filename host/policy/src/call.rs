//! One call into a guest, in a store and an instance of its own.

use std::sync::Arc;

use jettison_model::{Ballot, Fault, Snapshot};
use wasmtime::Store;
use wasmtime::component::{ComponentType, Instance, InstancePre, Lift, TypedFunc};

use crate::engine::Engine;
use crate::fault::{self, START};
use crate::fuse::Armed;
use crate::guest::{Guest, LogLine};
use crate::limits::Limits;
use crate::world::Export;

/// What one consultation brought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Consultation {
    /// The checked ballot, or why there is none.
    pub answer: Result<Ballot, Fault>,
    /// How much fuel it took.
    pub fuel: u64,
    /// What the policy wrote to the log.
    pub log: Vec<LogLine>,
}

/// The fields are dropped in this order: the store gives its slot back before the next call takes its turn.
pub(crate) struct Call<'a> {
    store: Store<Guest>,
    engine: &'a Engine,
    policy: &'a InstancePre<Guest>,
    _armed: Armed<'a>,
}

impl<'a> Call<'a> {
    /// Takes the turn, and sets all limits.
    pub(crate) fn new(
        engine: &'a Engine,
        policy: &'a InstancePre<Guest>,
        config: Arc<str>,
        snapshot: Snapshot,
    ) -> Result<Self, Fault> {
        let armed = engine.fuse().arm()?;
        let limits = engine.limits();
        let guest = Guest::new(snapshot, config, *limits);
        let mut store = Store::try_new(engine.wasm(), guest)
            .map_err(|error| fault::host("no memory for a store", &error))?;
        store.limiter(|guest| guest);
        store.set_epoch_deadline(1);
        store.set_hostcall_fuel(limits.answer_bytes);
        store.set_fuel(limits.fuel).map_err(|error| fault::host("no fuel can be given", &error))?;
        Ok(Self { store, engine, policy, _armed: armed })
    }

    fn limits(&self) -> &Limits {
        self.engine.limits()
    }

    /// A fresh instance; what it does at its start counts as part of the call.
    pub(crate) fn instantiate(&mut self) -> Result<Instance, Fault> {
        let instance = self.policy.instantiate(&mut self.store);
        instance.map_err(|error| fault::of_call(&error, START, self.store.data(), self.limits()))
    }

    /// An exported function without parameters, with its type checked.
    pub(crate) fn function<R>(
        &mut self,
        instance: &Instance,
        export: &Export,
    ) -> Result<TypedFunc<(), (R,)>, Fault>
    where
        R: ComponentType + Lift + 'static,
    {
        instance.get_typed_func(&mut self.store, export.index).map_err(|error| Fault::WrongWorld {
            detail: format!("its export `{}` has another type: {}", export.name, error.root_cause()),
        })
    }

    /// Instantiates and calls.
    pub(crate) fn run<R>(&mut self, export: &Export) -> Result<R, Fault>
    where
        R: ComponentType + Lift + 'static,
    {
        let instance = self.instantiate()?;
        let function = self.function::<R>(&instance, export)?;
        match function.call(&mut self.store, ()) {
            Ok((result,)) => Ok(result),
            Err(error) => {
                let place = format!("`{}`", export.name);
                Err(fault::of_call(&error, &place, self.store.data(), self.limits()))
            }
        }
    }

    /// The accounts of the call.
    pub(crate) fn finish(mut self, answer: Result<Ballot, Fault>) -> Consultation {
        let budget = self.limits().fuel;
        Consultation {
            answer,
            fuel: budget.saturating_sub(self.store.get_fuel().unwrap_or(0)),
            log: std::mem::take(&mut self.store.data_mut().log),
        }
    }
}
