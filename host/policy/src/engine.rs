//! The two sides of wasmtime: one compiles and never runs, the other runs and never compiles.
//!
//! Both are built from the same settings, since compiled code is accepted only by an engine with equal ones.

use std::sync::Arc;

use jettison_model::Fault;
use wasmtime::InstanceAllocationStrategy;

use crate::fault;
use crate::fuse::Fuse;
use crate::imports::Imports;
use crate::limits::Limits;
use crate::settings::{pool, settings};

/// Runs compiled policies, one consultation at a time. All memory that a consultation needs is set aside
/// once. Cloning shares it.
#[derive(Clone)]
pub struct Engine(Arc<Parts>);

struct Parts {
    wasm: wasmtime::Engine,
    imports: Imports,
    fuse: Fuse,
    limits: Limits,
}

impl Engine {
    /// Reserves the address space and starts the fuse's thread, which sleeps while no policy is consulted.
    ///
    /// # Errors
    /// [`Fault::Host`] if the host has no memory or no thread to give.
    pub fn new(limits: Limits) -> Result<Self, Fault> {
        let limits = limits.bounded();
        let mut config = settings();
        config.max_wasm_stack(limits.stack_bytes);
        #[cfg(feature = "compiler")]
        config.enable_compiler(false);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool()));
        let wasm = wasmtime::Engine::new(&config)
            .map_err(|error| fault::host("the WebAssembly runtime does not start", &error))?;
        let imports = Imports::new(&wasm)
            .map_err(|error| fault::host("the functions for policies do not link", &error))?;
        let fuse = Fuse::new(wasm.clone(), limits.epoch_ms)?;
        Ok(Self(Arc::new(Parts { wasm, imports, fuse, limits })))
    }

    pub(crate) fn wasm(&self) -> &wasmtime::Engine {
        &self.0.wasm
    }

    pub(crate) fn imports(&self) -> &Imports {
        &self.0.imports
    }

    pub(crate) fn fuse(&self) -> &Fuse {
        &self.0.fuse
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.0.limits
    }
}

impl std::fmt::Debug for Engine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Engine").field("limits", self.limits()).finish_non_exhaustive()
    }
}

/// The compiling side. It lives in a short-lived child process.
#[cfg(feature = "compiler")]
pub(crate) fn compiling() -> wasmtime::Result<wasmtime::Engine> {
    let mut config = settings();
    // For every processor of this architecture and not for this one, so that code can be part of a package.
    config.target(&format!("{}-unknown-linux-gnu", std::env::consts::ARCH))?;
    config.cranelift_nan_canonicalization(true);
    wasmtime::Engine::new(&config)
}

/// What tells compiled code of one program from that of another: wasmtime's version, its settings, the
/// architecture, and our own version (`build/compatibility.rs`). Code runs where this is the same; it may
/// differ where code would run, too.
pub(crate) const COMPATIBILITY: &str = env!("JETTISON_COMPATIBILITY");
