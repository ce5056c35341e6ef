//! `[guard] never`: its rules, and a warning for each that can match no process.
//!
//! A rule that matches nothing guards nothing, and is noticed when the process is gone. It is no error: a
//! unit or an executable may come later, and the rest of the configuration should hold meanwhile.

use std::path::Path;

use jettison_decide::{Pattern, Rule};

use super::meant::Config;
use super::reader::Section;
use crate::users;

/// The kernel keeps so much of a name (`TASK_COMM_LEN` less the NUL).
const COMM_BYTES_MAX: usize = 15;
/// What names of units end with, of those that have processes (systemd.unit(5)).
const UNIT_TYPES: [&str; 3] = [".service", ".scope", ".slice"];

pub(super) fn section(section: Section<'_>, config: &mut Config) {
    for rule in section.sections("never").unwrap_or_default() {
        let (user, uid) = (user(&rule), rule.number("uid", 0..=u32::MAX));
        let meant = Rule {
            comm: rule.text("comm"),
            unit: rule.text("unit"),
            cgroup: rule.text("cgroup"),
            uid: user.or(uid),
            exe: rule.text("exe").filter(|path| is_absolute(&rule, path)),
            cmdline: rule.text("cmdline").and_then(|pattern| compiled(&rule, &pattern)),
        };
        warn_of_what_matches_nothing(&rule, &meant);
        if rule.is_empty() {
            rule.wrong(
                "comm",
                "a rule of `guard.never` needs at least one of comm, unit, cgroup, user, uid, exe, cmdline",
            );
        } else {
            config.live.settings.never.push(meant);
        }
        rule.finish();
    }
    section.finish();
}

/// Looked up once, here: the rule holds the uid.
fn user(rule: &Section<'_>) -> Option<u32> {
    let user = rule.text_or_number("user")?;
    if rule.has("uid") {
        rule.wrong("uid", "a rule of `guard.never` has `user` or `uid`, not both");
    }
    users::uid_of(&user).map_err(|why| rule.wrong("user", format!("`guard.never.user` {user:?} {why}"))).ok()
}

fn is_absolute(rule: &Section<'_>, path: &str) -> bool {
    let is_absolute = path.starts_with('/');
    if !is_absolute {
        rule.wrong("exe", format!("`guard.never.exe` must be an absolute path, not {path:?}"));
    }
    is_absolute
}

fn compiled(rule: &Section<'_>, pattern: &str) -> Option<Pattern> {
    let compiled = Pattern::new(pattern);
    compiled
        .map_err(|bad| {
            rule.wrong(
                "cmdline",
                format!("`guard.never.cmdline` is no regular expression ({bad}): {pattern:?}"),
            );
        })
        .ok()
}

fn warn_of_what_matches_nothing(rule: &Section<'_>, meant: &Rule) {
    let nothing = |key: &str, value: &str, why: &str, instead: &str| {
        let warning = format!("`guard.never.{key}` {value:?} matches nothing: {why}; {instead}");
        rule.doubtful(key, warning);
    };
    if let Some(comm) = meant.comm.as_deref().filter(|comm| comm.len() > COMM_BYTES_MAX) {
        let kept = comm.char_indices().map_while(|(at, c)| {
            let end = at + c.len_utf8();
            (end <= COMM_BYTES_MAX).then(|| comm.get(..end)).flatten()
        });
        let instead = format!("{:?} would match", kept.last().unwrap_or_default());
        nothing("comm", comm, "the kernel keeps 15 bytes of a name", &instead);
    }
    if let Some(unit) = &meant.unit
        && !UNIT_TYPES.iter().any(|kind| unit.ends_with(kind))
    {
        let instead = format!("{:?} would match", format!("{unit}.service"));
        nothing("unit", unit, "names of units with processes end in .service, .scope or .slice", &instead);
    }
    if let Some(cgroup) = &meant.cgroup {
        let inner = cgroup.trim_matches('/');
        let path = format!("/{inner}");
        if *cgroup != path {
            let instead = format!("{path:?} would match");
            nothing(
                "cgroup",
                cgroup,
                "paths of cgroups begin with a slash and do not end with one",
                &instead,
            );
        }
    }
    if let Some(exe) = meant.exe.as_deref().filter(|exe| !Path::new(exe).exists()) {
        nothing("exe", exe, "there is no such file", "`readlink /proc/PID/exe` says what a process executes");
    }
}
