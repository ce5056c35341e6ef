//! What the administrator decided.

use jettison_decide::settings::Watch;
use jettison_decide::{Bound, Pattern, Reach, Reclaim, Rule, Settings, StallSpan, Thrash, Thresholds};
use serde::{Deserialize, Serialize};

use super::list::list;

#[derive(Serialize, Deserialize)]
#[serde(remote = "Bound")]
struct BoundForm {
    percent: u32,
    cap_bytes: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Thresholds")]
struct ThresholdsForm {
    #[serde(with = "BoundForm")]
    warn: Bound,
    #[serde(with = "BoundForm")]
    act: Bound,
    #[serde(with = "BoundForm")]
    critical: Bound,
    swap_free_percent: Option<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Watch", rename_all = "kebab-case")]
enum WatchForm {
    Limited,
    Nothing,
    Paths(Vec<String>),
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Reach", rename_all = "kebab-case")]
enum ReachForm {
    Sacrifice,
    Unranked,
    Protected,
}

/// A regular expression, as text.
mod pattern {
    use super::{Deserialize, Pattern, Serialize};
    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    pub(crate) fn serialize<S: Serializer>(
        pattern: &Option<Pattern>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        pattern.as_ref().map(Pattern::as_str).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Pattern>, D::Error> {
        let text = Option::<String>::deserialize(deserializer)?;
        text.map(|text| Pattern::new(&text)).transpose().map_err(D::Error::custom)
    }
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Rule")]
struct RuleForm {
    comm: Option<String>,
    unit: Option<String>,
    cgroup: Option<String>,
    uid: Option<u32>,
    exe: Option<String>,
    #[serde(with = "pattern")]
    cmdline: Option<Pattern>,
}

list!(rules: Rule as RuleForm);

#[derive(Serialize, Deserialize)]
#[serde(remote = "StallSpan", rename_all = "kebab-case")]
enum StallSpanForm {
    Short,
    Long,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Thrash")]
struct ThrashForm {
    full_percent: u32,
    #[serde(with = "StallSpanForm")]
    over: StallSpan,
}

list!(stalls: Thrash as ThrashForm);

#[derive(Serialize, Deserialize)]
#[serde(remote = "Reclaim")]
struct ReclaimForm {
    memcgs: Vec<String>,
    bite_bytes: u64,
    pressure_max: u32,
}

#[derive(Serialize, Deserialize)]
#[serde(remote = "Settings")]
pub(super) struct SettingsForm {
    #[serde(with = "ThresholdsForm")]
    thresholds: Thresholds,
    /// Journals of before know no stalls, so none was a cause.
    #[serde(with = "stalls", default)]
    thrash: Vec<Thrash>,
    #[serde(with = "WatchForm")]
    watch: Watch,
    scope: Option<String>,
    #[serde(with = "ReachForm")]
    reach: Reach,
    grace_ms: u32,
    grace_max_ms: u32,
    critical_grace_ms: u32,
    cool_down_ms: u32,
    kills_per_minute_max: u32,
    is_adjusting: bool,
    #[serde(with = "ReclaimForm", default)]
    reclaim: Reclaim,
    #[serde(with = "rules")]
    never: Vec<Rule>,
    own_pid: u32,
    own_uid: Option<u32>,
    signals_only_uid: Option<u32>,
}
