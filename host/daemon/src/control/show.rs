//! Answers, for people and for scripts.

use std::io::{Result, Write};

use jettison_model::text::Escaped;

use super::wire::{Answer, History, PolicyStatus, QuarantinedModule, ReloadStatus, Status, Why};
use crate::layout::{Paint, bytes};
use crate::users;

/// Digits of a digest that are shown.
const DIGEST_SHOWN: usize = 12;

pub(super) fn json(out: &mut impl Write, answer: &Answer) -> Result<()> {
    match answer {
        Answer::Status(status) => serde_json::to_writer_pretty(&mut *out, status)?,
        Answer::Reload(reload) => serde_json::to_writer_pretty(&mut *out, reload)?,
        Answer::History(history) => serde_json::to_writer_pretty(&mut *out, history)?,
        Answer::Why(why) => serde_json::to_writer_pretty(&mut *out, why)?,
        Answer::Order(order) => serde_json::to_writer_pretty(&mut *out, order)?,
        Answer::Metrics { text } => return write!(out, "{text}"),
        Answer::Refused { .. } => {}
    }
    writeln!(out)
}

pub(super) fn text(out: &mut impl Write, answer: &Answer) -> Result<()> {
    match answer {
        Answer::Status(it) => status(out, it),
        Answer::Reload(it) => reload(out, it),
        Answer::History(it) => history(out, it),
        Answer::Why(it) => why(out, it),
        Answer::Metrics { text } => write!(out, "{text}"),
        // The client `top` draws it.
        Answer::Order(_) | Answer::Refused { .. } => Ok(()),
    }
}

fn status(out: &mut impl Write, status: &Status) -> Result<()> {
    let scope = status.scope.as_ref().map_or_else(|| "the host".to_owned(), |scope| format!("memcg {scope}"));
    writeln!(out, "daemon    pid {}, {}, looks after {scope}", status.pid, status.mode)?;
    let (available, total) = (bytes(status.memory_available_bytes), bytes(status.memory_total_bytes));
    writeln!(out, "memory    {available} of {total} available, the last tick was {}", status.cause)?;
    let [warn, act, critical] = [status.warn_bytes, status.act_bytes, status.critical_bytes].map(bytes);
    writeln!(out, "levels    warn below {warn}, act at {act}, critical at {critical}")?;
    let tick = status.tick_us;
    writeln!(
        out,
        "ticks     {}, of {} us (p99 {} us); the timer came at most {} ms late",
        status.ticks, tick.p50, tick.p99, status.late_ms_max
    )?;
    let log = if status.has_kernel_log { "the kernel's log" } else { "no kernel log" };
    writeln!(out, "triggers  {} PSI, {} memcgs, {log}", status.psi_triggers, status.memcg_triggers)?;
    if status.memcgs_left_out > 0 {
        let count = status.memcgs_left_out;
        writeln!(out, "memcgs    {count} without a process are left out, and read in turn")?;
    }
    if status.kernel_kills > 0 {
        writeln!(out, "kernel    its OOM killer took {} processes since the start", status.kernel_kills)?;
    }
    match status.takeovers {
        Some(0) => {}
        Some(takeovers) => writeln!(out, "watchdog  acted {takeovers} times, because the loop hung")?,
        None if status.mode == "dry-run" => {}
        None => writeln!(out, "watchdog  none: nothing acts if the loop hangs")?,
    }
    if status.log_lines_lost > 0 {
        writeln!(out, "log       {} lines were lost: it is not read", status.log_lines_lost)?;
    }
    if let Some(journal) = &status.journal {
        let (records, size) = (status.journal_records, bytes(status.journal_bytes));
        writeln!(out, "journal   {}: {records} records, {size}", Escaped(journal.as_bytes()))?;
    }
    if status.journal_records_lost > 0 {
        writeln!(
            out,
            "journal   {} records were lost: it cannot be written so fast",
            status.journal_records_lost
        )?;
    }
    writeln!(out, "held      {} oom_score_adj values", status.held.len())?;
    writeln!(out, "underway  {} victims", status.underway)?;
    if let Some(idle) = &status.idle {
        writeln!(out, "idle      {idle}")?;
    }
    if let Some(last) = &status.last_reload {
        reload(out, last)?;
    }
    writeln!(out)?;
    writeln!(
        out,
        "{:<16} {:<8} {:<12} {:<12} {:>7} {:>6} {:>8} {:>8}",
        "POLICY", "VERSION", "DIGEST", "STATE", "ASKED", "FAULTS", "US P50", "US P99"
    )?;
    status.policies.iter().try_for_each(|one| policy(out, one))?;
    for QuarantinedModule { policy, digest, why } in &status.quarantined {
        let digest = digest.get(..DIGEST_SHOWN).unwrap_or(digest);
        let (policy, why) = (Escaped(policy.as_bytes()), Escaped(why.as_bytes()));
        writeln!(out, "quarantine  {digest} for {policy}, which goes on as before: {why}")?;
    }
    Ok(())
}

fn policy(out: &mut impl Write, policy: &PolicyStatus) -> Result<()> {
    let digest = policy.digest.as_deref().unwrap_or("-");
    writeln!(
        out,
        "{:<16} {:<8} {:<12} {:<12} {:>7} {:>6} {:>8} {:>8}",
        Escaped(policy.name.as_bytes()).to_string(),
        Escaped(policy.version.as_deref().unwrap_or("-").as_bytes()).to_string(),
        digest.get(..DIGEST_SHOWN).unwrap_or(digest),
        policy.state,
        policy.consultations,
        policy.faults,
        policy.us.p50,
        policy.us.p99
    )?;
    match &policy.fault {
        Some(fault) => writeln!(out, "    {}: {}", policy.source, Escaped(fault.as_bytes())),
        None => Ok(()),
    }
}

fn reload(out: &mut impl Write, reload: &ReloadStatus) -> Result<()> {
    if reload.problems.is_empty() {
        writeln!(out, "reload    everything is live, after {} ms", reload.took_ms)?;
    } else {
        writeln!(out, "reload    refused, and nothing has changed:")?;
    }
    for problem in &reload.problems {
        writeln!(out, "          {}", Escaped(problem.as_bytes()))?;
    }
    for what in &reload.needs_restart {
        writeln!(out, "          {what} has changed, which needs a restart")?;
    }
    Ok(())
}

fn history(out: &mut impl Write, history: &History) -> Result<()> {
    if history.victims.is_empty() {
        let would = if history.dry { "would have been" } else { "has been" };
        writeln!(out, "no process {would} shut down")?;
    }
    for past in &history.victims {
        let user = users::shown(past.user.as_deref(), past.uid);
        if past.by == "kernel" {
            writeln!(
                out,
                "pid {} ({}) of user {user}: {}",
                past.pid,
                Escaped(past.comm.as_bytes()),
                Escaped(past.reason.as_bytes())
            )?;
            continue;
        }
        let (comm, relief) = (Escaped(past.comm.as_bytes()), bytes(past.measured_relief_bytes));
        write!(
            out,
            "pid {} ({comm}) of user {user}, {} of {}: {}: ",
            past.pid, past.unit, past.members, past.cause
        )?;
        if past.by == "dry-run" {
            writeln!(out, "would have been shut down, for {}", bytes(past.predicted_relief_bytes))?;
        } else if past.unanswered {
            writeln!(out, "given up: it did not answer, and SIGKILL would take its service down")?;
        } else if past.refused {
            writeln!(out, "given up: the kernel refused every signal (EPERM)")?;
        } else {
            let how = if past.killed { "SIGKILL" } else { "itself" };
            let (took_ms, predicted) = (past.took_ms, bytes(past.predicted_relief_bytes));
            writeln!(out, "went by {how} in {took_ms} ms, gave back {relief} of {predicted}")?;
        }
        writeln!(out, "    {}: {}", past.policy, Escaped(past.reason.as_bytes()))?;
        if !past.steps.is_empty() {
            writeln!(out, "    {}", Escaped(past.steps.join(", ").as_bytes()))?;
        }
    }
    Ok(())
}

fn why(out: &mut impl Write, why: &Why) -> Result<()> {
    let user = users::shown(why.user.as_deref(), why.uid);
    if let Some(excluded) = &why.excluded {
        return writeln!(out, "never: {excluded}\nuser {user}");
    }
    let Some(ranked) = &why.ranked else { return Ok(()) };
    let word = |key: &str| ranked[key].as_str().unwrap_or_default().to_owned();
    let strength = ranked["urgency"].as_u64().or(ranked["strength"].as_u64());
    let strength = strength.map_or_else(String::new, |strength| format!(" {strength}"));
    let tier = Paint::of_stdout().tier(&word("tier"), &(word("tier") + &strength));
    writeln!(out, "rank {} ({}): {tier}", ranked["rank"], Escaped(word("comm").as_bytes()))?;
    writeln!(out, "user {user}")?;
    let relief = bytes(ranked["relief_bytes"].as_u64().unwrap_or(0));
    let unit = &ranked["unit"];
    let of = unit["pid"].as_u64().map(|pid| pid.to_string());
    let of = of.or_else(|| Some(Escaped(unit["path"].as_str()?.as_bytes()).to_string()));
    let (kind, of) = (unit["kind"].as_str().unwrap_or_default(), of.unwrap_or_default());
    writeln!(out, "its end gives back {relief}, with the {kind} {of}")?;
    let adj = &ranked["oom_score_adj"];
    writeln!(out, "oom_score_adj {}, originally {}, wanted {}", adj["now"], adj["original"], adj["wanted"])?;
    for reason in ranked["reasons"].as_array().into_iter().flatten() {
        let text = reason["text"].as_str().unwrap_or_default();
        writeln!(out, "{}: {}", reason["policy"].as_str().unwrap_or_default(), Escaped(text.as_bytes()))?;
    }
    match ranked["passed_over"].as_str() {
        Some(passed) => writeln!(out, "passed over: {passed}"),
        None => Ok(()),
    }
}
