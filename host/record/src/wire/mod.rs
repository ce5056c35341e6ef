//! Records as bytes. A head in JSON, whose fields are added and never changed, and for a tick the tables of
//! its snapshot as packed columns.
//!
//! ```text
//! payload   length of the head (u32, little endian), the head, the tables
//! ```

mod ballot;
mod host;
mod id;
mod list;
mod pack;
mod plan;
mod settings;
mod state;
mod tables;
mod text;

use std::collections::BTreeMap;
use std::sync::Arc;

use jettison_decide::{InFlight, Settings, State};
use jettison_model::{Host, Plan, Request, Snapshot, Target, Vote};
use serde::{Deserialize, Serialize};

use crate::record::{PolicySetup, Record, Setup, Tick};

/// The kinds of records, as frames have them.
pub(crate) const SETUP: u8 = 1;
pub(crate) const TICK: u8 = 2;
pub(crate) const SAMPLE: u8 = 3;
pub(crate) const END: u8 = 4;

#[derive(Serialize)]
struct SetupHead<'a> {
    at_ms: u64,
    jettison: &'a str,
    is_dry: bool,
    #[serde(with = "settings::SettingsForm")]
    settings: &'a Settings,
    policies: &'a [PolicySetup],
    hooks: &'a [String],
    limits: &'a BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct TakenSetup {
    at_ms: u64,
    jettison: String,
    is_dry: bool,
    #[serde(with = "settings::SettingsForm")]
    settings: Settings,
    policies: Vec<PolicySetup>,
    #[serde(default)]
    hooks: Vec<String>,
    #[serde(default)]
    limits: BTreeMap<String, u64>,
}

#[derive(Serialize)]
struct TickHead<'a> {
    setup: u32,
    taken_at_ms: u64,
    now_ms: u64,
    #[serde(with = "host::RequestForm")]
    request: &'a Request,
    #[serde(with = "host::HostForm")]
    host: &'a Host,
    #[serde(serialize_with = "ballot::votes::serialize")]
    votes: &'a [Vote],
    #[serde(serialize_with = "state::in_flight::serialize")]
    in_flight: &'a [InFlight],
    #[serde(with = "state::StateForm")]
    state: &'a State,
    #[serde(with = "plan::PlanForm")]
    plan: &'a Plan,
}

#[derive(Deserialize)]
struct TakenTick {
    setup: u32,
    taken_at_ms: u64,
    now_ms: u64,
    #[serde(with = "host::RequestForm")]
    request: Request,
    #[serde(with = "host::HostForm")]
    host: Host,
    #[serde(with = "ballot::votes")]
    votes: Vec<Vote>,
    #[serde(with = "state::in_flight")]
    in_flight: Vec<InFlight>,
    #[serde(with = "state::StateForm")]
    state: State,
    #[serde(with = "plan::PlanForm")]
    plan: Plan,
}

/// A plan as bytes: two that are the same are the same to the byte.
#[must_use]
pub fn plan_bytes(plan: &Plan) -> Vec<u8> {
    #[derive(Serialize)]
    struct Whole<'a>(#[serde(with = "plan::PlanForm")] &'a Plan);
    json(&Whole(plan))
}

/// Ballots and faults as bytes, likewise.
#[must_use]
pub fn votes_bytes(votes: &[Vote]) -> Vec<u8> {
    #[derive(Serialize)]
    struct Whole<'a>(#[serde(serialize_with = "ballot::votes::serialize")] &'a [Vote]);
    json(&Whole(votes))
}

fn json(value: &impl Serialize) -> Vec<u8> {
    // A vector takes whatever is written to it, and keys are strings.
    serde_json::to_vec(value).unwrap_or_default()
}

/// Memory for the payload and for one column.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    pub(crate) payload: Vec<u8>,
    scratch: Vec<u8>,
}

impl Encoder {
    /// Memory for records of the usual size, from the start.
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { payload: Vec::with_capacity(bytes), scratch: Vec::with_capacity(bytes / 4) }
    }

    /// Fills in the payload. Returns its kind.
    pub(crate) fn encode(&mut self, record: &Record) -> u8 {
        self.payload.clear();
        self.payload.extend_from_slice(&[0; 4]);
        let kind = match record {
            Record::Setup(setup) => self.setup(setup),
            Record::Tick(tick) => return self.tick(tick),
            Record::Sample(sample) => self.head(sample, SAMPLE),
            Record::End(end) => self.head(&**end, END),
        };
        self.close_head();
        kind
    }

    fn head(&mut self, head: &impl Serialize, kind: u8) -> u8 {
        // It takes whatever is written to it.
        serde_json::to_writer(&mut self.payload, head).ok();
        kind
    }

    fn close_head(&mut self) {
        let length = u32::try_from(self.payload.len() - 4).unwrap_or(u32::MAX);
        self.payload[..4].copy_from_slice(&length.to_le_bytes());
    }

    fn setup(&mut self, setup: &Setup) -> u8 {
        let Setup { at_ms, jettison, is_dry, settings, policies, hooks, limits } = setup;
        let (at_ms, is_dry) = (*at_ms, *is_dry);
        self.head(&SetupHead { at_ms, jettison, is_dry, settings, policies, hooks, limits }, SETUP)
    }

    fn tick(&mut self, tick: &Tick) -> u8 {
        let Tick { snapshot, votes, in_flight, state, plan, setup } = tick;
        let Snapshot { taken_at_ms, now_ms, request, host, processes, memcgs } = snapshot;
        let (setup, taken_at_ms, now_ms) = (*setup, *taken_at_ms, *now_ms);
        let head = TickHead { setup, taken_at_ms, now_ms, request, host, votes, in_flight, state, plan };
        self.head(&head, TICK);
        self.close_head();
        tables::pack((processes, memcgs), &mut self.payload, &mut self.scratch);
        TICK
    }
}

/// The record of a payload; `Ok(None)` if only a later version knows its kind.
///
/// # Errors
/// What does not fit, in words.
pub(crate) fn decode(kind: u8, payload: &[u8]) -> Result<Option<Record>, String> {
    let (length, rest) = payload.split_first_chunk::<4>().ok_or("it has no head")?;
    let length = u32::from_le_bytes(*length) as usize;
    let (head, tables) = rest.split_at_checked(length).ok_or("its head is cut off")?;
    Ok(Some(match kind {
        SETUP => {
            let TakenSetup { at_ms, jettison, is_dry, settings, policies, hooks, limits } = taken(head)?;
            Record::Setup(Arc::new(Setup { at_ms, jettison, is_dry, settings, policies, hooks, limits }))
        }
        TICK => Record::Tick(Box::new(tick(taken(head)?, tables)?)),
        SAMPLE => Record::Sample(taken(head)?),
        END => Record::End(Box::new(taken(head)?)),
        _ => return Ok(None),
    }))
}

fn taken<'h, T: Deserialize<'h>>(head: &'h [u8]) -> Result<T, String> {
    serde_json::from_slice(head).map_err(|error| format!("its head cannot be read: {error}"))
}

fn tick(head: TakenTick, tables: &[u8]) -> Result<Tick, String> {
    let (processes, memcgs) = tables::unpack(tables)?;
    let TakenTick { setup, taken_at_ms, now_ms, request, host, votes, in_flight, state, plan } = head;
    for vote in &votes {
        for entry in vote.answer.iter().flat_map(|ballot| &ballot.entries) {
            let rows = match entry.target {
                Target::Process(_) | Target::Tree(_) => processes.len(),
                Target::Memcg(_) => memcgs.len(),
            };
            if entry.target.row() as usize >= rows {
                return Err(format!("an entry of {} is about {:?}, of {rows}", vote.policy, entry.target));
            }
        }
    }
    let snapshot = Snapshot { taken_at_ms, now_ms, request, host, processes, memcgs };
    Ok(Tick { snapshot, votes: Arc::new(votes), in_flight, state, plan, setup })
}
