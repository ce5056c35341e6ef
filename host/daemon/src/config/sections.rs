//! Each table of the configuration: its keys, their ranges and defaults.

use std::path::{Path, PathBuf};
use std::time::Duration;

use jettison_act::HookCommand;
use jettison_decide::settings::Watch;
use jettison_decide::{Bound, Reach, StallSpan, Thrash, Thresholds};
use jettison_model::limits::WEIGHT_MAX;
use jettison_policy::LIMITS_MAX;
use jettison_sense::trigger::{PsiKind, PsiSpec};

use super::keys::DETAILS;
use super::meant::{Config, Grants, Mode, PolicyConfig, Source, default_psi};
use super::places::Places;
use super::reader::{File, Problem, Section};
use super::{evidence, guard, registries};

/// The text of `jettison.toml`.
pub(super) fn config(path: &Path, text: &str) -> Result<Config, Vec<Problem>> {
    let file = File::new(path, text);
    let table = file.parse();
    let mut config = Config::default();
    {
        let root = Section::root(&file, &table);
        root.section("trigger").into_iter().for_each(|section| trigger(section, &mut config));
        root.section("memcgs").into_iter().for_each(|section| memcgs(section, &mut config));
        root.section("act").into_iter().for_each(|section| act(section, &mut config));
        root.section("adjust").into_iter().for_each(|section| adjust(section, &mut config));
        root.section("scope").into_iter().for_each(|section| {
            config.fixed.scope = section.text("memcg").filter(|memcg| is_memcg_path(&section, memcg));
            section.finish();
        });
        root.section("guard").into_iter().for_each(|section| guard::section(section, &mut config));
        for (name, section) in root.named("hooks") {
            if let Some(command) = hook(section) {
                config.live.hooks.insert(name, command);
            }
        }
        root.section("limits").into_iter().for_each(|section| limits(section, &mut config));
        root.section("reclaim").into_iter().for_each(|section| reclaim(section, &mut config));
        root.section("journal").into_iter().for_each(|section| evidence::journal(section, &mut config));
        root.section("metrics").into_iter().for_each(|section| evidence::metrics(section, &mut config));
        if let Some(section) = root.section("registries") {
            config.registries = registries::registries(section);
        }
        root.section("notify").into_iter().for_each(|section| notify(section, &mut config));
        if let Some(sections) = root.sections("policy") {
            config.policies = policies(sections);
        }
        root.finish();
    }
    config.warnings = file.take_warnings();
    let problems = file.into_problems();
    if problems.is_empty() { Ok(config) } else { Err(problems) }
}

/// A text that is one `[policy.config]`, without that line.
pub(super) fn policy_config(path: &Path, text: &str) -> Result<(String, Places), Vec<Problem>> {
    // Given its name, a table at the top is a key like any other.
    let text = format!("[config]\n{text}");
    let file = File::new(path, &text);
    let table = file.parse();
    let root = Section::root(&file, &table);
    let config = root.json("config").unwrap_or_default().to_string();
    let places = root.places("config");
    root.finish();
    let mut problems = file.into_problems();
    problems.iter_mut().for_each(|problem| problem.line = problem.line.saturating_sub(1));
    if problems.is_empty() { Ok((config, places.one_line_up())) } else { Err(problems) }
}

/// The text of `policies.d/NAME.toml`.
pub(super) fn drop_in(path: &Path, text: &str) -> Result<PolicyConfig, Vec<Problem>> {
    let file = File::new(path, text);
    let table = file.parse();
    let mut found = Vec::new();
    {
        let root = Section::root(&file, &table);
        found.extend(root.sections("policy").map(policies).unwrap_or_default());
        if found.len() != 1 {
            root.wrong(
                "policy",
                format!("a drop-in holds exactly one [[policy]], this one holds {}", found.len()),
            );
        }
        root.finish();
    }
    let problems = file.into_problems();
    match found.pop() {
        Some(policy) if problems.is_empty() => Ok(policy),
        _ => Err(problems),
    }
}

fn set<T>(slot: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *slot = value;
    }
}

fn trigger(section: Section<'_>, config: &mut Config) {
    let thresholds = &mut config.live.settings.thresholds;
    let levels = ["warn", "act", "critical"];
    if let Some(percents) = section.section("available_percent") {
        for (key, bound) in levels.into_iter().zip(bounds(thresholds)) {
            set(&mut bound.percent, percents.number(key, 0..=100));
        }
        let Thresholds { warn, act, critical, .. } = thresholds;
        if !(critical.percent <= act.percent && act.percent <= warn.percent) {
            percents
                .wrong("warn", "`trigger.available_percent` must not rise from warn over act to critical");
        }
        percents.finish();
    }
    if let Some(caps) = section.section("available_cap_mib") {
        for (key, bound) in levels.into_iter().zip(bounds(thresholds)) {
            set(&mut bound.cap_bytes, caps.number(key, 1..=1_u32 << 30).map(|mib| u64::from(mib) << 20));
        }
        let Thresholds { warn, act, critical, .. } = thresholds;
        if !(critical.cap_bytes <= act.cap_bytes && act.cap_bytes <= warn.cap_bytes) {
            caps.wrong("warn", "`trigger.available_cap_mib` must not rise from warn over act to critical");
        }
        caps.finish();
    }
    thresholds.swap_free_percent = section.number("swap_free_percent", 0..=100);
    if let Some(triggers) = section.sections("psi") {
        config.fixed.psi = triggers.into_iter().filter_map(psi).collect();
    }
    if let Some(stalls) = section.sections("thrash") {
        config.live.settings.thrash = stalls.into_iter().filter_map(thrash).collect();
    }
    section.finish();
}

fn thrash(section: Section<'_>) -> Option<Thrash> {
    for key in ["full_percent", "over_s"].into_iter().filter(|key| !section.has(key)) {
        let both = "`full_percent`, 1 to 100, and `over_s`, 10 or 30";
        section.wrong(key, format!("a table of `trigger.thrash` needs {both}; `{key}` is missing"));
    }
    let full_percent = section.number("full_percent", 1..=100_u32);
    let over = match section.number("over_s", 10..=30_u32) {
        Some(10) => Some(StallSpan::Short),
        Some(30) => Some(StallSpan::Long),
        Some(other) => {
            section.wrong("over_s", format!("`over_s` must be 10 or 30, not {other}"));
            None
        }
        None => None,
    };
    section.finish();
    Some(Thrash { full_percent: full_percent?, over: over? })
}

fn bounds(thresholds: &mut Thresholds) -> [&mut Bound; 3] {
    [&mut thresholds.warn, &mut thresholds.act, &mut thresholds.critical]
}

fn psi(section: Section<'_>) -> Option<PsiSpec> {
    let default = default_psi();
    let kind = section.choice("kind", &[("some", PsiKind::Some), ("full", PsiKind::Full)]);
    if !section.has("kind") {
        section.wrong("kind", "a table of `trigger.psi` needs a `kind`: \"some\" or \"full\"");
    }
    // The kernel takes windows of 500 ms to 10 s (Documentation/accounting/psi.rst).
    let window_ms = section.number("window_ms", 500..=10_000).unwrap_or(default.window_ms);
    let stall_ms = section.number("stall_ms", 1..=10_000).unwrap_or(default.stall_ms);
    let memcg = section.text("memcg").filter(|memcg| is_memcg_path(&section, memcg));
    if stall_ms > window_ms {
        section
            .wrong("stall_ms", format!("`stall_ms` ({stall_ms}) must not exceed `window_ms` ({window_ms})"));
    }
    section.finish();
    Some(PsiSpec { kind: kind?, stall_ms, window_ms, memcg })
}

fn is_memcg_path(section: &Section<'_>, path: &str) -> bool {
    let is_path = path.starts_with('/') && !path.split('/').any(|part| part == "..");
    if !is_path {
        section.wrong("memcg", format!("`memcg` must be a path below the memory hierarchy's root, such as \"/machine/db42\", not {path:?}"));
    }
    is_path
}

fn memcgs(section: Section<'_>, config: &mut Config) {
    let watch = if section.is_text("watch") {
        section
            .choice("watch", &[("limited", false), ("none", true)])
            .map(|none| if none { Watch::Nothing } else { Watch::Limited })
    } else {
        section.texts("watch").map(Watch::Paths)
    };
    set(&mut config.live.settings.watch, watch);
    section.finish();
}

fn act(section: Section<'_>, config: &mut Config) {
    let settings = &mut config.live.settings;
    let reach =
        [("sacrifice", Reach::Sacrifice), ("unranked", Reach::Unranked), ("protected", Reach::Protected)];
    set(
        &mut config.fixed.mode,
        section.choice("mode", &[("enforce", Mode::Enforce), ("dry-run", Mode::DryRun)]),
    );
    set(&mut settings.reach, section.choice("reach", &reach));
    set(&mut settings.grace_ms, section.number("grace_ms", 0..=600_000));
    set(&mut settings.grace_max_ms, section.number("grace_max_ms", 0..=3_600_000));
    set(&mut settings.critical_grace_ms, section.number("critical_grace_ms", 0..=600_000));
    set(&mut settings.cool_down_ms, section.number("cool_down_ms", 0..=600_000));
    set(&mut settings.kills_per_minute_max, section.number("kills_per_minute_max", 1..=10_000));
    section.finish();
}

fn adjust(section: Section<'_>, config: &mut Config) {
    set(&mut config.live.settings.is_adjusting, section.boolean("enabled"));
    set(&mut config.live.interval_ms, section.number("interval_ms", 100..=3_600_000_u32).map(u64::from));
    section.finish();
}

fn limits(section: Section<'_>, config: &mut Config) {
    let (to, most) = (&mut config.fixed.limits, LIMITS_MAX);
    limit(&section, "fuel", &mut to.fuel, 1_000_000, most.fuel, 0);
    limit(&section, "consultation_ms", &mut to.epoch_ms, 100, most.epoch_ms, 0);
    limit(&section, "memory_mib", &mut to.memory_bytes, 1, most.memory_bytes, 20);
    limit(&section, "stack_kib", &mut to.stack_bytes, 64, most.stack_bytes, 10);
    limit(&section, "tables", &mut to.tables, 1, most.tables, 0);
    limit(&section, "table_elements", &mut to.table_elements, 1, most.table_elements, 0);
    limit(&section, "answer_mib", &mut to.answer_bytes, 1, most.answer_bytes, 20);
    limit(&section, "ballot_entries", &mut to.ballot_entries, 1, most.ballot_entries, 0);
    limit(&section, "reason_bytes", &mut to.reason_bytes, 16, most.reason_bytes, 0);
    limit(&section, "log_lines", &mut to.log_lines, 0, most.log_lines, 0);
    let (to, most) = (&mut to.compile, most.compile);
    limit(&section, "module_mib", &mut to.module_bytes, 1, most.module_bytes, 20);
    limit(&section, "compile_s", &mut to.seconds, 1, most.seconds, 0);
    limit(&section, "compile_mib", &mut to.memory_bytes, 1, most.memory_bytes, 20);
    set(&mut config.quarantine_faults, section.number("quarantine_faults", 1..=1_000_u32));
    section.finish();
}

/// Takes one limit, which the file has in units of so many bits. `least` is in that unit, `most` is not.
fn limit<N: TryFrom<i64> + TryInto<i64>>(
    section: &Section<'_>,
    key: &'static str,
    to: &mut N,
    least: i64,
    most: N,
    unit_bits: u32,
) {
    let most = most.try_into().unwrap_or(i64::MAX) >> unit_bits;
    let given = section.number(key, least..=most);
    set(to, given.and_then(|given| N::try_from(given << unit_bits).ok()));
}

/// A hook that does not say how long it may take.
const HOOK_TIMEOUT_MS: u32 = 3_000;

fn hook(section: Section<'_>) -> Option<HookCommand> {
    let command = section.texts("command").unwrap_or_default();
    let timeout_ms = section.number("timeout_ms", 1..=600_000_u32).unwrap_or(HOOK_TIMEOUT_MS);
    let mut words = command.into_iter();
    let program = words.next().map(PathBuf::from).filter(|program| program.is_absolute());
    if program.is_none() {
        section.wrong("command", "`command` must be a list that starts with an absolute path");
    }
    section.finish();
    let timeout = Duration::from_millis(timeout_ms.into());
    Some(HookCommand { program: program?, arguments: words.collect(), timeout })
}

fn reclaim(section: Section<'_>, config: &mut Config) {
    let reclaim = &mut config.live.settings.reclaim;
    let memcgs = section.texts("memcgs").unwrap_or_default();
    for path in &memcgs {
        if path.starts_with('/') && (path.len() == 1 || !path.ends_with('/')) {
            reclaim.memcgs.push(path.clone());
        } else {
            let expected = "paths below the memory hierarchy's root, such as \"/system.slice\"";
            section.wrong("memcgs", format!("`reclaim.memcgs` must hold {expected}, not {path:?}"));
        }
    }
    let bite_mib = section.number("bite_mib", 1..=1_048_576_u32);
    set(&mut reclaim.bite_bytes, bite_mib.map(|mib| u64::from(mib) << 20));
    let percent = section.number("pressure_percent", 0..=100_u32);
    set(&mut reclaim.pressure_max, percent.map(|percent| percent * 100));
    section.finish();
}

fn notify(section: Section<'_>, config: &mut Config) {
    let live = &mut config.live;
    let lists = [
        ("warn", &mut live.notify_warn),
        ("ended", &mut live.notify_ended),
        ("kernel", &mut live.notify_kernel),
        ("nobody", &mut live.notify_worthless),
    ];
    for (key, notified) in lists {
        for name in section.texts(key).unwrap_or_default() {
            if let Some(hook) = name.strip_prefix("hook:").filter(|&hook| live.hooks.contains_key(hook)) {
                notified.push(hook.into());
            } else {
                section.wrong(
                    key,
                    format!(
                        "`notify.{key}` must name hooks, as in \"hook:NAME\" with [hooks.NAME], not {name:?}"
                    ),
                );
            }
        }
    }
    section.finish();
}

fn policies(sections: Vec<Section<'_>>) -> Vec<PolicyConfig> {
    let mut policies: Vec<PolicyConfig> = Vec::new();
    for section in sections {
        let name = section.text("name");
        if name.as_deref().is_none_or(str::is_empty) {
            section.wrong("name", "a [[policy]] needs a `name`");
        } else if policies.iter().any(|other| Some(&other.name) == name.as_ref()) {
            section.wrong(
                "name",
                format!("there is already a policy named `{}`", name.as_deref().unwrap_or_default()),
            );
        }
        let source = section.text("source");
        if source.is_none() {
            section.wrong(
                "source",
                "a [[policy]] needs a `source`: \"builtin:balanced\", the path of a .wasm file or \"oci://...\"",
            );
        }
        let source = Source::of(&source.unwrap_or_default());
        if let Some(problem) = source.problem() {
            section.wrong("source", problem);
        }
        let grants = section.texts("grants").unwrap_or_else(|| source.grants());
        for grant in grants.iter().filter(|grant| !DETAILS.contains(&grant.as_str())) {
            section.wrong("grants", format!("`grants` knows {}, not {grant:?}", DETAILS.join(", ")));
        }
        policies.push(PolicyConfig {
            name: name.unwrap_or_default(),
            source,
            weight: section.number("weight", 1..=WEIGHT_MAX).unwrap_or(1),
            shadow: section.boolean("shadow").unwrap_or(false),
            grants: Grants::Listed(grants),
            config: section.json("config").map_or_else(|| "{}".into(), |json| json.to_string()),
            places: section.places("config"),
        });
        section.finish();
    }
    policies
}
