//! The table of `explain`, for people: aligned, at most 100 columns, coloured on a terminal only.

use std::io::{Result, Write};

use jettison_model::text::Escaped;
use jettison_model::{Cause, Plan, Ranked};
use jettison_tick::Decision;

use super::explained::{Explained, Short};
use super::kernel::{Choice, Kernel};
use super::words;
use crate::layout::{Paint, WIDTH, adj, bytes, cut, wrap};
use crate::policies::Policies;
use crate::users::shown;

/// Columns that stand before the reason.
const BEFORE_REASON: usize = 69;
/// Columns that stand before everything else.
const BEFORE_WORDS: usize = 10;

/// What stands before and after the rows.
pub(super) fn around<W: Write>(
    out: &mut W,
    explained: &Explained,
    rows: impl FnOnce(&mut W) -> Result<()>,
) -> Result<()> {
    let Explained { snapshot, policies: asked, decision, sense_us, .. } = explained;
    memory(out, explained)?;
    policies(out, asked, decision, Paint::of_stdout())?;
    if let Some(without) = &explained.without {
        writeln!(out, "without   {}: it was asked, and has no say", without.names.join(", "))?;
    }
    if let Some(kernel) = &explained.kernel {
        kernels(out, kernel)?;
    }
    writeln!(out)?;
    rows(out)?;
    writeln!(out)?;
    excluded(out, decision)?;
    let processes = snapshot.processes.len();
    writeln!(
        out,
        "took      sense {sense_us} us for {processes} processes, consult {} us, decide {} us",
        decision.consult_us, decision.decide_us
    )
}

/// The rows.
pub(super) fn print(out: &mut impl Write, explained: &Explained, top: usize) -> Result<()> {
    writeln!(
        out,
        "{:>4} {:>7} {:<8} {:<15} {:<14} {:>8} {:>5}  WHY",
        "RANK", "PID", "USER", "NAME", "TIER", "RELIEF", "ADJ"
    )?;
    let order = &explained.decision.ranking.order;
    (1..).zip(order).take(top).try_for_each(|(rank, ranked)| row(out, explained, rank, ranked))?;
    match order.len().saturating_sub(top) {
        0 => Ok(()),
        hidden => writeln!(out, "     {hidden} more: --top {}", order.len()),
    }
}

fn memory(out: &mut impl Write, explained: &Explained) -> Result<()> {
    let Explained { snapshot, decision, short, .. } = explained;
    let host = &snapshot.host;
    let (available, total) = (host.memory_available_bytes, host.memory_total_bytes);
    write!(out, "memory    {} of {} available", bytes(available), bytes(total))?;
    if host.swap_total_bytes > 0 {
        write!(out, ", {} of {} swap free", bytes(host.swap_free_bytes), bytes(host.swap_total_bytes))?;
    }
    writeln!(out)?;
    let now = match snapshot.request.cause {
        Cause::Routine | Cause::Manual | Cause::Warning => "no process has to go now".to_string(),
        Cause::Pressure | Cause::Critical | Cause::MemcgLimit => verdict(&decision.plan, "now"),
    };
    writeln!(out, "cause     {}: {now}", snapshot.request.cause.as_str())?;
    let Some(Short { available_bytes, plan, .. }) = short else { return Ok(()) };
    let verdict = verdict(plan, &format!("with {} available", bytes(*available_bytes)));
    let lines = wrap(&verdict, WIDTH - BEFORE_WORDS).join(&format!("\n{:BEFORE_WORDS$}", ""));
    writeln!(out, "if short  {lines}")
}

/// What comes of an armed plan.
fn verdict(plan: &Plan, when: &str) -> String {
    match (plan.victims.as_slice(), plan.idle) {
        ([], Some(idle)) => format!("no process would go {when}: {idle}"),
        ([], None) => format!("no process would go {when}"),
        ([first, more @ ..], _) => {
            let relief = bytes(first.predicted_relief_bytes);
            let more = match more.len() {
                0 => String::new(),
                more => format!(", and {more} more"),
            };
            let comm = Escaped(&first.comm);
            format!("{} ({comm}) would go {when}, to give back {relief}{more}", first.root.pid)
        }
    }
}

fn kernels(out: &mut impl Write, kernel: &Kernel) -> Result<()> {
    let lists = [("kernel", "would take", &kernel.now), ("held", "with the held values", &kernel.held)];
    for (what, words, choices) in lists {
        let name = |choice: &Choice| format!("{} ({})", choice.pid, Escaped(choice.comm.as_bytes()));
        let Some(first) = choices.first() else {
            writeln!(out, "{what:<9} {words}: no process")?;
            continue;
        };
        let Choice { badness_bytes, oom_score, oom_score_adj, tier, .. } = first;
        let badness = bytes(u64::try_from(*badness_bytes).unwrap_or(0));
        let here = first.rank.map_or_else(String::new, |rank| format!("rank {rank}, "));
        let text = format!(
            "{words} {}: oom_score {oom_score}, badness {badness}, oom_score_adj {oom_score_adj}; here {here}{tier}",
            name(first)
        );
        let then: Vec<String> = choices.iter().skip(1).map(name).collect();
        let then = if then.is_empty() { String::new() } else { format!("; then {}", then.join(", ")) };
        let lines = wrap(&(text + &then), WIDTH - BEFORE_WORDS).join(&format!("\n{:BEFORE_WORDS$}", ""));
        writeln!(out, "{what:<9} {lines}")?;
    }
    Ok(())
}

fn policies(out: &mut impl Write, asked: &Policies, decision: &Decision, paint: Paint) -> Result<()> {
    for (loaded, vote) in asked.loaded.iter().zip(decision.votes.iter()) {
        let shadow = if vote.shadow { " (no say)" } else { "" };
        match (&loaded.policy, &vote.answer) {
            (Ok(policy), Ok(ballot)) => writeln!(
                out,
                "policy    {} {} from {}: {} entries{shadow}",
                vote.policy,
                policy.version(),
                loaded.config.source,
                ballot.entries.len()
            )?,
            (_, Err(fault)) | (Err(fault), _) => {
                let text = format!("{}: {} {fault}", vote.policy, loaded.config.source);
                let lines = wrap(&text, WIDTH - BEFORE_WORDS).join(&format!("\n{:BEFORE_WORDS$}", ""));
                writeln!(out, "{}    {lines}", paint.red("fault "))?;
            }
        }
    }
    if decision.ranking.is_builtin {
        writeln!(out, "policy    no ballot is left, so the built-in badness ranks")?;
    }
    Ok(())
}

fn row(out: &mut impl Write, explained: &Explained, rank: usize, ranked: &Ranked) -> Result<()> {
    let Explained { snapshot, users, .. } = explained;
    let processes = &snapshot.processes;
    let uid = processes.uid(ranked.row as usize);
    let user = shown(uid.and_then(|uid| users.name(uid)).as_deref(), uid);
    let name = Escaped(processes.comms.get(ranked.row as usize)).to_string();
    let tier = words::tier(Paint::of_stdout(), ranked.tier);
    let adj = adj(processes.oom_score_adj_now(ranked.row as usize), ranked.oom_score_adj);
    let why = explained.said(rank, ranked);
    let why: Vec<String> = why.flat_map(|text| wrap(&text, WIDTH - BEFORE_REASON)).collect();
    let mut lines = why.iter();
    writeln!(
        out,
        "{rank:>4} {:>7} {:<8} {:<15} {tier} {:>8} {adj:>5}  {}",
        ranked.id.pid,
        cut(&user, 8),
        cut(&name, 15),
        bytes(ranked.relief_bytes),
        lines.next().map_or("", String::as_str)
    )?;
    lines.try_for_each(|line| writeln!(out, "{:BEFORE_REASON$}{line}", ""))
}

fn excluded(out: &mut impl Write, decision: &Decision) -> Result<()> {
    let mut counts: Vec<(&str, usize)> = Vec::new();
    for (_, reason) in &decision.ranking.excluded {
        match counts.iter_mut().find(|(word, _)| *word == reason.as_str()) {
            Some((_, count)) => *count += 1,
            None => counts.push((reason.as_str(), 1)),
        }
    }
    let words: Vec<String> = counts.iter().map(|(word, count)| format!("{count} {word}")).collect();
    writeln!(out, "excluded  {}", if words.is_empty() { "none".into() } else { words.join(", ") })
}
