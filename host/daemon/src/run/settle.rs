//! From the start to the loop: what only the start needed is given back, since what is locked stays; memory
//! is locked; and what the end of a victim needs is touched.

use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use jettison_act::LiveKernel;
use jettison_decide::Signals;
use jettison_sense::Sensor;
use jettison_tick::{NoPolicies, Pipeline, Ticker};
use procfs::ProcResult;
use procfs::process::{MMPermissions, MemoryMap, Process};
use rustix::mm::{Advice, madvise};
use tracing::{info, warn};

use super::protect::lock_memory;
use crate::policies::{Policies, canned};

/// To be called when all threads and files are there. Returns what failed of the drill.
pub(super) fn settle(ticker: &mut Ticker<Sensor, Policies, LiveKernel>) -> Option<String> {
    let program = ticker.pipeline().sensor().root().proc.join("self/exe");
    give_back_what_the_start_took(&program);
    if !ticker.is_dry() {
        lock_memory();
    }
    let problem = drill(ticker, &program)?;
    warn!(
        problem,
        "the drill on a process of our own failed: what it touches may have to be loaded in the crisis"
    );
    Some(problem)
}

/// Decides about a made-up machine at its end, and walks the way of a victim on a process of our own that
/// waits. The first tick, which is due at once, does the rest.
fn drill(ticker: &mut Ticker<Sensor, Policies, LiveKernel>, program: &Path) -> Option<String> {
    let settings = ticker.pipeline().settings().clone();
    let mut pipeline = Pipeline::new((), NoPolicies, settings).with_snapshot(canned());
    pipeline.gate(&Signals::default());
    pipeline.decide(Vec::new());
    let drilled = ticker.actuator_mut().drill(Command::new(program).arg("compile-module"));
    drilled.err().map(|error| error.to_string())
}

/// Free pages of the heap, and the pages of the program: those of them that a tick needs come back from the
/// page cache as they are touched.
fn give_back_what_the_start_took(program: &Path) {
    trim_heap();
    if let Err(error) = drop_program(program) {
        info!(%error, "pages of the program that only the start needs stay in memory");
    }
}

#[expect(unsafe_code, reason = "no library wraps malloc_trim(3)")]
fn trim_heap() {
    // SAFETY: it takes the allocator's own locks, and touches nothing that is allocated.
    unsafe { libc::malloc_trim(0) };
}

fn drop_program(program: &Path) -> ProcResult<()> {
    let inode = std::fs::metadata(program)?.ino();
    let mapped = Process::myself()?.smaps()?;
    mapped
        .iter()
        .filter(|mapping| mapping.inode == inode && is_as_in_the_file(mapping))
        .try_for_each(drop_pages)
}

/// Whether it cannot be written to, and holds no page that has been, such as what the loader has relocated.
fn is_as_in_the_file(mapping: &MemoryMap) -> bool {
    mapping.perms.contains(MMPermissions::READ)
        && !mapping.perms.contains(MMPermissions::WRITE)
        && mapping.extension.map.get("Anonymous") == Some(&0)
}

#[expect(unsafe_code, reason = "advice on a mapping that is ours as a whole")]
fn drop_pages(mapping: &MemoryMap) -> ProcResult<()> {
    let (start, end) = mapping.address;
    let bytes = usize::try_from(end - start).unwrap_or(0);
    let start = std::ptr::without_provenance_mut(usize::try_from(start).unwrap_or(0));
    // SAFETY: the mapping is of a file, and none of its pages differs from it, so each is the same when it is
    // read from there again (madvise(2)).
    unsafe { madvise(start, bytes, Advice::LinuxDontNeed) }.map_err(std::io::Error::from)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program_bytes() -> u64 {
        let inode = std::fs::metadata("/proc/self/exe").unwrap().ino();
        let mapped = Process::myself().unwrap().smaps().unwrap();
        let of_program = mapped.iter().filter(|mapping| mapping.inode == inode && is_as_in_the_file(mapping));
        of_program.filter_map(|mapping| mapping.extension.map.get("Rss")).sum()
    }

    #[test]
    fn the_program_is_read_again_as_it_is_touched() {
        let text = format!("{:?}", std::time::Duration::from_micros(1_500));
        let before = program_bytes();
        give_back_what_the_start_took(Path::new("/proc/self/exe"));
        let after = program_bytes();
        assert!(after > 0 && after < before, "{before} bytes, then {after}");
        assert_eq!(format!("{:?}", std::time::Duration::from_micros(1_500)), text);
    }
}
