//! The list.

use super::key::Holds::{
    Anything, ListOf, Number, Switch, Table, Tables, Text, TextOrNumber, Texts, Words, WordsOrTexts,
};
use super::key::{Form, Holds, Key, Section};

const fn key(name: &'static str, holds: Holds, means: &'static str) -> Key {
    Key::new(name, holds, means)
}

/// Functions of the interface `details` in `wit/details.wit`.
pub(in crate::config) const DETAILS: [&str; 3] = ["cmdlines", "exes", "pss-bytes"];

/// All of them, in the order of the example and the reference.
pub(super) const ALL: &[Section] = &[
    Section {
        name: "guard.never",
        form: Form::List,
        about: "Never a victim, whatever a policy says: one table for each rule, all keys of which must match.",
        keys: GUARD,
    },
    Section { name: "trigger", form: Form::Table, about: "When memory is short.", keys: TRIGGER },
    Section {
        name: "trigger.available_percent",
        form: Form::Inner,
        about: "Levels of available memory, percent of the total.",
        keys: PERCENTS,
    },
    Section {
        name: "trigger.available_cap_mib",
        form: Form::Inner,
        about: "A level is never above its cap.",
        keys: CAPS,
    },
    Section { name: "trigger.psi", form: Form::Inner, about: "A PSI trigger of the kernel.", keys: PSI },
    Section { name: "trigger.thrash", form: Form::Inner, about: "What counts as thrashing.", keys: THRASH },
    Section { name: "memcgs", form: Form::Table, about: "Limits of memcgs.", keys: MEMCGS },
    Section { name: "act", form: Form::Table, about: "What is done.", keys: ACT },
    Section { name: "adjust", form: Form::Table, about: "Values of oom_score_adj.", keys: ADJUST },
    Section { name: "scope", form: Form::Table, about: "A part of the host alone.", keys: SCOPE },
    Section {
        name: "reclaim",
        form: Form::Table,
        about: "While memory gets short, before any process is ended (cgroup v2, Linux 5.19).",
        keys: RECLAIM,
    },
    Section { name: "hooks", form: Form::Named, about: "The only programs that are ever run.", keys: HOOKS },
    Section { name: "notify", form: Form::Table, about: "Which hooks are run when.", keys: NOTIFY },
    Section {
        name: "journal",
        form: Form::Table,
        about: "What was seen and decided, for `jettison history --since 1h` and `jettison replay`.",
        keys: JOURNAL,
    },
    Section {
        name: "metrics",
        form: Form::Table,
        about: "For the textfile collector of node_exporter.",
        keys: METRICS,
    },
    Section {
        name: "registries",
        form: Form::Table,
        about: "OCI registries that policies come from.",
        keys: REGISTRIES,
    },
    Section {
        name: "limits",
        form: Form::Table,
        about: "What one consultation of a policy may use, and what compiling it may take (docs/policy-border.md).",
        keys: LIMITS,
    },
    Section { name: "policy", form: Form::List, about: "Which policies are asked.", keys: POLICY },
];

const GUARD: &[Key] = &[
    key("comm", Text, "the command name, as a whole (`/proc/PID/comm`, at most 15 bytes)").shown("\"sshd\""),
    key("unit", Text, "the service unit").shown("\"dbus.service\""),
    key("cgroup", Text, "the memcg or one above it").shown("\"/init.scope\""),
    key(
        "user",
        TextOrNumber,
        "the effective user, by the name that this host gives it, or by its number: `\"postgres\"`, `\"26\"` or `26`. Not beside `uid`",
    )
    .shown("\"postgres\""),
    key("uid", Number(0, u32::MAX as i64), "the effective user id").shown("26"),
    key(
        "exe",
        Text,
        "the executable, an absolute path. ` (deleted)`, which the kernel adds after an update, does not matter",
    )
    .shown("\"/usr/bin/java\""),
    key(
        "cmdline",
        Text,
        "a regular expression, somewhere in the command line, its arguments separated by one space. A title that a process changes later is not seen",
    )
    .shown("\"shop\\\\.jar\""),
];

const TRIGGER: &[Key] = &[
    key(
        "available_percent",
        Table("trigger.available_percent"),
        "[levels](ticks.md#levels), percent of the total",
    )
    .is("{ warn = 15, act = 8, critical = 3 }")
    .range("0 to 100 each, not rising from warn to critical"),
    key("available_cap_mib", Table("trigger.available_cap_mib"), "a level is never above its cap")
        .is("{ warn = 4096, act = 2048, critical = 768 }")
        .range("1 to 2^30 each, likewise"),
    key("swap_free_percent", Number(0, 100), "if swap exists, `act` also needs free swap at or below this")
        .shown("10"),
    key(
        "psi",
        Tables("trigger.psi"),
        "[PSI triggers](ticks.md#when-the-daemon-looks); `[]` for none. **Restart**",
    )
    .is("[{ kind = \"some\", stall_ms = 150, window_ms = 1000 }]")
    .range("below"),
    key(
        "thrash",
        Tables("trigger.thrash"),
        "[thrashing](ticks.md#thrashing) is pressure, however much is available; `[]` for never",
    )
    .is("[{ full_percent = 40, over_s = 10 }, { full_percent = 20, over_s = 30 }]")
    .range("below"),
];

const PERCENTS: &[Key] = &[
    key("warn", Number(0, 100), "hooks of `warn` are run").is("15"),
    key("act", Number(0, 100), "processes may be shut down").is("8"),
    key("critical", Number(0, 100), "the protected, too, and in haste").is("3"),
];

const CAPS: &[Key] = &[
    key("warn", Number(1, 1 << 30), "of `warn`").is("4096"),
    key("act", Number(1, 1 << 30), "of `act`").is("2048"),
    key("critical", Number(1, 1 << 30), "of `critical`").is("768"),
];

const PSI: &[Key] = &[
    key("kind", Words(&["some", "full"]), "at least one task waits for memory; all tasks do").required(),
    key("stall_ms", Number(1, 10_000), "wake up after so much stall")
        .is("150")
        .range("1 to 10000, at most `window_ms`"),
    key("window_ms", Number(500, 10_000), "within so much time").is("1000"),
    key("memcg", Text, "of this memcg, v2").without("none: the host").range("a path that starts with `/`"),
];

const THRASH: &[Key] = &[
    key("full_percent", Number(1, 100), "all tasks have stalled on memory for so much of the time")
        .required(),
    key("over_s", Number(10, 30), "on the average of so many seconds").required().range("10 or 30"),
];

const MEMCGS: &[Key] = &[key(
    "watch",
    WordsOrTexts(&["limited", "none"]),
    "whose [own limits](ticks.md#limits-of-memcgs) are watched: every memcg's that has one, none, or those of these paths",
)
.is("\"limited\"")];

const ACT: &[Key] = &[
    key("mode", Words(&["enforce", "dry-run"]), "carry decisions out, or only log them. **Restart**")
        .is("\"enforce\""),
    key(
        "reach",
        Words(&["sacrifice", "unranked", "protected"]),
        "[how far down](ballots.md#plan) the order the host goes",
    )
    .is("\"protected\""),
    key("grace_ms", Number(0, 600_000), "after SIGTERM, where a policy gives no steps").is("5000"),
    key("grace_max_ms", Number(0, 3_600_000), "caps the sum of a policy's waits").is("60000"),
    key(
        "critical_grace_ms",
        Number(0, 600_000),
        "the least that is left of [grace](ticks.md#grace) when memory is about to be exhausted",
    )
    .is("500"),
    key("cool_down_ms", Number(0, 600_000), "between victims, but not at `critical`").is("1000"),
    key(
        "kills_per_minute_max",
        Number(1, 10_000),
        "victims, but not at `critical`; sessions and workers of a service do not count",
    )
    .is("10"),
];

const ADJUST: &[Key] = &[
    key("enabled", Switch, "[hold](ballots.md#held-values) `oom_score_adj`").is("true"),
    key("interval_ms", Number(100, 3_600_000), "between routine ticks").is("10000"),
];

const SCOPE: &[Key] =
    &[key("memcg", Text, "the [scope](ticks.md#scope); `--scope` takes its place. **Restart**")
        .without("none: the host")
        .shown("\"/machine/db42\"")
        .range("a path that starts with `/`")];

const RECLAIM: &[Key] = &[
    key("memcgs", Texts, "from these, and all below, the kernel may take memory back. `\"/\"` is all")
        .is("[]")
        .range("paths that start with `/` and do not end with one"),
    key("bite_mib", Number(1, 1_048_576), "the most that one bite asks for").is("32"),
    key("pressure_percent", Number(0, 100), "a unit with more PSI `some avg10` than this is let alone")
        .is("1"),
];

const HOOKS: &[Key] = &[
    key("command", Texts, "program and arguments. No shell")
        .required()
        .shown("[\"/usr/local/bin/drain\", \"--quick\"]")
        .range("a list that starts with an absolute path"),
    key("timeout_ms", Number(1, 600_000), "then it is killed").is("3000"),
];

const NOTIFY: &[Key] = &[
    key("warn", Texts, "run once when available memory falls to `warn`")
        .is("[]")
        .shown("[\"hook:drain-ci\"]")
        .range("a list of `\"hook:NAME\"`"),
    key("ended", Texts, "run when a victim is gone or was given up")
        .is("[]")
        .shown("[\"hook:mail\"]")
        .range("likewise"),
    key("kernel", Texts, "run when the kernel's OOM killer took a process")
        .is("[]")
        .shown("[\"hook:mail\"]")
        .range("likewise"),
    key("nobody", Texts, "run once when memory is short and [no unit is worth ending](ballots.md#four-laws)")
        .is("[]")
        .shown("[\"hook:mail\"]")
        .range("likewise"),
];

const JOURNAL: &[Key] = &[
    key("directory", Text, "where the [journal](journal.md) is. **Restart**")
        .without("`journal` in `--keep-dir`, or in the state directory")
        .shown("\"/var/lib/jettison/journal\"")
        .range("an absolute path"),
    key("max_mib", Number(0, 1_048_576), "all of its files; 0 for no journal. **Restart**").is("64"),
];

const METRICS: &[Key] =
    &[key("textfile", Text, "where [figures](metrics.md) are written every 10 s. **Restart**")
        .shown("\"/var/lib/node_exporter/jettison.prom\"")
        .range("an absolute path")];

const REGISTRIES: &[Key] = &[
    key("plain_http", Texts, "[registries](../guide/distribution.md) that are spoken to without TLS; this very host is in any case")
        .is("[]")
        .range("a list of `\"HOST:PORT\"`"),
    key("fetch_s", Number(1, 120), "time to fetch one policy").is("30"),
];

const LIMITS: &[Key] = &[
    key("fuel", Number(1_000_000, 1_000_000_000_000), "instructions, about one unit each").is("1000000000"),
    key("memory_mib", Number(1, 32), "linear memory").is("32"),
    key("consultation_ms", Number(100, 60_000), "time that fuel does not measure").is("5000"),
    key("stack_kib", Number(64, 1_024), "stack, beside the one that a guest keeps in its memory").is("256"),
    key("tables", Number(1, 4), "tables").is("4"),
    key("table_elements", Number(1, 16_384), "elements of each").is("16384"),
    key("answer_mib", Number(1, 8), "what one call hands over to the host").is("8"),
    key("ballot_entries", Number(1, 4_096), "entries of a ballot").is("4096"),
    key("reason_bytes", Number(16, 512), "a reason").is("512"),
    key("log_lines", Number(0, 64), "lines of the log").is("64"),
    key("module_mib", Number(1, 64), "a module's file").is("16"),
    key("compile_s", Number(1, 600), "processor time of the compiling child").is("30"),
    key("compile_mib", Number(1, 8_192), "memory of the compiling child").is("1024"),
    key("quarantine_faults", Number(1, 1_000), "faults in a row until the module is not asked any more")
        .is("3"),
];

const POLICY: &[Key] = &[
    key("name", Text, "the policy's identity in log and JSON")
        .required()
        .range("a text that no other policy has"),
    key("source", Text, "component or core module ([WIT](wit.md))").required().range(
        "`\"builtin:services\"`, `\"builtin:balanced\"`, `\"builtin:rules\"`, the path of a `.wasm` file, or `\"oci://HOST/NAME@sha256:...\"` ([distribution](../guide/distribution.md))",
    ),
    key("weight", Number(1, 100), "multiplies the urgency of its sacrifices").is("1"),
    key("shadow", Switch, "consulted and recorded, without a say").is("false"),
    key("grants", ListOf(&DETAILS), "functions of [`details`](wit.md#details) that it may import")
        .is("[]")
        .without("`[]`; of a built-in policy what it imports"),
    key("config", Anything, "handed to the policy as JSON; its own `validate` judges it")
        .without("`{}`")
        .range("a table"),
];
