//! Scenes of one kind, and the table that is made of them.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use anyhow::Result;
use clap::ValueEnum;

use super::{CONTENDERS, MEMORY_MIB, Row, SWAP_BYTES, Seen, plot};
use crate::guest::{all, summary};
use crate::root;
use crate::services::{self, telling};

/// What is short of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Suite {
    /// A service, with its clients
    Databases,
    /// A host with a primary that is larger than what took the memory
    Hosts,
}

impl Suite {
    /// The folder in `tests/guest` with its scenes.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Databases => "peers",
            Self::Hosts => "hosts",
        }
    }

    pub(super) fn scenes(self) -> Result<Vec<String>> {
        all(&self.folder())
    }

    pub(super) fn page(self) -> &'static str {
        match self {
            Self::Databases => services::PAGE,
            Self::Hosts => "docs/benchmarks/oom.md",
        }
    }

    /// Relative to the root of the project.
    pub(super) fn folder_beside_page(self) -> PathBuf {
        Path::new(self.page()).with_extension("")
    }

    /// What the page is made of.
    pub(super) fn runs(self) -> PathBuf {
        root().join(self.folder_beside_page()).join("runs.json")
    }

    pub(super) fn heading(self) -> &'static str {
        match self {
            Self::Databases => "In a guest with systemd, beside the peers",
            Self::Hosts => "Beside the peers",
        }
    }

    fn folder(self) -> String {
        format!("tests/guest/{}", self.name())
    }

    pub(super) fn section(self, rows: &[Row], is_debug: bool) -> Result<String> {
        let build = if is_debug { "the debug build of the package" } else { "the release package" };
        let (command, folder, what) = match self {
            Self::Databases => (
                "guest --peers",
                self.folder(),
                "The services
are Debian's units, with its own settings for the OOM killer, in one slice. Their clients are no candidates (-1000), as
if on another machine. One guest runs all scenarios beside one contender, and the numbers are of runs.",
            ),
            Self::Hosts => (
                "guest --peers=hosts",
                self.folder(),
                "What uses
the memory are programs of our own ([workload](../../tests/vm/src/bin/workload.rs)) in one slice, each a unit of its own
and a copy under a name of its own. A run is right if what took the memory went, in whole units, and nothing else: not
the primary, none of the readers, none of the host's own services. Stalled is the time in which no task could go on for
want of memory, by the kernel's own sum (`full` of /proc/pressure/memory), from the start of a scenario to its end. What
the daemon itself took is of the same time, and its PSS of the end; it was started anew where there is none. One guest
runs all scenarios beside one contender. Figures are of each run.",
            ),
        };
        Ok(format!(
            "Debian 12 with systemd 252 in a guest of {MEMORY_MIB} MiB, emulated. `cargo xtask {command}` (as root) makes
this table, here with {build}. Each scenario is a script in [{folder}](../../{folder}/). {what}

earlyoom and nohang are as Debian has them, Jettison as installed, set to enforce; earlyoom is there a second time, tuned
by one who knows the machine: its `--avoid` names what must stay (peers/lib.inc). systemd-oomd has `ManagedOOMMemoryPressure=kill`
and `ManagedOOMSwap=kill` on that slice, its own limits, and {} MiB of swap, which the others do not have. The kernel
alone has its protection from thrashing (`min_ttl_ms` of 1000): without it the guest hangs for minutes.

{}",
            SWAP_BYTES >> 20,
            self.table(rows)?,
        ) + &self.pictures()?)
    }

    /// Those that have been drawn.
    fn pictures(self) -> Result<String> {
        let mut text = String::new();
        for scene in self.scenes()? {
            let file = plot::file(self, &scene);
            if let Some(beside) =
                file.strip_prefix("docs/benchmarks").ok().filter(|_| root().join(&file).exists())
            {
                let summary = summary(&self.folder(), &scene)?;
                write!(
                    text,
                    "\n{summary}:\n\n![MiB available over time: {summary}]({})\n",
                    beside.display()
                )?;
            }
        }
        Ok(text)
    }

    pub(super) fn table(self, rows: &[Row]) -> Result<String> {
        let mut text = String::from(match self {
            Self::Databases => {
                "| scenario | contender | kept | never stopped | taken by the kernel | its log |\n|---|---|---|---|---|---|\n"
            }
            Self::Hosts => {
                "| scenario | contender | right | taken by the kernel | took, s | stalled, s | its CPU, ms | its major faults | its PSS, MiB | what went wrong |\n|---|---|---|---|---|---|---|---|---|---|\n"
            }
        });
        for scene in self.scenes()? {
            for (contender, name) in CONTENDERS {
                let row = rows.iter().find(|row| row.scene == scene && row.contender == contender);
                if let Some(row) = row {
                    let cells = self.cells(&row.runs);
                    writeln!(text, "| {} | {name} | {cells} |", summary(&self.folder(), &scene)?)?;
                }
            }
        }
        Ok(text)
    }

    /// The lines are of a run that was lost, if there is one.
    fn cells(self, runs: &[Seen]) -> String {
        let count = |is: fn(&Seen) -> bool| runs.iter().filter(|seen| is(seen)).count();
        let (of, kept) = (runs.len(), count(Seen::is_kept));
        let shown = runs.iter().find(|seen| !seen.is_kept()).or(runs.last());
        let why = shown.and_then(|seen| seen.kept.strip_prefix("no, ")).unwrap_or_default().replace('|', "/");
        let kept = if kept == of { format!("{kept} of {of}") } else { format!("**{kept} of {of}**") };
        let each = |figure: fn(&Seen) -> String| runs.iter().map(figure).collect::<Vec<_>>().join(", ");
        let kills = each(|seen| seen.kills.to_string());
        match self {
            Self::Databases => {
                let told = shown.map(|seen| telling(&seen.told)).unwrap_or_default();
                let log = [why, told].into_iter().filter(|text| !text.is_empty());
                let log = log.collect::<Vec<_>>().join("<br>");
                format!("{kept} | {} | {kills} | {log}", count(|seen| seen.kept == "yes up"))
            }
            Self::Hosts => {
                let took = each(|seen| figure(seen.took_s));
                let stalled = each(|seen| figure(seen.stalled_s));
                let cpu = each(|seen| seen.cost.map_or("-".into(), |cost| cost.cpu_ms.to_string()));
                let faults = each(|seen| seen.cost.map_or("-".into(), |cost| cost.major_faults.to_string()));
                let pss = each(|seen| figure(seen.cost.map(|cost| cost.pss_kib as f64 / 1024.0)));
                format!("{kept} | {kills} | {took} | {stalled} | {cpu} | {faults} | {pss} | {why}")
            }
        }
    }
}

fn figure(seconds: Option<f64>) -> String {
    seconds.map_or("-".into(), |seconds| format!("{seconds:.1}"))
}
