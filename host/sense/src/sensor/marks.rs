//! What was held when memory was last at ease, on file: a daemon that is started anew on a host short of
//! memory knows what has gone since then, and who has taken it.
//!
//! ```text
//! { "schema": "jettison.ease/1", "boot_id": "f3c0ffee-...", "scope": null,
//!   "host": [[5000, 2097152, 1048576], ...],        time, total, available: of the last look at ease,
//!                                                   and of two before it (ease.rs)
//!   "processes": [[812, 1234, 4096, 4096, 0], ...] }  pid, start time; held at the same three, in bytes
//! ```

use jettison_model::ProcessId;
use jettison_model::limits::PROCESSES_MAX;
use serde::{Deserialize, Serialize};

use crate::host::ease::{Eased, Marks};
use crate::io::kept::{KeptError, expect_schema};
use crate::sensor::Sensor;

const SCHEMA: &str = "jettison.ease/1";
/// What was so longer ago tells little of this shortage.
const AGE_MS_MAX: u64 = 3_600_000;

/// What the host, and each process, held when memory was last at ease.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EaseMarks {
    schema: String,
    /// Pids and start times repeat themselves in another boot.
    boot_id: String,
    scope: Option<String>,
    host: [(u64, u64, u64); 3],
    processes: Vec<(u32, u64, u64, u64, u64)>,
}

impl EaseMarks {
    /// The file.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        serde_json::to_vec(self).unwrap_or_default()
    }

    /// From the file.
    ///
    /// # Errors
    /// If that is not what [`EaseMarks::to_bytes`] has written, in this version.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, KeptError> {
        let marks: Self = serde_json::from_slice(bytes)?;
        expect_schema(&marks.schema, SCHEMA)?;
        if marks.processes.len() > PROCESSES_MAX {
            return Err(KeptError(format!("has over {PROCESSES_MAX} processes")));
        }
        if !marks.processes.is_sorted_by_key(|&(pid, start_time, ..)| (pid, start_time)) {
            return Err(KeptError("its processes are not in order".into()));
        }
        Ok(marks)
    }

    fn last_ms(&self) -> u64 {
        self.host[0].0
    }
}

impl Sensor {
    /// What was held when memory was last at ease, for the daemon after this one. `None` if it never was, or
    /// where boots cannot be told apart.
    #[must_use]
    pub fn ease_marks(&self) -> Option<EaseMarks> {
        let host = self.ease.marks()?.to_array();
        let processes = self.processes.ease_marks().map(|(id, marks)| {
            let [last, newer, older] = marks.to_array();
            (id.pid, id.start_time, last, newer, older)
        });
        Some(EaseMarks {
            schema: SCHEMA.into(),
            boot_id: self.root.boot_id()?,
            scope: self.scope(),
            host: host.map(|mark: Eased| (mark.at_ms, mark.total_bytes, mark.available_bytes)),
            processes: processes.collect(),
        })
    }

    /// Begins with what the daemon before this one has left. Returns whether it can be used: it is of this
    /// boot and scope, and at most an hour old. To be called before the first scan. `now_ms` is of the boot
    /// clock.
    pub fn remember(&mut self, now_ms: u64, marks: &EaseMarks) -> bool {
        let age_ms = now_ms.checked_sub(marks.last_ms());
        let is_ours = self.root.boot_id().is_some_and(|boot_id| boot_id == marks.boot_id)
            && self.scope() == marks.scope
            && age_ms.is_some_and(|ms| ms <= AGE_MS_MAX);
        if !is_ours {
            return false;
        }
        let host = marks.host.map(|(at_ms, total_bytes, available_bytes)| Eased {
            at_ms,
            total_bytes,
            available_bytes,
        });
        self.ease.remember(Marks::from_array(host));
        let processes = marks.processes.iter().map(|&(pid, start_time, last, newer, older)| {
            (ProcessId { pid, start_time }, Marks::from_array([last, newer, older]))
        });
        self.processes.remember(marks.last_ms(), processes.collect());
        true
    }

    /// Whether memory was at ease at the last look.
    #[must_use]
    pub fn is_at_ease(&self) -> bool {
        self.ease.is_at_ease()
    }

    fn scope(&self) -> Option<String> {
        let domain = self.domain.as_ref().filter(|_| self.is_scoped);
        domain.map(|domain| String::from_utf8_lossy(domain.path()).into_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> String {
        let host = "[[3,9,5],[2,9,6],[1,9,7]]";
        let processes = "[[1,0,4096,4096,0],[7,5,8192,0,0]]";
        format!(r#"{{"schema":"{SCHEMA}","boot_id":"b","scope":null,"host":{host},"processes":{processes}}}"#)
    }

    #[test]
    fn a_file_is_read_as_it_was_written_and_any_other_is_refused() {
        let marks = EaseMarks::from_bytes(text().as_bytes()).unwrap();
        assert_eq!((marks.last_ms(), marks.processes.len()), (3, 2));
        assert_eq!(String::from_utf8(marks.to_bytes()).unwrap(), text());
        let bad = |text: &str| EaseMarks::from_bytes(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            bad(&text().replace("ease/1", "ease/2")),
            r#"has the schema "jettison.ease/2"; this version reads "jettison.ease/1""#
        );
        assert_eq!(bad(&text().replace("[1,0,", "[8,0,")), "its processes are not in order");
        for foreign in ["", "{}", "[1]", &text()[1..], &text()[..40], &text().replace("scope", "where")] {
            assert!(!bad(foreign).is_empty());
        }
    }
}
