//! The root of trust changes: keys are replaced, stolen ones become worthless, forged roots change nothing.

use std::fs;
use std::path::Path;

use sealift_keys::{KdfParams, Passphrase, SecretKey, key_file};
use sealift_trust::Purpose;
use serde_json::Value;

use crate::line::{Line, Said};

const KEYS: &str = env!("CARGO_BIN_EXE_t-sealift-keys");

fn desk(line: &Line, words: &str) -> Said {
    line.run(KEYS, &words.split_whitespace().collect::<Vec<_>>())
}

/// Makes a key in `keys/keys`, cheap to open, and returns its path.
fn new_key(line: &Line, purpose: Purpose, n: u8) -> String {
    let name = format!("keys/keys/{purpose}-new-{n}.key");
    let passphrase = Passphrase::from_file(&line.path("passphrase")).unwrap();
    let secret = SecretKey::from_seed(purpose, &[n; 32]);
    key_file::write(&line.path(&name), &secret, &passphrase, KdfParams { m_kib: 64, t: 1, p: 1 }).unwrap();
    name
}

/// Drafts the next root with a new key in the place of each of `roles`; the old key files leave the mirror.
fn draft_replacing(line: &Line, draft: &str, roles: &[Purpose]) {
    desk(line, &format!("root draft keys/root.json -o {draft}")).done();
    for (n, role) in (100..).zip(roles) {
        let (old, new) = (format!("keys/keys/{role}-1.key"), new_key(line, *role, n));
        desk(line, &format!("root replace-key {draft} --role {role} --old {old} --new {new}")).done();
    }
}

fn sign(line: &Line, draft: &str, key: &str) {
    desk(line, &format!("sign {draft} --key {key} --passphrase-file passphrase")).done();
}

/// Root 2: every online key and the targets key are replaced.
fn rotate(line: &Line) {
    let online = [Purpose::Targets, Purpose::Snapshot, Purpose::Timestamp];
    draft_replacing(line, "2.draft", &online);
    sign(line, "2.draft", "keys/keys/root-1.key");
    desk(line, "root publish 2.draft --to keys").done();
    for role in online {
        fs::remove_file(line.path(&format!("keys/keys/{role}-1.key"))).unwrap();
    }
}

const SIGNING: [&str; 4] = ["--keys", "keys", "--passphrase-file", "passphrase"];

fn revoke(line: &Line, to: &str) -> Said {
    line.mirror("bundle revoke", &[&["--to", to][..], &SIGNING].concat())
}

fn root_version(line: &Line, site: &str) -> u64 {
    let status: Value = serde_json::from_str(&line.import_at(site, "status", &["--json", "-q"]).stdout).unwrap();
    let root = status["trust"].as_array().unwrap().iter().find(|document| document["role"] == "root");
    root.unwrap()["version"].as_u64().unwrap()
}

#[test]
fn rotated_root_travels_in_the_next_bundle_which_the_new_keys_sign() {
    let mut line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    rotate(&line);
    line.upstream.advance(600).unwrap();
    line.mirror("sync", &[]).done();
    line.build("media2", &["--full"]).done();
    // Whoever pinned the first root still gets there.
    let bundle = env!("CARGO_BIN_EXE_t-sealift-bundle");
    line.run(bundle, &["verify", "media2", "--root", "keys/1.root.json"]).done();
    line.run(bundle, &["verify", "media2", "--root", "keys/2.root.json"]).done();
    line.import("receive", &["media2"]).done();
    assert_eq!(root_version(&line, "isolated"), 2);
}

#[test]
fn stolen_keys_count_until_the_revocation_arrives_and_never_after() {
    let mut line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    line.site("unaware");
    line.import_at("unaware", "receive", &["media"]).done();
    line.copy("keys", "stolen");
    line.copy("connected", "thief");
    rotate(&line);
    let said = revoke(&line, "cd").done();
    assert!(said.contains("Next: sealift-import receive"), "{said}");
    let size: u64 = line.files("cd").iter().map(|f| fs::metadata(line.path(&format!("cd/{f}"))).unwrap().len()).sum();
    assert!(size < 64_000, "{size} bytes");
    assert!(line.files("cd").iter().all(|file| file.starts_with("SEALIFT/trust/metadata/")), "{:?}", line.files("cd"));

    // The thief follows the same upstream and signs a newer, unexpired bundle.
    line.upstream.advance(600).unwrap();
    line.run(MIRROR, &["sync", "--dir", "thief"]).done();
    let build = ["bundle", "build", "--dir", "thief", "--stream", "patches", "--full", "--to", "evil"];
    fs::create_dir(line.path("evil")).unwrap();
    line.run(MIRROR, &[&build[..], &["--keys", "stolen", "--passphrase-file", "passphrase"]].concat()).done();

    let bundles = line.import("bundles", &["--json"]).stdout;
    let said = line.import("receive", &["cd"]).done();
    assert!(said.contains("trust metadata"), "{said}");
    assert_eq!(root_version(&line, "isolated"), 2);
    assert_eq!(line.import("bundles", &["--json"]).stdout, bundles, "nothing but the trust state moves");
    let before = fs::read(line.path("isolated/trust/floor.json")).unwrap();
    line.import("receive", &["evil"]).refused(10, &["timestamp", "root version 2"]);
    assert_eq!(fs::read(line.path("isolated/trust/floor.json")).unwrap(), before);
    // Exposure ends with the medium's arrival, not with the ceremony.
    line.import_at("unaware", "receive", &["evil"]).done();
    line.import_at("unaware", "receive", &["cd"]).done();
    assert_eq!(root_version(&line, "unaware"), 2);
}

const MIRROR: &str = env!("CARGO_BIN_EXE_t-sealift-mirror");

#[test]
fn revocation_whose_list_must_be_signed_elsewhere_waits_and_is_taken_up_again() {
    let line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    rotate(&line);
    // The new targets key is with its holder, not on the mirror.
    fs::rename(line.path("keys/keys/targets-new-100.key"), line.path("holder.key")).unwrap();
    let said = revoke(&line, "cd").done();
    assert!(said.contains("0 of 1 signatures are there"), "{said}");
    assert!(!line.path("cd/SEALIFT").exists());
    let file = "connected/trust/renewal/targets.json";
    desk(&line, &format!("export {file} -o list")).done();
    desk(&line, "sign list --root keys/root.json --key holder.key -o list.sig --passphrase-file passphrase").done();
    desk(&line, &format!("attach {file} --root keys/root.json --key holder.key --signature list.sig")).done();
    revoke(&line, "cd").done();
    line.import("receive", &["cd"]).done();
    assert_eq!(root_version(&line, "isolated"), 2);
}

#[test]
fn list_that_somebody_changed_is_drafted_anew_and_not_signed() {
    let line = Line::with_bundle();
    rotate(&line);
    fs::rename(line.path("keys/keys/targets-new-100.key"), line.path("holder.key")).unwrap();
    revoke(&line, "cd").done();
    let file = line.path("connected/trust/renewal/targets.json");
    let text = fs::read_to_string(&file).unwrap();
    let forged = text.replacen("\"length\":", "\"length\":1", 1);
    assert_ne!(forged, text);
    fs::write(&file, forged).unwrap();
    let said = revoke(&line, "cd").done();
    assert!(said.contains("earlier signatures are void"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), text);
}

#[test]
fn medium_with_bundles_is_not_used_for_a_revocation() {
    let line = Line::with_bundle();
    rotate(&line);
    let before = line.files("media");
    let said = revoke(&line, "media").failed(1, &["holds more than trust metadata", "use an empty medium"]);
    assert!(said.contains("The mirror hands out the new metadata"), "{said}");
    assert_eq!(line.files("media"), before);
}

#[test]
fn timestamp_is_renewed_without_a_new_bundle() {
    let line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    line.mirror("bundle refresh", &[&["--to", "fresh"][..], &SIGNING].concat()).done();
    let said = line.import("receive", &["fresh"]).done();
    assert!(said.contains("trust metadata"), "{said}");
    assert_eq!(root_version(&line, "isolated"), 1);
    // Again, the same medium: nothing is new, nothing is changed.
    let before = fs::read(line.path("isolated/trust/floor.json")).unwrap();
    assert!(line.import("receive", &["fresh"]).done().contains("Nothing new"));
    assert_eq!(fs::read(line.path("isolated/trust/floor.json")).unwrap(), before);
}

/// A site that holds root 1, and what lies on its next medium's `trust/metadata` besides 1.root.json.
fn refused_roots(line: &Line, name: &str, write: impl FnOnce(&Path), code: i32, what: &str) {
    line.copy("media", name);
    write(&line.path(&format!("{name}/SEALIFT/trust/metadata")));
    let before = fs::read(line.path("isolated/trust/floor.json")).unwrap();
    line.import("receive", &[name]).refused(code, &[what]);
    assert_eq!(fs::read(line.path("isolated/trust/floor.json")).unwrap(), before, "{name}");
    assert_eq!(root_version(line, "isolated"), 1, "{name}");
}

/// Takes the root out of a draft without asking for its thresholds, as a forger would.
fn forged(line: &Line, draft: &str) -> Vec<u8> {
    sealift_keys::Draft::read(&line.path(draft)).unwrap().root().raw().to_vec()
}

#[test]
fn forged_successors_of_the_root_change_nothing() {
    let line = Line::with_bundle();
    for by in ["old", "new"] {
        let draft = format!("{by}.draft");
        desk(&line, &format!("root draft keys/root.json -o {draft}")).done();
        let new = if by == "old" { new_key(&line, Purpose::Root, 7) } else { "keys/keys/root-new-7.key".into() };
        let replace = format!("root replace-key {draft} --role root --old keys/keys/root-1.key --new {new}");
        desk(&line, &replace).done();
        let key = if by == "old" { "keys/keys/root-1.key" } else { new.as_str() };
        sign(&line, &draft, key);
        // Neither is anything the ceremony publishes.
        desk(&line, &format!("root publish {draft} --to keys")).refused(10, &["0 of 1 required signatures"]);
        let root = forged(&line, &draft);
        let write = |dir: &Path| fs::write(dir.join("2.root.json"), root).unwrap();
        refused_roots(&line, by, write, 10, "0 of 1 required signatures");
    }
    // Roots that would count, each in its place: out of order, or under another version's name, they do not.
    for (base, draft) in [("keys/root.json", "two.draft"), ("2.root.json", "three.draft")] {
        desk(&line, &format!("root draft {base} -o {draft}")).done();
        sign(&line, draft, "keys/keys/root-1.key");
        fs::write(line.path("2.root.json"), forged(&line, draft)).unwrap();
    }
    let (good, third) = (forged(&line, "two.draft"), forged(&line, "three.draft"));
    refused_roots(
        &line,
        "gap",
        |dir| fs::write(dir.join("3.root.json"), &third).unwrap(),
        11,
        "version 2 belongs here",
    );
    refused_roots(
        &line,
        "name",
        |dir| fs::write(dir.join("3.root.json"), &good).unwrap(),
        11,
        "version 3 belongs here",
    );
    let unsigned = |dir: &Path| fs::write(dir.join("2.root.json"), without_signatures(&good)).unwrap();
    refused_roots(&line, "unsigned", unsigned, 10, "0 of 1 required signatures");
    let first = fs::read(line.path("keys/root.json")).unwrap();
    refused_roots(&line, "again", |dir| fs::write(dir.join("2.root.json"), first).unwrap(), 11, "older than version");
}

fn without_signatures(root: &[u8]) -> Vec<u8> {
    let mut root: Value = serde_json::from_slice(root).unwrap();
    root["signatures"] = Value::Array(Vec::new());
    sealift_model::json::canonical(&root).unwrap()
}

#[test]
fn refuses_three_hundred_roots_and_a_root_of_six_hundred_kilobytes() {
    let line = Line::with_bundle();
    let first = fs::read(line.path("keys/root.json")).unwrap();
    let many = |dir: &Path| {
        for version in 2..=300 {
            fs::write(dir.join(format!("{version}.root.json")), &first).unwrap();
        }
    };
    refused_roots(&line, "many", many, 10, "more than 256 root versions");
    let large = |dir: &Path| {
        let mut bytes = first.clone();
        bytes.resize(600_000, b' ');
        fs::write(dir.join("2.root.json"), bytes).unwrap();
    };
    refused_roots(&line, "large", large, 10, "larger than the limit of 512000 bytes");
}
