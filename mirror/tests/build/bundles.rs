//! What is in a bundle, and when there is one.

use sealift_bundle::manifest::{BundleKind, Encoding, FileRole};
use sealift_mirror::build::{Action, BaseChoice, BuildError, Sealed};
use sealift_mirror::selection::{Why, select_stream};
use sealift_mirror::stream::StreamDir;

use crate::kit::{World, copy_tree, rel, seq, stream, tree};

const FIRST: &[(&str, &str, &str)] =
    &[("jq", "1.6", "libjq1 (= 1.6), libc6 (>= 2.36)"), ("libjq1", "1.6", ""), ("vim", "9", "")];
const SECOND: &[(&str, &str, &str)] =
    &[("jq", "1.7", "libjq1 (>= 1.6), libc6 (>= 2.36)"), ("libjq1", "1.6", ""), ("vim", "9", "")];

#[test]
fn selection_says_why_and_what_nobody_offers() {
    let world = World::new("1-of-1", "[\"jq\", \"nothing-*\"]");
    world.sync(0, FIRST);
    let state = world.state();
    let config = state.config();
    let heads = config.upstreams.iter().map(|u| (u.name.clone(), state.head(&u.name).unwrap().unwrap())).collect();
    let selected = select_stream(&config.streams[0], &heads, state.store()).unwrap();
    let found: Vec<_> = selected.packages.iter().map(|p| (p.deb.package.as_str(), p.why.to_string())).collect();
    assert_eq!(
        found,
        [("jq", "rule packages = \"jq\"".to_owned()), ("libjq1", "needed by jq (libjq1 (= 1.6))".to_owned())]
    );
    assert_eq!(selected.unresolved.len(), 1);
    assert_eq!(selected.unresolved[0].relation, "libc6 (>= 2.36)");
    assert_eq!(selected.unmatched, ["packages = \"nothing-*\""]);
}

#[test]
fn a_complete_bundle_verifies_from_the_root_to_each_package() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    let (plan, sealed) = world.build(1, BaseChoice::Receipts).unwrap();
    assert_eq!(sealed, Sealed::Complete);
    assert_eq!((plan.manifest.kind, plan.manifest.sequence), (BundleKind::Complete, seq(1)));
    assert_eq!(plan.changes.added.len(), 2);
    let index = plan.manifest.file(&rel("u/dists/stable/main/binary-amd64/Packages")).unwrap();
    assert_eq!(index.stored.unwrap().encoding, Encoding::Zstd);
    let medium = world.write(1, "medium").unwrap();
    let report = world.verify(&medium, 1);
    assert_eq!(report.bundles.len(), 1);
    assert_eq!(report.bundles[0].upstreams[0].packages, 2);
    assert!(report.bundles[0].upstreams[0].signature_verified);
}

#[test]
fn nothing_new_builds_nothing_unless_asked() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    world.build(1, BaseChoice::Receipts).unwrap();
    let before = world.documents();
    assert_eq!(world.plan(2, BaseChoice::Receipts).unwrap().action, Action::Nothing);
    assert_eq!(world.plan(2, BaseChoice::Over(seq(1))).unwrap().action, Action::Nothing);
    assert_eq!(world.plan(2, BaseChoice::Full).unwrap().action, Action::Build);
    assert_eq!(world.documents(), before);
}

#[test]
fn an_incremental_bundle_carries_only_what_its_base_lacks() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    world.build(1, BaseChoice::Receipts).unwrap();
    world.sync(2, SECOND);
    let (plan, _) = world.build(3, BaseChoice::Over(seq(1))).unwrap();
    let carried: Vec<_> = plan.manifest.files.iter().filter(|f| f.stored.is_some()).map(|f| (f.role, &f.deb)).collect();
    let names: Vec<_> = carried.iter().filter_map(|(_, deb)| deb.as_ref()).map(|d| d.version.as_str()).collect();
    assert_eq!(names, ["1.7"], "only the new package");
    for role in [FileRole::Release, FileRole::Index, FileRole::Keyring] {
        assert!(
            carried.iter().any(|(carried, _)| *carried == role),
            "{role:?}: the medium shows its own upstream chain"
        );
    }
    let update = &plan.changes.updated[0];
    assert_eq!((update.old.as_deref(), update.new.as_deref()), (Some("1.6"), Some("1.7")));
    assert_eq!(update.why.as_deref(), Some("rule packages = \"jq\""));
    assert_eq!(plan.changes.unchanged, 1);
    // Alone on a medium it shows its whole upstream chain; the packages it leaves out are in the index it carries.
    let alone = world.write(2, "alone").unwrap();
    assert_eq!(world.verify(&alone, 3).bundles.len(), 1);
    // Both on one medium verify; the second one's targets still list the first.
    world.write(1, "medium").unwrap();
    let medium = world.write(2, "medium").unwrap();
    assert_eq!(world.verify(&medium, 3).bundles.len(), 2);
}

#[test]
fn a_package_that_was_not_fetched_stops_the_plan() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync_some(0, FIRST, |package| package != "libjq1");
    let before = world.documents();
    match world.plan(1, BaseChoice::Receipts) {
        Err(BuildError::NotFetched { count: 1, first, .. }) => assert_eq!(first, rel("pool/libjq1_1.6_amd64.deb")),
        other => panic!("{other:?}"),
    }
    assert_eq!(world.documents(), before);
}

#[test]
fn time_does_not_go_back() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    world.build(2, BaseChoice::Receipts).unwrap();
    world.sync(3, SECOND);
    assert!(matches!(world.plan(2, BaseChoice::Receipts), Err(BuildError::NotLater { .. })));
}

#[test]
fn a_base_must_be_sealed() {
    let world = World::new("2-of-2", "[\"jq\"]");
    world.sync(0, FIRST);
    crate::signatures::take_keys(&world, "targets-2");
    world.build(1, BaseChoice::Receipts).unwrap();
    world.sync(2, SECOND);
    assert!(matches!(world.plan(3, BaseChoice::Over(seq(1))), Err(BuildError::BaseNotSealed { .. })));
    assert!(matches!(world.plan(3, BaseChoice::Over(seq(7))), Err(BuildError::Stream(_))));
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    let twin = world.path("twin");
    copy_tree(&world.mirror(), &twin);
    world.build(1, BaseChoice::Receipts).unwrap();
    let first = tree(&world.write(1, "medium-1").unwrap());
    std::fs::remove_dir_all(world.mirror()).unwrap();
    copy_tree(&twin, &world.mirror());
    world.build(1, BaseChoice::Receipts).unwrap();
    let second = tree(&world.write(1, "medium-2").unwrap());
    assert!(first.len() > 10);
    assert_eq!(first, second);
}

#[test]
fn expired_bundles_are_no_longer_listed_or_written() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    world.build(1, BaseChoice::Receipts).unwrap();
    world.sync(100, SECOND);
    world.build(101, BaseChoice::Full).unwrap();
    assert!(matches!(world.write(1, "medium"), Err(BuildError::NotSealed { .. })));
    let medium = world.write(2, "medium").unwrap();
    assert_eq!(world.verify(&medium, 101).bundles.len(), 1);
}

#[test]
fn a_store_that_lost_a_blob_writes_no_medium() {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    let (plan, _) = world.build(1, BaseChoice::Receipts).unwrap();
    let (blob, _) = plan.manifest.blobs().into_iter().next().unwrap();
    world.state().store().remove(&blob).unwrap();
    assert!(matches!(world.write(1, "medium"), Err(BuildError::Write { .. })));
    assert!(!world.path("medium/SEALIFT").exists());
    assert!(!StreamDir::of(&world.mirror(), &stream()).was_written(seq(1)));
}

#[test]
fn why_reads_as_the_operator_wrote_it() {
    let why = Why::Needed { by: "jq".into(), relation: "libonig5 (>= 6.8)".into(), recommended: true };
    assert_eq!(why.to_string(), "recommended by jq (libonig5 (>= 6.8))");
}
