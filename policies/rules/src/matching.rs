//! Which rule a process falls under.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jettison_sdk::{Memcg, PerMemcg, Process, Snapshot};

use crate::pattern::{Pattern, as_typed, without_mark};
use crate::rule::{Place, Rule};

/// Where a rule finds something, by memcg: nowhere, or with the memcg that it is about.
type Places<'s> = PerMemcg<Option<Memcg<'s>>>;

/// The rules, with what needs to be found out once for a snapshot. A memcg holds many processes, and many
/// processes have one name, so neither is compared twice.
pub(crate) struct Matching<'r, 's> {
    rules: Vec<(usize, &'r Rule, Option<Places<'s>>)>,
    /// By the name: for each rule whether it fits. Its hash comes first, since names begin alike.
    comms: BTreeMap<(u64, &'s [u8]), Vec<bool>>,
}

impl<'r, 's> Matching<'r, 's> {
    pub(crate) fn of(rules: &'r [Rule], snapshot: &'s Snapshot) -> Self {
        let with_places = |(index, rule): (usize, &'r Rule)| {
            let is_anywhere = rule.place.is_anywhere();
            let places = (!is_anywhere).then(|| snapshot.per_memcg(|memcg| found(&rule.place, memcg)));
            (index, rule, places)
        };
        Self { rules: rules.iter().enumerate().map(with_places).collect(), comms: BTreeMap::new() }
    }

    /// The first rule that matches a process: its number, and the memcg that it found it in.
    pub(crate) fn first(&mut self, p: Process<'s>) -> Option<(usize, &'r Rule, Option<Memcg<'s>>)> {
        let comm = p.comm();
        let rules = &self.rules;
        let fitting = self.comms.entry((hash(comm), comm)).or_insert_with(|| {
            rules.iter().map(|(_, rule, _)| any(&rule.process.comm, || comm.into())).collect()
        });
        let own = p.memcg();
        for ((index, rule, places), &fits) in self.rules.iter().zip(fitting.iter()) {
            if !fits {
                continue;
            }
            let memcg = match places {
                None => None,
                Some(places) => match own.and_then(|own| places[own]) {
                    Some(memcg) => Some(memcg),
                    None => continue,
                },
            };
            if is_met(rule, p) {
                return Some((*index, rule, memcg));
            }
        }
        None
    }
}

/// FNV-1a (RFC 9923).
fn hash(text: &[u8]) -> u64 {
    text.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &byte| (hash ^ u64::from(byte)).wrapping_mul(0x100_0000_01b3))
}

/// Whether the rest of what a rule asks of a process holds. What costs least is asked first.
fn is_met(rule: &Rule, p: Process<'_>) -> bool {
    let test = &rule.process;
    (test.uids.is_empty() || p.uid().is_some_and(|uid| test.uids.contains(&uid)))
        && test.age_ms.hold(|| Some(signed(p.age_ms())))
        && test.size_bytes.hold(|| Some(signed(p.footprint_bytes())))
        && test.growth_bytes_per_s.hold(|| p.growth_bytes_per_s())
        && any(&test.exe, || without_mark(p.exe()).into())
        && any(&test.cmdline, || as_typed(p.cmdline()))
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

/// Whether a text fits one of the patterns, or there are none.
fn any<'t>(patterns: &[Pattern], text: impl Fn() -> Cow<'t, [u8]>) -> bool {
    if patterns.is_empty() {
        return true;
    }
    let text = text();
    patterns.iter().any(|pattern| pattern.matches(&text))
}

/// The memcg that a rule is about, if this one is in it: the cgroup that was named, or the whole of its
/// container, its pod, or its unit.
fn found<'s>(place: &Place, own: Memcg<'s>) -> Option<Memcg<'s>> {
    let up = || std::iter::successors(Some(own), Memcg::parent);
    let fits = any(&place.unit, || own.unit().into())
        && any(&place.container, || own.container_id().into())
        && any(&place.pod, || own.pod_uid().into())
        && place.qos.is_none_or(|qos| own.pod_qos() == Some(qos));
    if !fits || is_empty_where_asked(place, own) {
        return None;
    }
    if !place.cgroup.is_empty() {
        let mut named = up().filter(|memcg| any(&place.cgroup, || memcg.path().into()));
        // `/*` fits the root, too, and means what is below it.
        let first = named.next()?;
        return Some(named.take_while(|memcg| memcg.parent().is_some()).last().unwrap_or(first));
    }
    if !place.container.is_empty() {
        return up().take_while(|memcg| memcg.container_id() == own.container_id()).last();
    }
    if !place.pod.is_empty() || place.qos.is_some() {
        return up().take_while(|memcg| memcg.pod_uid() == own.pod_uid()).last();
    }
    own.of_unit().last()
}

/// `*` fits an empty text, too, and what is in no unit, container or pod has an empty one.
fn is_empty_where_asked(place: &Place, own: Memcg<'_>) -> bool {
    (!place.unit.is_empty() && own.unit().is_empty())
        || (!place.container.is_empty() && own.container_id().is_empty())
        || (!place.pod.is_empty() && own.pod_uid().is_empty())
}
