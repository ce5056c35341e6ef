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
    for name in expected.alive.iter().filter(|name| !report.alive.contains(name)) {
        wrong.push(format!("{name} is not alive"));
    }
    wrong.extend(oom_kills(expected, report));
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
