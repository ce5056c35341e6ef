//! From the start to the loop: what only the start needed is given back, since what is locked stays; memory
//! is locked; and what the end of a victim needs is touched.

use std::process::Command;

use jettison_act::LiveKernel;
use jettison_decide::Signals;
use jettison_policy::{BUILTINS, builtin};
use jettison_sense::Sensor;
use jettison_tick::{NoPolicies, Pipeline, Ticker};
use rustix::mm::{Advice, madvise};
use tracing::warn;

use super::protect::{lock_memory, unlock_memory};
use crate::policies::{Policies, canned};
use crate::program::of_children;

/// To be called when all threads and files are there. Returns what failed of the drill.
pub(super) fn settle(ticker: &mut Ticker<Sensor, Policies, LiveKernel>) -> Option<String> {
    trim_heap();
    let_go_of_modules();
    if !ticker.is_dry() {
        lock_memory();
    }
    let problem = drill(ticker)?;
    warn!(
        problem,
        "the drill on a process of our own failed: what it touches may have to be loaded in the crisis"
    );
    Some(problem)
}

/// Decides about a made-up machine at its end, and walks the way of a victim on a process of our own that
/// waits. The first tick, which is due at once, does the rest.
fn drill(ticker: &mut Ticker<Sensor, Policies, LiveKernel>) -> Option<String> {
    let settings = ticker.pipeline().settings().clone();
    let mut pipeline = Pipeline::new((), NoPolicies, settings).with_snapshot(canned());
    pipeline.gate(&Signals::default());
    pipeline.decide(Vec::new());
    let drilled = ticker.actuator_mut().drill(Command::new(of_children()).arg("compile-module"));
    drilled.err().map(|error| error.to_string())
}

/// Gives back the pages of the built-in modules, which are read to be loaded, once.
fn let_go_of_modules() {
    let page_bytes = rustix::param::page_size();
    for module in BUILTINS.iter().filter_map(|name| builtin(name)) {
        let before = module.as_ptr().align_offset(page_bytes).min(module.len());
        let pages = module.get(before..).unwrap_or_default().chunks_exact(page_bytes);
        pages.for_each(let_go_of);
    }
}

/// A page of the program's file.
#[expect(unsafe_code, reason = "rustix cannot know what a page is used for")]
fn let_go_of(page: &[u8]) {
    let start = page.as_ptr().cast_mut().cast();
    // SAFETY: the page is part of a mapping of the program's file that nothing writes to: what is read of it
    // again is what was there (madvise(2), MADV_DONTNEED).
    let gone = unsafe { madvise(start, page.len(), Advice::LinuxDontNeed) };
    // It stays, then.
    gone.ok();
}

/// What of the heap is free and not given back yet, since tables have shrunk: after a fork bomb, some MiB.
#[derive(Debug, Default)]
pub(super) struct FreeHeap {
    /// What was free when it was last given back: free still, but no pages.
    given_bytes: usize,
}

impl FreeHeap {
    /// Memory is short: what is free may be used, and has pages again afterwards.
    pub(super) fn may_be_used(&mut self) {
        self.given_bytes = 0;
    }

    /// Gives it back if it is more than a MiB. To be called while memory is at ease: locked pages are never
    /// given back (madvise(2)), so for a moment none is locked.
    pub(super) fn give_back(&mut self, is_locked: bool) {
        let free_bytes = free_heap_bytes();
        self.given_bytes = self.given_bytes.min(free_bytes);
        if free_bytes <= self.given_bytes + FREE_HEAP_BYTES_MAX {
            return;
        }
        if is_locked {
            unlock_memory();
        }
        trim_heap();
        if is_locked {
            lock_memory();
        }
        self.given_bytes = free_heap_bytes();
    }
}

/// So much may be free.
const FREE_HEAP_BYTES_MAX: usize = 1 << 20;

/// By the allocator's own account.
#[expect(unsafe_code, reason = "no library wraps mallinfo(3)")]
fn free_heap_bytes() -> usize {
    // SAFETY: it takes the allocator's own locks, and touches nothing that is allocated.
    let info = unsafe { libc::mallinfo() };
    usize::try_from(info.fordblks).unwrap_or(0)
}

/// Gives back the free pages of the heap.
#[expect(unsafe_code, reason = "no library wraps malloc_trim(3)")]
fn trim_heap() {
    // SAFETY: it takes the allocator's own locks, and touches nothing that is allocated.
    unsafe { libc::malloc_trim(0) };
}
