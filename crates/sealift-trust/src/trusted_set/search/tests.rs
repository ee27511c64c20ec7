use std::collections::BTreeMap;

use sealift_model::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::testkit::{Repository, delegating, delegation, now, sign};
use crate::trusted_set::Previous;

/// A repository with delegated roles, and what a client fetched from it.
struct World {
    set: TufSet,
    roles: BTreeMap<String, Vec<u8>>,
    fetched: Vec<String>,
}

impl World {
    /// `top` signs with keys 11 and 12; every other role as given.
    fn new(top: &Value, roles: &[(&str, Value, &[u8])]) -> Self {
        Self::at(top, roles, now())
    }

    fn at(top: &Value, roles: &[(&str, Value, &[u8])], time: Timestamp) -> Self {
        let signed: Vec<_> = roles.iter().map(|(name, body, keys)| (*name, sign(body, keys))).collect();
        let listed: Vec<_> = signed.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
        let repository = Repository::with_delegated(1, top, &listed);
        let mut set = TufSet::for_tuf(&repository.root, Previous::default(), time).unwrap();
        set.update_timestamp(&repository.timestamp).unwrap();
        set.update_snapshot(&repository.snapshot).unwrap();
        set.update_targets(&repository.targets).unwrap();
        let roles = signed.into_iter().map(|(name, bytes)| (name.to_owned(), bytes)).collect();
        Self { set, roles, fetched: Vec::new() }
    }

    /// Searches, fetching what is needed; true if the target was found.
    fn find(&mut self, path: &str) -> Result<bool, Refusal> {
        let mut search = Search::new(path);
        loop {
            let need = match search.step(&self.set)? {
                Step::Found(_) => return Ok(true),
                Step::Absent => return Ok(false),
                Step::Needs(need) => need,
            };
            self.fetched.push(need.role().as_str().to_owned());
            let bytes = self.roles.get(need.role().as_str()).cloned().unwrap_or_default();
            self.set.update_delegated(&need, &bytes)?;
        }
    }
}

fn leaf(targets: &[&str]) -> Value {
    delegating(1, targets, &[], &[])
}

fn cause(refusal: Refusal) -> Refusal {
    match refusal {
        Refusal::Delegated { source, .. } => *source,
        other => panic!("{other}"),
    }
}

#[test]
fn a_delegated_target_is_found_depth_first_in_order() {
    let top = delegating(
        1,
        &["own"],
        &[51, 52],
        &[delegation("a", &[51], &["p/*"], false), delegation("b", &[52], &["p/*"], false)],
    );
    let a = delegating(1, &[], &[53], &[delegation("c", &[53], &["p/x"], false)]);
    let roles = [("a", a, &[51][..]), ("b", leaf(&["p/x", "p/y"]), &[52]), ("c", leaf(&["p/x"]), &[53])];
    let mut world = World::new(&top, &roles);
    assert_eq!(world.find("own"), Ok(true));
    assert_eq!(world.fetched, [] as [&str; 0]);
    assert_eq!(world.find("p/x"), Ok(true));
    assert_eq!(world.fetched, ["a", "c"]);
    assert_eq!(world.find("p/y"), Ok(true));
    assert_eq!(world.find("p/z"), Ok(false));
    // What was fetched and verified before is not fetched again.
    assert_eq!(world.fetched, ["a", "c", "b"]);
}

#[test]
fn finds_nothing_that_a_delegated_role_signs_outside_its_paths() {
    let top = delegating(1, &[], &[51], &[delegation("a", &[51], &["p/*"], false)]);
    let mut world = World::new(&top, &[("a", leaf(&["q/x", "p/x", "p/x/y"]), &[51])]);
    assert_eq!(world.find("q/x"), Ok(false));
    assert_eq!(world.find("p/x/y"), Ok(false));
    assert_eq!(world.fetched, [] as [&str; 0]);
    assert_eq!(world.find("p/x"), Ok(true));
}

#[test]
fn finds_nothing_outside_the_paths_of_any_delegator_on_the_way() {
    // a passes on more than it was given.
    let top = delegating(1, &[], &[51], &[delegation("a", &[51], &["p/*"], false)]);
    let a = delegating(1, &[], &[52], &[delegation("b", &[52], &["*", "q/*"], false)]);
    let mut world = World::new(&top, &[("a", a, &[51]), ("b", leaf(&["q/x"]), &[52])]);
    assert_eq!(world.find("q/x"), Ok(false));
}

#[test]
fn finds_nothing_after_a_terminating_delegation() {
    let top = delegating(
        1,
        &[],
        &[51, 52],
        &[delegation("a", &[51], &["p/*"], true), delegation("b", &[52], &["p/*"], false)],
    );
    let roles = [("a", leaf(&["p/x"]), &[51][..]), ("b", leaf(&["p/y"]), &[52])];
    let mut world = World::new(&top, &roles);
    assert_eq!(world.find("p/x"), Ok(true));
    assert_eq!(world.find("p/y"), Ok(false));
    assert_eq!(world.fetched, ["a"]);
}

#[test]
fn a_terminating_delegation_further_down_ends_the_search_everywhere() {
    let top =
        delegating(1, &[], &[51, 52], &[delegation("a", &[51], &["*"], false), delegation("b", &[52], &["*"], false)]);
    let a = delegating(1, &[], &[53], &[delegation("c", &[53], &["*"], true)]);
    let roles = [("a", a, &[51][..]), ("b", leaf(&["x"]), &[52]), ("c", leaf(&[]), &[53])];
    let mut world = World::new(&top, &roles);
    assert_eq!(world.find("x"), Ok(false));
    assert_eq!(world.fetched, ["a", "c"]);
}

/// Role c through a with key 53 and through b with key 54; a covers p/*, b covers q/*.
fn two_delegators() -> (Value, Value, Value) {
    let top = delegating(
        1,
        &[],
        &[51, 52],
        &[delegation("a", &[51], &["p/*"], false), delegation("b", &[52], &["q/*"], false)],
    );
    let a = delegating(1, &[], &[53], &[delegation("c", &[53], &["*/*"], false)]);
    let b = delegating(1, &[], &[54], &[delegation("c", &[54], &["*/*"], false)]);
    (top, a, b)
}

#[test]
fn a_role_is_verified_with_the_keys_of_each_delegator() {
    let (top, a, b) = two_delegators();
    let c = leaf(&["p/x", "q/x"]);
    let roles = [("a", a, &[51][..]), ("b", b, &[52]), ("c", c, &[53])];
    let mut world = World::new(&top, &roles);
    assert_eq!(world.find("p/x"), Ok(true));
    // The document is there and verified, but not by a key that b names.
    let refusal = cause(world.find("q/x").unwrap_err());
    assert!(matches!(refusal, Refusal::DelegationThreshold { valid: 0, required: 1, .. }), "{refusal}");
    assert_eq!(world.find("p/x"), Ok(true));
}

#[test]
fn a_role_signed_for_both_delegators_is_fetched_once() {
    let (top, a, b) = two_delegators();
    let roles = [("a", a, &[51][..]), ("b", b, &[52]), ("c", leaf(&["p/x", "q/x"]), &[53, 54])];
    let mut world = World::new(&top, &roles);
    assert_eq!((world.find("p/x"), world.find("q/x")), (Ok(true), Ok(true)));
    assert_eq!(world.fetched, ["a", "c", "b"]);
}

#[test]
fn a_cycle_of_delegations_ends() {
    let top = delegating(1, &[], &[51], &[delegation("a", &[51], &["*"], false)]);
    let a =
        delegating(1, &[], &[51, 52], &[delegation("b", &[52], &["*"], false), delegation("a", &[51], &["*"], false)]);
    let b = delegating(1, &[], &[51], &[delegation("a", &[51], &["*"], false)]);
    let mut world = World::new(&top, &[("a", a, &[51]), ("b", b, &[52])]);
    assert_eq!(world.find("x"), Ok(false));
    assert_eq!(world.fetched, ["a", "b"]);
}

#[test]
fn refuses_to_visit_more_than_32_roles() {
    let names: Vec<String> = (0..=MOST_ROLES).map(|n| format!("r{n}")).collect();
    let delegations: Vec<_> = names.iter().map(|name| delegation(name, &[51], &["*"], false)).collect();
    let all = |count: usize| {
        let roles: Vec<_> = names.iter().map(|name| (name.as_str(), leaf(&[]), &[51][..])).collect();
        World::new(&delegating(1, &[], &[51], &delegations[..count]), &roles)
    };
    assert_eq!(all(MOST_ROLES).find("x"), Ok(false));
    assert_eq!(all(MOST_ROLES + 1).find("x"), Err(Refusal::TooManyRoles { limit: MOST_ROLES }));
}

#[test]
fn refuses_delegated_metadata_that_is_expired_replaced_or_unlisted() {
    let top = delegating(1, &[], &[51], &[delegation("a", &[51], &["*"], false)]);
    let mut expired = leaf(&["x"]);
    expired["expires"] = json!(now());
    let refusal = World::new(&top, &[("a", expired, &[51])]).find("x").unwrap_err();
    assert_eq!((refusal.code(), refusal.role()), ("expired", Role::Targets));
    assert!(matches!(cause(refusal), Refusal::Expired { .. }));

    let mut world = World::new(&top, &[("a", leaf(&["x"]), &[51])]);
    world.roles.insert("a".into(), sign(&delegating(2, &["x"], &[], &[]), &[51]));
    assert!(matches!(cause(world.find("x").unwrap_err()), Refusal::Length { .. } | Refusal::Digest { .. }));

    let mut world = World::new(&top, &[("a", leaf(&["x"]), &[51])]);
    world.roles.insert("a".into(), Vec::new());
    assert!(world.find("x").is_err());

    let refusal = World::new(&top, &[]).find("x").unwrap_err();
    assert!(matches!(refusal, Refusal::Unlisted { version: 1, .. }), "{refusal}");
}

#[test]
fn refuses_delegated_metadata_of_another_version_than_listed() {
    let top = delegating(1, &[], &[51], &[delegation("a", &[51], &["*"], false)]);
    // The snapshot of this world says version 1 of everything.
    let mut world = World::new(&top, &[("a", delegating(2, &["x"], &[], &[]), &[51])]);
    assert!(matches!(cause(world.find("x").unwrap_err()), Refusal::VersionMismatch { expected: 1, found: 2, .. }));
}

#[test]
fn prefixes_of_the_paths_digest_delegate_as_well() {
    let digits = sealift_model::Digest::of(b"p/x").to_hex();
    let mut role = delegation("a", &[51], &[], false);
    role.as_object_mut().unwrap().remove("paths");
    role["path_hash_prefixes"] = json!([digits[..2]]);
    let top = delegating(1, &[], &[51], &[role]);
    let mut world = World::new(&top, &[("a", leaf(&["p/x"]), &[51])]);
    assert_eq!(world.find("p/x"), Ok(true));
    assert_eq!(world.find("p/other"), Ok(false));
}

#[test]
fn refuses_malformed_delegations() {
    let good = delegation("a", &[51], &["*"], false);
    let change = |edit: fn(&mut Value)| {
        let mut role = good.clone();
        edit(&mut role);
        let body = delegating(1, &[], &[51], &[role]);
        Signed::<DelegatingTargets>::parse_as(&sign(&body, &[11]), Profile::Tuf).map(|_| ())
    };
    assert_eq!(change(|_| ()), Ok(()));
    let malformed: [fn(&mut Value); 12] = [
        |r| r["path_hash_prefixes"] = json!(["00"]),
        |r| drop(r.as_object_mut().unwrap().remove("paths")),
        |r| r["paths"] = Value::Null,
        |r| r["paths"] = json!("*"),
        |r| r["name"] = "".into(),
        |r| r["name"] = "targets".into(),
        |r| r["name"] = Value::Null,
        |r| r["threshold"] = 0.into(),
        |r| r["threshold"] = (-1).into(),
        |r| r["terminating"] = "false".into(),
        |r| drop(r.as_object_mut().unwrap().remove("terminating")),
        |r| r["keyids"] = json!([r["keyids"][0], r["keyids"][0]]),
    ];
    for edit in malformed {
        assert!(matches!(change(edit), Err(Refusal::Malformed { role: Role::Targets, .. })));
    }
    // What the reference implementation reads differently from the specification.
    let unsupported = change(|r| r["paths"] = json!(["a[bc]"]));
    assert!(matches!(unsupported, Err(Refusal::Unsupported { .. })));
    let twice = delegating(1, &[], &[51], &[good.clone(), good.clone()]);
    assert!(Signed::<DelegatingTargets>::parse_as(&sign(&twice, &[11]), Profile::Tuf).is_err());
    let mut succinct = delegating(1, &[], &[51], &[]);
    succinct["delegations"]["succinct_roles"] = json!({});
    assert!(Signed::<DelegatingTargets>::parse_as(&sign(&succinct, &[11]), Profile::Tuf).is_err());
}

#[test]
fn a_search_before_targets_metadata_is_refused() {
    let repository = Repository::new(1);
    let set = TufSet::for_tuf(&repository.root, Previous::default(), now()).unwrap();
    assert!(matches!(Search::new("x").step(&set), Err(Refusal::Premature { .. })));
}
