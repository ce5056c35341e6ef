//! nohang(8): its configuration file.
//!
//! ```text
//! soft_threshold_min_mem = 5 %                      key = value; sizes in % or M
//! @BADNESS_ADJ_RE_NAME  -200  ///  ^(dnf|yum)$      may be repeated: badness, and a regular expression
//! ```

use super::imported::{Imported, Level, Rule, number};
use super::words::words;

/// Keys of its log, its timing and its display: nothing here depends on them.
const OF_NO_CONSEQUENCE: [&str; 26] = [
    "debug_gui_notifications",
    "debug_psi",
    "debug_sleep",
    "debug_threading",
    "env_cache_time",
    "extra_table_info",
    "fill_rate_mem",
    "fill_rate_swap",
    "fill_rate_zram",
    "hide_corrective_action_type",
    "max_sleep",
    "max_victim_ancestry_depth",
    "min_badness",
    "min_mem_report_interval",
    "min_post_warning_delay",
    "min_sleep",
    "post_zombie_delay",
    "print_config_at_startup",
    "print_mem_check_results",
    "print_proc_table",
    "print_statistics",
    "print_victim_cmdline",
    "print_victim_status",
    "psi_path",
    "separate_log",
    "victim_cache_time",
];

/// What its parts say of each other: warnings and PSI are configured where they are off, too.
#[derive(Default)]
struct Switches {
    warnings: bool,
    psi: bool,
    zram: bool,
    warning_exe: Option<(usize, String)>,
}

pub(super) fn imported(text: &str) -> Result<Imported, String> {
    let mut imported = Imported::default();
    let mut switches = Switches::default();
    let mut is_known = false;
    for (line, text) in (1..).zip(text.lines()) {
        // What is indented is a comment, as in its configuration for desktops.
        if text.starts_with(['#', ' ', '\t']) {
            continue;
        }
        let text = text.trim();
        if text.starts_with('@') {
            repeated(&mut imported, line, text);
        } else if let Some((key, value)) = text.split_once('=') {
            let is_key = one(&mut imported, &mut switches, line, key.trim(), value.trim())
                .map_err(|why| format!("line {line}: {why}"))?;
            is_known |= is_key;
        }
    }
    if !is_known {
        return Err("has no key of nohang, such as soft_threshold_min_mem: is it its configuration?".into());
    }
    if let Some((line, command)) = switches.warning_exe.filter(|_| switches.warnings) {
        warning(&mut imported, line, &command);
    }
    Ok(imported)
}

/// `key = value`; whether it is one of nohang.
fn one(
    to: &mut Imported,
    switches: &mut Switches,
    line: usize,
    key: &str,
    value: &str,
) -> Result<bool, String> {
    let is_on = value == "True";
    match key {
        "soft_threshold_min_mem" => to.act = level(key, value)?,
        "hard_threshold_min_mem" => to.critical = level(key, value)?,
        "warning_threshold_min_mem" => to.warn = level(key, value)?,
        "soft_threshold_min_swap" => match level(key, value)? {
            Level { percent: Some(percent), .. } => to.swap_free_percent = Some(percent),
            _ => to.leave_out(line, format!("{key} = {value}: free swap is a percentage here")),
        },
        "hard_threshold_min_swap" | "warning_threshold_min_swap" => {
            to.leave_out(line, format!("{key} = {value}: swap counts for `act` alone (swap_free_percent)"));
        }
        "max_soft_exit_time" => to.grace_ms = Some(ms(key, value)?),
        "post_soft_action_delay" => to.cool_down_ms = Some(ms(key, value)?),
        "exe_timeout" => to.hook_timeout_ms = Some(ms(key, value)?),
        "psi_checking_enabled" => switches.psi = is_on,
        "zram_checking_enabled" => switches.zram = is_on,
        "warning_exe" if !value.is_empty() => switches.warning_exe = Some((line, value.into())),
        "post_kill_exe" if !value.is_empty() => {
            to.leave_out(line, format!("{key} = {value}: no hook runs after a victim yet"));
        }
        "soft_threshold_max_psi"
        | "hard_threshold_max_psi"
        | "psi_metrics"
        | "psi_excess_duration"
        | "psi_post_action_delay"
        | "warning_threshold_max_psi" => {
            if switches.psi {
                to.leave_out(
                    line,
                    format!("{key} = {value}: pressure is watched by kernel triggers (trigger.psi)"),
                );
            }
        }
        _ if key.ends_with("_max_zram") => {
            if switches.zram {
                to.leave_out(line, format!("{key} = {value}: zram is seen as swap and as memory in use"));
            }
        }
        "ignore_positive_oom_score_adj" if is_on => {
            to.leave_out(line, format!("{key}: oom_score_adj always counts in badness"));
        }
        "post_action_gui_notifications" if is_on => {
            to.leave_out(
                line,
                format!("{key}: no desktop notifications; `jettison history` has each victim"),
            );
        }
        "low_memory_warnings_enabled" => switches.warnings = is_on,
        "warning_exe"
        | "post_kill_exe"
        | "ignore_positive_oom_score_adj"
        | "post_action_gui_notifications" => {}
        _ if OF_NO_CONSEQUENCE.contains(&key) => {}
        _ => {
            to.leave_out(line, format!("{key}: not a key of nohang 0.2"));
            return Ok(false);
        }
    }
    Ok(true)
}

/// `5 %` or `200 M`.
fn level(key: &str, value: &str) -> Result<Level, String> {
    let bad = || format!("{key} = {value}: expected a number with % or M");
    let unit = value.chars().next_back().ok_or_else(bad)?;
    let number = number(value.trim_end_matches(unit)).ok_or_else(bad)?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and not negative")]
    match unit {
        '%' => Ok(Level { percent: Some(number), mib: None }),
        'M' => Ok(Level { percent: None, mib: Some(number.ceil() as u64) }),
        _ => Err(bad()),
    }
}

/// Seconds.
fn ms(key: &str, value: &str) -> Result<u64, String> {
    let seconds = number(value).ok_or_else(|| format!("{key} = {value}: expected seconds"))?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "rounded, and not negative")]
    Ok((seconds * 1000.0).ceil() as u64)
}

/// `@BADNESS_ADJ_RE_NAME -200 /// ^sshd$`
fn repeated(to: &mut Imported, line: usize, text: &str) {
    let Some((head, pattern)) = text.split_once("///") else {
        return to.leave_out(line, format!("{text}: has no counterpart"));
    };
    let (mut head, pattern) = (head.split_whitespace(), pattern.trim());
    let (name, adj) = (head.next().unwrap_or_default(), head.next().unwrap_or_default());
    let Some(property) = name.strip_prefix("@BADNESS_ADJ_RE_") else {
        return to
            .leave_out(line, format!("{name} {adj}: add steps to a rule by hand (docs/reference/rules.md)"));
    };
    let lean = match adj.parse::<i32>() {
        Ok(adj) if adj > 0 => format!("prefer = {}", adj.min(1000)),
        Ok(adj) if adj < 0 => format!("avoid = {}", adj.saturating_neg().min(999)),
        _ => return to.leave_out(line, format!("{name} {adj:?}: expected a whole number other than 0")),
    };
    match property {
        "NAME" => to.rule_by_regex(line, lean, "comm", pattern),
        "REALPATH" => to.rule_by_regex(line, lean, "exe", pattern),
        "CMDLINE" => to.rule_by_regex(line, lean, "cmdline", pattern),
        "CGROUP_V1" | "CGROUP_V2" => to.rule_by_regex(line, lean, "cgroup", pattern),
        "UID" => match pattern.trim_start_matches('^').trim_end_matches('$').parse::<u32>() {
            Ok(uid) => {
                let reason = format!("line {line} of the import");
                to.rules.push(Rule { lean, key: "uid", value: uid.to_string(), reason });
            }
            Err(_) => {
                to.leave_out(line, format!("{name} /// {pattern}: `uid` takes numbers, not expressions"))
            }
        },
        _ => to.leave_out(line, format!("{name}: no policy sees that of a process")),
    }
}

fn warning(to: &mut Imported, line: usize, command: &str) {
    match words(command) {
        Ok(words) if words.first().is_some_and(|program| program.starts_with('/')) => {
            to.warn_hook = Some(words)
        }
        _ => {
            to.leave_out(line, format!("warning_exe = {command}: a hook is an absolute path with arguments"))
        }
    }
}
