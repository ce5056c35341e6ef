//! A process that uses memory as it is told: holds it, leaks it, forks children that hold some, reads files.
//!
//! It touches what it takes, page by page and with different content, so that the kernel cannot share it.
//! With a marker it ends cleanly on SIGTERM or SIGINT; without, as the signal has it.
#![expect(clippy::disallowed_methods, reason = "a workload has its own clock")]

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use clap::Parser;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Between two steps of a leak.
const STEP: Duration = Duration::from_millis(20);
const MIB: usize = 1 << 20;
const PAGE: usize = 4096;

/// Uses memory as it is told.
#[derive(Parser)]
struct Args {
    /// Takes so much at the start and keeps it
    #[arg(long, default_value_t = 0)]
    hold_mib: usize,
    /// Then takes so much more each second
    #[arg(long, default_value_t = 0)]
    leak_mib_per_s: usize,
    /// Begins to leak, or to fork, so many milliseconds later
    #[arg(long, default_value_t = 0)]
    leak_after_ms: u64,
    /// Leaks no further than this
    #[arg(long, default_value_t = usize::MAX / MIB)]
    leak_max_mib: usize,
    /// Starts a child every so many milliseconds
    #[arg(long)]
    fork_every_ms: Option<u64>,
    /// What each child holds
    #[arg(long, default_value_t = 8)]
    child_mib: usize,
    /// Starts no more children than this
    #[arg(long, default_value_t = 200)]
    children_max: usize,
    /// Writes this file when it ends cleanly
    #[arg(long)]
    marker: Option<PathBuf>,
    /// Does nothing on SIGTERM and SIGINT
    #[arg(long)]
    ignore_term: bool,
    /// Reads pages of this file in no order, again and again: its working set is the page cache
    #[arg(long)]
    read_file: Option<PathBuf>,
    /// So many bytes of each page do not compress; the rest is zeros
    #[arg(long, default_value_t = 8)]
    noise_bytes: usize,
    /// Sets its own oom_score_adj first
    #[arg(long, allow_negative_numbers = true)]
    oom_score_adj: Option<i16>,
}

fn main() -> Result<()> {
    let args = Args::parse();
    if let Some(adj) = args.oom_score_adj {
        std::fs::write("/proc/self/oom_score_adj", adj.to_string()).context("oom_score_adj")?;
    }
    let is_asked = Arc::new(AtomicBool::new(false));
    if args.marker.is_some() || args.ignore_term {
        for signal in [SIGTERM, SIGINT] {
            signal_hook::flag::register(signal, Arc::clone(&is_asked))?;
        }
    }
    let mut memory = Memory { noise_bytes: args.noise_bytes, ..Memory::default() };
    memory.grow_to(args.hold_mib * MIB);
    if let Some(path) = args.read_file.clone() {
        let file = File::open(&path).with_context(|| path.display().to_string())?;
        let pages = file.metadata()?.len() / PAGE as u64;
        std::thread::spawn(move || read(&file, pages));
    }
    let mut children: Vec<Child> = Vec::new();
    let started = Instant::now();
    while args.ignore_term || !is_asked.load(Ordering::Relaxed) {
        sleep(STEP);
        let since = started.elapsed().saturating_sub(Duration::from_millis(args.leak_after_ms));
        let millis = usize::try_from(since.as_millis())?;
        let leaked = (args.leak_mib_per_s * MIB / 1000).saturating_mul(millis).min(args.leak_max_mib * MIB);
        memory.grow_to(args.hold_mib * MIB + leaked);
        if let Some(every) = args.fork_every_ms {
            let due = millis / usize::try_from(every.max(1))?;
            while children.len() < due.min(args.children_max) {
                children.push(child(&args)?);
            }
        }
    }
    match &args.marker {
        Some(marker) => std::fs::write(marker, "ended cleanly\n").context("the marker"),
        None => Ok(()),
    }
}

/// Reads pages, each as likely as any other, until the process ends.
fn read(file: &File, pages: u64) {
    let (mut page, mut seed) = ([0; PAGE], 1);
    loop {
        seed = next(seed);
        let at = (seed >> 16) % pages.max(1) * PAGE as u64;
        if file.read_exact_at(&mut page, at).is_err() {
            return;
        }
    }
}

/// A linear congruential generator, with the constants of Knuth's MMIX.
fn next(seed: u64) -> u64 {
    seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1)
}

/// One of the many: of the same name, and small.
fn child(args: &Args) -> Result<Child> {
    // By the name that we were started by, so that the child has it, too.
    let mut command = Command::new(std::env::args_os().next().context("no name")?);
    command.arg("--hold-mib").arg(args.child_mib.to_string());
    if args.ignore_term {
        command.arg("--ignore-term");
    }
    command.spawn().context("a child cannot be started")
}

/// Memory in blocks, each touched when it is taken.
#[derive(Default)]
struct Memory {
    blocks: Vec<Vec<u8>>,
    bytes: usize,
    noise_bytes: usize,
    seed: u64,
}

impl Memory {
    fn grow_to(&mut self, bytes: usize) {
        while self.bytes < bytes {
            let length = (bytes - self.bytes).min(MIB);
            let block = self.block(length);
            self.blocks.push(block);
            self.bytes += length;
        }
    }

    /// Every page begins with numbers of its own.
    fn block(&mut self, length: usize) -> Vec<u8> {
        let mut block = vec![0; length];
        for page in block.chunks_mut(PAGE) {
            let noise = self.noise_bytes.clamp(1, page.len());
            for word in page.chunks_mut(size_of::<u64>()).take(noise.div_ceil(size_of::<u64>())) {
                self.seed = next(self.seed);
                for (byte, noise) in word.iter_mut().zip(self.seed.to_le_bytes()) {
                    *byte = noise | 1;
                }
            }
        }
        block
    }
}
