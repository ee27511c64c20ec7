//! Every fault at every operation, in place: the process is killed, or the operation fails.

use std::path::Path;

use sealift_crash_tests::trace::{self, Step};

use crate::cases::{Case, find};
use crate::invariants::broken;
use crate::state::difference;
use crate::world::{Said, run, scratch};

/// Every how many operations a rarer fault is tried.
const SPARSE: usize = 5;

/// Counts what was done to one command.
#[derive(Debug, Default)]
struct Tally {
    runs: usize,
    killed: usize,
    failed: usize,
    unharmed: usize,
    troubles: Vec<String>,
}

/// Runs a command on a sound disk and returns its operations; everything it needs is laid out.
pub fn record_from(case: &Case, dir: &Path, beside: &Path) -> Vec<Step> {
    let file = beside.join("trace");
    let said = run(dir, &case.line, &format!("trace={}", file.display()));
    assert!(case.done(&said), "{}: {}", case.name, said.text);
    trace::parse(&std::fs::read_to_string(file).unwrap()).unwrap()
}

fn faults(steps: &[Step], every: usize) -> Vec<(usize, String)> {
    let mut faults = Vec::new();
    for (at, step) in steps.iter().enumerate().step_by(every) {
        let mut add = |fault: &str| faults.push((at, fault.to_owned()));
        add("signal:9");
        add("full:28");
        add("errno:5");
        if step.change.word() == "write" {
            add("short");
            add("errno:4");
        }
        if (at / every).is_multiple_of(SPARSE) {
            for fault in ["full:122", "gone:30", "gone:5", "signal:15"] {
                add(fault);
            }
        }
        if at / every % SPARSE == 1 {
            for fault in ["signal:2", "signal:1", "signal:13"] {
                add(fault);
            }
        }
    }
    faults
}

fn sweep(name: &str) {
    let case = find(name);
    let scratch = scratch();
    let dir = scratch.path().join("w");
    case.prepare(&dir);
    let steps = record_from(case, &dir, scratch.path());
    let mut tally = Tally::default();
    for (at, fault) in faults(&steps, case.every) {
        tally.runs += 1;
        if let Err(trouble) = one(case, &dir, &format!("at={at} fault={fault}"), &mut tally) {
            let step = &steps[at];
            tally.troubles.push(format!("{fault} at {at}, {} from {}: {trouble}", step.change.word(), step.caller));
        }
    }
    let Tally { runs, killed, failed, unharmed, .. } = tally;
    println!(
        "figure: sweep {name}: {} operations, {runs} faults ({killed} killed, {failed} failed, {unharmed} unharmed), {} not recovered",
        steps.len(),
        tally.troubles.len()
    );
    let shown: Vec<String> = tally.troubles.iter().take(12).cloned().collect();
    assert!(shown.is_empty(), "{} troubles of {name}; the first:\n{}", tally.troubles.len(), shown.join("\n\n"));
}

fn one(case: &Case, dir: &Path, fault: &str, tally: &mut Tally) -> Result<(), String> {
    case.prepare(dir);
    let said = run(dir, &case.line, fault);
    match (said.signal, said.code) {
        (Some(_), _) => tally.killed += 1,
        (None, Some(0)) => tally.unharmed += 1,
        _ => tally.failed += 1,
    }
    check(case, dir, &said)
}

/// Asserts what holds after a fault: invariants, and that the same command now brings everything to its end.
pub fn check(case: &Case, dir: &Path, said: &Said) -> Result<(), String> {
    let reference = case.reference();
    if said.signal.is_none() && said.code != Some(0) && !case.done(said) && !said.text.contains("Error") {
        return Err(format!("ended with {:?} without saying why: {}", said.code, said.text));
    }
    if said.text.contains("panicked") {
        return Err(format!("panicked: {}", said.text));
    }
    if let Some(broken) = broken(case, reference, dir) {
        return Err(format!("{broken}\nafter: {}", said.text));
    }
    let mut now = case.state(dir);
    // The work was done, and the removal of what nobody needs any more failed. The next bundle takes it away.
    now.retain(|name, _| !name.starts_with("media/.SEALIFT."));
    if case.done(said)
        && let Some(difference) = difference(&reference.state, &now)
    {
        return Err(format!("I8: it ended with 0, but\n{difference}"));
    }
    finish(case, dir)
}

/// Runs the command again and compares the end state with that of a run without faults (I5, I6).
pub fn finish(case: &Case, dir: &Path) -> Result<(), String> {
    let reference = case.reference();
    let again = run(dir, &case.line, "");
    if !case.done(&again) && !case.once {
        return Err(format!("I5: the same command again ends with {:?}: {}", again.code, again.text));
    }
    match difference(&reference.state, &case.state(dir)) {
        Some(difference) => {
            Err(format!("I5, I6: run again ({:?}), the end state is another:\n{difference}", again.code))
        }
        None => Ok(()),
    }
}

macro_rules! sweeps {
    ($($test:ident $name:literal)*) => {
        $(#[test]
        fn $test() {
            sweep($name);
        })*
    };
}

sweeps! {
    keys_init_recovers_from_every_fault "keys-init"
    signing_a_root_recovers_from_every_fault "root-sign"
    publishing_a_root_recovers_from_every_fault "root-publish"
    mirror_init_recovers_from_every_fault "mirror-init"
    upstream_add_recovers_from_every_fault "upstream-add"
    sync_recovers_from_every_fault "sync"
    build_recovers_from_every_fault "build"
    build_into_a_new_directory_recovers_from_every_fault "build-new"
    build_onto_a_used_medium_recovers_from_every_fault "build-again"
    pack_recovers_from_every_fault "pack"
    unpack_recovers_from_every_fault "unpack"
    import_init_recovers_from_every_fault "import-init"
    receive_recovers_from_every_fault "receive"
    receive_of_a_second_bundle_recovers_from_every_fault "receive-again"
    promote_recovers_from_every_fault "promote"
    publish_recovers_from_every_fault "publish"
    publish_over_another_tree_recovers_from_every_fault "publish-again"
    receipt_recovers_from_every_fault "receipt"
    apply_init_recovers_from_every_fault "apply-init"
    plan_recovers_from_every_fault "plan"
    making_a_key_recovers_from_every_fault "generate"
    making_a_personal_key_recovers_from_every_fault "person-new"
    drafting_a_root_recovers_from_every_fault "root-draft"
    adding_a_key_recovers_from_every_fault "root-add-key"
    removing_a_key_recovers_from_every_fault "root-remove-key"
    replacing_a_key_recovers_from_every_fault "root-replace-key"
    a_new_threshold_recovers_from_every_fault "root-threshold"
    naming_a_person_recovers_from_every_fault "root-add-person"
    exporting_recovers_from_every_fault "export"
    signing_what_was_exported_recovers_from_every_fault "sign-exported"
    attaching_a_signature_recovers_from_every_fault "attach-signature"
    approving_recovers_from_every_fault "approve"
    attaching_statements_recovers_from_every_fault "attach-statement"
    receive_with_statements_recovers_from_every_fault "receive-approved"
    building_without_all_keys_recovers_from_every_fault "build-waiting"
    signing_a_list_recovers_from_every_fault "sign-list"
    seal_recovers_from_every_fault "seal"
    revoke_recovers_from_every_fault "revoke"
    revert_recovers_from_every_fault "revert"
    recovering_floors_recovers_from_every_fault "recover-floors"
    recovering_the_index_recovers_from_every_fault "recover-index"
    recovering_a_document_recovers_from_every_fault "recover-document"
    scrub_recovers_from_every_fault "scrub"
    scrub_of_a_rotten_store_recovers_from_every_fault "scrub-rotten"
    receive_that_heals_recovers_from_every_fault "receive-heals"
    applying_recovers_from_every_fault "run"
    another_passphrase_recovers_from_every_fault "reseal"
    renewing_a_root_recovers_from_every_fault "root-renew"
    a_policy_recovers_from_every_fault "root-policy"
    removing_a_person_recovers_from_every_fault "root-remove-person"
    reporting_a_scan_recovers_from_every_fault "scan-statement"
    waiving_expiry_recovers_from_every_fault "waive-expiry"
    waiving_the_clock_recovers_from_every_fault "waive-clock"
    countersigning_recovers_from_every_fault "countersign"
    signing_a_statement_recovers_from_every_fault "statement-sign"
    attaching_to_a_statement_recovers_from_every_fault "statement-attach"
    beginning_a_register_recovers_from_every_fault "media-init"
    adding_a_custodian_recovers_from_every_fault "media-person"
    registering_a_medium_recovers_from_every_fault "media-add"
    recording_recovers_from_every_fault "media-record"
    handing_over_recovers_from_every_fault "media-handover"
}
