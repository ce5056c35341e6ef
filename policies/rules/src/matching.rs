//! Which rule a process falls under.

use jettison_sdk::{Memcg, Pattern, PerMemcg, Process, Snapshot};

use crate::rule::{Place, Rule};
use crate::set::Set;

/// Names that are remembered. One that takes the place of another is compared again.
const NAMES: usize = 512;

/// The rules, with what needs to be found out once for a snapshot. A memcg holds many processes, and many
/// processes have one name, so neither is compared for each of them.
pub(crate) struct Matching<'r, 's> {
    rules: &'r [Rule],
    /// Those that do not ask for a name.
    nameless: Set,
    names: Vec<Option<(&'s [u8], Set)>>,
    /// Those that do not ask for a place.
    anywhere: Set,
    /// Those whose place a memcg is in, the former among them.
    places: PerMemcg<Set>,
}

impl<'r, 's> Matching<'r, 's> {
    pub(crate) fn of(rules: &'r [Rule], snapshot: &'s Snapshot) -> Self {
        let those = |is_one: &dyn Fn(&Rule) -> bool| -> Set {
            (0..).zip(rules).filter(|(_, rule)| is_one(rule)).map(|(index, _)| index).collect()
        };
        let anywhere = those(&|rule| rule.place.is_anywhere());
        let mut named = snapshot.per_memcg(|_| Set::default());
        let mut places = snapshot.per_memcg(|_| anywhere);
        for memcg in snapshot.memcgs() {
            if let Some(parent) = memcg.parent() {
                named[memcg] = named[parent];
            }
            for (index, rule) in rules.iter().enumerate().filter(|(_, rule)| !rule.place.is_anywhere()) {
                let cgroup = &rule.place.cgroup;
                if !cgroup.is_empty() && any(cgroup, memcg.path()) {
                    named[memcg].insert(index);
                }
                if (cgroup.is_empty() || named[memcg].has(index)) && is_there(&rule.place, memcg) {
                    places[memcg].insert(index);
                }
            }
        }
        let nameless = those(&|rule| rule.process.comm.is_empty());
        Self { rules, nameless, names: vec![None; NAMES], anywhere, places }
    }

    /// The first rule that matches a process: its number, and the memcg that it found it in.
    pub(crate) fn first(&mut self, p: Process<'s>) -> Option<(usize, &'r Rule, Option<Memcg<'s>>)> {
        let rules = self.rules;
        let own = p.memcg();
        let here = own.map_or(self.anywhere, |own| self.places[own]);
        let mut fitting = self.named(p.comm()).and(here).iter();
        let (index, rule) = fitting
            .find_map(|index| rules.get(index).filter(|rule| is_met(rule, p)).map(|rule| (index, rule)))?;
        let memcg = own.filter(|_| !rule.place.is_anywhere());
        Some((index, rule, memcg.map(|own| whole(&rule.place, own))))
    }

    /// The rules that a name fits.
    fn named(&mut self, comm: &'s [u8]) -> Set {
        let place = hash(comm) % NAMES;
        if let Some((_, known)) = self.names[place].filter(|(known, _)| *known == comm) {
            return known;
        }
        let mut fitting = self.nameless;
        for (index, rule) in self.rules.iter().enumerate() {
            if !rule.process.comm.is_empty() && any(&rule.process.comm, comm) {
                fitting.insert(index);
            }
        }
        self.names[place] = Some((comm, fitting));
        fitting
    }
}

/// FNV-1a (RFC 9923), folded.
fn hash(text: &[u8]) -> usize {
    let hash =
        text.iter().fold(0x811c_9dc5_u32, |hash, &byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193));
    (hash ^ hash >> 15) as usize
}

/// Whether the rest of what a rule asks of a process holds. What costs least is asked first.
fn is_met(rule: &Rule, p: Process<'_>) -> bool {
    let test = &rule.process;
    (test.uids.is_empty() || p.uid().is_some_and(|uid| test.uids.contains(&uid)))
        && test.age_ms.hold(|| Some(signed(p.age_ms())))
        && test.size_bytes.hold(|| Some(signed(p.footprint_bytes())))
        && test.growth_bytes_per_s.hold(|| p.growth_bytes_per_s())
        && (test.exe.is_empty() || any(&test.exe, p.exe_path()))
        && (test.cmdline.is_empty() || any(&test.cmdline, p.cmdline_typed()))
}

fn signed(value: u64) -> i64 {
    i64::try_from(value).unwrap_or(i64::MAX)
}

fn any(patterns: &[Pattern], text: &[u8]) -> bool {
    patterns.iter().any(|pattern| pattern.matches(text))
}

/// Whether a memcg fits what a rule asks of it, but for its path. `*` fits an empty text, too, and what is in
/// no unit, container or pod has an empty one.
fn is_there(place: &Place, own: Memcg<'_>) -> bool {
    let fits =
        |patterns: &[Pattern], text: &[u8]| patterns.is_empty() || (!text.is_empty() && any(patterns, text));
    (place.unit.is_empty() || fits(&place.unit, own.unit()))
        && (place.container.is_empty() || fits(&place.container, own.container_id()))
        && (place.pod.is_empty() || fits(&place.pod, own.pod_uid()))
        && place.qos.is_none_or(|qos| own.pod_qos() == Some(qos))
}

/// The memcg that a rule is about, if this one is in its place: the cgroup that was named, or the whole of
/// its container, its pod, or its unit.
fn whole<'s>(place: &Place, own: Memcg<'s>) -> Memcg<'s> {
    let up = || std::iter::successors(Some(own), Memcg::parent);
    let last = if !place.cgroup.is_empty() {
        let mut named = up().filter(|memcg| any(&place.cgroup, memcg.path()));
        // `/*` fits the root, too, and means what is below it.
        let first = named.next();
        named.take_while(|memcg| memcg.parent().is_some()).last().or(first)
    } else if !place.container.is_empty() {
        up().take_while(|memcg| memcg.container_id() == own.container_id()).last()
    } else if !place.pod.is_empty() || place.qos.is_some() {
        up().take_while(|memcg| memcg.pod_uid() == own.pod_uid()).last()
    } else {
        own.of_unit().last()
    };
    last.unwrap_or(own)
}
