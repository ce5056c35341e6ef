//! What a compiled component asks for and offers, held against what there is.

use jettison_model::{Fault, Needs};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use crate::fault::causes;
use crate::guest::Guest;
use crate::imports::Imports;
use crate::offer::{PACKAGE, VERSION};

/// The interface whose functions must be granted one by one.
const DETAILS: &str = "details";

/// The functions that a component imports, as `interface.function`, sorted.
///
/// Types are no abilities and are left out.
///
/// # Errors
/// [`Fault::ForbiddenImport`] for whatever is not a function of `jettison:policy`; [`Fault::WrongWorld`] for
/// another version of it.
pub(crate) fn imports(engine: &wasmtime::Engine, component: &Component) -> Result<Vec<String>, Fault> {
    let forbidden = |import: String| Fault::ForbiddenImport { import };
    let mut functions = Vec::new();
    for (import, item) in component.component_type().imports(engine) {
        let interface = interface_of(import).ok_or_else(|| forbidden(import.to_owned()))?;
        if !is_this_version(import) {
            return Err(Fault::WrongWorld { detail: format!("it imports `{import}`") });
        }
        let ComponentItem::ComponentInstance(instance) = item.ty else {
            return Err(forbidden(import.to_owned()));
        };
        for (name, item) in instance.exports(engine) {
            match item.ty {
                ComponentItem::ComponentFunc(_) => functions.push(format!("{interface}.{name}")),
                ComponentItem::Type(_) => {}
                _ => return Err(forbidden(format!("{import}.{name}"))),
            }
        }
    }
    functions.sort_unstable();
    Ok(functions)
}

/// `processes` of `jettison:policy/processes@0.1.0`; nothing for other packages.
pub(crate) fn interface_of(import: &str) -> Option<&str> {
    let rest = import.strip_prefix(PACKAGE)?.strip_prefix('/')?;
    Some(rest.split_once('@').map_or(rest, |(name, _)| name))
}

/// Whether it is some 0.1.x: they are all compatible, as semantic versioning has it.
fn is_this_version(import: &str) -> bool {
    let minor = |version: &str| version.rsplit_once('.').map(|(minor, _)| minor.to_owned());
    import.split_once('@').is_some_and(|(_, version)| minor(version) == minor(VERSION))
}

/// The component with its imports resolved.
///
/// # Errors
/// [`Fault::WrongWorld`] naming what this host does not have, or has with another type.
pub(crate) fn linked(
    offered: &Imports,
    component: &Component,
    imports: &[String],
) -> Result<InstancePre<Guest>, Fault> {
    if let Some(unknown) = imports.iter().find(|import| !offered.names.contains(import)) {
        return Err(Fault::WrongWorld { detail: format!("it imports `{unknown}`, which is unknown here") });
    }
    offered.linker.instantiate_pre(component).map_err(|error| Fault::WrongWorld { detail: causes(&error) })
}

/// Whether every function of `details` among the imports is granted.
///
/// # Errors
/// [`Fault::NotGranted`] naming the first that is not.
pub(crate) fn check_grants(imports: &[String], grants: Option<&[String]>) -> Result<(), Fault> {
    let Some(granted) = grants else {
        return Ok(());
    };
    match details(imports).find(|function| !granted.iter().any(|name| name == function)) {
        Some(function) => Err(Fault::NotGranted { function: function.to_owned() }),
        None => Ok(()),
    }
}

/// The functions of `details` among the imports.
fn details(imports: &[String]) -> impl Iterator<Item = &str> {
    imports
        .iter()
        .filter_map(|import| import.split_once('.'))
        .filter(|(interface, _)| *interface == DETAILS)
        .map(|(_, function)| function)
}

/// What is read for those alone who ask.
const COUNTERS: [&str; 13] = [
    "host.io-pressure-some-avg10",
    "host.io-pressure-full-avg10",
    "host.cpu-pressure-some-avg10",
    "host.watermark-min-bytes",
    "host.watermark-low-bytes",
    "host.watermark-high-bytes",
    "host.oom-kills",
    "host.refault-anon-bytes-per-s",
    "host.refault-file-bytes-per-s",
    "host.swap-in-bytes-per-s",
    "host.swap-out-bytes-per-s",
    "host.major-faults-per-s",
    "host.allocation-stalls-per-s",
];

/// What the sensor is to read for a policy with these imports.
pub(crate) fn needs(imports: &[String]) -> Needs {
    let has = |function: &str| details(imports).any(|imported| imported == function);
    Needs {
        cmdlines: has("cmdlines"),
        exes: has("exes"),
        pss: has("pss-bytes"),
        counters: imports.iter().any(|import| COUNTERS.contains(&import.as_str())),
        // They are among the counters.
        refaults: false,
    }
}

/// An exported function and where it is.
#[derive(Clone, Copy)]
pub(crate) struct Export {
    pub(crate) name: &'static str,
    pub(crate) index: ComponentExportIndex,
}

/// The functions of the exported interface `policy`.
#[derive(Clone, Copy)]
pub(crate) struct Exports {
    pub(crate) describe: Export,
    pub(crate) validate: Export,
    pub(crate) rank: Export,
}

impl Exports {
    /// # Errors
    /// [`Fault::WrongWorld`] naming what is missing.
    pub(crate) fn of(component: &Component) -> Result<Self, Fault> {
        let interface = format!("{PACKAGE}/policy@{VERSION}");
        let missing = |what: String| Fault::WrongWorld { detail: format!("it does not export {what}") };
        let within =
            component.get_export_index(None, &interface).ok_or_else(|| missing(format!("`{interface}`")))?;
        let function = |name| match component.get_export_index(Some(&within), name) {
            Some(index) => Ok(Export { name, index }),
            None => Err(missing(format!("`{name}` in `{interface}`"))),
        };
        Ok(Self { describe: function("describe")?, validate: function("validate")?, rank: function("rank")? })
    }
}
