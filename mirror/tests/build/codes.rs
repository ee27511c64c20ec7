//! Receipts typed in as codes: what they are compared with, and when they decide something.

use sealift_mirror::build::{BaseChoice, BaseReason};
use sealift_mirror::config::{Receipts, SiteConfig};
use sealift_mirror::site::code::{KeptCode, import, kept};
use sealift_mirror::site::{SiteError, SiteRefusal, add};
use sealift_mirror::stream::StreamDir;
use sealift_model::{Digest, SiteId};
use sealift_trust::{Held, ReceiptCode};

use crate::kit::{World, receipt, seq, stream, time};

fn name(text: &str) -> SiteId {
    SiteId::new(text).unwrap()
}

/// A mirror with three bundles, the site `believed`, whose codes count, and `doubted`, whose codes do not.
fn world() -> World {
    let world = World::new("1-of-1", "[\"a\"]");
    for (day, version) in ["1", "2", "3"].into_iter().enumerate() {
        world.sync(day as u64 * 2, &[("a", version, "")]);
        world.build(day as u64 * 2 + 1, BaseChoice::Full).unwrap();
    }
    for (site, believe_codes) in [("believed", true), ("doubted", false)] {
        let state = world.state();
        let receipts = Receipts::Never;
        let added = SiteConfig { name: name(site), receipt_key: None, receipts, believe_codes };
        add::append(state.dir(), &state.lock().unwrap(), &added).unwrap();
    }
    world
}

fn held(world: &World, number: u64) -> Held {
    let record = StreamDir::of(world.state().dir(), &stream()).record(seq(number)).unwrap();
    Held { stream: stream(), sequence: seq(number), manifest: record.manifest }
}

fn type_in(world: &World, site: &str, held: &Held, day: u64) -> Result<(KeptCode, bool), SiteError> {
    let written = ReceiptCode::of(&name(site), held, time(day)).unwrap().to_string();
    let typed = ReceiptCode::parse(&written.to_lowercase().replace('-', " ")).unwrap();
    let state = world.state();
    let lock = state.lock().unwrap();
    import(&lock, state.dir(), state.config(), &typed, time(day + 1))
}

#[test]
fn a_code_tells_site_and_bundle_and_is_kept_once() {
    let world = world();
    let (code, new) = type_in(&world, "believed", &held(&world, 2), 6).unwrap();
    assert!(new);
    assert_eq!((&code.site, code.held()), (&name("believed"), held(&world, 2)));
    assert!(!type_in(&world, "believed", &held(&world, 2), 6).unwrap().1);
    assert_eq!(kept(world.state().dir(), &name("believed")).unwrap().len(), 1);
}

#[test]
fn a_code_decides_nothing_unless_it_is_believed_for_that_site() {
    let world = world();
    for site in ["believed", "doubted"] {
        type_in(&world, site, &held(&world, 2), 6).unwrap();
    }
    world.sync(7, &[("a", "4", "")]);
    let plan = world.plan(8, BaseChoice::For(name("believed"))).unwrap();
    assert_eq!((plan.valid_from, plan.reason), (vec![seq(2)], BaseReason::MayHold(name("believed"))));
    let plan = world.plan(8, BaseChoice::For(name("doubted"))).unwrap();
    assert_eq!((plan.valid_from, plan.reason), (Vec::new(), BaseReason::Unacknowledged(name("doubted"))));
}

#[test]
fn a_later_receipt_stands_against_a_code_that_said_more() {
    let world = world();
    let config = std::fs::read_to_string(world.mirror().join("mirror.toml")).unwrap();
    let believing = config.replace("receipt_key = ", "believe_codes = true\nreceipt_key = ");
    assert_ne!(config, believing);
    std::fs::write(world.mirror().join("mirror.toml"), believing).unwrap();
    type_in(&world, "plant-a", &held(&world, 3), 6).unwrap();
    world.sync(7, &[("a", "4", "")]);
    let valid_from = || world.plan(12, BaseChoice::For(name("plant-a"))).unwrap().valid_from;
    assert_eq!(valid_from(), [seq(3)]);
    // The site lost its repository, and began anew with the first bundle.
    let state = world.state();
    let text = receipt(&world.site, 9, 1, held(&world, 1).manifest);
    sealift_mirror::site::import(&state.lock().unwrap(), state.dir(), state.config(), text.as_bytes()).unwrap();
    drop(state);
    assert_eq!(valid_from(), [seq(1)]);
}

#[test]
fn refuses_a_code_of_a_day_that_has_not_come() {
    let world = world();
    let before = world.documents();
    let written = ReceiptCode::of(&name("believed"), &held(&world, 2), time(6)).unwrap();
    let state = world.state();
    let lock = state.lock().unwrap();
    let error = import(&lock, state.dir(), state.config(), &written, time(3)).unwrap_err();
    assert!(matches!(error, SiteError::Refused(SiteRefusal::FutureCode { .. })), "{error:?}");
    assert_eq!(world.documents(), before);
    assert!(import(&lock, state.dir(), state.config(), &written, time(5)).unwrap().1, "clocks differ");
}

#[test]
fn refuses_a_code_that_fits_nothing_this_mirror_made() {
    let world = world();
    let before = world.documents();
    let other = Held { manifest: Digest::of(b"another"), ..held(&world, 2) };
    let later = Held { sequence: seq(9), ..held(&world, 2) };
    for (site, held) in [("believed", &other), ("believed", &later), ("stranger", &held(&world, 2))] {
        let error = type_in(&world, site, held, 6).unwrap_err();
        assert!(matches!(error, SiteError::Refused(SiteRefusal::UnknownCode { .. })), "{error:?}");
    }
    assert_eq!(world.documents(), before);
}

#[test]
fn refuses_a_code_that_holds_less_or_is_older_than_what_was_acknowledged() {
    let world = world();
    type_in(&world, "believed", &held(&world, 2), 6).unwrap();
    let less = type_in(&world, "believed", &held(&world, 1), 7).unwrap_err();
    assert!(matches!(less, SiteError::Refused(SiteRefusal::Less { .. })), "{less:?}");
    let older = type_in(&world, "believed", &held(&world, 3), 5).unwrap_err();
    assert!(matches!(older, SiteError::Refused(SiteRefusal::Older { .. })), "{older:?}");
    let state = world.state();
    let text = receipt(&world.site, 9, 3, held(&world, 3).manifest);
    sealift_mirror::site::import(&state.lock().unwrap(), state.dir(), state.config(), text.as_bytes()).unwrap();
    drop(state);
    let less = type_in(&world, "plant-a", &held(&world, 2), 9).unwrap_err();
    assert!(matches!(less, SiteError::Refused(SiteRefusal::Less { .. })), "{less:?}");
    let older = type_in(&world, "plant-a", &held(&world, 3), 8).unwrap_err();
    assert!(matches!(older, SiteError::Refused(SiteRefusal::Older { .. })), "{older:?}");
    assert!(type_in(&world, "plant-a", &held(&world, 3), 9).unwrap().1, "of the receipt's own day");
}

#[test]
fn a_kept_code_that_was_changed_is_not_used() {
    let world = world();
    type_in(&world, "believed", &held(&world, 2), 6).unwrap();
    let dir = world.mirror().join("sites/believed/codes");
    let file = std::fs::read_dir(&dir).unwrap().next().unwrap().unwrap().path();
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("\"sequence\":2", "\"sequence\":3")).unwrap();
    assert!(world.plan(8, BaseChoice::For(name("believed"))).is_err());
}
