//! Whether a run was as its scenario expects.

use jettison_vm_guest::{Death, Expected, How, Report, Scenario};

/// Everything that was not.
pub(super) fn judge(scenario: &Scenario, report: &Report) -> Vec<String> {
    let expected = if report.jettison { &scenario.with } else { &scenario.without };
    let mut wrong = Vec::new();
    let first = report.deaths.first();
    if first.map(|death| death.name.as_str()) != expected.first.as_deref() {
        wrong.push(format!(
            "the first to die is {}, not {}",
            name(first),
            expected.first.as_deref().unwrap_or("nobody")
        ));
    }
    if let (Some(death), Some(signal)) = (first, expected.signal)
        && death.how != How::Signal(signal)
    {
        wrong.push(format!("{} died by {:?}, not by signal {signal}", death.name, death.how));
    }
    if let (Some(death), Some(by)) = (first, &expected.by) {
        let killer = report.killer(death).unwrap_or("nobody");
        if killer != by.as_str() {
            wrong.push(format!("{} was ended by {killer}, not by {by}", death.name));
        }
    }
    for name in expected.alive.iter().filter(|name| !report.alive.contains(name)) {
        wrong.push(format!("{name} is not alive"));
    }
    wrong.extend(oom_kills(expected, report));
    for (check, found) in &expected.doctor {
        let said = report.doctor.get(check).map_or("nothing", String::as_str);
        if !said.starts_with(found.as_str()) {
            wrong.push(format!("the doctor says of {check} {said:?}, not {found:?}"));
        }
    }
    for what in expected.says.iter().filter(|what| !report.said.contains(what)) {
        wrong.push(format!("the daemon never said {what:?}"));
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

fn name(death: Option<&Death>) -> &str {
    death.map_or("nobody", |death| death.name.as_str())
}

#[cfg(test)]
mod tests {
    use jettison_vm_guest::Sent;

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
        Sent { signal, to: to.into(), pid, from: from.into() }
    }

    fn wrong(report: &Report) -> Vec<String> {
        judge(&Scenario::parse(SCENARIO).unwrap(), report)
    }

    #[test]
    fn as_expected_is_right() {
        assert!(wrong(&right()).is_empty());
    }

    #[test]
    fn nobody_died_and_somebody_else_died_are_wrong() {
        let nobody = Report { deaths: Vec::new(), ..right() };
        assert_eq!(wrong(&nobody), ["the first to die is nobody, not hog"]);
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
        assert_eq!(wrong(&unseen), ["hog was ended by nobody, not by jettison"]);
    }

    #[test]
    fn a_dead_primary_a_kernel_kill_and_a_walk_in_the_park_are_wrong() {
        let dead = Report { alive: Vec::new(), ..right() };
        assert_eq!(wrong(&dead), ["primary is not alive"]);
        let killed = Report { kernel_oom_kills: vec!["hog".into()], ..right() };
        assert_eq!(wrong(&killed), ["the kernel's OOM killer took 1 (hog), not 0"]);
        let easy = Report { available_min_mib: 41, ..right() };
        assert_eq!(wrong(&easy), ["available memory fell to 41 MiB, not to 40"]);
    }
}
