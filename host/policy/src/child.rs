//! Compiling, as the child does it: module in, frame out, end.

use std::borrow::Cow;
use std::io::{self, Read, Write};
use std::path::Path;

use jettison_model::Fault;
use jettison_model::limits::GUEST_MEMORY_BYTES_MAX;
use wasmparser::{BinaryReaderError, Instance, Parser, Payload, Validator};
use wasmtime::component::Component;
use wit_component::ComponentEncoder;

use crate::aside::Bounds;
use crate::builtin::{BUILTINS, builtin};
use crate::cache::Cache;
use crate::compiler::Compiled;
use crate::confine::{Reach, confine};
use crate::digest::digest;
use crate::limits::{CORE_INSTANCES_MAX, CompileLimits, MEMORIES_MAX, TABLE_ELEMENTS_MAX, TABLES_MAX};
use crate::reply::{self, Code};
use crate::{engine, fault, world};

/// Begins every core module and every component.
const MAGIC: &[u8] = b"\0asm";
/// The unit that a module declares its memory in.
const WASM_PAGE_BYTES: u64 = 64 << 10;

/// The child's whole work: reads a module, compiles it and writes the reply for
/// [`Compiler`](crate::Compiler).
///
/// The process limits its own processor time, address space and output, offers itself to the kernel's OOM
/// killer and can reach nothing from then on, so call it in a process of its own.
///
/// # Errors
/// Only if the reply could not be written; what is wrong with the module is in the reply.
pub fn compile_module(limits: CompileLimits, stdin: impl Read, mut stdout: impl Write) -> io::Result<()> {
    let CompileLimits { memory_bytes, seconds, .. } = limits;
    Bounds { memory_bytes, file_bytes: limits.code_bytes(), seconds }.take_on()?;
    confine(Reach::Nothing)?;
    let mut module = Vec::new();
    stdin.take(limits.module_bytes).read_to_end(&mut module)?;
    stdout.write_all(&reply::encode(&compiled(&module)))?;
    stdout.flush()
}

/// The same without a child and without its limits, for fuzzing alone: a module may well take all there is.
///
/// # Errors
/// What is wrong with the module.
#[doc(hidden)]
pub fn compile_here(module: &[u8]) -> Result<Compiled, Fault> {
    let Code { imports, code, .. } = compiled(module)?;
    Ok(Compiled { digest: digest(module), imports, code })
}

/// A module as a component, as it is to be published: a core module is encoded by the component type in it.
/// Without a child: it is its author's own.
///
/// # Errors
/// What is wrong with the module.
pub fn component(module: &[u8]) -> Result<Vec<u8>, Fault> {
    Ok(encoded(module)?.into_owned())
}

/// Compiles the built-in policies into a directory that a package brings along, without a child: they are our
/// own.
///
/// # Errors
/// What is wrong with one of them, or with the directory.
pub fn compile_builtins(directory: &Path) -> Result<(), Fault> {
    let cache = Cache::default().keeping_in(directory);
    for module in BUILTINS.iter().filter_map(|name| builtin(name)) {
        cache.put(&digest(module), &compiled(module)?);
        if cache.get(&digest(module), CompileLimits::default()).is_none() {
            let why = cache.problem().unwrap_or_else(|| "what was written cannot be read".into());
            return Err(Fault::Host { detail: why });
        }
    }
    Ok(())
}

fn compiled(module: &[u8]) -> Result<Code, Fault> {
    let encoded = encoded(module)?;
    let engine = engine::compiling()
        .map_err(|error| fault::host("the WebAssembly compiler does not start", &error))?;
    let component = Component::new(&engine, &encoded)
        .map_err(|error| Fault::Compile { detail: fault::causes(&error) })?;
    check_room(&component)?;
    check_instances(&encoded)?;
    Ok(Code {
        compatibility: engine::COMPATIBILITY.to_owned(),
        imports: world::imports(&engine, &component)?,
        code: component.serialize().map_err(|error| Fault::Compile { detail: fault::causes(&error) })?,
    })
}

/// More than that is not set aside, so the component could not even be loaded.
fn check_room(component: &Component) -> Result<(), Fault> {
    let Some(required) = component.resources_required() else {
        return Err(Fault::Compile { detail: "it imports a module, which there is none to give".into() });
    };
    let too_much = |what: String| Err(Fault::Compile { detail: what });
    let memory_bytes = required.max_initial_memory_size.unwrap_or(0).saturating_mul(WASM_PAGE_BYTES);
    if memory_bytes > GUEST_MEMORY_BYTES_MAX as u64 {
        return Err(Fault::OutOfMemory { budget_bytes: GUEST_MEMORY_BYTES_MAX as u64 });
    }
    if required.num_memories > MEMORIES_MAX {
        return too_much(format!(
            "it has {} memories, at most {MEMORIES_MAX} is taken",
            required.num_memories
        ));
    }
    if required.num_tables > TABLES_MAX {
        return too_much(format!("it has {} tables, at most {TABLES_MAX} are taken", required.num_tables));
    }
    let elements = required.max_initial_table_size.unwrap_or(0);
    if elements > TABLE_ELEMENTS_MAX as u64 {
        return too_much(format!(
            "it has a table of {elements} elements, at most {TABLE_ELEMENTS_MAX} are taken"
        ));
    }
    Ok(())
}

/// As written. A nested component that is instantiated again and again has more, and then the code is refused
/// when it is loaded, as the pool has no room for it.
fn check_instances(component: &[u8]) -> Result<(), Fault> {
    let mut instances = 0;
    for payload in Parser::new(0).parse_all(component) {
        if let Payload::InstanceSection(section) = payload.map_err(|error| not_a_component(&error))? {
            for instance in section {
                let instance = instance.map_err(|error| not_a_component(&error))?;
                instances += u32::from(matches!(instance, Instance::Instantiate { .. }));
            }
        }
    }
    if instances <= CORE_INSTANCES_MAX {
        return Ok(());
    }
    Err(Fault::Compile {
        detail: format!("it has {instances} core instances, at most {CORE_INSTANCES_MAX} are taken"),
    })
}

/// A component as it is; a core module encoded by the component type that the SDK embedded in it.
fn encoded(module: &[u8]) -> Result<Cow<'_, [u8]>, Fault> {
    if !module.starts_with(MAGIC) {
        let detail = match module {
            [] => "the file is empty".to_owned(),
            _ => "it does not begin with \\0asm".to_owned(),
        };
        return Err(Fault::NotAComponent { detail });
    }
    Validator::new().validate_all(module).map_err(|error| not_a_component(&error))?;
    if Parser::is_component(module) {
        return Ok(Cow::Borrowed(module));
    }
    if let Some(import) = foreign_import(module).map_err(|error| not_a_component(&error))? {
        return Err(Fault::ForbiddenImport { import });
    }
    let encode = || ComponentEncoder::default().validate(true).module(module)?.encode();
    match encode() {
        Ok(component) => Ok(Cow::Owned(component)),
        Err(error) => Err(Fault::NotAComponent { detail: format!("{error:#}") }),
    }
}

fn not_a_component(error: &BinaryReaderError) -> Fault {
    Fault::NotAComponent { detail: error.to_string() }
}

/// The first import of a core module that is none of ours, such as a function of WASI.
fn foreign_import(module: &[u8]) -> Result<Option<String>, BinaryReaderError> {
    for payload in Parser::new(0).parse_all(module) {
        let Payload::ImportSection(section) = payload? else {
            continue;
        };
        for import in section.into_imports() {
            let import = import?;
            if world::interface_of(import.module).is_none() {
                return Ok(Some(format!("{}.{}", import.module, import.name)));
            }
        }
    }
    Ok(None)
}
