//! A connected side in miniature: role keys, a signed upstream, and bundles on media. All keys are insecure-test keys.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sealift_bundle::manifest::{
    BundleKind, BundleRef, DebEntry, Encoding, FileEntry, FileRole, Manifest, ReleaseFiles, ReleaseForm, SCHEMA,
    Stored, UpstreamEntry,
};
use sealift_bundle::{BundleParts, MetadataFiles};
use sealift_fs::Store;
use sealift_import::receive::{ReceiveError, ReceiveOptions, ReceiveReport, Waived, receive};
use sealift_import::{Caller, StateError, Writer, init};
use sealift_keys::metadata::{self, PersonDraft, RoleDraft, RootDraft};
use sealift_keys::{KeyDir, SecretKey};
use sealift_model::{Digest, PersonId, RelPath, Sequence, Silent, StreamId, Timestamp};
use sealift_pkg::packages::ReleaseText;
use sealift_pkg::release::ReleaseFile;
use sealift_site::RepositoryKey;
use sealift_trust::statement::{PersonStatement, Said};
use sealift_trust::{Purpose, Role, Statement, Subject, TargetInfo, dsse};

pub fn now() -> Timestamp {
    "2026-11-22T16:00:00Z".parse().unwrap()
}

pub fn rel(path: &str) -> RelPath {
    RelPath::new(path).unwrap()
}

/// A package of the miniature upstream.
#[derive(Clone)]
pub struct Deb {
    pub name: &'static str,
    pub version: &'static str,
    pub architecture: &'static str,
    pub content: Vec<u8>,
    /// Where the index says it lies, if elsewhere than its name tells.
    pub listed_as: Option<&'static str>,
}

pub fn deb(name: &'static str, version: &'static str) -> Deb {
    let content = format!("{name} {version} ").repeat(2000).into_bytes();
    Deb { name, version, architecture: "amd64", content, listed_as: None }
}

impl Deb {
    pub fn filename(&self) -> String {
        self.listed_as.map_or_else(|| self.path(), str::to_owned)
    }

    fn path(&self) -> String {
        format!("pool/main/{}_{}_{}.deb", self.name, self.version, self.architecture)
    }

    fn stanza(&self) -> String {
        format!(
            "Package: {}\nVersion: {}\nArchitecture: {}\nDepends: libc6 (>= 2.36)\nFilename: {}\nSize: {}\nSHA256: {}\n\
             Description: a package\n with two lines\n",
            self.name,
            self.version,
            self.architecture,
            self.filename(),
            self.content.len(),
            Digest::of(&self.content)
        )
    }
}

/// How a bundle is to be.
pub struct Spec {
    pub stream: &'static str,
    pub sequence: u64,
    pub base: Option<u64>,
    pub debs: Vec<Deb>,
    /// Packages the index lists besides.
    pub unselected: Vec<Deb>,
    pub upstream: &'static str,
    pub created: Timestamp,
    pub not_after: Timestamp,
    pub withdrawn: Vec<Digest>,
    pub evidence: bool,
    /// Changes the manifest after it was made.
    pub twist: fn(&mut Manifest),
    /// Date of the upstream's Release file.
    pub date: Timestamp,
    /// Changes the upstream's words before it signs them: its index, and its Release file.
    pub index: fn(String) -> String,
    pub release: fn(String) -> String,
    /// Changes what the upstream signed.
    pub signed: fn(Vec<u8>) -> Vec<u8>,
    /// The upstream's key, if it is not the one it always had.
    pub signer: Option<RepositoryKey>,
}

pub fn spec(sequence: u64, debs: Vec<Deb>) -> Spec {
    let created = now().minus_seconds(86_400).unix() + sequence * 60;
    Spec {
        stream: "deb12",
        sequence,
        base: None,
        debs,
        unselected: vec![deb("unselected", "9")],
        upstream: "debsec",
        created: Timestamp::from_unix(created),
        not_after: now().plus_days(30),
        withdrawn: Vec::new(),
        evidence: true,
        twist: |_| (),
        date: Timestamp::from_unix(created),
        index: |text| text,
        release: |text| text,
        signed: |bytes| bytes,
        signer: None,
    }
}

/// The connected side.
pub struct Connected {
    dir: tempfile::TempDir,
    store: Store,
    pub keys: KeyDir,
    seeds: BTreeMap<Purpose, u8>,
    upstream: RepositoryKey,
    targets: BTreeMap<RelPath, TargetInfo>,
    manifests: BTreeMap<(String, u64), Manifest>,
    pub version: u64,
    pub expires: Timestamp,
    pub roots: Vec<(u64, Vec<u8>)>,
    /// Who may make statements, from the next root on.
    pub people: BTreeMap<PersonId, PersonDraft>,
    /// How many of them it takes.
    pub policy: sealift_trust::Policy,
    /// Streams that the next root resets.
    pub resets: BTreeMap<&'static str, u64>,
}

pub fn secret(purpose: Purpose, n: u8) -> SecretKey {
    SecretKey::from_seed(purpose, &[n; 32])
}

impl Connected {
    pub fn new() -> Self {
        Self::with_seed(0)
    }

    /// Another root of trust for every `seed`.
    pub fn with_seed(seed: u8) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let purposes = [Purpose::Root, Purpose::Targets, Purpose::Snapshot, Purpose::Timestamp, Purpose::Evidence];
        let seeds: BTreeMap<Purpose, u8> = purposes.into_iter().zip(seed + 1..).collect();
        let keys = seeds.iter().map(|(purpose, seed)| secret(*purpose, *seed)).collect();
        let mut new = Self {
            store: Store::open(&dir.path().join("store")).unwrap(),
            dir,
            keys: KeyDir::from_keys(keys),
            seeds,
            upstream: RepositoryKey::generate("insecure-test-upstream", now().minus_seconds(100 * 86_400)).unwrap(),
            targets: BTreeMap::new(),
            manifests: BTreeMap::new(),
            version: 0,
            expires: now().plus_days(60),
            roots: Vec::new(),
            people: BTreeMap::new(),
            policy: sealift_trust::Policy::default(),
            resets: BTreeMap::new(),
        };
        new.add_root(now().plus_days(365));
        new
    }

    pub fn add_root(&mut self, expires: Timestamp) {
        let version = self.roots.len() as u64 + 1;
        let role = |role: Role| {
            let keys = self.keys.keys(role.into()).map(|key| key.public().clone()).collect();
            (role, RoleDraft { keys, threshold: 1 })
        };
        let draft = RootDraft {
            version,
            expires,
            roles: Role::ALL.into_iter().map(role).collect(),
            evidence: self.keys.keys(Purpose::Evidence).map(|key| key.public().clone()).collect(),
            people: self.people.clone(),
            policy: self.policy,
        };
        let mut root = metadata::root(&draft).unwrap();
        if !self.resets.is_empty() {
            let mut document: serde_json::Value = serde_json::from_slice(&root).unwrap();
            document["signed"]["custom"]["sealift"]["reset_streams"] = serde_json::json!(self.resets);
            root = sealift_model::json::canonical(&document).unwrap();
        }
        self.roots.push((version, self.keys.sign_metadata(&root).unwrap()));
    }

    /// Takes another key for a purpose; the next root names it.
    pub fn replace_key(&mut self, purpose: Purpose, seed: u8) {
        self.seeds.insert(purpose, seed);
        self.keys = KeyDir::from_keys(self.seeds.iter().map(|(purpose, seed)| secret(*purpose, *seed)).collect());
    }

    /// Names people who may waive an expiry, of whom it takes `required`, and makes a root that says so.
    pub fn with_waivers(&mut self, people: &[(&str, u8)], required: u32) {
        for (name, seed) in people {
            let keys = vec![secret(Purpose::Person, *seed).public().clone()];
            let may = [sealift_trust::Power::Waive].into_iter().collect();
            self.people.insert(name.parse().unwrap(), PersonDraft { keys, may });
        }
        self.policy.waive = Some(required);
        let expires = now().plus_days(365);
        self.add_root(expires);
    }

    pub fn root_file(&self) -> PathBuf {
        let path = self.dir.path().join("root.json");
        fs::write(&path, &self.roots[0].1).unwrap();
        path
    }

    pub fn id(&self, stream: &str, sequence: u64) -> Digest {
        Digest::of(&self.manifests[&(stream.to_owned(), sequence)].to_bytes().unwrap())
    }

    /// Forgets a bundle: the next metadata does not list it.
    pub fn unlist(&mut self, stream: &str, sequence: u64) {
        self.targets.remove(&rel(&format!("bundles/{stream}/{sequence}/manifest.json"))).unwrap();
    }

    /// Signs metadata over everything built so far, one version up.
    pub fn metadata(&mut self) -> MetadataFiles {
        self.version += 1;
        let expires = self.expires;
        let v = self.version;
        let sign = |bytes: Vec<u8>| self.keys.sign_metadata(&bytes).unwrap();
        let targets = sign(metadata::targets(v, expires, &self.targets).unwrap());
        let snapshot = sign(metadata::snapshot(v, expires, &targets).unwrap());
        let timestamp = sign(metadata::timestamp(self.version, expires, &snapshot).unwrap());
        MetadataFiles { roots: self.roots.clone(), timestamp, snapshot: (v, snapshot), targets: (v, targets) }
    }

    /// Builds a bundle on a medium of its own.
    pub fn bundle(&mut self, spec: Spec) -> Medium {
        let medium = Medium::new();
        self.bundle_on(&medium, spec);
        medium
    }

    /// Builds a bundle on a medium that may hold others.
    pub fn bundle_on(&mut self, medium: &Medium, spec: Spec) {
        let has_evidence = spec.evidence;
        let manifest = self.manifest(spec);
        let manifest_bytes = serde_json::to_vec(&manifest).unwrap();
        let id = Digest::of(&manifest_bytes);
        let path = rel(&Manifest::target_path(&manifest.stream, manifest.sequence));
        let info = TargetInfo { length: manifest_bytes.len() as u64, sha256: id, custom: None };
        self.targets.insert(path, info);
        let evidence = vec![("build.dsse.json".to_owned(), self.provenance(id))];
        let metadata = self.metadata();
        let parts = BundleParts {
            manifest: &manifest,
            manifest_bytes: &manifest_bytes,
            evidence: if has_evidence { &evidence } else { &[] },
            metadata: &metadata,
            blobs: &self.store,
        };
        sealift_bundle::write(medium.path(), &parts, &Silent).unwrap();
        medium.detach();
        self.manifests.insert((manifest.stream.to_string(), manifest.sequence.get()), manifest);
    }

    /// Signs another manifest for a bundle that is on the medium already: one that no honest writer would write.
    pub fn resign(&mut self, medium: &Medium, stream: &str, sequence: u64, twist: fn(&mut Manifest)) {
        let mut manifest = self.manifests[&(stream.to_owned(), sequence)].clone();
        twist(&mut manifest);
        manifest.totals = Manifest::compute_totals(&manifest.files);
        let bytes = serde_json::to_vec(&manifest).unwrap();
        let id = Digest::of(&bytes);
        let info = TargetInfo { length: bytes.len() as u64, sha256: id, custom: None };
        self.targets.insert(rel(&Manifest::target_path(&manifest.stream, manifest.sequence)), info);
        let dir = medium.file(&format!("bundles/{stream}/{sequence}"));
        fs::write(dir.join("manifest.json"), bytes).unwrap();
        fs::write(dir.join("evidence/build.dsse.json"), self.provenance(id)).unwrap();
        for (name, bytes) in self.metadata().files() {
            fs::write(medium.file(&format!("trust/metadata/{name}")), bytes).unwrap();
        }
        self.manifests.insert((stream.to_owned(), sequence), manifest);
    }

    pub fn provenance(&self, id: Digest) -> Vec<u8> {
        let statement = Statement {
            subjects: vec![Subject { name: "manifest.json".into(), sha256: id }],
            predicate_type: "https://slsa.dev/provenance/v1".into(),
            predicate: serde_json::json!({}),
        };
        self.keys.sign_statement(&statement).unwrap()
    }

    fn manifest(&mut self, spec: Spec) -> Manifest {
        let stream: StreamId = spec.stream.parse().unwrap();
        let base = spec.base.map(|n| self.manifests[&(spec.stream.to_owned(), n)].clone());
        let mut files = self.upstream_files(&spec);
        if let Some(base) = &base {
            let known: Vec<Digest> = base.files.iter().map(|f| f.sha256).collect();
            for entry in files.iter_mut().filter(|f| known.contains(&f.sha256)) {
                entry.stored = None;
            }
        }
        let release = rel(&format!("{}/dists/bookworm-security/InRelease", spec.upstream));
        let mut manifest = Manifest {
            base: base
                .as_ref()
                .map(|b| BundleRef { manifest: Digest::of(&b.to_bytes().unwrap()), sequence: b.sequence }),
            created: spec.created,
            totals: Manifest::compute_totals(&files),
            files,
            kind: if base.is_some() { BundleKind::Incremental } else { BundleKind::Complete },
            not_after: spec.not_after,
            previous: None,
            schema: SCHEMA.into(),
            sequence: Sequence::new(spec.sequence).unwrap(),
            stream,
            upstreams: vec![UpstreamEntry {
                architectures: vec!["amd64".into()],
                codename: Some("bookworm-security".into()),
                components: vec!["main".into()],
                date: spec.date,
                keyring: rel(&format!("{}/keyring.pgp", spec.upstream)),
                kind: "apt".into(),
                name: spec.upstream.parse().unwrap(),
                release: ReleaseFiles { form: ReleaseForm::InRelease, path: release, signature_path: None },
                signers: vec![self.upstream.fingerprint()],
                snapshot: Digest::of(b"snapshot"),
                suite: "bookworm-security".into(),
                uri: "http://deb.example.org/debian-security".into(),
                valid_until: None,
            }],
            withdrawn: spec.withdrawn,
        };
        (spec.twist)(&mut manifest);
        manifest
    }

    fn upstream_files(&self, spec: &Spec) -> Vec<FileEntry> {
        let suite = format!("{}/dists/bookworm-security", spec.upstream);
        let listed = spec.debs.iter().chain(&spec.unselected);
        let index = (spec.index)(listed.map(Deb::stanza).collect::<Vec<_>>().join("\n")).into_bytes();
        let release = ReleaseText {
            origin: "Example".into(),
            label: "Example-Security".into(),
            suite: "stable-security".into(),
            codename: "bookworm-security".into(),
            date: spec.date,
            valid_until: None,
            architectures: vec!["amd64".into()],
            components: vec!["main".into()],
            description: None,
            files: vec![ReleaseFile {
                name: rel("main/binary-amd64/Packages"),
                size: index.len() as u64,
                sha256: Digest::of(&index),
            }],
        };
        let signer = spec.signer.as_ref().unwrap_or(&self.upstream);
        let in_release = signer.sign_cleartext(&(spec.release)(release.render()), spec.created).unwrap();
        let in_release = (spec.signed)(in_release);
        let keyring = self.upstream.public_armored().unwrap();
        let upstream = spec.upstream;
        let mut files = vec![
            self.file(upstream, &format!("{suite}/InRelease"), FileRole::Release, &in_release),
            self.file(upstream, &format!("{suite}/main/binary-amd64/Packages"), FileRole::Index, &index),
            self.file(upstream, &format!("{upstream}/keyring.pgp"), FileRole::Keyring, &keyring),
        ];
        for deb in &spec.debs {
            let path = format!("{upstream}/{}", deb.filename());
            let mut entry = self.file(upstream, &path, FileRole::Package, &deb.content);
            entry.deb = Some(DebEntry {
                architecture: deb.architecture.into(),
                package: deb.name.into(),
                version: deb.version.into(),
            });
            files.push(entry);
        }
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }

    fn file(&self, upstream: &str, path: &str, role: FileRole, content: &[u8]) -> FileEntry {
        let (sha256, size) = (Digest::of(content), content.len() as u64);
        let stored = if role == FileRole::Index {
            let mut blob = Vec::new();
            let stored = sealift_bundle::blob::encode(&mut &content[..], size, &mut blob).unwrap();
            self.store.insert(&blob).unwrap();
            stored
        } else {
            self.store.insert(content).unwrap();
            Stored { encoding: Encoding::Identity, sha256, size }
        };
        let upstream = upstream.parse().unwrap();
        FileEntry { deb: None, path: rel(path), role, sha256, size, stored: Some(stored), upstream }
    }
}

/// Returns the envelope of a statement that these people's keys sign.
pub fn signed_by(seeds: &[u8], subject: Digest, said: Said) -> Vec<u8> {
    let statement = PersonStatement { subject: Subject { name: "subject".into(), sha256: subject }, said };
    let payload = statement.to_bytes().unwrap();
    let sign = |seed: &u8| {
        let key = secret(Purpose::Person, *seed);
        (key.id(), key.sign(&dsse::pae(&payload)))
    };
    dsse::envelope_bytes(&payload, &seeds.iter().map(sign).collect::<Vec<_>>())
}

/// A medium with one or more bundles.
pub struct Medium {
    dir: tempfile::TempDir,
}

impl Medium {
    pub fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    pub fn file(&self, path: &str) -> PathBuf {
        self.path().join("SEALIFT").join(path)
    }

    /// The writer links blobs to the producer's store; a medium has its own.
    fn detach(&self) {
        for entry in fs::read_dir(self.file("blobs/sha256")).unwrap() {
            let path = entry.unwrap().path();
            let bytes = fs::read(&path).unwrap();
            fs::remove_file(&path).unwrap();
            fs::write(&path, bytes).unwrap();
        }
    }

    /// Changes one byte in the middle of a file.
    pub fn flip(&self, path: &str) {
        let path = self.file(path);
        let mut bytes = fs::read(&path).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&path, bytes).unwrap();
    }

    pub fn blob(digest: &Digest) -> String {
        format!("blobs/sha256/{digest}")
    }
}

/// The isolated side.
pub struct Isolated {
    dir: tempfile::TempDir,
    pub clock: Timestamp,
}

impl Isolated {
    pub fn new(connected: &Connected) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let new = Self { dir, clock: now() };
        let options = init::InitOptions {
            dir: new.path(),
            root: connected.root_file(),
            site: "plant-a".parse().unwrap(),
            fingerprint: None,
        };
        init::init(&options, &new.caller()).unwrap();
        new
    }

    pub fn path(&self) -> PathBuf {
        self.dir.path().join("state")
    }

    pub fn caller(&self) -> Caller {
        Caller { actor: "alice(1000)".into(), clock: self.clock }
    }

    pub fn writer(&self) -> Writer {
        // Another test's child process holds a copy of our lock between its fork and its exec.
        for _ in 0..100 {
            match Writer::open(&self.path(), self.caller()) {
                Err(StateError::Lock(_)) => std::thread::sleep(std::time::Duration::from_millis(20)),
                other => return other.unwrap(),
            }
        }
        panic!("the lock is never free")
    }

    pub fn receive(&self, medium: &Medium) -> Result<ReceiveReport, ReceiveError> {
        receive(&mut self.writer(), medium.path(), &Silent)
    }

    /// Receives and returns `stream/sequence` of what was accepted.
    pub fn accept(&self, medium: &Medium) -> Vec<String> {
        self.receive(medium).unwrap().accepted.iter().map(sealift_import::receive::Accepted::name).collect()
    }

    /// Receives with statements beside the medium.
    pub fn receive_with(&self, medium: &Medium, statements: &[Vec<u8>]) -> Result<ReceiveReport, ReceiveError> {
        let options = ReceiveOptions {
            path: medium.path().to_owned(),
            statements: self.files_of(statements),
            ..ReceiveOptions::default()
        };
        sealift_import::receive::receive_with(&mut self.writer(), &options, &Silent)
    }

    /// Hands statements over without a medium.
    pub fn hand_over(&self, statements: &[Vec<u8>]) -> Result<Vec<Waived>, ReceiveError> {
        sealift_import::receive::hand_over(&mut self.writer(), &self.files_of(statements))
    }

    fn files_of(&self, statements: &[Vec<u8>]) -> Vec<PathBuf> {
        let write = |(n, bytes): (usize, &Vec<u8>)| {
            let path = self.dir.path().join(format!("statement-{n}.dsse.json"));
            fs::write(&path, bytes).unwrap();
            path
        };
        statements.iter().enumerate().map(write).collect()
    }

    /// Receives and returns the word of the refusal; checks that its only trace is one line of the ledger. Of a medium with
    /// a damaged blob, what came whole waits as well.
    pub fn refused(&self, medium: &Medium) -> &'static str {
        let (before, lines) = (self.traces(), self.ledger_lines());
        let Err(ReceiveError::Refused { refusal, .. }) = self.receive(medium) else { panic!("it was not refused") };
        let mut traces = self.traces();
        if refusal.code() == "blob" {
            self.leave_out_what_waits(&before, &mut traces);
        }
        assert_eq!(traces, before, "{refusal}");
        let after = self.ledger_lines();
        assert_eq!(after.len(), lines.len() + 1);
        let last = after.last().unwrap();
        assert!(last.contains("\"event\":\"refused\"") && last.contains(refusal.code()), "{last}");
        refusal.code()
    }

    /// Receives a bundle that leaves content to others which are not here: it waits, and nothing is held that was not.
    pub fn waits_for_others(&self, medium: &Medium) {
        let held = || sealift_import::Repository::open(&self.path()).unwrap().floors().streams.clone();
        let before = held();
        let Err(ReceiveError::Refused { refusal, .. }) = self.receive(medium) else { panic!("it was not refused") };
        assert_eq!(refusal.code(), "gap", "{refusal}");
        assert_eq!(held(), before);
        let waiting = |line: &String| line.contains("\"event\":\"waiting\"");
        assert!(self.ledger_lines().iter().any(waiting));
    }

    pub fn ledger_lines(&self) -> Vec<String> {
        let text = fs::read_to_string(self.path().join("ledger.jsonl")).unwrap();
        text.lines().map(str::to_owned).collect()
    }

    /// Leaves out what a medium with a damaged blob left to wait.
    pub fn leave_out_what_waits(&self, before: &BTreeMap<PathBuf, Digest>, traces: &mut BTreeMap<PathBuf, Digest>) {
        let waits = [self.path().join("waiting"), self.path().join("quarantine-store")];
        traces.retain(|path, _| before.contains_key(path) || !waits.iter().any(|dir| path.starts_with(dir)));
    }

    /// Every file but index, ledger and lock, with the digest of its content.
    pub fn traces(&self) -> BTreeMap<PathBuf, Digest> {
        let mut found = files(&self.path());
        found.retain(|path, _| !["ledger.jsonl", "index.sqlite", "lock"].iter().any(|name| path.ends_with(name)));
        found
    }
}

pub fn files(root: &Path) -> BTreeMap<PathBuf, Digest> {
    let mut found = BTreeMap::new();
    let mut dirs = vec![root.to_owned()];
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).unwrap() {
            let path = entry.unwrap().path();
            if path.symlink_metadata().unwrap().is_dir() {
                dirs.push(path);
            } else {
                let digest = Digest::of(&fs::read(&path).unwrap_or_default());
                found.insert(path, digest);
            }
        }
    }
    found
}
