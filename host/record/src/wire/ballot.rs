//! What the policies said: `[{"policy", "weight", "shadow", "ballot": [...]} or {..., "fault": {...}}]`.

use jettison_model::{Ballot, Entry, Fault, Stance, Step, Target, Vote};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::list::list;

#[derive(Serialize, Deserialize)]
#[serde(remote = "Target", rename_all = "kebab-case")]
enum TargetForm {
    Process(u32),
    Tree(u32),
    Memcg(u32),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Stance", rename_all = "kebab-case")]
enum StanceForm {
    Protect(u16),
    Sacrifice(u16),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Step", rename_all = "kebab-case")]
pub(super) enum StepForm {
    Signal { number: u8, wait_ms: u32 },
    StopUnit { wait_ms: u32 },
    Hook { name: String, wait_ms: u32 },
}

list!(steps: Step as StepForm);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Entry")]
struct EntryForm {
    #[serde(with = "TargetForm")]
    target: Target,
    #[serde(with = "StanceForm")]
    stance: Stance,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    oom_score_adj: Option<i16>,
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "steps")]
    shutdown: Vec<Step>,
    reason: String,
}

list!(entries: Entry as EntryForm);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Fault", rename_all = "kebab-case")]
enum FaultForm {
    Missing { error: String },
    Distrusted { why: String },
    Fetch { detail: String },
    NotAComponent { detail: String },
    ForbiddenImport { import: String },
    NotGranted { function: String },
    WrongWorld { detail: String },
    Compile { detail: String },
    BadConfig { problems: String },
    Trap { detail: String },
    OutOfFuel { budget: u64 },
    OutOfTime { budget_ms: u64 },
    OutOfMemory { budget_bytes: u64 },
    Refused { message: String },
    BadBallot { entry: u32, problem: String },
    Quarantined { faults: u32, last: String },
    Host { detail: String },
}

/// The form of one vote.
struct VoteForm;

#[derive(Serialize)]
struct Given<'a> {
    policy: &'a str,
    weight: u32,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    shadow: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    ballot: Option<Entries<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<AFault<'a>>,
}

#[derive(Serialize)]
struct Entries<'a>(#[serde(serialize_with = "entries::serialize")] &'a [Entry]);

#[derive(Serialize)]
struct AFault<'a>(#[serde(with = "FaultForm")] &'a Fault);

#[derive(Deserialize)]
struct Taken {
    policy: String,
    weight: u32,
    #[serde(default)]
    shadow: bool,
    ballot: Option<TakenEntries>,
    fault: Option<TakenFault>,
}

#[derive(Deserialize)]
struct TakenEntries(#[serde(with = "entries")] Vec<Entry>);

#[derive(Deserialize)]
struct TakenFault(#[serde(with = "FaultForm")] Fault);

impl VoteForm {
    fn serialize<S: Serializer>(vote: &Vote, serializer: S) -> Result<S::Ok, S::Error> {
        let (ballot, fault) = match &vote.answer {
            Ok(ballot) => (Some(Entries(&ballot.entries)), None),
            Err(fault) => (None, Some(AFault(fault))),
        };
        let Vote { policy, weight, shadow, .. } = vote;
        Given { policy, weight: *weight, shadow: *shadow, ballot, fault }.serialize(serializer)
    }

    fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vote, D::Error> {
        let Taken { policy, weight, shadow, ballot, fault } = Taken::deserialize(deserializer)?;
        let answer = match (ballot, fault) {
            (Some(TakenEntries(entries)), None) => Ok(Ballot { entries }),
            (None, Some(TakenFault(fault))) => Err(fault),
            _ => return Err(D::Error::custom("a vote has a `ballot` or a `fault`")),
        };
        Ok(Vote { policy, weight, shadow, answer })
    }
}

list!(votes: Vote as VoteForm);
