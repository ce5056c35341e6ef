//! The exported interface `policy` as it comes over the border, unchecked. One type for each of
//! `wit/policy.wit`.

use std::fmt;

use wasmtime::component::{ComponentType, Lift};

#[derive(ComponentType, Lift, Debug, Default)]
#[component(record)]
pub(crate) struct Description {
    pub(crate) name: String,
    pub(crate) version: String,
    pub(crate) summary: String,
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct Problem {
    pub(crate) key: String,
    pub(crate) message: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.key.is_empty() {
            return f.write_str(&self.message);
        }
        write!(f, "{}: {}", self.key, self.message)
    }
}

#[derive(ComponentType, Lift, Clone, Copy, Debug)]
#[component(variant)]
pub(crate) enum Target {
    #[component(name = "process")]
    Process(u32),
    #[component(name = "tree")]
    Tree(u32),
    #[component(name = "memcg")]
    Memcg(u32),
}

#[derive(ComponentType, Lift, Clone, Copy, Debug)]
#[component(variant)]
pub(crate) enum Stance {
    #[component(name = "protect")]
    Protect(u16),
    #[component(name = "sacrifice")]
    Sacrifice(u16),
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct SignalStep {
    pub(crate) number: u8,
    #[component(name = "wait-ms")]
    pub(crate) wait_ms: u32,
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct HookStep {
    pub(crate) name: String,
    #[component(name = "wait-ms")]
    pub(crate) wait_ms: u32,
}

#[derive(ComponentType, Lift, Debug)]
#[component(variant)]
pub(crate) enum Step {
    #[component(name = "signal")]
    Signal(SignalStep),
    #[component(name = "stop-unit")]
    StopUnit(u32),
    #[component(name = "hook")]
    Hook(HookStep),
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct Entry {
    pub(crate) target: Target,
    pub(crate) stance: Stance,
    #[component(name = "oom-score-adj")]
    pub(crate) oom_score_adj: Option<i16>,
    pub(crate) shutdown: Vec<Step>,
    pub(crate) reason: String,
}

#[derive(ComponentType, Lift, Debug)]
#[component(record)]
pub(crate) struct Ballot {
    pub(crate) entries: Vec<Entry>,
}
