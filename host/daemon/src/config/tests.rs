use std::path::Path;

use expect_test::{Expect, expect};
use jettison_tests::changed_texts;

use super::{Config, Mode, Source};

fn check(text: &str, expected: Expect) {
    let said = match Config::parse(Path::new("j.toml"), text) {
        Ok(_) => "fine\n".to_string(),
        Err(problems) => problems.iter().map(|problem| format!("{problem}\n")).collect(),
    };
    expected.assert_eq(&said);
}

/// The defaults as docs/reference/configuration.md has them.
const DEFAULTS: &str = r#"
[trigger]
available_percent = { warn = 15, act = 8, critical = 3 }
available_cap_mib = { warn = 4096, act = 2048, critical = 768 }
psi = [{ kind = "some", stall_ms = 150, window_ms = 1000 }]
thrash = [{ full_percent = 40, over_s = 10 }, { full_percent = 20, over_s = 30 }]
[memcgs]
watch = "limited"
[act]
mode = "enforce"
reach = "protected"
grace_ms = 5000
grace_max_ms = 60000
critical_grace_ms = 500
cool_down_ms = 1000
kills_per_minute_max = 10
[adjust]
enabled = true
interval_ms = 10000
[reclaim]
memcgs = []
bite_mib = 32
pressure_percent = 1
[limits]
fuel = 1000000000
memory_mib = 32
consultation_ms = 5000
stack_kib = 256
tables = 4
table_elements = 16384
answer_mib = 8
ballot_entries = 4096
reason_bytes = 512
log_lines = 64
module_mib = 16
compile_s = 30
compile_mib = 1024
quarantine_faults = 3
[journal]
max_mib = 64
[[policy]]
name = "services"
source = "builtin:services"
grants = ["cmdlines", "exes"]
[[policy]]
name = "balanced"
source = "builtin:balanced"
"#;

#[test]
fn the_written_defaults_are_the_defaults() {
    let written = Config::parse(Path::new("j.toml"), DEFAULTS).unwrap();
    assert_eq!(format!("{written:?}"), format!("{:?}", Config::default()));
}

#[test]
fn everything_else_can_be_said() {
    let config = Config::parse(
        Path::new("j.toml"),
        r#"
[scope]
memcg = "/machine/db42"
[act]
mode = "dry-run"
[memcgs]
watch = ["/a", "/b"]
[guard]
never = [{ comm = "sshd" }, { unit = "dbus.service" }, { cgroup = "/init.scope", uid = 0 },
    { exe = "/usr/bin/java", cmdline = "shop\\.jar" }, { user = "root" }, { user = "26" }, { user = 26 }]
[hooks.drain-ci]
command = ["/usr/local/bin/drain", "--quick"]
timeout_ms = 3000
[notify]
warn = ["hook:drain-ci"]
ended = ["hook:drain-ci"]
kernel = ["hook:drain-ci"]
nobody = ["hook:drain-ci"]
[journal]
directory = "/srv/journal"
max_mib = 0
[metrics]
textfile = "/srv/jettison.prom"
[[policy]]
name = "site"
source = "/etc/jettison/policies.d/site.wasm"
weight = 3
shadow = true
grants = ["cmdlines"]
[policy.config]
primary = "postgres"
ports = [5432]
"#,
    )
    .unwrap();
    assert_eq!((config.fixed.mode, config.fixed.scope.as_deref()), (Mode::DryRun, Some("/machine/db42")));
    let uids: Vec<_> = config.live.settings.never.iter().map(|rule| rule.uid).collect();
    assert_eq!(uids, [None, None, Some(0), None, Some(0), Some(26), Some(26)]);
    assert_eq!(
        [
            config.live.notify_warn,
            config.live.notify_ended,
            config.live.notify_kernel,
            config.live.notify_worthless
        ],
        ["drain-ci"; 4].map(|hook| vec![hook.to_owned()])
    );
    let evidence = &config.fixed.evidence;
    assert_eq!(evidence.journal_directory.as_deref(), Some(Path::new("/srv/journal")));
    assert_eq!(evidence.journal_max_mib, 0);
    assert_eq!(evidence.metrics_textfile.as_deref(), Some(Path::new("/srv/jettison.prom")));
    let site = &config.policies[0];
    assert_eq!(site.source, Source::File("/etc/jettison/policies.d/site.wasm".into()));
    assert_eq!((site.weight, site.shadow), (3, true));
    assert_eq!(site.config, r#"{"ports":[5432],"primary":"postgres"}"#);
}

#[test]
fn all_problems_come_at_once_each_with_its_line_and_what_was_expected() {
    check(
        r#"[trigger]
availible_percent = { warn = 15 }
psi = [{ kind = "some", stall_ms = 3000, window_ms = 1000 }]
[act]
mode = "enforced"
grace_ms = -1
[guard]
never = [{}, { cmdline = "java (-jar" }, { exe = "sshd" }, { user = "no-such-user" },
    { user = "root", uid = 0 }, { user = -1 }, { user = 4294967295 }, { user = true }]
[[policy]]
name = "site"
weight = 500
grants = ["environment"]
[limits]
ballot_entries = 5000
"#,
        expect![[r#"
            j.toml:2: unknown key `trigger.availible_percent`, did you mean `available_percent`; expected available_percent, available_cap_mib, swap_free_percent, psi, thrash
            j.toml:3: `stall_ms` (3000) must not exceed `window_ms` (1000)
            j.toml:5: `act.mode` must be "enforce" or "dry-run", not "enforced"
            j.toml:6: `act.grace_ms` must be a whole number from 0 to 600000, not -1
            j.toml:8: `guard.never.cmdline` is no regular expression (unclosed group): "java (-jar"
            j.toml:8: `guard.never.exe` must be an absolute path, not "sshd"
            j.toml:8: `guard.never.user` "no-such-user" is no user of this host: mend the name (`getent passwd`), or give the uid
            j.toml:8: a rule of `guard.never` needs at least one of comm, unit, cgroup, user, uid, exe, cmdline
            j.toml:9: `guard.never.user` "-1" is no user of this host: mend the name (`getent passwd`), or give the uid
            j.toml:9: `guard.never.user` "4294967295" is no uid: it must be less than 4294967295
            j.toml:9: `guard.never.user` must be a text in quotes or a whole number, not a value of type boolean
            j.toml:9: a rule of `guard.never` has `user` or `uid`, not both
            j.toml:10: a [[policy]] needs a `source`: "builtin:balanced", the path of a .wasm file or "oci://..."
            j.toml:12: `policy.weight` must be a whole number from 1 to 100, not 500
            j.toml:13: `grants` knows cmdlines, exes, pss-bytes, not "environment"
            j.toml:15: `limits.ballot_entries` must be a whole number from 1 to 4096, not 5000
        "#]],
    );
}

#[test]
fn a_guard_that_matches_nothing_is_a_warning_with_what_would_match() {
    let text = r#"[guard]
never = [{ comm = "jettison-daemon-of-db42" }, { comm = "exactly-15-byte" }, { comm = "ein-langer-Käse" },
    { unit = "dbus" }, { unit = "dbus.service" }, { unit = "session-1.scope" },
    { cgroup = "system.slice/" }, { cgroup = "/" }, { cgroup = "/init.scope" },
    { exe = "/no/such/file" }, { exe = "/bin/sh" }]
"#;
    let config = Config::parse(Path::new("j.toml"), text).unwrap();
    assert_eq!(config.live.settings.never.len(), 11, "they hold all the same");
    let said: String = config.warnings.iter().map(|warning| format!("{warning}\n")).collect();
    expect![[r#"
        j.toml:2: `guard.never.comm` "ein-langer-Käse" matches nothing: the kernel keeps 15 bytes of a name; "ein-langer-Käs" would match
        j.toml:2: `guard.never.comm` "jettison-daemon-of-db42" matches nothing: the kernel keeps 15 bytes of a name; "jettison-daemon" would match
        j.toml:3: `guard.never.unit` "dbus" matches nothing: names of units with processes end in .service, .scope or .slice; "dbus.service" would match
        j.toml:4: `guard.never.cgroup` "system.slice/" matches nothing: paths of cgroups begin with a slash and do not end with one; "/system.slice" would match
        j.toml:5: `guard.never.exe` "/no/such/file" matches nothing: there is no such file; `readlink /proc/PID/exe` says what a process executes
    "#]]
    .assert_eq(&said);
}

#[test]
fn what_is_no_toml_is_said_with_its_line() {
    check(
        "[act]\nmode = \n",
        expect![[r#"
        j.toml:2: string values must be quoted, expected literal string
    "#]],
    );
}

#[test]
fn levels_must_not_cross() {
    check(
        "[trigger]\navailable_percent = { warn = 5 }\n",
        expect![[r#"
            j.toml:2: `trigger.available_percent` must not rise from warn over act to critical
        "#]],
    );
}

#[test]
fn a_bad_table_of_stalls_and_a_bad_path_to_reclaim_from_are_named() {
    check(
        r#"
[trigger]
thrash = [{ full_percent = 40, over_s = 15 }, { full_percent = 0, over_s = 10 }, { over_s = 30 }]
[reclaim]
memcgs = ["system.slice", "/user.slice/", "/fine", "/"]
bite_mib = 0
"#,
        expect![[r#"
            j.toml:3: `over_s` must be 10 or 30, not 15
            j.toml:3: `trigger.thrash.full_percent` must be a whole number from 1 to 100, not 0
            j.toml:3: a table of `trigger.thrash` needs `full_percent`, 1 to 100, and `over_s`, 10 or 30; `full_percent` is missing
            j.toml:5: `reclaim.memcgs` must hold paths below the memory hierarchy's root, such as "/system.slice", not "/user.slice/"
            j.toml:5: `reclaim.memcgs` must hold paths below the memory hierarchy's root, such as "/system.slice", not "system.slice"
            j.toml:6: `reclaim.bite_mib` must be a whole number from 1 to 1048576, not 0
        "#]],
    );
    let off = Config::parse(Path::new("j.toml"), "[trigger]\nthrash = []\n").unwrap();
    assert!(off.live.settings.thrash.is_empty());
}

#[test]
fn a_journal_and_metrics_have_absolute_paths() {
    let problems = Config::parse(
        Path::new("j.toml"),
        "[journal]\ndirectory = \"here\"\nmax_mib = -1\n[metrics]\ntextfile = \"x.prom\"\nevery = 1\n",
    )
    .unwrap_err();
    let said: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        said,
        [
            "j.toml:2: `directory` must be an absolute path, not \"here\"",
            "j.toml:3: `journal.max_mib` must be a whole number from 0 to 1048576, not -1",
            "j.toml:5: `textfile` must be an absolute path, not \"x.prom\"",
            "j.toml:6: unknown key `metrics.every`; expected textfile",
        ]
    );
}

#[test]
fn arbitrary_bytes_are_a_configuration_or_refused_with_a_reason() {
    let example = include_str!("../../../../examples/jettison.toml");
    let sections: Vec<&str> = example.split("\n\n").filter(|section| section.contains(" = ")).collect();
    assert!(sections.len() > 10, "{} sections", sections.len());
    changed_texts(1_000, &sections, |text| match Config::parse(Path::new("j.toml"), text) {
        Ok(_) => true,
        Err(problems) => {
            assert!(!problems.is_empty(), "refused without a reason: {text}");
            false
        }
    });
}

#[test]
fn a_source_is_known_by_how_it_begins_and_a_module_by_its_name() {
    let digest = format!("@sha256:{}", "0".repeat(64));
    let pinned = format!("oci://localhost:5000/policies/site:1.0{digest}");
    for (text, expected, name) in [
        ("builtin:rules", Source::Builtin("rules".into()), "rules"),
        ("/etc/jettison/site.wasm", Source::File("/etc/jettison/site.wasm".into()), "site"),
        ("oci:/site.wasm", Source::File("oci:/site.wasm".into()), "site"),
        (pinned.as_str(), Source::Registry(pinned.clone()), "site"),
        ("oci://localhost:5000/site", Source::Registry("oci://localhost:5000/site".into()), "site"),
    ] {
        let module = super::PolicyConfig::of_module(text);
        assert_eq!((module.source, module.name.as_str()), (expected, name), "{text}");
    }
    let registry = |text: &str| Source::of(text).problem();
    assert_eq!(registry(&pinned), None);
    assert!(registry("oci://localhost:5000/site").is_some_and(|why| why.contains("has no digest")));
    assert!(registry("oci://LOCALHOST/site").is_some_and(|why| why.contains("a host has")));
}
