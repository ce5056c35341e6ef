//! What was decided: values to hold, victims, and why there is none.

use jettison_model::{Addressees, Hold, Idle, Plan, ProcessId, Step, Unit, Victim};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::ballot::steps;
use super::id::{Id, ids, maybe};
use super::list::list;
use super::text;

/// `[pid, start_time, original, value]`
struct HoldForm;

impl HoldForm {
    fn serialize<S: Serializer>(hold: &Hold, serializer: S) -> Result<S::Ok, S::Error> {
        (hold.id.pid, hold.id.start_time, hold.original, hold.value).serialize(serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Hold, D::Error> {
        let (pid, start_time, original, value) = Deserialize::deserialize(deserializer)?;
        Ok(Hold { id: ProcessId { pid, start_time }, original, value })
    }
}

list!(holds: Hold as HoldForm);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Unit", rename_all = "kebab-case")]
enum UnitForm {
    Process,
    Tree,
    Memcg(#[serde(with = "text")] Vec<u8>),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Addressees", rename_all = "kebab-case")]
enum AddresseesForm {
    All,
    These(#[serde(with = "ids")] Vec<ProcessId>),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Victim")]
pub(super) struct VictimForm {
    #[serde(with = "UnitForm")]
    unit: Unit,
    #[serde(with = "Id")]
    root: ProcessId,
    #[serde(with = "AddresseesForm")]
    addressees: Addressees,
    #[serde(with = "text")]
    comm: Vec<u8>,
    #[serde(with = "ids")]
    members: Vec<ProcessId>,
    predicted_relief_bytes: u64,
    #[serde(with = "steps")]
    shutdown: Vec<Step>,
    policy: String,
    reason: String,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "maybe")]
    service: Option<ProcessId>,
}

list!(victims: Victim as VictimForm);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Idle", rename_all = "kebab-case")]
enum IdleForm {
    OnTheWay,
    CoolingDown,
    KillsPerMinute,
    NotWorthIt { reachable_bytes: u64, needed_bytes: u64, protected_bytes: u64 },
}

mod idle {
    use super::{Deserialize, Deserializer, Idle, IdleForm, Serialize, Serializer};

    pub(crate) fn serialize<S: Serializer>(idle: &Option<Idle>, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct One<'a>(#[serde(with = "IdleForm")] &'a Idle);
        idle.as_ref().map(One).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Idle>, D::Error> {
        #[derive(Deserialize)]
        struct One(#[serde(with = "IdleForm")] Idle);
        Ok(Option::<One>::deserialize(deserializer)?.map(|one| one.0))
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Plan")]
pub(super) struct PlanForm {
    #[serde(with = "holds")]
    holds: Vec<Hold>,
    #[serde(with = "victims")]
    victims: Vec<Victim>,
    #[serde(default, with = "idle")]
    idle: Option<Idle>,
}
