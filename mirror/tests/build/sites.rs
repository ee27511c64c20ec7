//! Bundles for sites: what they build on, and what they carry because a site may lack it.

use std::collections::BTreeSet;

use sealift_bundle::manifest::{BundleKind, FileRole, Manifest};
use sealift_mirror::build::{Action, BaseChoice, BaseReason, BuildError, BuildPlan};
use sealift_mirror::config::{Receipts, SiteConfig};
use sealift_mirror::site::{self, add, sent};
use sealift_mirror::stream::StreamDir;
use sealift_model::{Digest, Sequence, SiteId};

use crate::kit::{World, receipt, seq, stream, time};

fn name(text: &str) -> SiteId {
    SiteId::new(text).unwrap()
}

fn digests(manifest: &Manifest) -> BTreeSet<Digest> {
    manifest.files.iter().map(|file| file.sha256).collect()
}

fn carried(manifest: &Manifest) -> Vec<String> {
    let names = manifest.files.iter().filter(|file| file.stored.is_some()).filter_map(|file| file.deb.as_ref());
    names.map(|deb| format!("{} {}", deb.package, deb.version)).collect()
}

/// Builds bundle by bundle what a stream of `a`, `b` and `c` had on each day.
fn world() -> World {
    let world = World::new("1-of-1", "[\"a\", \"b\", \"c\"]");
    for (day, versions) in (0_u64..).zip([["1", "1", "1"], ["2", "1", "1"], ["2", "2", "1"]]) {
        offer(&world, 2 * day, versions);
        world.build(2 * day + 1, BaseChoice::Full).unwrap();
    }
    world
}

fn offer(world: &World, day: u64, [a, b, c]: [&str; 3]) {
    world.sync(day, &[("a", a, ""), ("b", b, ""), ("c", c, "")]);
}

fn one_way(world: &World, site: &str, believe_codes: bool) {
    let state = world.state();
    let receipts = Receipts::Never;
    let added = SiteConfig { name: name(site), receipt_key: None, receipts, believe_codes };
    assert!(add::append(state.dir(), &state.lock().unwrap(), &added).unwrap());
}

fn manifest(world: &World, number: u64) -> Manifest {
    let dir = StreamDir::of(world.state().dir(), &stream());
    dir.manifest(&dir.record(seq(number)).unwrap()).unwrap().0
}

fn acknowledge(world: &World, day: u64, number: u64) {
    let id = Digest::of(&manifest(world, number).to_bytes().unwrap());
    let state = world.state();
    let text = receipt(&world.site, day, number, id);
    site::import(&state.lock().unwrap(), state.dir(), state.config(), text.as_bytes()).unwrap();
}

fn mark(world: &World, site: &str, number: u64) {
    let state = world.state();
    let record = StreamDir::of(state.dir(), &stream()).record(seq(number)).unwrap();
    sent::mark(&state.lock().unwrap(), state.dir(), &name(site), (&record, &[]), time(0)).unwrap();
}

fn states(plan: &BuildPlan) -> Vec<u64> {
    plan.valid_from.iter().map(|sequence: &Sequence| sequence.get()).collect()
}

#[test]
fn a_bundle_for_several_states_carries_what_any_of_them_lacks() {
    let world = world();
    offer(&world, 6, ["2", "2", "2"]);
    let (plan, _) = world.build(7, BaseChoice::Among { first: seq(1), last: Some(seq(3)) }).unwrap();
    assert_eq!((states(&plan), plan.reason), (vec![1, 2, 3], BaseReason::Possible));
    assert_eq!(plan.manifest.base.unwrap().sequence, seq(1), "the lowest, which lists all that is left out");
    assert_eq!(carried(&plan.manifest), ["a 2", "b 2", "c 2"]);
    let stored = plan.manifest.files.iter().filter(|file| file.stored.is_some()).map(|file| file.sha256);
    let stored: BTreeSet<Digest> = stored.collect();
    for state in 1..=3 {
        let there = &digests(&manifest(&world, state)) | &stored;
        assert!(digests(&plan.manifest).is_subset(&there), "valid from {state}");
    }
    assert_eq!(world.plan(8, BaseChoice::Among { first: seq(2), last: None }).unwrap().action, Action::Nothing);
    offer(&world, 8, ["2", "2", "3"]);
    let narrow = world.plan(9, BaseChoice::Among { first: seq(2), last: Some(seq(3)) }).unwrap();
    assert_eq!(carried(&narrow.manifest), ["b 2", "c 3"], "the fewer states, the less is carried");
    let open = world.plan(9, BaseChoice::Among { first: seq(2), last: None }).unwrap();
    assert_eq!((open.action, states(&open)), (Action::Build, vec![2, 3, 4]));
}

#[test]
fn states_that_were_never_sealed_are_none_to_build_on() {
    let world = world();
    for (first, last) in [(9, None), (1, Some(9))] {
        let error = world.plan(8, BaseChoice::Among { first: seq(first), last: last.map(seq) }).unwrap_err();
        assert!(matches!(error, BuildError::Stream(_) | BuildError::BaseNotSealed { .. }), "{error:?}");
    }
    let error = world.plan(8, BaseChoice::For(name("nowhere"))).unwrap_err();
    assert!(matches!(error, BuildError::UnknownSite(_)), "{error:?}");
}

#[test]
fn what_was_sent_is_no_base_until_its_receipt_came_back() {
    let world = world();
    acknowledge(&world, 3, 1);
    for number in 2..=3 {
        mark(&world, "plant-a", number);
    }
    offer(&world, 6, ["2", "2", "2"]);
    let plan = world.plan(7, BaseChoice::For(name("plant-a"))).unwrap();
    assert_eq!((states(&plan), carried(&plan.manifest)), (vec![1], vec!["a 2".to_owned(), "b 2".into(), "c 2".into()]));
    assert_eq!(plan.reason, BaseReason::Acknowledged(vec![name("plant-a")]));
    acknowledge(&world, 6, 3);
    let plan = world.plan(7, BaseChoice::For(name("plant-a"))).unwrap();
    assert_eq!((states(&plan), carried(&plan.manifest)), (vec![3], vec!["c 2".to_owned()]));
}

#[test]
fn a_site_that_acknowledged_nothing_gets_a_complete_bundle() {
    let world = world();
    one_way(&world, "plant-b", false);
    offer(&world, 6, ["2", "2", "2"]);
    for site in ["plant-a", "plant-b"] {
        mark(&world, site, 1);
        let plan = world.plan(7, BaseChoice::For(name(site))).unwrap();
        assert_eq!(plan.manifest.kind, BundleKind::Complete, "{site}: it may hold nothing");
        assert_eq!(plan.reason, BaseReason::Unacknowledged(name(site)));
    }
}

#[test]
fn the_same_content_is_not_built_again_for_a_site_that_can_take_it() {
    let world = world();
    acknowledge(&world, 3, 1);
    let plan = world.plan(7, BaseChoice::For(name("plant-a"))).unwrap();
    assert_eq!(plan.action, Action::Nothing, "bundle 3 is complete");
    offer(&world, 6, ["2", "2", "2"]);
    world.build(7, BaseChoice::Over(seq(3))).unwrap();
    let plan = world.plan(8, BaseChoice::For(name("plant-a"))).unwrap();
    assert_eq!((plan.action, states(&plan)), (Action::Build, vec![1]), "bundle 4 leaves out what bundle 1 lacks");
}

#[test]
fn two_sites_at_different_states_get_one_bundle_that_both_can_take() {
    let world = world();
    acknowledge(&world, 6, 3);
    let key = sealift_site::StatementKey::from_seed(&name("plant-b"), &[9; 32]);
    let state = world.state();
    let receipt_key = key.public().ed25519_bytes().copied();
    let added = SiteConfig { name: name("plant-b"), receipt_key, receipts: Receipts::Signed, believe_codes: false };
    add::append(state.dir(), &state.lock().unwrap(), &added).unwrap();
    let id = Digest::of(&manifest(&world, 2).to_bytes().unwrap());
    let state = world.state();
    site::import(&state.lock().unwrap(), state.dir(), state.config(), receipt(&key, 5, 2, id).as_bytes()).unwrap();
    offer(&world, 6, ["2", "2", "2"]);
    let plan = world.plan(7, BaseChoice::Receipts).unwrap();
    assert_eq!((states(&plan), carried(&plan.manifest)), (vec![2, 3], vec!["b 2".to_owned(), "c 2".into()]));
    let only = world.plan(7, BaseChoice::For(name("plant-a"))).unwrap();
    assert_eq!((states(&only), carried(&only.manifest)), (vec![3], vec!["c 2".to_owned()]));
}

#[test]
fn an_index_is_carried_where_it_is_new_or_vouches_for_what_is_carried() {
    let world = World::new("1-of-1", "[\"a\", \"b\"]");
    offer(&world, 0, ["1", "1", "1"]);
    world.build(1, BaseChoice::Full).unwrap();
    let indexes = |plan: &BuildPlan| {
        plan.manifest.files.iter().filter(|f| f.role == FileRole::Index && f.stored.is_some()).count()
    };
    let config = world.mirror().join("mirror.toml");
    let text = std::fs::read_to_string(&config).unwrap();
    std::fs::write(&config, text.replace("[\"a\", \"b\"]", "[\"a\"]")).unwrap();
    let less = world.plan(2, BaseChoice::Over(seq(1))).unwrap();
    assert_eq!((less.action, carried(&less.manifest).len(), indexes(&less)), (Action::Build, 0, 0));
    std::fs::write(&config, text.replace("[\"a\", \"b\"]", "[\"a\", \"c\"]")).unwrap();
    let (more, _) = world.build(3, BaseChoice::Over(seq(1))).unwrap();
    assert_eq!((carried(&more.manifest), indexes(&more)), (vec!["c 1".to_owned()], 1));
    let alone = world.write(2, "alone").unwrap();
    assert_eq!(
        world.verify(&alone, 3).bundles[0].upstreams[0].packages,
        2,
        "the medium shows the chain of what it brings"
    );
}

#[test]
fn a_record_that_was_changed_is_not_used() {
    let world = world();
    one_way(&world, "plant-b", false);
    mark(&world, "plant-b", 2);
    let state = world.state();
    let dir = state.dir().join("sites/plant-b/sent/s");
    assert_eq!(sent::sent(state.dir(), &name("plant-b"), &stream()).unwrap().len(), 1);
    std::fs::rename(dir.join("2.json"), dir.join("3.json")).unwrap();
    let error = sent::sent(state.dir(), &name("plant-b"), &stream()).unwrap_err();
    assert!(matches!(error, sent::SentError::Changed(_)), "{error:?}");
}
