//! Every command says how old the trust behind the published repository is, and whose word that is.

use sealift_model::SiteId;
use sealift_site::SiteKeys;

use crate::site::Site;

#[test]
fn every_command_says_how_old_the_trust_is_by_the_sites_own_signature() {
    let site = Site::new();
    site.apply(&["records"]).exits(0).complains("is not known: no sealift-trust.dsse.json");
    site.trust_note(3, 30, site.keys());
    for verb in [&["records"][..], &["facts"], &["verify"]] {
        site.apply(verb).complains("Trust last refreshed 3 days ago, as the repository said when it published");
    }
    assert!(site.apply(&["records", "--json"]).complains("").stdout.starts_with("[]"));
    site.apply(&["records", "--quiet"]).exits(0);
}

#[test]
fn an_expired_trust_is_a_warning_that_quiet_does_not_silence() {
    let site = Site::new();
    site.trust_note(90, -1, site.keys());
    for verb in [&["records"][..], &["records", "--quiet"], &["records", "--json"]] {
        site.apply(verb).exits(0).complains("Warning: Trust last refreshed 90 days ago").complains("it expired at");
    }
}

#[test]
fn a_note_that_somebody_else_signed_is_not_believed() {
    let site = Site::new();
    let other = tempfile::tempdir().unwrap();
    let now = "2026-11-22T16:00:00Z".parse().unwrap();
    let stranger = SiteKeys::create(&other.path().join("site"), &SiteId::new("plant-a").unwrap(), now).unwrap();
    site.trust_note(0, 300, &stranger);
    site.apply(&["records"]).exits(0).complains("Warning: How old the repository's trust is, is not known");
}
