//! A loaded policy: described, validated, and ready to be consulted.

use std::sync::Arc;

use jettison_model::{Fault, Needs, Snapshot};
use wasmtime::component::{Component, InstancePre};

use crate::ballot::{Scope, checked};
use crate::call::{Call, Consultation};
use crate::compiler::Compiled;
use crate::engine::Engine;
use crate::guest::Guest;
use crate::limits::PROBLEMS_MAX;
use crate::text::short_line;
use crate::world::{self, Exports};
use crate::{fault, raw};

/// One policy with one configuration. Every call has a fresh instance, so nothing outlives it.
pub struct Policy {
    engine: Engine,
    instance: InstancePre<Guest>,
    exports: Exports,
    config: Arc<str>,
    hooks: Vec<String>,
    digest: String,
    imports: Vec<String>,
    description: raw::Description,
}

impl Policy {
    /// Takes over compiled code and asks it who it is and whether it can work with its configuration.
    ///
    /// `grants` are functions of the interface `details`, or nothing for all that it asks for (a module named
    /// on the command line). `hooks` are the names under `[hooks]`, which a shutdown step may give; `config`
    /// is the JSON text of `[policy.config]`, `{}` if there is none.
    ///
    /// # Errors
    /// [`Fault::ForbiddenImport`], [`Fault::WrongWorld`] or [`Fault::NotGranted`] for what it asks for or
    /// lacks;
    /// [`Fault::BadConfig`] with all problems that `validate` reports; [`Fault::Host`] if the code was
    /// compiled by another version; and whatever ends a call: a trap, its fuel, its memory.
    pub fn load(
        engine: &Engine,
        compiled: &Compiled,
        grants: Option<&[String]>,
        hooks: &[String],
        config: &str,
    ) -> Result<Self, Fault> {
        Self::load_placed(engine, compiled, grants, hooks, config, &|_| None)
    }

    /// The same, with a place for each key of the configuration, such as `jettison.toml:12`, for its
    /// problems.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub fn load_placed(
        engine: &Engine,
        compiled: &Compiled,
        grants: Option<&[String]>,
        hooks: &[String],
        config: &str,
        place: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, Fault> {
        let component = deserialized(engine, &compiled.code)?;
        let imports = world::imports(engine.wasm(), &component)?;
        let instance = world::linked(engine.imports(), &component, &imports)?;
        world::check_grants(&imports, grants)?;
        let mut policy = Self {
            engine: engine.clone(),
            instance,
            exports: Exports::of(&component)?,
            config: config.into(),
            hooks: hooks.to_vec(),
            digest: compiled.digest.clone(),
            imports,
            description: raw::Description::default(),
        };
        policy.check_exports()?;
        policy.description = policy.describe()?;
        policy.validate(place)?;
        Ok(policy)
    }

    fn call(&self, snapshot: Snapshot) -> Result<Call<'_>, Fault> {
        Call::new(&self.engine, &self.instance, Arc::clone(&self.config), snapshot)
    }

    /// What the policy calls itself.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.description.name
    }

    /// Its version, in its author's numbering.
    #[must_use]
    pub fn version(&self) -> &str {
        &self.description.version
    }

    /// What it does, on one line.
    #[must_use]
    pub fn summary(&self) -> &str {
        &self.description.summary
    }

    /// SHA-256 of the module's file, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The functions that it imports, as `interface.function`, sorted: all that it can see.
    #[must_use]
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// The costly columns that it reads.
    #[must_use]
    pub fn needs(&self) -> Needs {
        world::needs(&self.imports)
    }

    /// Asks for a ballot on this snapshot. Whatever the policy does, there is an answer, and nothing of it
    /// stays.
    #[must_use]
    pub fn consult(&self, snapshot: &Snapshot) -> Consultation {
        let mut call = match self.call(snapshot.clone()) {
            Ok(call) => call,
            Err(fault) => {
                return Consultation { answer: Err(fault), fuel: 0, log: Vec::new() };
            }
        };
        let answer = call
            .run::<Result<raw::Ballot, String>>(&self.exports.rank)
            .and_then(|answer| answer.map_err(refused))
            .and_then(|ballot| checked(ballot, Scope::of(snapshot, &self.hooks, self.engine.limits())));
        call.finish(answer)
    }

    /// The types of all exports, before any of them is called.
    fn check_exports(&self) -> Result<(), Fault> {
        let mut call = self.call(Snapshot::default())?;
        let instance = call.instantiate()?;
        call.function::<raw::Description>(&instance, &self.exports.describe)?;
        call.function::<Vec<raw::Problem>>(&instance, &self.exports.validate)?;
        call.function::<Result<raw::Ballot, String>>(&instance, &self.exports.rank)?;
        Ok(())
    }

    fn describe(&self) -> Result<raw::Description, Fault> {
        let raw: raw::Description = self.call(Snapshot::default())?.run(&self.exports.describe)?;
        Ok(raw::Description {
            name: short_line(&raw.name),
            version: short_line(&raw.version),
            summary: short_line(&raw.summary),
        })
    }

    fn validate(&self, place: &dyn Fn(&str) -> Option<String>) -> Result<(), Fault> {
        let problems: Vec<raw::Problem> = self.call(Snapshot::default())?.run(&self.exports.validate)?;
        if problems.is_empty() {
            return Ok(());
        }
        let placed = |problem: &raw::Problem| {
            let said = short_line(&problem.to_string());
            place(&problem.key).map_or_else(|| said.clone(), |place| format!("{place}: {said}"))
        };
        let problems: Vec<String> = problems.iter().take(PROBLEMS_MAX).map(placed).collect();
        Err(Fault::BadConfig { problems: problems.join("; ") })
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policy")
            .field("description", &self.description)
            .field("digest", &self.digest)
            .field("imports", &self.imports)
            .finish_non_exhaustive()
    }
}

fn refused(message: String) -> Fault {
    Fault::Refused { message: short_line(&message) }
}

fn deserialized(engine: &Engine, code: &[u8]) -> Result<Component, Fault> {
    // SAFETY: the bytes are native code and are trusted as such. Only `Compiler` fills `Compiled::code`, and
    // with nothing but what our own child wrote, the same program as this one: to a file that has no name, or
    // to one in a directory that only this user can reach, whose owner, mode and checksum were looked at.
    #[expect(unsafe_code, reason = "the one place where compiled code is taken over")]
    let component = unsafe { Component::deserialize(engine.wasm(), code) };
    component.map_err(|error| fault::host("its compiled code is refused", &error))
}
