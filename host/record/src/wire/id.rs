//! Processes, as `[pid, start_time]`.

use jettison_model::ProcessId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::list::list;

/// The form of one.
pub(super) struct Id;

impl Id {
    pub(super) fn serialize<S: Serializer>(id: &ProcessId, serializer: S) -> Result<S::Ok, S::Error> {
        (id.pid, id.start_time).serialize(serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<ProcessId, D::Error> {
        let (pid, start_time) = Deserialize::deserialize(deserializer)?;
        Ok(ProcessId { pid, start_time })
    }
}

list!(ids: ProcessId as Id);

/// One that there may be.
pub(super) mod maybe {
    use super::{Deserialize, Deserializer, ProcessId, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(id: &Option<ProcessId>, serializer: S) -> Result<S::Ok, S::Error> {
        id.map(|id| (id.pid, id.start_time)).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<ProcessId>, D::Error> {
        let id = Option::<(u32, u64)>::deserialize(deserializer)?;
        Ok(id.map(|(pid, start_time)| ProcessId { pid, start_time }))
    }
}
