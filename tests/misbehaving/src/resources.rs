//! What a policy can waste or break instead of answering.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::ballots;
use crate::bindings::exports::jettison::policy::policy::Ballot;
use crate::bindings::jettison::policy::{log, processes};

/// Does what is asked; an answer, if it comes to that, is an empty one.
pub(crate) fn wasted(asked: &str) -> Option<Ballot> {
    match asked {
        "trap" => panic!("not expected \u{1b}[31mthis"),
        "abort" => std::process::abort(),
        "out-of-bounds" => out_of_bounds(),
        "loop" => spin(),
        "loop-in-the-host" => loop {
            black_box(processes::rss_anon_bytes());
        },
        "loop-in-the-host-at-no-cost" => loop {
            black_box(processes::count());
        },
        "log-without-end" => flood(u32::MAX),
        "grow" => grow(),
        "recurse" => {
            black_box(recurse(u64::MAX));
        }
        "bloat" => hoard(usize::MAX),
        // The same within bounds: what each of these is measured against.
        "count" => count(1_000_000),
        "recurse-a-little" => {
            black_box(recurse(1_000));
        }
        "hoard" => hoard(28),
        "log" => flood(3),
        "log-flood" => flood(1000),
        "log-flood-then-trap" => {
            flood(1000);
            panic!("after the flood");
        }
        "remember" => remember(),
        _ => return None,
    }
    Some(ballots::empty())
}

/// Never comes back.
pub(crate) fn spin() -> ! {
    let mut turns = 0_u64;
    loop {
        turns = black_box(turns.wrapping_add(1));
    }
}

fn count(turns: u64) {
    for turn in 0..turns {
        black_box(turn);
    }
}

fn recurse(turns: u64) -> u64 {
    let frame = black_box([turns; 4]);
    if frame[0] == 0 {
        return 0;
    }
    recurse(frame[1] - 1) + frame[3]
}

/// Takes and fills so many MiB.
fn hoard(mib: usize) {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    while hoard.len() < mib {
        hoard.push(vec![1; 1 << 20]);
        black_box(&hoard);
    }
}

/// Asks for more memory for ever, whatever the answer is.
fn grow() -> ! {
    let mut hoard: Vec<Vec<u8>> = Vec::new();
    loop {
        let mut more = Vec::new();
        if more.try_reserve_exact(1 << 16).is_ok() {
            hoard.push(more);
        }
        black_box(&hoard);
    }
}

fn flood(lines: u32) {
    for line in 0..lines {
        log::emit(line % 4 + 1, &format!("line {line} {}", "ä".repeat(line.min(1000) as usize)));
    }
}

fn out_of_bounds() {
    let far = black_box(usize::MAX - 64) as *const u8;
    // SAFETY: there is none. The sandbox is to catch it, which is what the test is about.
    #[expect(unsafe_code, reason = "misbehaves on purpose")]
    let byte = unsafe { far.read_volatile() };
    black_box(byte);
}

/// Panics if an earlier call left something behind.
fn remember() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    let earlier = CALLS.fetch_add(1, Ordering::Relaxed);
    assert_eq!(earlier, 0, "I remember earlier calls");
}
