//! What the kernel can do.

use jettison_sense::Survey;
use jettison_sense::survey::Feature;

use super::check::Check;

pub(super) const ALL: &[fn(&Survey) -> Check] = &[release, pidfd, mrelease, cgroup_kill];

fn release(survey: &Survey) -> Check {
    match &survey.release {
        Some(release) => Check::ok("kernel", release.to_string()),
        None => Check::lacking("kernel", "not known", "/proc/sys/kernel/osrelease cannot be read."),
    }
}

fn pidfd(survey: &Survey) -> Check {
    let advice = "Signals are sent through pidfds only, so that none reaches a process that has the pid by now. Use Linux 5.3 or newer, and a seccomp filter that allows pidfd_open and pidfd_send_signal.";
    match survey.pidfd {
        Feature::There => Check::ok("pidfd", "pidfd_open and pidfd_send_signal are there"),
        Feature::Unknown => Check::lacking("pidfd", "not known", advice),
        missing => Check::blocking("pidfd", absence(missing), advice),
    }
}

fn mrelease(survey: &Survey) -> Check {
    let advice = "Works without: the memory of a killed process comes back when it exits, which may take longer on a stalled host.";
    feature("process-mrelease", "process_mrelease is there", survey.mrelease, advice)
}

fn cgroup_kill(survey: &Survey) -> Check {
    let advice = "Works without: members of a memcg are ended one by one.";
    feature("cgroup-kill", "cgroup.kill is there", survey.cgroup_kill, advice)
}

fn feature(name: &'static str, there: &str, feature: Feature, advice: &'static str) -> Check {
    match feature {
        Feature::There => Check::ok(name, there),
        missing => Check::lacking(name, absence(missing), advice),
    }
}

fn absence(feature: Feature) -> String {
    match feature {
        Feature::There => "there".into(),
        Feature::Absent { since: (major, minor) } => {
            format!("missing: it came with Linux {major}.{minor}")
        }
        Feature::OnlyV2 => "missing: it needs the memory controller on cgroup v2".into(),
        Feature::Refused => "refused, as by a container's seccomp filter".into(),
        Feature::Unknown => "not known".into(),
    }
}
