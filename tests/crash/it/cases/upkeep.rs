//! What is done beside the daily round: sealing late, revoking, going back, reading everything again, recovering.

use std::fs;
use std::path::{Path, PathBuf};

use sealift_model::Digest;

use super::desk::once;
use super::{CONNECTED, Case, ISOLATED, SIGN, case};
use crate::invariants::files;
use crate::world::{Line, Worlds, worlds};

const RECEIVE: &str = "receive --dir isolated media";
const SCRUB: &str = "scrub --dir isolated";

pub fn cases() -> Vec<Case> {
    let away = &["keys", "passphrase", "connected", "media", "away"];
    let build = format!("bundle build --dir connected --stream patches --to media {SIGN}");
    let seal = format!("bundle seal --dir connected --stream patches --to media {SIGN}");
    let revoke = format!("bundle revoke --dir connected --to cd {SIGN}");
    let list = sign_list(&worlds().before("waiting"));
    let recover = |name, from| {
        let line = format!("trust recover --dir isolated --fingerprint {}", fingerprint(worlds()));
        Case { damaged: true, ..once(from, ISOLATED, name, "import", &line) }
    };
    vec![
        case("build-waiting", "holder-away", CONNECTED, "mirror", &build),
        case("sign-list", "waiting", away, "keys", &list),
        case("seal", "to-seal", CONNECTED, "mirror", &seal),
        Case {
            versioned: &["snapshot.json", "timestamp.json"],
            ..case("revoke", "built", CONNECTED, "mirror", &revoke)
        },
        // A second one goes back one step more, if there is one.
        once("promoted-again", ISOLATED, "revert", "import", "revert --dir isolated --channel production"),
        recover("recover-floors", "floors-cut"),
        recover("recover-index", "index-garbled"),
        recover("recover-document", "document-lost"),
        case("scrub", "received", ISOLATED, "import", SCRUB),
        Case { damaged: true, ends: (1, "Next: "), ..case("scrub-rotten", "rotten", ISOLATED, "import", SCRUB) },
        Case { damaged: true, ..case("receive-heals", "scrubbed", ISOLATED, "import", RECEIVE) },
    ]
}

/// The fingerprint of the one root there is, as it is typed.
fn fingerprint(worlds: &Worlds) -> String {
    Digest::of(&fs::read(worlds.before("site").join("keys/root.json")).unwrap()).to_hex()
}

/// The command with which the holder of the targets key signs the list that waits for it.
pub fn sign_list(waiting: &Path) -> String {
    let drafts = files(&waiting.join("connected"));
    let list = drafts.iter().find(|path| path.ends_with("draft/targets.json")).unwrap();
    let list = list.strip_prefix(waiting).unwrap();
    format!("sign {} --root keys/root.json --key away/targets-1.key --passphrase-file passphrase", list.display())
}

pub fn make_steps(worlds: &Worlds) {
    let cut = |dir: &Path| cut_in_half(&dir.join("isolated/trust/floor.json"));
    worlds.derive("floors-cut", Some("received"), &cut, &[]);
    let garble = |dir: &Path| fs::write(dir.join("isolated/index.sqlite"), vec![0x5a; 9000]).unwrap();
    worlds.derive("index-garbled", Some("received"), &garble, &[]);
    let lose = |dir: &Path| {
        let snapshot = |path: &PathBuf| path.to_string_lossy().ends_with("snapshot.json");
        let file = files(&dir.join("isolated/trust")).into_iter().find(snapshot).unwrap();
        fs::remove_file(file).unwrap();
    };
    worlds.derive("document-lost", Some("received"), &lose, &[]);
    worlds.derive("rotten", Some("received"), &rot, &[]);
    let scrubbed = |dir: &Path| {
        rot(dir);
        assert_eq!(crate::world::run(dir, &Line::new("import", SCRUB), "").code, Some(1));
    };
    worlds.derive("scrubbed", Some("received"), &scrubbed, &[]);
}

fn cut_in_half(path: &Path) {
    let bytes = fs::read(path).unwrap();
    fs::write(path, &bytes[..bytes.len() / 2]).unwrap();
}

/// Turns a bit of the largest blob, without touching what is published from it by a hard link.
fn rot(dir: &Path) {
    let size = |path: &PathBuf| fs::metadata(path).unwrap().len();
    let blob = files(&dir.join("isolated/store")).into_iter().max_by_key(|path| (size(path), path.clone())).unwrap();
    let mut bytes = fs::read(&blob).unwrap();
    bytes[0] ^= 1;
    fs::remove_file(&blob).unwrap();
    fs::write(&blob, bytes).unwrap();
}
