//! What a decision remembered of those before it.

use jettison_decide::state::{Distrust, Kept, LastGood};
use jettison_decide::{InFlight, State};
use jettison_model::ProcessId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::id::{Id, ids, maybe};
use super::list::list;
use super::text;

#[derive(Serialize, Deserialize)]
#[serde(remote = "InFlight")]
struct InFlightForm {
    #[serde(with = "ids")]
    members: Vec<ProcessId>,
    predicted_relief_bytes: u64,
    is_overdue: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    comes_late: bool,
}

list!(in_flight: InFlight as InFlightForm);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Kept")]
struct KeptForm {
    #[serde(with = "Id")]
    id: ProcessId,
    strength: u16,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oom_score_adj: Option<i16>,
    #[serde(default, skip_serializing_if = "Option::is_none", with = "maybe")]
    service: Option<ProcessId>,
}

list!(kept: Kept as KeptForm);

#[derive(Serialize, Deserialize)]
#[serde(remote = "LastGood")]
struct LastGoodForm {
    policy: String,
    #[serde(with = "kept")]
    kept: Vec<Kept>,
}

list!(last_good: LastGood as LastGoodForm);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Distrust")]
struct DistrustForm {
    #[serde(with = "text")]
    memcg: Vec<u8>,
    failures: u32,
    #[serde(default = "any_size")]
    predicted_bytes: u64,
    since_ms: u64,
}

/// Until it was recorded, distrust was of victims of any size.
fn any_size() -> u64 {
    u64::MAX
}

list!(distrust: Distrust as DistrustForm);

/// A memcg and when it was passed over.
type PassedMemcg = (Vec<u8>, u64);

/// `{"memcg", "at_ms"}`
struct PassedForm;

#[derive(Serialize)]
struct Passed<'a> {
    #[serde(with = "text")]
    memcg: &'a [u8],
    at_ms: u64,
}

#[derive(Deserialize)]
struct TakenPassed {
    #[serde(with = "text")]
    memcg: Vec<u8>,
    at_ms: u64,
}

impl PassedForm {
    fn serialize<S: Serializer>((memcg, at_ms): &PassedMemcg, serializer: S) -> Result<S::Ok, S::Error> {
        Passed { memcg, at_ms: *at_ms }.serialize(serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<PassedMemcg, D::Error> {
        let TakenPassed { memcg, at_ms } = TakenPassed::deserialize(deserializer)?;
        Ok((memcg, at_ms))
    }
}

list!(passed_memcgs: PassedMemcg as PassedForm);

#[derive(Serialize, Deserialize)]
#[serde(remote = "State")]
pub(super) struct StateForm {
    named_at_ms: Vec<u64>,
    #[serde(default)]
    part_named_at_ms: Option<u64>,
    #[serde(default)]
    host_named_at_ms: Option<u64>,
    #[serde(with = "last_good")]
    last_good: Vec<LastGood>,
    #[serde(with = "ids")]
    refused: Vec<ProcessId>,
    #[serde(with = "ids")]
    unanswered: Vec<ProcessId>,
    #[serde(with = "distrust")]
    distrust: Vec<Distrust>,
    #[serde(with = "passed_memcgs")]
    passed_memcgs: Vec<PassedMemcg>,
}
