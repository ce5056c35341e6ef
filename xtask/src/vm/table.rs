//! All runs, side by side.

use jettison_vm_guest::How;

use super::Run;

pub(super) fn print(runs: &[Run]) {
    println!();
    println!(
        "{:<10} {:<8} {:<6} {:<22} {:>9} {:>9} {:>8} {:>8} {:>11} {:>7} {:>7}",
        "SCENARIO",
        "JETTISON",
        "RESULT",
        "FIRST TO DIE",
        "OOM KILLS",
        "LOWEST",
        "BEAT",
        "FORK",
        "DAEMON CPU",
        "RSS",
        "BOOT"
    );
    for Run { name, report, boot_ms, wrong } in runs {
        let first = report.deaths.first().map_or_else(
            || "none".to_owned(),
            |death| match death.how {
                How::Signal(signal) => format!("{} by signal {signal}", death.name),
                How::Status(status) => format!("{}, status {status}", death.name),
            },
        );
        let cost = report.daemon.as_ref();
        println!(
            "{name:<10} {:<8} {:<6} {first:<22} {:>9} {:>5} MiB {:>5} ms {:>5} ms {:>8} ms {:>3} MiB {:>4.1} s",
            if report.jettison { "with" } else { "without" },
            if wrong.is_empty() { "ok" } else { "WRONG" },
            report.kernel_oom_kills.len(),
            report.available_min_mib,
            report.beat_gap_ms,
            report.fork_gap_ms,
            cost.map_or(0, |cost| cost.cpu_ms),
            cost.map_or(0, |cost| cost.rss_kib >> 10),
            *boot_ms as f64 / 1000.0,
        );
    }
}

/// How many runs of each were as expected, and what the others were.
pub(super) fn print_summary(runs: &[Run]) {
    println!();
    for group in runs.chunk_by(|a, b| a.name == b.name && a.report.jettison == b.report.jettison) {
        let Some(Run { name, report, .. }) = group.first() else { continue };
        let right = group.iter().filter(|run| run.wrong.is_empty()).count();
        let half = if report.jettison { "with" } else { "without" };
        println!("{name}, {half} Jettison: {right} of {} as expected", group.len());
        for (number, run) in (1..).zip(group).filter(|(_, run)| !run.wrong.is_empty()) {
            println!("    run {number}: {}", run.wrong.join("; "));
        }
    }
}
