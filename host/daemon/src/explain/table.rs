//! The table of `explain`, for people: aligned, at most 100 columns, coloured on a terminal only.

use std::io::{IsTerminal, Result, Write};

use jettison_decide::{BUILT_IN, Passed, built_in_reason};
use jettison_model::text::Escaped;
use jettison_model::{Cause, Ranked, Snapshot, Target, Tier};
use jettison_tick::Decision;

use super::explained::Explained;
use crate::layout::{Paint, WIDTH, bytes, cut, wrap};
use crate::policies::Policies;
use crate::users::shown;

/// Columns that stand before the reason.
const BEFORE_REASON: usize = 68;
/// Columns that stand before everything else.
const BEFORE_WORDS: usize = 10;

pub(super) fn print(out: &mut (impl Write + IsTerminal), explained: &Explained, top: usize) -> Result<()> {
    let Explained { snapshot, policies: asked, decision, passed, sense_us, users, .. } = explained;
    let paint = Paint::of(out);
    memory(out, snapshot, decision)?;
    policies(out, asked, decision, paint)?;
    writeln!(out)?;
    writeln!(
        out,
        "{:>4} {:>7} {:<8} {:<15} {:<14} {:>8} {:>4}  WHY",
        "RANK", "PID", "USER", "NAME", "TIER", "RELIEF", "ADJ"
    )?;
    for (rank, ranked) in (1..).zip(&decision.ranking.order).take(top) {
        let passed = passed.get(&ranked.row).filter(|&&passed| passed != Passed::NotNeeded);
        let uid = snapshot.processes.uid(ranked.row as usize);
        let user = shown(uid.and_then(|uid| users.name(uid)).as_deref(), uid);
        row(out, rank, (snapshot, decision), ranked, &user, passed, paint)?;
    }
    let hidden = decision.ranking.order.len().saturating_sub(top);
    if hidden > 0 {
        writeln!(out, "     {hidden} more: --top {}", decision.ranking.order.len())?;
    }
    writeln!(out)?;
    excluded(out, decision)?;
    let processes = snapshot.processes.len();
    writeln!(
        out,
        "took      sense {sense_us} us for {processes} processes, consult {} us, decide {} us",
        decision.consult_us, decision.decide_us
    )
}

fn memory(out: &mut impl Write, snapshot: &Snapshot, decision: &Decision) -> Result<()> {
    let host = &snapshot.host;
    let (available, total) = (host.memory_available_bytes, host.memory_total_bytes);
    write!(out, "memory    {} of {} available", bytes(available), bytes(total))?;
    if host.swap_total_bytes > 0 {
        write!(out, ", {} of {} swap free", bytes(host.swap_free_bytes), bytes(host.swap_total_bytes))?;
    }
    writeln!(out)?;
    let verdict = match (snapshot.request.cause, decision.plan.victims.as_slice()) {
        (Cause::Routine | Cause::Manual | Cause::Warning, _) => "no process has to go now".to_string(),
        (Cause::Pressure | Cause::Critical | Cause::MemcgLimit, []) => match decision.plan.idle {
            Some(idle) => format!("no process would go: {idle}"),
            None => "no process would go".into(),
        },
        (Cause::Pressure | Cause::Critical | Cause::MemcgLimit, [first, ..]) => format!(
            "{} ({}) would go now, to give back {}",
            first.root.pid,
            Escaped(&first.comm),
            bytes(first.predicted_relief_bytes)
        ),
    };
    writeln!(out, "cause     {}: {verdict}", snapshot.request.cause.as_str())
}

fn policies(out: &mut impl Write, asked: &Policies, decision: &Decision, paint: Paint) -> Result<()> {
    for (loaded, vote) in asked.loaded.iter().zip(decision.votes.iter()) {
        let shadow = if vote.shadow { " (shadow)" } else { "" };
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

fn row(
    out: &mut impl Write,
    rank: usize,
    (snapshot, decision): (&Snapshot, &Decision),
    ranked: &Ranked,
    user: &str,
    passed: Option<&Passed>,
    paint: Paint,
) -> Result<()> {
    let processes = &snapshot.processes;
    let name = Escaped(processes.comms.get(ranked.row as usize)).to_string();
    let tier = match ranked.tier {
        Tier::Sacrifice(score) => paint.red(&format!("{:<9} {:>4}", "sacrifice", score.min(1000))),
        Tier::Protected(strength) => paint.green(&format!("{:<9} {strength:>4}", "protected")),
        Tier::Never => paint.green(&format!("{:<14}", "never")),
        Tier::Unranked(_) => format!("{:<14}", "unranked"),
    };
    let (now, wanted) = (processes.oom_score_adj_now(ranked.row as usize), ranked.oom_score_adj);
    let adj = if now == wanted { now.to_string() } else { format!("→{wanted}") };
    let why = wrap(&why(snapshot, decision, ranked), WIDTH - BEFORE_REASON);
    let mut lines = why.iter();
    writeln!(
        out,
        "{rank:>4} {:>7} {:<8} {:<15} {tier} {:>8} {adj:>4}  {}",
        ranked.id.pid,
        cut(user, 8),
        cut(&name, 15),
        bytes(ranked.relief_bytes),
        lines.next().map_or("", String::as_str)
    )?;
    lines.try_for_each(|line| writeln!(out, "{:BEFORE_REASON$}{line}", ""))?;
    let passed = passed.map(|passed| wrap(&format!("passed over: {passed}"), WIDTH - BEFORE_REASON));
    passed.iter().flatten().try_for_each(|line| writeln!(out, "{:BEFORE_REASON$}{line}", ""))
}

fn why(snapshot: &Snapshot, decision: &Decision, ranked: &Ranked) -> String {
    let unit = match ranked.unit {
        Target::Process(row) if row == ranked.row => String::new(),
        Target::Process(row) | Target::Tree(row) => {
            let root = snapshot.processes.pids.get(row as usize).copied().unwrap_or_default();
            format!("[{} {root}] ", ranked.unit.kind())
        }
        Target::Memcg(row) => format!("[memcg {}] ", Escaped(snapshot.memcgs.paths.get(row as usize))),
    };
    let entries = decision.ranking.entries_of(ranked, &decision.votes);
    let said: Vec<String> = entries.map(|(_, entry)| Escaped(entry.reason.as_bytes()).to_string()).collect();
    if said.is_empty() {
        return format!("{unit}{BUILT_IN}: {}", built_in_reason(snapshot, ranked.row as usize));
    }
    unit + &said.join("; ")
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
