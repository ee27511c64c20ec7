//! Statements by people: made, put beside a bundle, and asked for by `receive`; and a holder of a key who is elsewhere.

use std::fs;
use std::path::Path;

use sealift_keys::{KeyFile, Passphrase};
use sealift_model::Digest;

use super::desk::once;
use super::{Case, ISOLATED, SIGN, case};
use crate::world::{Line, Worlds, worlds};

const APPROVE: &str = "approve media --key people/alice.key --passphrase-file passphrase --root keys/root.json -o said";

const ALICE: &str = "--key people/alice.key --passphrase-file passphrase -o said";
const NEEDS: &[&str] = &["keys", "people", "passphrase", "media", "said"];

pub fn cases() -> Vec<Case> {
    let needs = NEEDS;
    let alice = |name, line: &str| once("to-approve", NEEDS, name, "keys", &format!("{line} {ALICE}"));
    let state = Digest::of(b"state").to_hex();
    let unsigned = said(&worlds().before("said-unsigned"));
    let countersign = format!(
        "countersign {} --key people/bob.key --passphrase-file passphrase -o said",
        said(&worlds().before("approved-of-two"))
    );
    vec![
        once("to-approve", needs, "approve", "keys", APPROVE),
        case("attach-statement", "approved", &["keys", "connected", "media", "said"], "mirror", &attach(worlds())),
        alice("scan-statement", "scan media --result pass --scanner hand"),
        alice("waive-expiry", "waive expiry media --days 3 --reason late"),
        alice("waive-clock", &format!("waive clock {state} --reason battery")),
        once("approved-of-two", NEEDS, "countersign", "keys", &countersign),
        once(
            "said-unsigned",
            NEEDS,
            "statement-sign",
            "keys",
            &format!("statement sign {unsigned} --key people/alice.key --passphrase-file passphrase"),
        ),
        once(
            "said-elsewhere",
            &["people", "said", "alice.sig"],
            "statement-attach",
            "keys",
            &format!("statement attach {unsigned} --key people/alice.pub --signature alice.sig"),
        ),
        case("receive-approved", "approved-site", ISOLATED, "import", "receive --dir isolated media"),
    ]
}

/// The command that puts the one statement there is beside its bundle.
fn attach(worlds: &Worlds) -> String {
    format!(
        "bundle attach {} --dir connected --stream patches --keys keys --to media",
        said(&worlds.before("approved"))
    )
}

/// The one statement in a directory.
fn said(dir: &Path) -> String {
    let said = fs::read_dir(dir.join("said")).unwrap().next().unwrap().unwrap();
    format!("said/{}", said.file_name().into_string().unwrap())
}

/// Signs what `statement export` wrote, as a token would.
fn sign_elsewhere(dir: &Path) {
    let unsigned = said(dir);
    let export = Line::new("keys", &format!("statement export {unsigned} -o to-sign"));
    assert!(crate::world::run(dir, &export, "").done());
    let passphrase = Passphrase::from_file(&dir.join("passphrase")).unwrap();
    let key = KeyFile::read(&dir.join("people/alice.key")).unwrap().open(&passphrase).unwrap();
    fs::write(dir.join("alice.sig"), key.sign(&fs::read(dir.join("to-sign")).unwrap())).unwrap();
}

pub fn make_steps(worlds: &Worlds) {
    let nothing = |_: &Path| ();
    let build = format!("bundle build --dir connected --stream patches --to media {SIGN}");
    let place = |dir: &Path| fs::create_dir(dir.join("said")).unwrap();
    worlds.derive("to-approve", Some("approvals-asked"), &place, &[Line::new("mirror", &build)]);
    worlds.derive("approved", Some("to-approve"), &nothing, &[Line::new("keys", APPROVE)]);
    let unsigned = Line::new("keys", "approve media --unsigned --person alice -o said");
    worlds.derive("said-unsigned", Some("to-approve"), &nothing, &[unsigned]);
    worlds.derive("said-elsewhere", Some("said-unsigned"), &sign_elsewhere, &[]);
    worlds.derive("approved-of-two", Some("approved"), &nothing, &[Line::new("person", "people bob passphrase")]);
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
