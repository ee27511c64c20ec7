//! Statements by people: made, put beside a bundle, and asked for by `receive`; and a holder of a key who is elsewhere.

use std::fs;
use std::path::Path;

use super::desk::once;
use super::{Case, ISOLATED, SIGN, case};
use crate::world::{Line, Worlds, worlds};

const APPROVE: &str = "approve media --key people/alice.key --passphrase-file passphrase --root keys/root.json -o said";

pub fn cases() -> Vec<Case> {
    let needs = &["keys", "people", "passphrase", "media", "said"];
    vec![
        once("to-approve", needs, "approve", "keys", APPROVE),
        case("attach-statement", "approved", &["keys", "connected", "media", "said"], "mirror", &attach(worlds())),
        case("receive-approved", "approved-site", ISOLATED, "import", "receive --dir isolated media"),
    ]
}

/// The command that puts the one statement there is beside its bundle.
fn attach(worlds: &Worlds) -> String {
    let said = fs::read_dir(worlds.before("approved").join("said")).unwrap().next().unwrap().unwrap();
    let name = said.file_name().into_string().unwrap();
    format!("bundle attach said/{name} --dir connected --stream patches --keys keys --to media")
}

pub fn make_steps(worlds: &Worlds) {
    let nothing = |_: &Path| ();
    let build = format!("bundle build --dir connected --stream patches --to media {SIGN}");
    let place = |dir: &Path| fs::create_dir(dir.join("said")).unwrap();
    worlds.derive("to-approve", Some("approvals-asked"), &place, &[Line::new("mirror", &build)]);
    worlds.derive("approved", Some("to-approve"), &nothing, &[Line::new("keys", APPROVE)]);
    let site = "init isolated --root keys/root.json --site plant-a";
    let site = [Line::new("mirror", &attach(worlds)), Line::new("import", site)];
    worlds.derive("approved-site", Some("approved"), &nothing, &site);
    let away = |dir: &Path| {
        fs::create_dir(dir.join("away")).unwrap();
        fs::rename(dir.join("keys/keys/targets-1.key"), dir.join("away/targets-1.key")).unwrap();
    };
    worlds.derive("holder-away", Some("synced"), &away, &[]);
    worlds.derive("waiting", Some("holder-away"), &nothing, &[Line::new("mirror", &build)]);
    let sign = Line::new("keys", &super::upkeep::sign_list(&worlds.before("waiting")));
    worlds.derive("to-seal", Some("waiting"), &nothing, &[sign]);
}
