//! `cargo xtask judge`: what each contender would take on the machines of `tests/judgement`, and whether that
//! is right.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use clap::Args;
use jettison_judgement::{Ask, Machine, Taken, Verdict, ask, judge, load_all, machines, peers};

use crate::{cargo, root, target_dir};

/// What to judge.
#[derive(Args, Default)]
pub(crate) struct JudgeArgs {
    /// Only these machines: the files in `tests/judgement/machines`, without `.toml`
    #[arg(long, value_name = "NAME")]
    machine: Vec<String>,
    /// Ask this binary instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
    /// Say of each machine what should go, and what each contender says
    #[arg(short, long)]
    verbose: bool,
    /// Only the default policies: machines that are not right, and the sum
    #[arg(short, long)]
    quick: bool,
    /// Write the verdicts that are expected from now on, and docs/benchmarks/judgement.md unless it is quick
    #[arg(long, conflicts_with = "machine")]
    write: bool,
}

impl JudgeArgs {
    /// What the tests run: all machines, Jettison alone.
    pub(crate) fn quick() -> Self {
        Self { quick: true, ..Self::default() }
    }
}

/// What all contenders take on a machine, in the order of [`contenders`].
struct Row {
    machine: Machine,
    answers: Vec<(Taken, Verdict)>,
}

/// Jettison with its default policies first.
fn contenders() -> Vec<&'static str> {
    let peers = peers::ALL.iter().map(|(name, _)| *name);
    ["jettison", "built-in"].into_iter().chain(peers).collect()
}

/// Prints the table, and fails if Jettison judges a machine worse than is expected.
pub(crate) fn run(args: &JudgeArgs) -> Result<()> {
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => {
            // With the features that the tests were built with, so that nothing is built twice.
            cargo(&["build", "--workspace", "--bin", "jettison"])?;
            target_dir().join("debug/jettison")
        }
    };
    let mut all = load_all(&machines())?;
    if !args.machine.is_empty() {
        all.retain(|machine| args.machine.contains(&machine.name));
        ensure!(all.len() == args.machine.len(), "not all of {} are machines", args.machine.join(", "));
    }
    let rows = rows(&binary, all, args.quick)?;
    for row in &rows {
        let is_right = row.answers.first().is_some_and(|(_, verdict)| *verdict == Verdict::Right);
        if args.verbose || (args.quick && !is_right) {
            print!("{}", details(row));
        }
    }
    let shown = contenders().len().min(if args.quick { 1 } else { usize::MAX });
    print!("{}", if args.quick { summary(&rows, shown) } else { table(&rows) + &summary(&rows, shown) });
    if args.write {
        return write(&rows, args.quick);
    }
    compare(&rows)
}

/// Asks on as many threads as there are processors.
fn rows(binary: &Path, all: Vec<Machine>, is_quick: bool) -> Result<Vec<Row>> {
    let threads = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let size = all.len().div_ceil(threads).max(1);
    let chunks: Vec<Vec<Machine>> = all.chunks(size).map(<[Machine]>::to_vec).collect();
    let answers = std::thread::scope(|scope| {
        let ask = |machines: Vec<Machine>| {
            scope.spawn(move || {
                machines.into_iter().map(|machine| row(binary, machine, is_quick)).collect::<Vec<_>>()
            })
        };
        let asked: Vec<_> = chunks.into_iter().map(ask).collect();
        asked
            .into_iter()
            .map(|thread| thread.join().map_err(|_panic| anyhow!("a thread that asks panicked")))
            .collect::<Result<Vec<_>>>()
    })?;
    answers.into_iter().flatten().collect()
}

fn row(binary: &Path, machine: Machine, is_quick: bool) -> Result<Row> {
    let cache = target_dir().join("judgement");
    let of = |which| ask(binary, &machine, which, &cache).with_context(|| machine.name.clone());
    let mut taken = vec![of(Ask::Default)?];
    if !is_quick {
        taken.push(of(Ask::BuiltIn)?);
        taken.extend(peers::ALL.iter().map(|(_, rule)| rule(&machine)));
    }
    let answers = taken.into_iter().map(|taken| (taken.clone(), judge(&machine, &taken))).collect();
    Ok(Row { machine, answers })
}

/// What was taken, short: the first label, and how many units.
fn what(taken: &Taken) -> String {
    match (taken.first(), taken.units.len()) {
        (None, _) => "-".into(),
        (Some(label), 1) => label.into(),
        (Some(label), units) => format!("{label} +{}", units - 1),
    }
}

fn details(row: &Row) -> String {
    let Row { machine, answers } = row;
    let mut text =
        format!("\n{}: {}\n  should: {}\n  {}\n", machine.name, machine.summary, machine.why, machine.report);
    for (name, (taken, verdict)) in contenders().into_iter().zip(answers) {
        let units: Vec<String> = taken
            .units
            .iter()
            .map(|unit| format!("{} x{}", unit.first().map_or("", String::as_str), unit.len()))
            .collect();
        text += &format!("  {name:<12} {verdict:<6} {} | {}\n", units.join(", "), taken.note);
    }
    text
}

fn table(rows: &[Row]) -> String {
    let name_width = rows.iter().map(|row| row.machine.name.len()).max().unwrap_or(0);
    let mut text = format!("\n{:<name_width$}", "MACHINE");
    for name in contenders() {
        text += &format!("  {name:<20}");
    }
    text.push('\n');
    for row in rows {
        text += &format!("{:<name_width$}", row.machine.name);
        for (taken, verdict) in &row.answers {
            let what: String = what(taken).chars().take(13).collect();
            text += &format!("  {verdict:<6} {what:<13}");
        }
        text.truncate(text.trim_end().len());
        text.push('\n');
    }
    text
}

fn count(rows: &[Row], contender: usize, verdict: Verdict) -> usize {
    rows.iter().filter(|row| row.answers.get(contender).is_some_and(|(_, said)| *said == verdict)).count()
}

fn summary(rows: &[Row], shown: usize) -> String {
    let mut text =
        format!("\n{:<14} {:>5} {:>6} {:>5}   of {}\n", "CONTENDER", "RIGHT", "MISSED", "WRONG", rows.len());
    for (at, name) in contenders().into_iter().enumerate().take(shown) {
        let of = |verdict| count(rows, at, verdict);
        let (right, missed, wrong) = (of(Verdict::Right), of(Verdict::Missed), of(Verdict::Wrong));
        text += &format!("{name:<14} {right:>5} {missed:>6} {wrong:>5}\n");
    }
    text
}

fn expected_file() -> PathBuf {
    root().join("tests/judgement/expected.txt")
}

/// `NAME VERDICT`, a line each.
fn expected() -> Result<BTreeMap<String, Verdict>> {
    let text = std::fs::read_to_string(expected_file()).context("tests/judgement/expected.txt")?;
    let line = |line: &str| {
        let (name, word) = line.split_once(' ')?;
        Some((name.to_owned(), Verdict::parse(word.trim())?))
    };
    let lines = text
        .lines()
        .map(|text| line(text).with_context(|| format!("tests/judgement/expected.txt: {text:?}")));
    lines.collect()
}

fn compare(rows: &[Row]) -> Result<()> {
    let expected = expected()?;
    let mut worse = Vec::new();
    for row in rows {
        let name = &row.machine.name;
        let Some((_, now)) = row.answers.first() else { continue };
        match expected.get(name) {
            None => worse.push(format!("{name}: is not in expected.txt; it is {now}")),
            Some(before) if now < before => worse.push(format!("{name}: was {before}, is {now}")),
            Some(before) if now > before => println!("{name}: was {before}, is {now}"),
            Some(_) => {}
        }
    }
    ensure!(
        worse.is_empty(),
        "judged worse than expected (`cargo xtask judge --write` expects this from now on):\n  {}",
        worse.join("\n  ")
    );
    Ok(())
}

fn write(rows: &[Row], is_quick: bool) -> Result<()> {
    let verdicts = rows.iter().filter_map(|row| Some((&row.machine.name, row.answers.first()?.1)));
    let lines: String = verdicts.map(|(name, verdict)| format!("{name} {verdict}\n")).collect();
    std::fs::write(expected_file(), lines)?;
    println!("written: tests/judgement/expected.txt");
    if !is_quick {
        std::fs::write(root().join("docs/benchmarks/judgement.md"), page(rows))?;
        println!("written: docs/benchmarks/judgement.md");
    }
    Ok(())
}

const HEAD: &str = "# Judgement

Written by `cargo xtask judge --write`. Each machine is short of memory, and its file in [tests/judgement/machines](../../tests/judgement/machines)
says what should go, what must never go, and the public report behind it.

- **right**: the first that is taken is one that should go, and none that must never go is taken.
- **missed**: none that must never go, but the first is not one that should.
- **WRONG**: one that must never go is among those taken.

`jettison` has its default policies, `built-in` is the ranking that it has where no policy can be asked. Of both the whole plan is judged. Of the peers only
the first victim is, by their published rules, with the defaults of their packages and no options; their sources and what is assumed where a machine does not say it stand in
[tests/judgement/src/peers](../../tests/judgement/src/peers). Only the choice is judged, not when it is made.
`+2` is two more units; `-` is none.
";

fn page(rows: &[Row]) -> String {
    let mut text = HEAD.to_owned();
    text += &format!("\n| of {} machines | right | missed | WRONG |\n|---|---|---|---|\n", rows.len());
    for (at, name) in contenders().into_iter().enumerate() {
        let of = |verdict| count(rows, at, verdict);
        let (right, missed, wrong) = (of(Verdict::Right), of(Verdict::Missed), of(Verdict::Wrong));
        text += &format!("| {name} | {right} | {missed} | {wrong} |\n");
    }
    text += &format!(
        "\n| machine | {} |\n|---|{}\n",
        contenders().join(" | "),
        "---|".repeat(contenders().len())
    );
    for row in rows {
        let machine = &row.machine;
        let link = format!("[{0}](../../tests/judgement/machines/{0}.toml)", machine.name);
        text += &format!("| {link}: {} |", machine.summary.replace('|', "\\|"));
        for (taken, verdict) in &row.answers {
            let verdict = if *verdict == Verdict::Wrong { "**WRONG**".into() } else { verdict.to_string() };
            text += &format!(" {verdict} `{}` |", what(taken));
        }
        text.push('\n');
    }
    text
}
