//! Whether a run was as its scenario expects.

use std::collections::BTreeSet;

use jettison_vm_guest::{Death, Expected, How, Report, Scenario, Sent, Text};

/// Its name, as the sender of a signal.
const DAEMON: &str = "jettison";
/// That of a child of its own, which it starts by way of /proc/self/exe and on which it drills at its start.
const CHILD: &str = "exe";

/// Everything that was not.
pub(super) fn judge(scenario: &Scenario, report: &Report) -> Vec<String> {
    let expected = scenario.expected(report.jettison);
    let mut wrong = Vec::new();
    let first = report.deaths.first();
    if first.map(|death| death.name.as_str()) != expected.first.as_deref() {
        wrong.push(format!(
            "the first to die is {}, not {}",
            name(first),
            expected.first.as_deref().unwrap_or("none")
        ));
    }
    if let (Some(death), Some(signal)) = (first, expected.signal)
        && death.how != How::Signal(signal)
    {
        wrong.push(format!("{} died by {:?}, not by signal {signal}", death.name, death.how));
    }
    if let (Some(death), Some(by)) = (first, &expected.by) {
        let killer = report.killer(death).unwrap_or("none");
        if killer != by.as_str() {
            wrong.push(format!("{} was ended by {killer}, not by {by}", death.name));
        }
    }
    for name in expected.alive.iter().filter(|name| !report.alive.contains(name)) {
        wrong.push(format!("{name} is not alive"));
    }
    wrong.extend(oom_kills(expected, report));
    wrong.extend(signalled(expected, report));
    wrong.extend(logged(expected, report));
    for (check, found) in &expected.doctor {
        let said = report.doctor.get(check).map_or("nothing", String::as_str);
        if !said.starts_with(found.as_str()) {
            wrong.push(format!("the doctor says of {check} {said:?}, not {found:?}"));
        }
    }
    for what in expected.says.iter().filter(|what| !report.said.contains(what)) {
        wrong.push(format!("the daemon never said {what:?}"));
    }
    if let Some(lost) = report.journal_records_lost.filter(|&lost| lost > 0) {
        wrong.push(format!("{lost} records of the journal were lost"));
    }
    if let Some(low) = expected.available_falls_to_mib.filter(|&low| report.available_min_mib > low) {
        wrong.push(format!("available memory fell to {} MiB, not to {low}", report.available_min_mib));
    }
    wrong
}

fn oom_kills(expected: &Expected, report: &Report) -> Option<String> {
    let (kills, expected) = (report.kernel_oom_kills.len(), expected.kernel_oom_kills?);
    let by_kernel = report.kernel_oom_kills.join(", ");
    (kills != expected).then(|| format!("the kernel's OOM killer took {kills} ({by_kernel}), not {expected}"))
}

/// What the daemon signalled, against what it may.
fn signalled(expected: &Expected, report: &Report) -> Vec<String> {
    let is_own = |sent: &Sent| [DAEMON, CHILD].contains(&sent.to.as_str());
    let by_daemon = |sent: &&Sent| sent.from == DAEMON && !is_own(sent);
    let (victims, bystanders): (Vec<&Sent>, Vec<&Sent>) =
        report.sent.iter().filter(by_daemon).partition(|sent| expected.is_victim(&sent.to, &sent.title));
    let mut wrong = Vec::new();
    let (count, others) = (pids(&victims), pids(&bystanders));
    if expected.bystanders.is_some_and(|expected| others != expected) {
        wrong.push(format!("{others} bystanders were signalled: {}", listed(&bystanders)));
    }
    if expected.victims_max.is_some_and(|max| count > max) {
        wrong.push(format!("{count} victims were signalled: {}", listed(&victims)));
    }
    if let Some(min) = expected.victims_min.filter(|&min| count < min) {
        wrong.push(format!("{count} victims were signalled, not {min}"));
    }
    let sent: Vec<&Sent> = victims.into_iter().chain(bystanders).collect();
    if sent.iter().any(|sent| !expected.signals.is_empty() && !expected.signals.contains(&sent.signal)) {
        wrong.push(format!("others than {:?} were sent: {}", expected.signals, listed(&sent)));
    }
    wrong
}

fn pids(sent: &[&Sent]) -> usize {
    sent.iter().map(|sent| sent.pid).collect::<BTreeSet<_>>().len()
}

/// `15 to 90 (postgres: walwriter)`, each once.
fn listed(sent: &[&Sent]) -> String {
    let lines = sent.iter().map(|sent| format!("{} to {} ({})", sent.signal, sent.pid, sent.title));
    lines.collect::<BTreeSet<_>>().into_iter().collect::<Vec<_>>().join(", ")
}

fn logged(expected: &Expected, report: &Report) -> Vec<String> {
    let stands = |text: &&Text| report.logged.contains(*text);
    let missing = expected.log_has.iter().filter(|text| !stands(text));
    let unwanted = expected.log_lacks.iter().filter(stands);
    let missing = missing.map(|text| format!("{} does not have {:?}", text.file, text.text));
    missing.chain(unwanted.map(|text| format!("{} has {:?}", text.file, text.text))).collect()
}

fn name(death: Option<&Death>) -> &str {
    death.map_or("none", |death| death.name.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENARIO: &str = r#"
summary = "a hog beside a primary"
memory_mib = 512
seconds = 1
[[process]]
name = "hog"
does = ""
[with]
first = "hog"
signal = 15
by = "jettison"
alive = ["primary"]
kernel_oom_kills = 0
available_falls_to_mib = 40
[without]
alive = []
"#;

    /// As the scenario has it.
    fn right() -> Report {
        Report {
            jettison: true,
            deaths: vec![died("hog", 7, 15)],
            sent: vec![sent("hog", 7, 15, "jettison")],
            alive: vec!["primary".into()],
            available_min_mib: 35,
            ..Report::default()
        }
    }

    fn died(name: &str, pid: u32, signal: i32) -> Death {
        Death { at_ms: 1, name: name.into(), pid, how: How::Signal(signal) }
    }

    fn sent(to: &str, pid: u32, signal: i32, from: &str) -> Sent {
        Sent { signal, to: to.into(), pid, title: format!("/run/{to} --hold"), from: from.into() }
    }

    fn wrong(report: &Report) -> Vec<String> {
        judge(&Scenario::parse(SCENARIO).unwrap(), report)
    }

    #[test]
    fn as_expected_is_right() {
        assert!(wrong(&right()).is_empty());
    }

    #[test]
    fn none_died_and_another_died_are_wrong() {
        let none = Report { deaths: Vec::new(), ..right() };
        assert_eq!(wrong(&none), ["the first to die is none, not hog"]);
        let other = Report { deaths: vec![died("worker", 7, 15)], ..right() };
        assert_eq!(wrong(&other), ["the first to die is worker, not hog"]);
    }

    #[test]
    fn the_right_one_by_the_wrong_hand_is_wrong() {
        let sent = vec![sent("hog", 7, 15, "jettison"), sent("hog", 7, 9, "kernel")];
        let by_kernel = Report { deaths: vec![died("hog", 7, 9)], sent, ..right() };
        let found = wrong(&by_kernel);
        assert_eq!(
            found,
            ["hog died by Signal(9), not by signal 15", "hog was ended by kernel, not by jettison"]
        );
        let unseen = Report { sent: Vec::new(), ..right() };
        assert_eq!(wrong(&unseen), ["hog was ended by none, not by jettison"]);
    }

    #[test]
    fn a_bystander_a_second_victim_and_another_signal_are_wrong() {
        let expects = |keys: &str| SCENARIO.replace("[without]", &format!("{keys}\n[without]"));
        let judged = |keys: &str, report: &Report| judge(&Scenario::parse(&expects(keys)).unwrap(), report);
        let keys = "bystanders = 0\nvictims_min = 1\nvictims_max = 1\nsignals = [15]";
        assert!(judged(keys, &right()).is_empty());
        let and = |more: Sent| Report { sent: vec![sent("hog", 7, 15, "jettison"), more], ..right() };
        assert_eq!(
            judged(keys, &and(sent("sshd", 8, 15, "jettison"))),
            ["1 bystanders were signalled: 15 to 8 (/run/sshd --hold)"]
        );
        assert!(
            judged("victims = [\"hog\", \"/run/sshd\"]", &and(sent("sshd", 8, 15, "jettison"))).is_empty()
        );
        assert_eq!(
            judged(keys, &and(sent("hog", 8, 15, "jettison"))),
            ["2 victims were signalled: 15 to 7 (/run/hog --hold), 15 to 8 (/run/hog --hold)"]
        );
        assert_eq!(
            judged(keys, &and(sent("hog", 7, 9, "jettison"))),
            ["others than [15] were sent: 15 to 7 (/run/hog --hold), 9 to 7 (/run/hog --hold)"]
        );
        assert!(judged(keys, &and(sent("sshd", 8, 9, "kernel"))).is_empty());
        assert!(judged(keys, &and(sent("exe", 8, 9, "jettison"))).is_empty(), "a child of its own");
    }

    #[test]
    fn a_log_without_its_text_or_with_another_is_wrong() {
        let keys = "log_has = [{ file = \"/run/log\", text = \"ready\" }]\nlog_lacks = [{ file = \"/run/log\", text = \"crash\" }]\n[without]";
        let scenario = Scenario::parse(&SCENARIO.replace("[without]", keys)).unwrap();
        let text = |text: &str| Text { file: "/run/log".into(), text: text.into() };
        assert!(judge(&scenario, &Report { logged: vec![text("ready")], ..right() }).is_empty());
        assert_eq!(
            judge(&scenario, &Report { logged: vec![text("crash")], ..right() }),
            ["/run/log does not have \"ready\"", "/run/log has \"crash\""]
        );
    }

    #[test]
    fn a_dead_primary_a_kernel_kill_a_lost_record_and_a_walk_in_the_park_are_wrong() {
        let dead = Report { alive: Vec::new(), ..right() };
        assert_eq!(wrong(&dead), ["primary is not alive"]);
        let killed = Report { kernel_oom_kills: vec!["hog".into()], ..right() };
        assert_eq!(wrong(&killed), ["the kernel's OOM killer took 1 (hog), not 0"]);
        let forgetful = Report { journal_records_lost: Some(2), ..right() };
        assert_eq!(wrong(&forgetful), ["2 records of the journal were lost"]);
        let easy = Report { available_min_mib: 41, ..right() };
        assert_eq!(wrong(&easy), ["available memory fell to 41 MiB, not to 40"]);
    }
}
