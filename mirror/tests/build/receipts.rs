//! Receipts and the bases they choose.

use sealift_bundle::manifest::BundleKind;
use sealift_mirror::build::{BaseChoice, BaseReason};
use sealift_mirror::site::{self, Imported, SiteError, SiteRefusal};
use sealift_model::{Digest, SiteId};
use sealift_site::StatementKey;

use crate::kit::{World, receipt, seq};

const FIRST: &[(&str, &str, &str)] = &[("jq", "1.6", "")];
const SECOND: &[(&str, &str, &str)] = &[("jq", "1.7", "")];

fn import(world: &World, receipt: &str) -> Result<Imported, SiteError> {
    let state = world.state();
    let lock = state.lock().unwrap();
    site::import(&lock, state.dir(), state.config(), receipt.as_bytes())
}

fn built() -> (World, Digest) {
    let world = World::new("1-of-1", "[\"jq\"]");
    world.sync(0, FIRST);
    let (plan, _) = world.build(1, BaseChoice::Receipts).unwrap();
    let id = Digest::of(&plan.manifest.to_bytes().unwrap());
    (world, id)
}

#[test]
fn a_receipt_makes_the_next_bundle_incremental() {
    let (world, id) = built();
    world.sync(2, SECOND);
    assert_eq!(world.plan(3, BaseChoice::Receipts).unwrap().reason, BaseReason::NoReceipt);
    let text = receipt(&world.site, 2, 1, id);
    assert!(matches!(import(&world, &text).unwrap(), Imported::New(_)));
    assert!(matches!(import(&world, &text).unwrap(), Imported::Known(_)));
    let plan = world.plan(3, BaseChoice::Receipts).unwrap();
    assert_eq!((plan.manifest.kind, plan.manifest.base.unwrap().sequence), (BundleKind::Incremental, seq(1)));
    assert_eq!(plan.reason, BaseReason::Acknowledged(vec![SiteId::new("plant-a").unwrap()]));
}

#[test]
fn refuses_a_receipt_older_than_the_last() {
    let (world, id) = built();
    import(&world, &receipt(&world.site, 5, 1, id)).unwrap();
    let before = world.documents();
    let error = import(&world, &receipt(&world.site, 4, 1, id)).unwrap_err();
    assert!(matches!(error, SiteError::Refused(SiteRefusal::Older { .. })), "{error:?}");
    assert_eq!(world.documents(), before);
}

#[test]
fn refuses_receipts_by_unknown_sites_and_keys() {
    let (world, id) = built();
    let before = world.documents();
    let stranger = StatementKey::from_seed(&SiteId::new("plant-b").unwrap(), &[8; 32]);
    let error = import(&world, &receipt(&stranger, 2, 1, id)).unwrap_err();
    assert!(matches!(error, SiteError::Refused(SiteRefusal::UnknownSite(_))), "{error:?}");
    let forger = StatementKey::from_seed(&SiteId::new("plant-a").unwrap(), &[8; 32]);
    let error = import(&world, &receipt(&forger, 2, 1, id)).unwrap_err();
    assert!(matches!(error, SiteError::Refused(SiteRefusal::Receipt(_))), "{error:?}");
    let changed = receipt(&world.site, 2, 1, id).replace(" 1 sha256", " 2 sha256");
    assert!(matches!(import(&world, &changed), Err(SiteError::Refused(SiteRefusal::Receipt(_)))));
    assert_eq!(world.documents(), before);
}

#[test]
fn refuses_a_receipt_for_another_bundle_under_our_number() {
    let (world, _) = built();
    let error = import(&world, &receipt(&world.site, 2, 1, Digest::of(b"other"))).unwrap_err();
    assert!(matches!(error, SiteError::Refused(SiteRefusal::OtherBundle { .. })), "{error:?}");
}

#[test]
fn a_bundle_this_mirror_never_built_is_no_base() {
    let (world, _) = built();
    world.sync(2, SECOND);
    import(&world, &receipt(&world.site, 2, 9, Digest::of(b"other"))).unwrap();
    let plan = world.plan(3, BaseChoice::Receipts).unwrap();
    assert_eq!(plan.manifest.kind, BundleKind::Complete);
    assert!(matches!(plan.reason, BaseReason::Unknown(_, sequence) if sequence == seq(9)));
}
