//! Victims' ends: as the tick remembers them, and as the journal does.

use jettison_model::Cause;
use jettison_record::End;
use jettison_tick::{By, Past, Place};

const CAUSES: [Cause; 6] =
    [Cause::Routine, Cause::Warning, Cause::Pressure, Cause::Critical, Cause::MemcgLimit, Cause::Manual];
const BYS: [By; 3] = [By::Jettison, By::Kernel, By::DryRun];

/// For the journal.
pub(crate) fn end(past: &Past) -> End {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let Place { memcg, service_unit, container, pod, cmdline } = &past.place;
    End {
        at_ms: past.at_ms,
        by: past.by.as_str().into(),
        pid: past.pid,
        start_time: past.start_time,
        comm: past.comm.clone(),
        uid: past.uid,
        cmdline: cmdline.as_deref().map(with_blanks),
        memcg: text(memcg),
        service_unit: text(service_unit),
        container: text(container),
        pod: text(pod),
        cause: past.cause.as_str().into(),
        target: past.target.into(),
        members: past.members as u64,
        policy: past.policy.clone(),
        reason: past.reason.clone(),
        killed: past.was_killed,
        refused: past.is_refused,
        unanswered: past.is_unanswered,
        steps: past.steps.clone(),
        took_ms: past.took_ms,
        predicted_relief_bytes: past.predicted_relief_bytes,
        measured_relief_bytes: past.measured_relief_bytes,
    }
}

/// From the journal of a daemon before us. Words that only a later version knows become the next best.
pub(crate) fn past(end: End) -> Past {
    let cause = CAUSES.into_iter().find(|cause| cause.as_str() == end.cause).unwrap_or_default();
    let target = ["process", "tree", "memcg"].into_iter().find(|&target| target == end.target);
    Past {
        at_ms: end.at_ms,
        by: BYS.into_iter().find(|by| by.as_str() == end.by).unwrap_or_default(),
        pid: end.pid,
        start_time: end.start_time,
        comm: end.comm,
        uid: end.uid,
        place: Place {
            memcg: end.memcg.into_bytes(),
            service_unit: end.service_unit.into_bytes(),
            container: end.container.into_bytes(),
            pod: end.pod.into_bytes(),
            cmdline: end.cmdline.map(String::into_bytes),
        },
        cause,
        target: target.unwrap_or("process"),
        members: usize::try_from(end.members).unwrap_or(usize::MAX),
        policy: end.policy,
        reason: end.reason,
        was_killed: end.killed,
        is_refused: end.refused,
        is_unanswered: end.unanswered,
        steps: end.steps,
        took_ms: end.took_ms,
        predicted_relief_bytes: end.predicted_relief_bytes,
        measured_relief_bytes: end.measured_relief_bytes,
    }
}

/// A command line with blanks between its arguments.
fn with_blanks(cmdline: &[u8]) -> String {
    let words = cmdline.strip_suffix(b"\0").unwrap_or(cmdline);
    String::from_utf8_lossy(words).replace('\0', " ")
}
