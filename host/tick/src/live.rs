//! The configuration that may change between two ticks.

use std::collections::BTreeMap;

use jettison_act::HookCommand;
use jettison_decide::Settings;

/// What takes effect with a reload. Everything else needs a restart.
#[derive(Clone, Debug)]
pub struct Live {
    /// What decisions depend on.
    pub settings: Settings,
    /// `adjust.interval_ms`: between routine ticks.
    pub interval_ms: u64,
    /// `[hooks]` by name. Steps of a ballot and notifications name them.
    pub hooks: BTreeMap<String, HookCommand>,
    /// `notify.warn`: hooks that run once when memory gets short.
    pub notify_warn: Vec<String>,
    /// `notify.ended`: hooks that run when a victim is gone or was given up.
    pub notify_ended: Vec<String>,
    /// `notify.kernel`: hooks that run when the kernel's OOM killer took a process.
    pub notify_kernel: Vec<String>,
    /// `notify.nobody`: hooks that run once when it is short and no unit is worth ending.
    pub notify_worthless: Vec<String>,
}

impl Default for Live {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            interval_ms: 10_000,
            hooks: BTreeMap::new(),
            notify_warn: Vec::new(),
            notify_ended: Vec::new(),
            notify_kernel: Vec::new(),
            notify_worthless: Vec::new(),
        }
    }
}
