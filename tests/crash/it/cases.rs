//! The commands that change state, and what each of them is to leave.

use std::fs;
use std::path::Path;
use std::sync::OnceLock;

use crate::invariants::{Facts, facts};
use crate::state::{self, Depth, State};
use crate::world::{Line, Said, Worlds, copy, worlds};

mod desk;
mod hosts;
mod people;
mod register;
mod upkeep;

/// A command, where it starts from, and what is asked of it.
pub struct Case {
    pub name: &'static str,
    /// The directory before it.
    pub from: &'static str,
    /// What of that directory it needs.
    pub needs: &'static [&'static str],
    pub line: Line,
    /// Whether the same command refuses to run again once it has done its work.
    pub once: bool,
    /// Files that are made anew by each run, as keys are.
    pub random: &'static [&'static str],
    /// Files whose names begin with a version that goes up with each run.
    pub versioned: &'static [&'static str],
    /// Whether what is there before it is damaged, so that nothing opens it and no invariant holds of it.
    pub damaged: bool,
    /// The exit code and the words that say that its work was done.
    pub ends: (i32, &'static str),
    /// Of how many operations one is failed: 1, or more where a run takes seconds.
    pub every: usize,
    reference: OnceLock<Reference>,
}

/// What a fault-free run leaves.
#[derive(Debug, Clone)]
pub struct Reference {
    pub before: Facts,
    pub after: Facts,
    pub state: State,
}

fn case(
    name: &'static str,
    from: &'static str,
    needs: &'static [&'static str],
    tool: &'static str,
    line: &str,
) -> Case {
    Case {
        name,
        from,
        needs,
        line: Line::new(tool, line),
        once: false,
        random: &[],
        versioned: &[],
        damaged: false,
        ends: (0, ""),
        every: 1,
        reference: OnceLock::new(),
    }
}

const CONNECTED: &[&str] = &["keys", "passphrase", "connected", "media"];
const ISOLATED: &[&str] = &["isolated", "media", "keys"];
const DESK: &[&str] = &["keys", "passphrase", "2.draft"];
const SIGN_DRAFT: &str = "sign 2.draft --key keys/keys/root-1.key --passphrase-file passphrase";
const SIGN: &str = "--keys keys --passphrase-file passphrase";

pub fn cases() -> &'static [Case] {
    static CASES: OnceLock<Vec<Case>> = OnceLock::new();
    CASES.get_or_init(|| {
        let build = format!("bundle build --dir connected --stream patches --to media {SIGN}");
        let init = Case {
            once: true,
            random: &["keys/"],
            ..case("keys-init", "nothing", &["passphrase"], "ceremony", "keys passphrase")
        };
        let site = "init isolated --root keys/root.json --site plant-a";
        let site = Case {
            once: true,
            random: &["isolated/site/", "isolated/published/"],
            ..case("import-init", "built", &["keys"], "import", site)
        };
        let host = "init apply --site plant-a";
        let host = Case { once: true, random: &["apply/"], ..case("apply-init", "nothing", &[], "apply", host) };
        let add = add_upstream("debian-security", "lighthouse-security");
        let mut cases = vec![
            init,
            Case { once: true, ..case("root-sign", "drafted", DESK, "keys", SIGN_DRAFT) },
            case("root-publish", "signed", DESK, "keys", "root publish 2.draft --to keys"),
            Case { once: true, ..case("mirror-init", "nothing", &[], "mirror", "init connected") },
            Case { once: true, ..case("upstream-add", "added", &["connected"], "mirror", &add) },
            case("sync", "followed", &["connected"], "mirror", "sync --dir connected"),
            case("build", "synced", CONNECTED, "mirror", &build),
            case(
                "build-new",
                "synced",
                &["keys", "passphrase", "connected"],
                "mirror",
                &build.replace("--to media", "--to new"),
            ),
            case("build-again", "synced-again", CONNECTED, "mirror", &build),
            Case { once: true, ..case("pack", "built", &["media"], "bundle", "pack media one.sealift") },
            Case { once: true, ..case("unpack", "packed", &["one.sealift"], "bundle", "unpack one.sealift back") },
            site,
            case("receive", "site", ISOLATED, "import", "receive --dir isolated media"),
            case("receive-again", "built-again", ISOLATED, "import", "receive --dir isolated media"),
            case("promote", "received", ISOLATED, "import", "promote --dir isolated --channel production 1"),
            case("publish", "promoted", ISOLATED, "import", "publish --dir isolated"),
            case("publish-again", "promoted-again", ISOLATED, "import", "publish --dir isolated"),
            // It names the head of the ledger, which tells how often it was asked for.
            Case {
                random: &["receipt"],
                ..case("receipt", "published", ISOLATED, "import", "receipt --dir isolated --out receipt.json")
            },
            host,
        ];
        cases.extend(desk::cases());
        cases.extend(people::cases());
        cases.extend(upkeep::cases());
        cases.extend(hosts::cases());
        cases.extend(register::cases());
        cases
    })
}

pub fn find(name: &str) -> &'static Case {
    cases().iter().find(|case| case.name == name).unwrap()
}

impl Case {
    /// Lays out in `dir` what there is before the command.
    pub fn prepare(&self, dir: &Path) {
        crate::world::clear(dir);
        let before = worlds().before(self.from);
        fs::create_dir(dir).unwrap();
        for name in self.needs {
            let (from, to) = (before.join(name), dir.join(name));
            if from.is_dir() {
                copy(&from, &to);
            } else if from.exists() {
                fs::copy(from, to).unwrap();
            }
        }
    }

    /// Whether the command says that its work was done.
    pub fn done(&self, said: &Said) -> bool {
        said.code == Some(self.ends.0) && said.text.contains(self.ends.1)
    }

    /// Returns what a fault-free run leaves.
    pub fn reference(&self) -> &Reference {
        self.reference.get_or_init(|| {
            let scratch = crate::world::scratch();
            let dir = scratch.path().join("w");
            self.prepare(&dir);
            let before = facts(&dir);
            let said = crate::world::run(&dir, &self.line, "");
            assert!(self.done(&said), "{}: {}", self.name, said.text);
            let state = self.state(&dir);
            let again = crate::world::run(&dir, &self.line, "");
            assert!(self.once || self.done(&again), "{} a second time: {}", self.name, again.text);
            if let Some(difference) = state::difference(&state, &self.state(&dir)) {
                panic!("{} a second time changes something:\n{difference}", self.name);
            }
            self.prepare(&dir);
            assert!(self.done(&crate::world::run(&dir, &self.line, "")));
            if let Some(difference) = state::difference(&state, &self.state(&dir)) {
                panic!("{}: two runs differ, so nothing can be compared:\n{difference}", self.name);
            }
            Reference { before, after: facts(&dir), state }
        })
    }

    /// Returns what the directory holds, as far as two runs can be compared.
    pub fn state(&self, dir: &Path) -> State {
        let names = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let names: Vec<String> = names.collect();
        let tops: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut state = state::read(dir, &tops, &|name| self.depth(name));
        // Directories in which nothing is: the work was done and their removal failed. The next bundle takes them away.
        // `link` is what tells whether the medium takes second names.
        let staging = |name: &String| name.starts_with("media/.SEALIFT.");
        let idle = |(name, content): (&String, &String)| {
            !staging(name) || content.starts_with("directory") || name.ends_with("/link")
        };
        if state.iter().all(idle) {
            state.retain(|name, _| !staging(name));
        }
        // What waited for the rest of a bundle is gone with the last file; its directories stay.
        let waits = |name: &String| {
            ["isolated/quarantine-store", "isolated/waiting"].iter().any(|place| name.starts_with(place))
        };
        if state.iter().all(|(name, content)| !waits(name) || content.starts_with("directory")) {
            state.retain(|name, _| !waits(name));
        }
        if !self.versioned.is_empty() {
            state = state.into_iter().map(|(name, content)| (self.without_version(&name), content)).collect();
        }
        live(dir, &mut state);
        desk::opens(dir, &mut state);
        hosts::said(dir, &mut state);
        if let Some(events) = events(dir) {
            state.insert("events".into(), events);
        }
        state
    }

    /// `trust/3.snapshot.json` as `trust/N.snapshot.json`, where the number depends on how often the command was run.
    fn without_version(&self, path: &str) -> String {
        let (dir, name) = path.rsplit_once('/').unwrap_or(("", path));
        match name.split_once('.') {
            Some((number, rest)) if number.parse::<u64>().is_ok() && self.versioned.contains(&rest) => {
                format!("{dir}/N.{rest}")
            }
            _ => path.to_owned(),
        }
    }

    fn depth(&self, name: &str) -> Depth {
        let random = |start: &str| name.starts_with(start) && name.len() > start.len();
        let counted = [
            "connected/reports",
            "isolated/published/.trees",
            "isolated/ledger.jsonl",
            "apply/index.sqlite",
            "hosts",
            "apply/records",
        ];
        // Locks hold nothing, and readers make an empty store.
        let idle = name.ends_with("/lock") || ["connected/store", "connected/store/sha256"].contains(&name);
        if idle && self.name.ends_with("init")
            || counted.contains(&name)
            || name.starts_with("isolated/published/") && name != "isolated/published/sealift-archive-keyring.asc"
        {
            Depth::Nothing
        } else if idle && name.ends_with("/lock")
            || self.random.iter().any(|start| random(start))
            || self.versioned.iter().any(|end| name.ends_with(end))
        {
            Depth::Presence
        } else {
            Depth::Content
        }
    }
}

/// Adds what hosts see, wherever the tree behind it lies.
fn live(dir: &Path, state: &mut State) {
    let published = dir.join("isolated/published");
    for channel in ["production", "testing"] {
        let link = published.join(channel);
        if let Ok(target) = fs::canonicalize(&link) {
            state.extend(crate::invariants::tree(&target, &format!("live/{channel}")));
        }
    }
}

/// Returns the ledger's events without what counts runs; one that was repeated at once is one.
fn events(dir: &Path) -> Option<String> {
    let text = fs::read(dir.join("isolated/ledger.jsonl")).ok()?;
    let mut found: Vec<String> = Vec::new();
    for line in String::from_utf8_lossy(&text).lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap_or_default();
        let kind = line["event"].as_str().unwrap_or_default();
        let detail = if ["published", "receipt", "scrubbed", "recovered", "need", "requested"].contains(&kind) {
            ""
        } else {
            line["detail"].as_str().unwrap_or_default()
        };
        // What came in several runs waited in between, and says so; and the trust metadata came first.
        if kind == "waiting" || kind == "accepted" && detail.starts_with("trust metadata alone") {
            continue;
        }
        let ends = detail.find("; medium ").or(detail.find("; all of it had come")).unwrap_or(detail.len());
        let event = format!("{kind} {} {}", line["subject"], detail.get(..ends).unwrap_or(detail));
        let repeats =
            ["published", "receipt", "refused", "scrubbed", "recovered", "healed", "need", "requested", "scanned"]
                .contains(&kind);
        if !(repeats && found.last() == Some(&event)) {
            found.push(event);
        }
    }
    Some(found.join("\n"))
}

fn add_upstream(name: &str, suite: &str) -> String {
    let first = worlds().upstream("first").join(name);
    format!(
        "upstream add --dir connected --name {name} --uri file://{} --suite {suite} --component main --arch amd64 \
         --signed-by {}",
        first.display(),
        worlds().upstream("first").join("keyring.asc").display()
    )
}

/// Makes every directory that a case starts from.
pub fn make_steps(worlds: &Worlds, first: &Path, second: &Path) {
    let nothing = |_: &Path| ();
    let mirror = |line: &str| Line::new("mirror", line);
    let import = |line: &str| Line::new("import", line);
    let build = format!("bundle build --dir connected --stream patches --to media {SIGN}");
    let add = |name: &str, suite: &str| {
        let (uri, key) = (first.join(name), first.join("keyring.asc"));
        mirror(&format!(
            "upstream add --dir connected --name {name} --uri file://{} --suite {suite} --component main --arch amd64 \
             --signed-by {}",
            uri.display(),
            key.display()
        ))
    };
    worlds.derive("nothing", None, &nothing, &[]);
    let ceremony = Line::new("ceremony", "keys passphrase");
    let draft = [Line::new("ceremony", "keys passphrase"), Line::new("keys", "root draft keys/root.json -o 2.draft")];
    worlds.derive("drafted", Some("nothing"), &nothing, &draft);
    worlds.derive("signed", Some("drafted"), &nothing, &[Line::new("keys", SIGN_DRAFT)]);
    worlds.derive(
        "added",
        Some("nothing"),
        &nothing,
        &[ceremony, mirror("init connected"), add("debian", "lighthouse")],
    );
    worlds.derive("followed", Some("added"), &nothing, &[add("debian-security", "lighthouse-security")]);
    let stream = "\n[[stream]]\nname = \"patches\"\nupstreams = [\"debian\", \"debian-security\"]\n\
                  packages = [\"beacon\", \"compass\", \"anchor\"]\nclosure = true\n";
    let with_stream = |dir: &Path| {
        let file = dir.join("connected/mirror.toml");
        fs::write(&file, fs::read_to_string(&file).unwrap() + stream).unwrap();
        fs::create_dir(dir.join("media")).unwrap();
    };
    worlds.derive("followed-with-stream", Some("followed"), &with_stream, &[]);
    worlds.derive("synced", Some("followed-with-stream"), &nothing, &[mirror("sync --dir connected")]);
    worlds.derive("built", Some("synced"), &nothing, &[mirror(&build)]);
    worlds.derive("packed", Some("built"), &nothing, &[Line::new("bundle", "pack media one.sealift")]);
    let site = import("init isolated --root keys/root.json --site plant-a");
    worlds.derive("site", Some("built"), &nothing, &[site]);
    worlds.derive("received", Some("site"), &nothing, &[import("receive --dir isolated media")]);
    let promote = |bundle: &str| import(&format!("promote --dir isolated --channel production {bundle}"));
    worlds.derive("promoted", Some("received"), &nothing, &[promote("1")]);
    worlds.derive("published", Some("promoted"), &nothing, &[import("publish --dir isolated")]);
    let moved = |dir: &Path| {
        let file = dir.join("connected/mirror.toml");
        let (old, new) = (first.display().to_string(), second.display().to_string());
        fs::write(&file, fs::read_to_string(&file).unwrap().replace(&old, &new)).unwrap();
    };
    worlds.derive("synced-again", Some("published"), &moved, &[mirror("sync --dir connected")]);
    worlds.derive("built-again", Some("synced-again"), &nothing, &[mirror(&build)]);
    let again = [import("receive --dir isolated media"), promote("2")];
    worlds.derive("promoted-again", Some("built-again"), &nothing, &again);
    desk::make_steps(worlds);
    people::make_steps(worlds);
    upkeep::make_steps(worlds);
    hosts::make_steps(worlds);
    register::make_steps(worlds);
}
