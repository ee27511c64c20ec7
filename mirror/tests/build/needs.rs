//! Bundles by need, and bundles that must fit a budget.

use std::path::PathBuf;

use sealift_mirror::budget::Tracker;
use sealift_mirror::build::{BaseChoice, Budget, BuildError, BuildPlan, Narrow};
use sealift_mirror::need::{self, TakeError, TakeRefusal, Taken};
use sealift_mirror::selection::Why;
use sealift_model::{ByteSize, Digest, SiteId, Timestamp};
use sealift_pkg::advisories::Advisories;
use sealift_site::StatementKey;
use sealift_trust::need::{Distribution, Have, NeedList};

use crate::kit::{Offer, World, time};

/// A line of a list: package, version, hosts.
type Line<'a> = (&'a str, &'a str, u64);

fn distribution(codename: &str, hosts: u64, lines: &[Line<'_>]) -> Distribution {
    let have = |(package, version, hosts): &Line<'_>| Have {
        package: (*package).into(),
        version: (*version).into(),
        architecture: "amd64".into(),
        hosts: *hosts,
    };
    let mut have: Vec<Have> = lines.iter().map(have).collect();
    have.sort();
    Distribution { codename: codename.into(), architecture: "amd64".into(), label: None, hosts, have }
}

fn write(world: &World, name: &str, key: &StatementKey, issued: Timestamp, of: Vec<Distribution>) -> PathBuf {
    let site = key.site().clone();
    let list = NeedList { site, issued, as_of: issued, left_out: 0, distributions: of };
    let path = world.path(name);
    std::fs::write(&path, key.sign_need(&list)).unwrap();
    path
}

fn take(world: &World, files: &[PathBuf], day: u64) -> Result<Vec<Taken>, TakeError> {
    let state = world.state();
    need::take(state.dir(), state.config(), files, time(day))
}

/// Plans for hosts that have these packages.
fn plan(world: &World, hosts: u64, lines: &[Line<'_>]) -> Result<BuildPlan, BuildError> {
    let file = write(world, "need.txt", &world.site, time(1), vec![distribution("test", hosts, lines)]);
    let needs = take(world, &[file], 1).unwrap();
    world.narrowed(2, BaseChoice::Full, Narrow { needs, budget: None })
}

fn listed(plan: &BuildPlan) -> Vec<String> {
    let debs = plan.manifest.files.iter().filter_map(|file| file.deb.as_ref());
    debs.map(|deb| format!("{} {}", deb.package, deb.version)).collect()
}

fn world(offers: &[Offer<'_>]) -> World {
    let world = World::new("1-of-1", "[\"*\"]");
    world.sync(0, offers);
    world
}

#[test]
fn a_bundle_by_need_lists_what_hosts_lack_and_what_that_needs() {
    let world = world(&[
        ("app", "2", "lib (>= 2), tool, there"),
        ("current", "5", ""),
        ("lib", "2", ""),
        ("other", "9", ""),
        ("there", "3", ""),
        ("tool", "1", ""),
    ]);
    let has =
        [("app", "1", 2), ("app", "1.5", 1), ("current", "5", 3), ("lib", "1", 3), ("own", "1", 1), ("there", "3", 3)];
    let plan = plan(&world, 3, &has).unwrap();
    assert_eq!(listed(&plan), ["app 2", "lib 2", "tool 1"], "neither what nobody has nor what all have");
    let why = |name: &str| plan.why.iter().find(|(path, _)| path.as_str().contains(name)).unwrap().1.to_string();
    assert_eq!(why("app"), "needed by 3 hosts of test/amd64: 1 → 2");
    assert_eq!(why("tool"), "needed by app (tool)");
    let need = plan.narrowed.need.as_ref().unwrap();
    assert_eq!((need.hosts, need.current, need.unoffered.len()), (3, 2, 1));
    assert_eq!((need.unoffered[0].package.as_str(), need.unoffered[0].hosts), ("own", 1));
}

#[test]
fn what_only_some_hosts_have_is_brought_for_the_others() {
    let world = world(&[("app", "2", "lib"), ("lib", "1", "")]);
    assert_eq!(listed(&plan(&world, 2, &[("app", "1", 2), ("lib", "1", 1)]).unwrap()), ["app 2", "lib 1"]);
    assert_eq!(listed(&plan(&world, 2, &[("app", "1", 2), ("lib", "1", 2)]).unwrap()), ["app 2"]);
}

#[test]
fn versions_are_compared_as_dpkg_does() {
    let world = world(&[("a", "1:1", ""), ("b", "1.10", ""), ("c", "1.0~rc1", ""), ("d", "1.00", "")]);
    let has = [("a", "9", 1), ("b", "1.9", 1), ("c", "1.0", 1), ("d", "1.0", 1)];
    assert_eq!(listed(&plan(&world, 1, &has).unwrap()), ["a 1:1", "b 1.10"]);
}

#[test]
fn hosts_that_lack_nothing_need_no_bundle() {
    let world = world(&[("app", "2", "")]);
    let error = plan(&world, 4, &[("app", "2", 4), ("own", "1", 4)]).unwrap_err();
    assert!(matches!(error, BuildError::NothingNeeded { hosts: 4, .. }), "{error:?}");
}

#[test]
fn lists_of_several_machines_and_distributions_are_merged() {
    let world = world(&[("app", "2", ""), ("web", "2", "")]);
    let one = write(&world, "one", &world.site, time(1), vec![distribution("test", 2, &[("app", "1", 2)])]);
    let of = vec![
        distribution("elsewhere", 7, &[("web", "1", 7)]),
        distribution("test", 1, &[("app", "1.1", 1), ("web", "1", 1)]),
    ];
    let two = write(&world, "two", &world.site, time(2), of);
    let needs = take(&world, &[one.clone(), two, one], 2).unwrap();
    assert_eq!(needs.len(), 2, "a list that is given twice is taken once");
    let plan = world.narrowed(2, BaseChoice::Full, Narrow { needs, budget: None }).unwrap();
    assert_eq!(listed(&plan), ["app 2", "web 2"]);
    let app = plan.why.iter().find(|(path, _)| path.as_str().contains("app")).unwrap().1;
    assert!(matches!(app, Why::Lacking { hosts: 3, from, .. } if from == "1"), "{app:?}");
    let need = plan.narrowed.need.as_ref().unwrap();
    assert_eq!((need.unserved[0].distribution.as_str(), need.unserved[0].hosts), ("elsewhere/amd64", 7));
}

#[test]
fn what_hosts_lack_and_the_mirror_did_not_fetch_is_named() {
    let world = World::new("1-of-1", "[\"app\"]");
    world.sync_some(0, &[("app", "2", ""), ("web", "2", "")], |package| package == "app");
    let error = plan(&world, 1, &[("web", "1", 1)]).unwrap_err();
    assert!(
        matches!(&error, BuildError::NotFetched { count: 1, first, .. } if first.as_str().contains("web")),
        "{error:?}"
    );
}

#[test]
fn the_provenance_names_each_list_by_its_digest() {
    let world = world(&[("app", "2", "")]);
    let file = write(&world, "need.txt", &world.site, time(1), vec![distribution("test", 1, &[("app", "1", 1)])]);
    let digest = Digest::of(&std::fs::read(&file).unwrap());
    let needs = take(&world, &[file], 1).unwrap();
    let plan = world.narrowed(2, BaseChoice::Full, Narrow { needs, budget: None }).unwrap();
    let (state, signing) = (world.state(), world.signing());
    let lock = state.lock().unwrap();
    sealift_mirror::build::draft(&state, &lock, &plan, &signing).unwrap();
    let found = world.documents().into_iter().find(|(path, _)| path.ends_with("build.dsse.json")).unwrap().1;
    let envelope = sealift_trust::Envelope::parse(&found).unwrap();
    let keys: Vec<_> = signing.roots.newest().body().evidence_keys().to_vec();
    let payload = String::from_utf8(envelope.verify(&keys, 1).unwrap().payload).unwrap();
    assert!(
        payload.contains(&format!(
            "\"need\":[{{\"issued\":\"{}\",\"sha256\":\"{digest}\",\"site\":\"plant-a\"}}]",
            time(1)
        )),
        "{payload}"
    );
}

#[test]
fn refuses_lists_of_other_sites_and_keys() {
    let world = world(&[("app", "2", "")]);
    let before = world.documents();
    let of = || vec![distribution("test", 1, &[("app", "1", 1)])];
    let refusal = |key: &StatementKey| match take(&world, &[write(&world, "x", key, time(1), of())], 1) {
        Err(TakeError::Refused { source, .. }) => source,
        other => panic!("{other:?}"),
    };
    let stranger = StatementKey::from_seed(&SiteId::new("plant-b").unwrap(), &[8; 32]);
    assert!(matches!(refusal(&stranger), TakeRefusal::UnknownSite(_)));
    let forger = StatementKey::from_seed(&SiteId::new("plant-a").unwrap(), &[8; 32]);
    assert!(matches!(refusal(&forger), TakeRefusal::List(_)));
    std::fs::write(world.path("x"), "sealift need-list 1\nsite: plant-a\u{1b}[2J\n").unwrap();
    assert!(matches!(
        take(&world, &[world.path("x")], 1),
        Err(TakeError::Refused { source: TakeRefusal::List(_), .. })
    ));
    assert_eq!(world.documents(), before);
}

#[test]
fn refuses_lists_older_than_one_taken_and_from_the_future() {
    let world = world(&[("app", "2", "")]);
    let list = |name: &str, day: u64| {
        write(&world, name, &world.site, time(day), vec![distribution("test", 1, &[("app", "1", 1)])])
    };
    let (old, new, more) = (list("old", 3), list("new", 5), list("more", 6));
    let state = world.state();
    let taken = take(&world, std::slice::from_ref(&new), 5).unwrap();
    need::keep(&state.lock().unwrap(), state.dir(), &taken).unwrap();
    let refused = take(&world, std::slice::from_ref(&old), 6);
    assert!(matches!(refused, Err(TakeError::Refused { source: TakeRefusal::Older { .. }, .. })), "{refused:?}");
    assert_eq!(take(&world, std::slice::from_ref(&new), 6).unwrap().len(), 1, "the same again");
    assert_eq!(take(&world, &[old, more.clone()], 6).unwrap().len(), 2, "another machine's, beside a newer one");
    let refused = take(&world, &[more], 4);
    assert!(matches!(refused, Err(TakeError::Refused { source: TakeRefusal::Future { .. }, .. })), "{refused:?}");
}

fn budget(world: &World, bytes: u64, tracker: Option<&str>) -> Result<BuildPlan, BuildError> {
    let tracker = tracker.map(|json| Tracker {
        advisories: Advisories::parse(json.as_bytes()).unwrap(),
        sha256: Digest::of(json.as_bytes()),
    });
    let budget = Some(Budget { size: ByteSize::new(bytes).unwrap(), tracker });
    world.narrowed(3, BaseChoice::Receipts, Narrow { needs: Vec::new(), budget })
}

/// Returns a budget that everything fits into exactly, and what one package more costs.
fn exact(world: &World) -> u64 {
    budget(world, 1 << 30, None).unwrap().narrowed.budget.unwrap().planned
}

#[test]
fn what_fits_is_all_there_and_one_byte_less_leaves_something_out() {
    let world = world(&[("a", "1", ""), ("b", "1", ""), ("c", "1", "")]);
    let all = exact(&world);
    let plan = budget(&world, all, None).unwrap();
    assert_eq!(listed(&plan), ["a 1", "b 1", "c 1"]);
    assert!(plan.narrowed.budget.unwrap().left_out.is_empty());
    let plan = budget(&world, all - 1, None).unwrap();
    assert_eq!(listed(&plan), ["a 1", "b 1"]);
    let report = plan.narrowed.budget.unwrap();
    assert!(report.planned < all && report.left_out.len() == 1);
    let left_out = &report.left_out[0];
    assert_eq!((left_out.package.as_str(), left_out.severity, left_out.since), ("c", "none", Some(time(0))));
    assert!(left_out.reason.contains("were left"), "{}", left_out.reason);
}

const TRACKER: &str = r#"{
    "low": {"CVE-1": {"releases": {"test": {"status": "resolved", "fixed_version": "1", "urgency": "low"}}}},
    "high": {"CVE-2": {"releases": {"test": {"status": "resolved", "fixed_version": "1", "urgency": "high"}}}},
    "unjudged": {"CVE-3": {"releases": {"test": {"status": "resolved", "fixed_version": "1", "urgency": "not yet assigned"}}}},
    "medium": {"CVE-4": {"releases": {"test": {"status": "resolved", "fixed_version": "1", "urgency": "medium**"}}}},
    "elsewhere": {"CVE-5": {"releases": {"other": {"status": "resolved", "fixed_version": "1", "urgency": "high"}}}}}"#;

#[test]
fn what_is_left_out_is_the_least_urgent_first() {
    let names = ["high", "medium", "unjudged", "low", "elsewhere"];
    let offers: Vec<Offer<'_>> = names.iter().map(|name| (*name, "1", "")).collect();
    let world = world(&offers);
    let (all, mut room) = (exact(&world), exact(&world));
    let mut left_out = Vec::new();
    for _ in 0..names.len() {
        room -= 1;
        let report = budget(&world, room, Some(TRACKER)).unwrap().narrowed.budget.unwrap();
        left_out.push(report.left_out[0].package.clone());
        assert_eq!(report.left_out[0].fixes.len(), usize::from(report.left_out[0].severity != "none"));
        room = report.planned;
    }
    left_out.reverse();
    assert_eq!(left_out, names);
    assert!(matches!(budget(&world, room - 1, None), Err(BuildError::Budget { .. })));
    assert!(all > room);
}

#[test]
fn what_has_waited_longest_comes_before_what_came_today() {
    let world = world(&[("old", "1", ""), ("zoo", "1", "")]);
    world.sync(1, &[("old", "1", ""), ("new", "1", ""), ("zoo", "1", "")]);
    let plan = budget(&world, exact(&world) - 1, None).unwrap();
    assert_eq!(listed(&plan), ["old 1", "zoo 1"], "though `new` comes before `zoo` by name");
}

#[test]
fn a_package_never_comes_without_what_it_needs() {
    let world = world(&[("app", "1", "lib (>= 1)"), ("lib", "1", "base"), ("base", "1", ""), ("one", "1", "")]);
    let tracker = r#"{"app": {"CVE-1": {"releases": {"test": {"status": "resolved", "fixed_version": "1", "urgency": "high"}}}}}"#;
    let mut room = exact(&world);
    for expected in [vec!["app 1", "base 1", "lib 1"], vec!["base 1", "lib 1"]] {
        let plan = budget(&world, room - 1, Some(tracker)).unwrap();
        assert_eq!(listed(&plan), expected);
        room = plan.narrowed.budget.unwrap().planned;
    }
}

#[test]
fn a_budget_counts_only_what_is_carried() {
    let world = world(&[("a", "1", ""), ("b", "1", "")]);
    world.build(1, BaseChoice::Full).unwrap();
    world.sync(2, &[("a", "1", ""), ("b", "2", ""), ("b", "1", "")]);
    let narrow = |bytes: u64| Narrow {
        needs: Vec::new(),
        budget: Some(Budget { size: ByteSize::new(bytes).unwrap(), tracker: None }),
    };
    let over = || BaseChoice::Over(crate::kit::seq(1));
    let all = world.narrowed(3, over(), narrow(1 << 30)).unwrap();
    assert_eq!(listed(&all), ["a 1", "b 2"]);
    let room = all.narrowed.budget.unwrap().planned;
    let plan = world.narrowed(3, over(), narrow(room - 1)).unwrap();
    assert_eq!(listed(&plan), ["a 1", "b 1"], "the version that the base brought stays listed while it is offered");
    assert_eq!(plan.narrowed.budget.unwrap().left_out[0].version, "2");
}
