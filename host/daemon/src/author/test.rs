//! `jettison test MODULE|DIR [--machine FILE]...`: whether a policy does what is expected of it.

use std::io::Write;
use std::path::{Path, PathBuf};

use jettison_decide::Signals;
use jettison_machines::{Case, Expect, Scene};
use jettison_model::Snapshot;
use jettison_tick::{Live, Pipeline};

use super::cargo;
use super::judge::{Names, judged};
use super::outcome::Outcome;
use super::patience::patient;
use crate::cli;
use crate::config::{PolicyConfig, Registries, toml_files};
use crate::failure::{Failure, unwritable};
use crate::policies::Policies;
use crate::snapshot;

pub(crate) fn test(args: &cli::Test) -> Result<(), Failure> {
    let target = args.target.as_deref().unwrap_or(".");
    let (module, project) = match Path::new(target) {
        directory if directory.is_dir() => {
            (cargo::module_of(directory)?.display().to_string(), Some(directory))
        }
        _ => (target.to_owned(), None),
    };
    let mut machines = args.machine.clone();
    if machines.is_empty() {
        machines =
            project.map(|directory| files_of(&directory.join("machines"))).transpose()?.unwrap_or_default();
    }
    if machines.is_empty() {
        let where_to = project
            .map_or_else(String::new, |it| format!(", or put one into {}", it.join("machines").display()));
        return Err(Failure::Usage(format!("no machine to test it on: give --machine FILE{where_to}")));
    }
    let cache = project.map(|directory| directory.join("target/jettison"));
    let mut bench = Bench { module, cache, ready: None };
    let mut out = std::io::stdout().lock();
    let mut failed = 0;
    for file in &machines {
        let outcome = bench.try_on(file);
        failed += usize::from(!outcome.is_good());
        write!(out, "{}", outcome.of(file)).map_err(|error| unwritable(&error))?;
    }
    let good = machines.len() - failed;
    writeln!(out, "\n{good} of {} machines as expected", machines.len())
        .map_err(|error| unwritable(&error))?;
    if failed == 0 { Ok(()) } else { Err(Failure::Told) }
}

/// Those of a folder, by name.
fn files_of(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    match toml_files(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        files => {
            files.map_err(|error| Failure::Failed(format!("{}: cannot be read: {error}", folder.display())))
        }
    }
}

/// The module, loaded for the configuration that was asked for last.
struct Bench {
    module: String,
    cache: Option<PathBuf>,
    ready: Option<(Vec<PolicyConfig>, Policies)>,
}

impl Bench {
    fn try_on(&mut self, file: &Path) -> Outcome {
        let case = match read(file) {
            Ok(case) => case,
            Err(why) => return Outcome::bad(why),
        };
        let (snapshot, names) = match staged(&case.scene) {
            Ok(staged) => staged,
            Err(why) => return Outcome::bad(why),
        };
        let configs = match self.configs(&case) {
            Ok(configs) => configs,
            Err(why) => return Outcome::bad(why),
        };
        let policies = match self.ready.take() {
            Some((before, policies)) if before == configs => policies,
            _ => {
                let cache = self.cache.as_deref();
                let (hooks, registries) = (Vec::new(), Registries::default());
                Policies::for_a_look(configs.clone(), patient(), hooks, registries, cache, false)
            }
        };
        let mut pipeline = Pipeline::new((), policies, Live::default().settings).with_snapshot(snapshot);
        pipeline.gate(&Signals { is_manual: true, ..Signals::default() });
        let decision = pipeline.decide(Vec::new());
        let (snapshot, policies) = pipeline.into_parts();
        self.ready = Some((configs, policies));
        judged(&case.expect, &decision, &snapshot, &names)
    }

    fn configs(&self, case: &Case) -> Result<Vec<PolicyConfig>, String> {
        let config = serde_json::to_string(&case.config).map_err(|error| format!("[config]: {error}"))?;
        let tested = PolicyConfig { config, ..PolicyConfig::of_module(&self.module) };
        let beside = case.beside.iter().map(|source| PolicyConfig::of_module(source));
        Ok(std::iter::once(tested).chain(beside).collect())
    }
}

/// A snapshot without a file that says what is expected only must not be a fault.
fn read(file: &Path) -> Result<Case, String> {
    if file.extension().is_some_and(|extension| extension == "json") {
        return Ok(Case {
            scene: Scene::Snapshot(file.into()),
            config: toml::Table::new(),
            beside: Vec::new(),
            expect: Expect::default(),
        });
    }
    Case::load(file).map_err(|error| format!("{error:#}"))
}

fn staged(scene: &Scene) -> Result<(Snapshot, Names), String> {
    match scene {
        Scene::Snapshot(file) => {
            let snapshot = snapshot::read(file).map_err(|bad| bad.to_string())?;
            let names = Names::of_snapshot(&snapshot);
            Ok((snapshot, names))
        }
        Scene::Machine(machine) => {
            let text = jettison_machines::snapshot(machine).to_string();
            let snapshot = snapshot::parse(text.as_bytes())?;
            Ok((snapshot, Names::of_machine(machine)))
        }
    }
}
