//! What holds at every moment, also right after a fault and before anything was run again (docs/crash-safety.md).

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, OpenFlags};
use sealift_model::Digest;
use serde_json::Value;

use crate::cases::{Case, Reference};
use crate::state::State;
use crate::world::{Line, run};

/// What is watched over the whole life of a directory.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// Versions and sequences that never go back.
    pub floors: BTreeMap<String, u64>,
    /// What hosts see, by channel.
    pub live: BTreeMap<String, State>,
    /// Whether the medium verifies, and which bundles it carries.
    pub medium: Vec<String>,
}

/// Collects the facts of a directory that is in order.
pub fn facts(dir: &Path) -> Facts {
    Facts { floors: floors(dir), live: live(dir), medium: medium(dir) }
}

fn floors(dir: &Path) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    let Ok(bytes) = fs::read(dir.join("isolated/trust/floor.json")) else { return found };
    let Ok(file) = serde_json::from_slice::<Value>(&bytes) else { return found };
    // While a change is under way the file names the floors before it, too: what was committed is not less than those.
    let floors = if file["before"].is_object() { &file["before"] } else { &file["floors"] };
    let mut put = |name: &str, value: &Value| found.insert(name.to_owned(), value.as_u64().unwrap_or(0));
    put("root", &floors["root"]["version"]);
    for role in ["timestamp", "snapshot", "targets"] {
        put(role, &floors["documents"][role]["version"]);
    }
    for (stream, held) in floors["streams"].as_object().into_iter().flatten() {
        put(&format!("stream {stream}"), &held["sequence"]);
    }
    found
}

fn live(dir: &Path) -> BTreeMap<String, State> {
    let published = dir.join("isolated/published");
    let mut found = BTreeMap::new();
    for channel in ["production", "testing"] {
        if let Ok(target) = fs::canonicalize(published.join(channel)) {
            found.insert(channel.to_owned(), tree(&target, ""));
        }
    }
    found
}

/// Returns a published tree by the digests of its files; signatures are made anew each time.
pub fn tree(root: &Path, shown: &str) -> State {
    let mut state = State::new();
    for path in files(root) {
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        // Older indexes are kept there for hosts that are between two reads; how many depends on how often was published.
        if name.contains("/by-hash/") {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let content = match name.rsplit('/').next() {
            Some("InRelease" | "Release.gpg") => "signed".to_owned(),
            _ => Digest::of(&bytes).to_hex(),
        };
        state.insert(format!("{shown}/{name}"), content);
    }
    state
}

fn medium(dir: &Path) -> Vec<String> {
    let mut found: Vec<String> = files(&dir.join("media/SEALIFT/bundles"))
        .iter()
        .filter(|path| path.ends_with("manifest.json"))
        .map(|path| path.strip_prefix(dir).unwrap().to_string_lossy().into_owned())
        .collect();
    found.sort();
    found
}

/// Returns every file below a directory.
pub fn files(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).into_iter().flatten() {
        let path = entry.unwrap().path();
        let metadata = fs::symlink_metadata(&path).unwrap();
        if metadata.is_dir() {
            found.extend(files(&path));
        } else if metadata.is_file() {
            found.push(path);
        }
    }
    found
}

/// Returns what is broken in `dir` after a fault.
pub fn broken(case: &Case, reference: &Reference, dir: &Path) -> Option<String> {
    let checks = [published_blobs, index_content, ledger_of_commits];
    let mut found: Vec<String> = Vec::new();
    if !case.damaged {
        found.extend(checks.iter().filter_map(|check| check(dir)));
        found.extend(opens(case, dir));
    }
    found.extend(floors_went_back(reference, dir));
    found.extend(torn_view(reference, dir));
    found.extend(lost_bundles(reference, dir));
    (!found.is_empty()).then(|| found.join("\n"))
}

/// Every package that a published index names is there and has the digest that it names (I1).
fn published_blobs(dir: &Path) -> Option<String> {
    for channel in ["production", "testing"] {
        let Ok(root) = fs::canonicalize(dir.join("isolated/published").join(channel)) else { continue };
        for index in files(&root.join("dists")).iter().filter(|path| path.ends_with("Packages")) {
            for paragraph in String::from_utf8_lossy(&fs::read(index).unwrap()).split("\n\n") {
                let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name));
                let (Some(file), Some(digest)) = (field("Filename: "), field("SHA256: ")) else { continue };
                let bytes = fs::read(root.join(file)).unwrap_or_default();
                if Digest::of(&bytes).to_hex() != digest {
                    return Some(format!("I1: {file} of channel {channel} is not what its index names"));
                }
            }
        }
    }
    None
}

/// Every bundle of the index has its manifest, and every file of it is whole in the store (I2).
fn index_content(dir: &Path) -> Option<String> {
    let isolated = dir.join("isolated");
    for (stream, sequence, id) in bundles(&isolated) {
        let path = isolated.join("bundles").join(&stream).join(sequence.to_string()).join("manifest.json");
        let Ok(bytes) = fs::read(&path) else { return Some(format!("I2: bundle {stream}/{sequence} has no manifest")) };
        if Digest::of(&bytes).to_hex() != id {
            return Some(format!("I2: the manifest of bundle {stream}/{sequence} is not the one accepted"));
        }
        let manifest: Value = serde_json::from_slice(&bytes).unwrap_or_default();
        for file in manifest["files"].as_array().into_iter().flatten() {
            let digest = file["sha256"].as_str().unwrap();
            let blob = isolated.join("store/sha256").join(&digest[..2]).join(digest);
            if Digest::of(&fs::read(blob).unwrap_or_default()).to_hex() != digest {
                return Some(format!("I2: {} of bundle {stream}/{sequence} is not in the store", file["path"]));
            }
        }
    }
    None
}

fn bundles(isolated: &Path) -> Vec<(String, i64, String)> {
    let path = isolated.join("index.sqlite");
    if !path.exists() {
        return Vec::new();
    }
    // For writing: what a killed run left of a transaction is rolled back, as the tool would.
    let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_WRITE).unwrap();
    let Ok(mut statement) = connection.prepare("SELECT stream, sequence, manifest FROM bundles") else {
        return Vec::new();
    };
    let Ok(rows) = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))) else {
        return Vec::new();
    };
    rows.filter_map(Result::ok).collect()
}

/// The ledger says of each bundle at most once that it was accepted, and only of bundles that the index has (I7).
fn ledger_of_commits(dir: &Path) -> Option<String> {
    let isolated = dir.join("isolated");
    let text = fs::read(isolated.join("ledger.jsonl")).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let held: Vec<String> = bundles(&isolated).into_iter().map(|(.., id)| id).collect();
    let mut accepted: Vec<String> = Vec::new();
    for line in text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok()) {
        let Some(bundle) = line["subject"]["bundle"].as_str().filter(|_| line["event"] == "accepted") else { continue };
        if accepted.iter().any(|known| known == bundle) || !held.iter().any(|known| known == bundle) {
            return Some(format!(
                "I7: the ledger has an acceptance of {bundle} that was not committed, or has it twice"
            ));
        }
        accepted.push(bundle.to_owned());
    }
    None
}

/// What is there is opened by the tool that changed it.
fn opens(case: &Case, dir: &Path) -> Option<String> {
    let readers = [
        ("isolated", "import", "status --dir isolated"),
        ("isolated", "import", "ledger verify --dir isolated"),
        ("connected/mirror.toml", "mirror", "bundle list --dir connected"),
        ("media/SEALIFT", "mirror", "verify media --root keys/root.json --quiet"),
        ("back/SEALIFT", "bundle", "inspect back"),
        ("register/heads.json", "media", "check --dir register"),
        ("one.sealift", "bundle", "inspect one.sealift"),
        ("keys/root.json", "ceremony", "show keys/root.json"),
        ("apply/inventory.toml", "apply", "records --dir apply"),
        ("apply/records", "apply", "verify --dir apply"),
    ];
    for (path, of, line) in readers {
        if of != case.line.tool
            || !dir.join(path).exists()
            || !dir.join("keys").exists() && line.contains("--root keys")
        {
            continue;
        }
        let tool = match line.split(' ').next() {
            Some("verify" | "inspect") if of != "apply" => "bundle",
            _ if of == "ceremony" => "keys",
            _ => of,
        };
        let said = run(dir, &Line::new(tool, line), "");
        // A medium to which a bundle is being added is not whole, and is not called whole: blobs come first, then the
        // bundle, then the metadata that lists it.
        let unlisted = ["is not listed by any manifest", "the targets metadata does not list it"];
        let being_added = said.code == Some(10) && unlisted.iter().any(|why| said.text.contains(why));
        // Whole, but the people who must approve it have not been asked yet.
        let waiting = said.code == Some(12) && said.text.contains("people must agree");
        if !said.done() && !being_added && !waiting {
            return Some(format!("{}: `{tool} {line}` ends with {:?}:\n{}", case.name, said.code, said.text));
        }
    }
    None
}

/// No version, sequence or signed time is below what it was (I4).
fn floors_went_back(reference: &Reference, dir: &Path) -> Option<String> {
    let now = floors(dir);
    let lower = |(name, before): (&String, &u64)| now.get(name).is_none_or(|now| now < before).then(|| name.clone());
    let lower: Vec<String> = reference.before.floors.iter().filter_map(lower).collect();
    (!lower.is_empty()).then(|| format!("I4: went back: {}", lower.join(", ")))
}

/// What hosts see is what they saw, or what they are to see (I3).
fn torn_view(reference: &Reference, dir: &Path) -> Option<String> {
    let now = live(dir);
    let known = now == reference.before.live || now == reference.after.live;
    (!known).then(|| "I3: hosts see neither the old nor the new repository".to_owned())
}

/// A medium keeps every bundle that was on it.
fn lost_bundles(reference: &Reference, dir: &Path) -> Option<String> {
    let now = medium(dir);
    let lost = reference.before.medium.iter().find(|bundle| !now.contains(bundle));
    lost.map(|bundle| format!("the medium has lost {bundle}"))
}
