//! Memory that no process took, or none that may go.

use jettison_sdk::testing::Subject;

use super::blame::short;
use super::verdict;

#[test]
fn where_no_process_took_what_is_missing_none_is_named() {
    let mut machine = short().taken_by_nobody_mib(2_000);
    let idle = machine.process("java").anon_mib(900).age_s(90_000).taken_mib(0).pid();
    let verdict = verdict(&machine);
    assert!(verdict.sacrifices().is_empty(), "\n{verdict}");
    assert_eq!(verdict.strength(idle), Some(1000), "not at critical either: it would not come back");
}

#[test]
fn where_one_that_may_not_go_took_it_the_others_are_reached_at_critical() {
    let mut machine = short().taken_mib(5_000).taken_by_nobody_mib(300);
    machine.process("guarded").anon_mib(6_000).age_s(90_000).taken_mib(4_700).excluded();
    let idle = machine.process("java").anon_mib(900).age_s(90_000).taken_mib(0).pid();
    assert_eq!(verdict(&machine).strength(idle), Some(50));
}

#[test]
fn a_small_leak_beside_what_no_process_holds_goes_alone() {
    let mut machine = short().taken_by_nobody_mib(2_000);
    let leak = machine.process("agentd").anon_mib(400).age_s(90_000).taken_mib(290).pid();
    let idle = machine.process("java").anon_mib(900).age_s(90_000).taken_mib(0).pid();
    let network = machine.process("NetworkManager").anon_mib(14).age_s(90_000).taken_mib(0).pid();
    let verdict = verdict(&machine);
    assert_eq!(verdict.sacrifices(), [Subject::Process(leak)]);
    assert_eq!((verdict.strength(idle), verdict.strength(network)), (Some(1000), Some(1000)), "\n{verdict}");
}
