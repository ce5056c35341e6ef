//! The configuration as meant: split into what needs a restart and what is live.

use std::path::{Path, PathBuf};

use jettison_policy::Limits;
use jettison_registry::Pinned;
use jettison_sense::Root;
use jettison_sense::survey::{Capabilities, Capability};
use jettison_sense::trigger::{PsiKind, PsiSpec};
use jettison_tick::Live;

use super::places::Places;
use super::reader::Problem;
use super::registries::Registries;

/// Whether decisions are carried out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Enforce,
    DryRun,
}

/// Where a policy's module comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// Embedded in the binary, by name.
    Builtin(String),
    File(PathBuf),
    /// In an OCI registry, by the reference as written. One that is good is pinned to a digest.
    Registry(String),
}

impl Source {
    /// What stands in a configuration or on a command line.
    pub(crate) fn of(text: &str) -> Self {
        match text.strip_prefix("builtin:") {
            Some(name) => Self::Builtin(name.into()),
            None if text.starts_with("oci://") => Self::Registry(text.into()),
            None => Self::File(text.into()),
        }
    }

    /// What is wrong with it, as far as that is known without looking for it.
    pub(crate) fn problem(&self) -> Option<String> {
        match self {
            Self::Builtin(name) if jettison_policy::builtin(name).is_none() => Some(format!(
                "there is no built-in policy `{name}`; there are \"builtin:{}\"",
                jettison_policy::BUILTINS.join("\", \"builtin:")
            )),
            Self::Registry(text) => text.parse::<Pinned>().err().map(|bad| bad.to_string()),
            Self::Builtin(_) | Self::File(_) => None,
        }
    }

    /// Whether both are the same module.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File(one), Self::File(other)) => {
                one == other
                    || one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|it| it == one))
            }
            (one, other) => one == other,
        }
    }

    /// What a policy may read where `grants` is left out: a built-in one is a part of this program.
    pub(crate) fn grants(&self) -> Vec<String> {
        match self {
            Self::Builtin(name) => {
                jettison_policy::builtin_grants(name).iter().map(|&grant| grant.to_owned()).collect()
            }
            Self::File(_) | Self::Registry(_) => Vec::new(),
        }
    }
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Builtin(name) => write!(f, "builtin:{name}"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Registry(text) => f.write_str(text),
        }
    }
}

/// Which functions of `details` a policy may import.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Grants {
    Listed(Vec<String>),
    /// What `--policy` grants, for trying a module by hand.
    All,
}

/// One `[[policy]]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PolicyConfig {
    pub(crate) name: String,
    pub(crate) source: Source,
    pub(crate) weight: u32,
    pub(crate) shadow: bool,
    pub(crate) grants: Grants,
    /// `[policy.config]`, as JSON text.
    pub(crate) config: String,
    /// Where its keys stand.
    pub(crate) places: Places,
}

impl PolicyConfig {
    /// A policy with nothing but a name and a source.
    pub(crate) fn plain(name: &str, source: Source) -> Self {
        let grants = Grants::Listed(Vec::new());
        Self {
            name: name.into(),
            source,
            weight: 1,
            shadow: false,
            grants,
            config: "{}".into(),
            places: Places::default(),
        }
    }

    /// A built-in policy, with the grants that it needs.
    fn builtin(name: &str) -> Self {
        let source = Source::Builtin(name.into());
        Self { grants: Grants::Listed(source.grants()), ..Self::plain(name, source) }
    }

    /// The modules of a command line. One that is configured, too, has its name and its `[policy.config]`
    /// from there; `config` is a file that takes the place of that.
    ///
    /// # Errors
    /// All that is wrong with the file.
    pub(crate) fn of_modules(
        modules: &[String],
        configured: &[Self],
        config: Option<&Path>,
    ) -> Result<Vec<Self>, Vec<Problem>> {
        let config = config.map(super::files::policy_config).transpose()?;
        let policy = |module: &String| {
            let plain = Self::of_module(module);
            let known = configured.iter().find(|known| known.source.is(&plain.source));
            let found = match known {
                Some(known) => Self { grants: Grants::All, shadow: false, weight: 1, ..known.clone() },
                None => plain,
            };
            match &config {
                Some((config, places)) => Self { config: config.clone(), places: places.clone(), ..found },
                None => found,
            }
        };
        Ok(modules.iter().map(policy).collect())
    }

    /// What `--policy MODULE` stands for.
    pub(crate) fn of_module(module: &str) -> Self {
        let source = Source::of(module);
        // A tag or a digest is no part of a name.
        let named = if matches!(source, Source::Registry(_)) { before_version(module) } else { module };
        let name = Path::new(named).file_stem().map_or_else(|| module.into(), |stem| stem.to_string_lossy());
        let name = module.strip_prefix("builtin:").unwrap_or(&name);
        Self { grants: Grants::All, ..Self::plain(name, source) }
    }
}

/// A reference without its tag and its digest.
fn before_version(reference: &str) -> &str {
    let reference = reference.split('@').next().unwrap_or(reference);
    match reference.rsplit_once(':') {
        Some((before, tag)) if !tag.contains('/') => before,
        _ => reference,
    }
}

/// The whole configuration, as meant.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    pub(crate) fixed: Fixed,
    pub(crate) live: Live,
    /// `limits.quarantine_faults`: so many faults in a row put a module into quarantine.
    pub(crate) quarantine_faults: u32,
    pub(crate) policies: Vec<PolicyConfig>,
    pub(crate) registries: Registries,
    /// What can be meant, and hardly is. No reason to refuse it.
    pub(crate) warnings: Vec<Problem>,
}

/// What needs a restart to change. All else takes effect with a reload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Fixed {
    pub(crate) mode: Mode,
    pub(crate) scope: Option<String>,
    pub(crate) psi: Vec<PsiSpec>,
    /// `[limits]`: what one consultation may use.
    pub(crate) limits: Limits,
    pub(crate) evidence: Evidence,
}

/// `[journal]` and `[metrics]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Evidence {
    /// `journal` where what should outlive a boot is kept, unless it is set.
    pub(crate) journal_directory: Option<PathBuf>,
    /// 0 for no journal.
    pub(crate) journal_max_mib: u32,
    pub(crate) metrics_textfile: Option<PathBuf>,
}

impl Default for Evidence {
    fn default() -> Self {
        Self { journal_directory: None, journal_max_mib: 64, metrics_textfile: None }
    }
}

/// The daemon's own process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Own {
    /// 0 where it is not on the machine that is looked at.
    pub(crate) pid: u32,
    /// Its effective user; `None` likewise.
    pub(crate) uid: Option<u32>,
    /// The user whose processes alone it may signal, where it has no CAP_KILL (kill(2)).
    pub(crate) signals_only_uid: Option<u32>,
}

impl Own {
    /// This process, on the live machine.
    ///
    /// kill(2) compares the sender's real or effective user with the target's real or saved one. A snapshot
    /// has the effective user of a process, so a set-user-ID program may be excluded although a signal would
    /// arrive; where one would not, the kernel refuses, and the victim is given up. Where CapEff cannot be
    /// read, nothing is excluded beforehand.
    pub(crate) fn live(root: &Root) -> Self {
        let has_kill = Capabilities::own(root).is_none_or(|own| own.has(Capability::Kill));
        let uid = rustix::process::geteuid().as_raw();
        Self { pid: std::process::id(), uid: Some(uid), signals_only_uid: (!has_kill).then_some(uid) }
    }
}

/// What the command line of `run` sets, whatever the file says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Overrides {
    pub(crate) is_dry: bool,
    pub(crate) scope: Option<String>,
}

impl Fixed {
    pub(crate) fn overridden(self, by: &Overrides) -> Self {
        let mode = if by.is_dry { Mode::DryRun } else { self.mode };
        Self { mode, scope: by.scope.clone().or(self.scope), ..self }
    }

    /// The keys that differ.
    pub(crate) fn changes(&self, other: &Self) -> Vec<String> {
        let changes = [
            ("act.mode", self.mode != other.mode),
            ("scope.memcg", self.scope != other.scope),
            ("trigger.psi", self.psi != other.psi),
            ("limits", self.limits != other.limits),
            ("journal or metrics", self.evidence != other.evidence),
        ];
        changes.into_iter().filter(|(_, has_changed)| *has_changed).map(|(key, _)| key.to_owned()).collect()
    }

    /// Settings of decisions that depend on the scope and on the daemon's own process, which stay.
    pub(crate) fn applied_to(&self, mut live: Live, own: Own) -> Live {
        live.settings.own_pid = own.pid;
        live.settings.own_uid = own.uid;
        live.settings.signals_only_uid = own.signals_only_uid;
        live.settings.scope.clone_from(&self.scope);
        live
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            fixed: Fixed {
                mode: Mode::Enforce,
                scope: None,
                psi: vec![default_psi()],
                limits: Limits::default(),
                evidence: Evidence::default(),
            },
            live: Live::default(),
            quarantine_faults: 3,
            policies: jettison_policy::DEFAULTS.map(PolicyConfig::builtin).into(),
            registries: Registries::default(),
            warnings: Vec::new(),
        }
    }
}

pub(super) fn default_psi() -> PsiSpec {
    PsiSpec { kind: PsiKind::Some, stall_ms: 150, window_ms: 1000, memcg: None }
}
