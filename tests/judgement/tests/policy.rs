//! A policy is judged natively by the same machines.

use jettison_judgement::{Verdict, judge_policy, load_all, machines};
use jettison_policy_balanced::Balanced;
use jettison_sdk::{Ballot, Description, NoConfig, Policy, Snapshot};

#[test]
fn balanced_gives_up_first_what_should_go() {
    let all = load_all(&machines()).unwrap();
    let mut wrong = Vec::new();
    // Where nothing should go yet that is the gate's to say, and not the policy's.
    for machine in all.iter().filter(|machine| !machine.right.is_empty()) {
        let (taken, verdict) = judge_policy::<Balanced>(machine);
        if verdict == Verdict::Wrong {
            wrong.push(format!("{}: {:?}\n{}", machine.name, taken.units, taken.note));
        }
    }
    // docs/decisions/0014-blame.md says why the first three. Of the others only `services` knows which one is
    // a database, which installs packages, and which worker a reload has replaced.
    const EXPECTED: [&str; 9] = [
        "dota-chromium:",
        "sawtooth-in-full-pod:",
        "sawtooth-watched-for-minutes:",
        "agents-over-weeks:",
        "kibana-restart:",
        "omnibus-pack:",
        "dpkg-and-media-center:",
        "kernel-update-and-shipper:",
        "old-workers-of-haproxy:",
    ];
    let is_expected = |text: &String| EXPECTED.iter().any(|it| text.starts_with(it));
    let unexpected: Vec<_> = wrong.iter().filter(|text| !is_expected(text)).collect();
    assert!(unexpected.is_empty(), "{unexpected:#?}");
}

/// Gives up the largest process, as many do.
struct Largest;

impl Policy for Largest {
    type Config = NoConfig;

    fn describe() -> Description {
        Description { name: "largest", version: "0.1.0", summary: "the largest process" }
    }

    fn new(_config: NoConfig) -> Self {
        Self
    }

    fn rank(&self, snapshot: &Snapshot, ballot: &mut Ballot) -> Result<(), String> {
        let eligible = snapshot.processes().filter(|p| p.is_eligible());
        if let Some(largest) = eligible.max_by_key(|p| p.footprint_bytes()) {
            ballot.sacrifice(largest, 1);
        }
        Ok(())
    }
}

#[test]
fn a_policy_that_goes_by_size_is_wrong_on_many() {
    let all = load_all(&machines()).unwrap();
    let wrong = all.iter().filter(|machine| judge_policy::<Largest>(machine).1 == Verdict::Wrong).count();
    assert!(wrong > all.len() / 5, "{wrong} of {}", all.len());
}
