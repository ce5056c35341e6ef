//! What a machine may say, and how its errors read.

use jettison_judgement::{Machine, Taken, Verdict, judge, load, peers};

const HEAD: &str = "summary = 's'\nwhy = 'w'\nreport = 'made up: r'\ntotal = 4000\navailable = 100\n";

/// Reads a machine.
fn read(text: &str) -> Result<Machine, String> {
    let folder = tempfile::tempdir().unwrap();
    let machines = folder.path().join("machines");
    std::fs::create_dir(&machines).unwrap();
    let file = machines.join("m.toml");
    std::fs::write(&file, text).unwrap();
    load(&file).map_err(|error| format!("{error:#}"))
}

fn machine(rest: &str) -> Machine {
    read(&format!("{HEAD}{rest}")).unwrap()
}

#[test]
fn an_unknown_key_is_named_with_file_and_line() {
    let text = format!("{HEAD}right = ['a']\nnever = []\nprocesses = [\n  {{ comm = 'a', annon = 5 }},\n]\n");
    let error = read(&text).unwrap_err();
    assert!(error.contains("m.toml") && error.contains("line 9") && error.contains("annon"), "{error}");
}

#[test]
fn what_does_not_fit_is_named() {
    for (rest, expected) in [
        ("right = ['b']\nnever = []\nprocesses = [{ comm = 'a' }]", "no process has the label \"b\""),
        ("right = ['a']\nnever = ['a']\nprocesses = [{ comm = 'a' }]", "both right and never"),
        ("right = ['a']\nnever = []\nprocesses = [{ comm = 'a', parent = 'p' }]", "there is no id \"p\""),
        ("right = ['a']\nnever = []\nprocesses = [{ comm = 'a', memcg = 'x' }]", "is no path"),
        ("right = ['a']\nnever = []\nprocesses = [{ comm = 'a', age = 'old' }]", "\"90s\""),
        ("right = ['a']\nnever = []\nprocesses = [{ comm = 'a', anon = 4000 }]", "only 3900 are in use"),
        ("right = []\nnever = []\nprocesses = [{ comm = 'a' }]", "may_be_none is not set"),
    ] {
        let error = read(&format!("{HEAD}{rest}")).unwrap_err();
        assert!(error.contains(expected), "{error}");
    }
}

#[test]
fn copies_have_numbers_and_steps_and_inherit_from_their_parent() {
    let machine = machine(
        "right = ['w']\nnever = []\nprocesses = [
          { id = 'p{i}', comm = 'p{i}', n = 2, uid = 33, memcg = 'web{i}.service', label = 'p' },
          { comm = 'w', anon = 10, n = 2, parent = 'p{i}', step = { anon = 5 } },
        ]",
    );
    let workers: Vec<_> = machine.processes.iter().filter(|process| process.label == "w").collect();
    assert_eq!(workers.iter().map(|w| w.anon).collect::<Vec<_>>(), [10.0, 15.0]);
    assert_eq!(workers[1].memcg, "/system.slice/web1.service");
    assert_eq!(workers[1].uid, 33);
}

#[test]
fn what_was_taken_follows_from_age_and_growth() {
    let machine = machine(
        "eased = '1h'\nright = ['young']\nnever = []\nprocesses = [
          { comm = 'young', anon = 300, age = '10m' },
          { comm = 'leak', anon = 900, age = '1d', grow = 0.1 },
          { comm = 'still', anon = 500, age = '1d' },
        ]",
    );
    let taken = |label: &str| machine.processes.iter().find(|row| row.label == label).map(|row| row.taken);
    assert_eq!((taken("young"), taken("leak"), taken("still")), (Some(300.0), Some(360.0), Some(0.0)));
}

#[test]
fn the_verdict_is_about_the_first_and_about_all() {
    let machine = machine(
        "right = ['a']\nnever = ['base', 'b']\nprocesses = [{ comm = 'a' }, { comm = 'b' }, { comm = 'c' }]",
    );
    let of = |units: &[&[&str]]| {
        let units = units.iter().map(|unit| unit.iter().map(|&label| label.into()).collect()).collect();
        judge(&machine, &Taken { units, note: String::new() })
    };
    assert_eq!(of(&[&["a"]]), Verdict::Right);
    assert_eq!(of(&[&["c"], &["a"]]), Verdict::Missed);
    assert_eq!(of(&[&["a"], &["c", "b"]]), Verdict::Wrong);
    assert_eq!(of(&[&["base:cron"]]), Verdict::Wrong);
    assert_eq!(of(&[]), Verdict::Missed);
}

fn firsts(machine: &Machine) -> Vec<String> {
    let taken = peers::ALL.iter().map(|(_, rule)| rule(machine));
    taken.map(|taken| taken.first().unwrap_or("-").to_owned()).collect()
}

#[test]
fn peers_go_by_size_and_adjustment() {
    let by_size = machine(
        "right = ['big']\nnever = []\nprocesses = [
          { comm = 'big', anon = 1800 }, { comm = 'small', anon = 800 }, { comm = 'never', anon = 900, adj = -1000 },
        ]",
    );
    assert_eq!(firsts(&by_size), ["big"; 4]);
    let by_adj = machine(
        "right = ['small']\nnever = []\nprocesses = [
          { comm = 'big', anon = 2000 }, { comm = 'small', anon = 900, adj = 500 },
        ]",
    );
    assert_eq!(firsts(&by_adj), ["small"; 4]);
}

#[test]
fn nohang_spares_a_compositor_and_oomd_takes_the_whole_scope() {
    let machine = machine(
        "right = ['shell']\nnever = []\nprocesses = [
          { comm = 'gnome-shell', anon = 1500, uid = 1000, memcg = 'app-a.scope', label = 'shell' },
          { comm = 'editor', anon = 1100, uid = 1000, memcg = 'app-b.scope' },
          { comm = 'helper', anon = 600, uid = 1000, memcg = 'app-b.scope' },
        ]",
    );
    assert_eq!(firsts(&machine), ["shell", "shell", "editor", "editor"]);
    assert_eq!(peers::ALL[3].1(&machine).units[0], ["editor", "helper"]);
}

#[test]
fn in_a_limited_memcg_only_the_kernel_acts_and_only_there() {
    let machine = read(
        "summary = 's'\nwhy = 'w'\nreport = 'made up: r'\ntotal = 9000\navailable = 5000
         right = ['inside']\nnever = []
         memcgs = [{ path = '/system.slice/c.service', max = 500 }]
         processes = [{ comm = 'outside', anon = 2000 }, { comm = 'inside', anon = 480, memcg = 'c.service' }]",
    )
    .unwrap();
    assert_eq!(firsts(&machine), ["inside"; 4]);
}
