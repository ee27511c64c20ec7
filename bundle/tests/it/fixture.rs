//! A tiny signed upstream and bundles of it, made in memory and written by the library under test.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use sealift_bundle::blob::encode;
use sealift_bundle::evidence::PROVENANCE;
use sealift_bundle::manifest::{
    BundleKind, BundleRef, DebEntry, Encoding, FileEntry, FileRole, ReleaseFiles, ReleaseForm, SCHEMA, Stored,
    UpstreamEntry,
};
use sealift_bundle::{BundleParts, Manifest, MetadataFiles, VerifyError, VerifyOptions, VerifyReport, open_source};
use sealift_fs::Store;
use sealift_keys::metadata::{self, PersonDraft, RoleDraft, RootDraft, sign_statement};
use sealift_keys::{SecretKey, sign_metadata};
use sealift_model::{Digest, PersonId, RelPath, Sequence, Silent, StreamId, Timestamp, UpstreamId};
use sealift_pkg::packages::ReleaseText;
use sealift_pkg::release::ReleaseFile;
use sealift_site::RepositoryKey;
use sealift_trust::{Policy, PublicKey, Purpose, Role, Statement, Subject, TargetInfo, dsse};
use tempfile::TempDir;

pub const STREAM: &str = "deb12";

/// When the bundles are made.
pub fn created() -> Timestamp {
    "2026-11-22T16:00:00Z".parse().unwrap()
}

/// When their metadata expires: late, because the tool is run against the real clock.
pub fn expires() -> Timestamp {
    created().plus_days(36_500)
}

pub fn rel(path: &str) -> RelPath {
    RelPath::new(path).unwrap()
}

pub fn seq(number: u64) -> Sequence {
    Sequence::new(number).unwrap()
}

/// Name, version, content of a package that nobody could install.
pub type Package = (&'static str, &'static str, &'static [u8]);

pub const FIRST: [Package; 2] = [("anchor", "1.0-1", b"anchor one"), ("buoy", "2:2.1~rc1", b"buoy two")];
pub const SECOND: [Package; 2] = [("anchor", "1.0-2", b"anchor one, fixed"), ("buoy", "2:2.1~rc1", b"buoy two")];

/// Keys, a store and a place for media.
pub struct Fixture {
    pub dir: TempDir,
    pub root: Vec<u8>,
    pub store: Store,
    keys: BTreeMap<Purpose, SecretKey>,
    upstream: RepositoryKey,
}

impl Fixture {
    pub fn new() -> Self {
        Self::with_seed(1)
    }

    /// The same with people in the root: see [`person`] for their keys.
    pub fn with_people(people: BTreeMap<PersonId, PersonDraft>, policy: Policy) -> Self {
        let mut new = Self::with_seed(1);
        let role = |role: Role| (role, RoleDraft { keys: vec![new.public(role.into())], threshold: 1 });
        let draft = RootDraft {
            version: 1,
            expires: expires(),
            roles: Role::ALL.into_iter().map(role).collect(),
            evidence: vec![new.public(Purpose::Evidence)],
            people,
            policy,
        };
        new.root = sign_metadata(&metadata::root(&draft).unwrap(), &new.keys[&Purpose::Root]).unwrap();
        new
    }

    fn public(&self, purpose: Purpose) -> PublicKey {
        self.keys[&purpose].public().clone()
    }

    /// Keys that belong to this seed: insecure-test keys, the same every time.
    pub fn with_seed(seed: u8) -> Self {
        let purposes =
            [Purpose::Root, Purpose::Targets, Purpose::Snapshot, Purpose::Timestamp, Purpose::Evidence].into_iter();
        let key = |(n, purpose)| (purpose, SecretKey::from_seed(purpose, &[seed * 16 + n; 32]));
        let keys: BTreeMap<_, _> = (0..).zip(purposes).map(key).collect();
        let role = |role: Role| (role, RoleDraft { keys: vec![keys[&role.into()].public().clone()], threshold: 1 });
        let draft = RootDraft {
            version: 1,
            expires: expires(),
            roles: Role::ALL.into_iter().map(role).collect(),
            evidence: vec![keys[&Purpose::Evidence].public().clone()],
            people: BTreeMap::new(),
            policy: sealift_trust::Policy::default(),
        };
        let root = sign_metadata(&metadata::root(&draft).unwrap(), &keys[&Purpose::Root]).unwrap();
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&dir.path().join("store")).unwrap();
        let upstream = RepositoryKey::generate("insecure-test-upstream", created().minus_seconds(9000)).unwrap();
        Self { dir, root, store, keys, upstream }
    }

    /// Root 2, in which another key stands for this purpose. Signed by the root key.
    pub fn next_root(&self, replaced: Purpose, seed: u8) -> Vec<u8> {
        let new = SecretKey::from_seed(replaced, &[seed; 32]);
        let key = |purpose| if purpose == replaced { new.public().clone() } else { self.public(purpose) };
        let role = |role: Role| (role, RoleDraft { keys: vec![key(role.into())], threshold: 1 });
        let draft = RootDraft {
            version: 2,
            expires: expires(),
            roles: Role::ALL.into_iter().map(role).collect(),
            evidence: vec![key(Purpose::Evidence)],
            people: BTreeMap::new(),
            policy: Policy::default(),
        };
        sign_metadata(&metadata::root(&draft).unwrap(), &self.keys[&Purpose::Root]).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A bundle over these packages; with a base it is incremental.
    pub fn manifest(&self, sequence: u64, packages: &[Package], base: Option<&Manifest>) -> Manifest {
        let mut files = self.upstream_files(packages);
        if let Some(base) = base {
            let carried: Vec<_> = base.files.iter().map(|e| e.sha256).collect();
            for file in files.iter_mut().filter(|f| f.role == FileRole::Package && carried.contains(&f.sha256)) {
                file.stored = None;
            }
        }
        let of = |m: &Manifest| BundleRef { manifest: Digest::of(&m.to_bytes().unwrap()), sequence: m.sequence };
        Manifest {
            base: base.map(of),
            created: created(),
            kind: if base.is_some() { BundleKind::Incremental } else { BundleKind::Complete },
            not_after: created().plus_days(36_400),
            previous: base.map(of),
            schema: SCHEMA.to_owned(),
            sequence: seq(sequence),
            stream: StreamId::new(STREAM).unwrap(),
            totals: Manifest::compute_totals(&files),
            files,
            upstreams: vec![self.upstream_entry()],
            withdrawn: Vec::new(),
        }
    }

    /// The upstream's armored public key.
    pub fn keyring(&self) -> Vec<u8> {
        self.upstream.public_armored().unwrap()
    }

    fn upstream_entry(&self) -> UpstreamEntry {
        UpstreamEntry {
            architectures: vec!["amd64".to_owned()],
            codename: Some("bookworm".to_owned()),
            components: vec!["main".to_owned()],
            date: created().minus_seconds(3600),
            keyring: rel("debian/keyring.pgp"),
            kind: "apt".to_owned(),
            name: UpstreamId::new("debian").unwrap(),
            release: ReleaseFiles {
                form: ReleaseForm::InRelease,
                path: rel("debian/dists/bookworm/InRelease"),
                signature_path: None,
            },
            signers: vec![self.upstream.fingerprint()],
            snapshot: Digest::of(b"snapshot"),
            suite: "bookworm".to_owned(),
            uri: "https://example.org/debian".to_owned(),
            valid_until: None,
        }
    }

    fn upstream_files(&self, packages: &[Package]) -> Vec<FileEntry> {
        let mut files = Vec::new();
        let mut index = String::new();
        for (name, version, content) in packages {
            let path = format!("pool/main/{name}/{name}_{}_amd64.deb", version.replace(':', "%3a"));
            let sha256 = Digest::of(content);
            let size = content.len();
            index.extend([format!(
                "Package: {name}\nVersion: {version}\nArchitecture: amd64\nFilename: {path}\nSize: {size}\nSHA256: \
                 {sha256}\n\n"
            )]);
            let mut entry = self.identity(&path, FileRole::Package, content);
            let (package, version) = ((*name).to_owned(), (*version).to_owned());
            entry.deb = Some(DebEntry { architecture: "amd64".to_owned(), package, version });
            files.push(entry);
        }
        files.push(self.zstd("dists/bookworm/main/binary-amd64/Packages", FileRole::Index, index.as_bytes()));
        let release = self.release(index.as_bytes());
        files.push(self.identity("dists/bookworm/InRelease", FileRole::Release, &release));
        files.push(self.identity("keyring.pgp", FileRole::Keyring, &self.keyring()));
        files.sort_by(|a, b| a.path.cmp(&b.path));
        files
    }

    fn release(&self, index: &[u8]) -> Vec<u8> {
        let date = created().minus_seconds(3600);
        let text = ReleaseText {
            origin: "Insecure Test".into(),
            label: "Insecure Test".into(),
            suite: "bookworm".into(),
            codename: "bookworm".into(),
            date,
            valid_until: None,
            architectures: vec!["amd64".into()],
            components: vec!["main".into()],
            description: None,
            files: vec![ReleaseFile {
                name: rel("main/binary-amd64/Packages"),
                size: index.len() as u64,
                sha256: Digest::of(index),
            }],
        };
        self.upstream.sign_cleartext(&text.render(), date).unwrap()
    }

    fn entry(path: &str, role: FileRole, content: &[u8], stored: Stored) -> FileEntry {
        FileEntry {
            deb: None,
            path: rel(&format!("debian/{path}")),
            role,
            sha256: Digest::of(content),
            size: content.len() as u64,
            stored: Some(stored),
            upstream: UpstreamId::new("debian").unwrap(),
        }
    }

    pub fn identity(&self, path: &str, role: FileRole, content: &[u8]) -> FileEntry {
        let sha256 = self.store.insert(content).unwrap();
        let stored = Stored { encoding: Encoding::Identity, sha256, size: content.len() as u64 };
        Self::entry(path, role, content, stored)
    }

    fn zstd(&self, path: &str, role: FileRole, content: &[u8]) -> FileEntry {
        let mut blob = Vec::new();
        let stored = encode(&mut &content[..], content.len() as u64, &mut blob).unwrap();
        assert_eq!(self.store.insert(&blob).unwrap(), stored.sha256);
        Self::entry(path, role, content, stored)
    }

    /// Trust metadata that lists these manifests.
    pub fn metadata(&self, version: u64, manifests: &[&Manifest]) -> MetadataFiles {
        let named: Vec<_> = manifests.iter().map(|m| (Manifest::target_path(&m.stream, m.sequence), *m)).collect();
        self.metadata_of(version, &named.iter().map(|(name, m)| (name.as_str(), *m)).collect::<Vec<_>>())
    }

    /// Trust metadata that lists these manifests under these names.
    pub fn metadata_of(&self, version: u64, named: &[(&str, &Manifest)]) -> MetadataFiles {
        let expires = expires();
        let target = |(name, manifest): &(&str, &Manifest)| {
            let bytes = manifest.to_bytes().unwrap();
            let info = TargetInfo { length: bytes.len() as u64, sha256: Digest::of(&bytes), custom: None };
            (rel(name), info)
        };
        let sign = |bytes: Vec<u8>, purpose| sign_metadata(&bytes, &self.keys[&purpose]).unwrap();
        let list = named.iter().map(target).collect();
        let targets = sign(metadata::targets(version, expires, &list).unwrap(), Purpose::Targets);
        let snapshot = sign(metadata::snapshot(version, expires, &targets).unwrap(), Purpose::Snapshot);
        let timestamp = sign(metadata::timestamp(version, expires, &snapshot).unwrap(), Purpose::Timestamp);
        let roots = vec![(1, self.root.clone())];
        MetadataFiles { roots, timestamp, snapshot: (version, snapshot), targets: (version, targets) }
    }

    /// Build provenance about a manifest, signed by the key of this purpose.
    pub fn provenance(&self, manifest: &[u8]) -> Vec<u8> {
        let statement = Statement {
            subjects: vec![Subject { name: "manifest.json".into(), sha256: Digest::of(manifest) }],
            predicate_type: PROVENANCE.to_owned(),
            predicate: serde_json::json!({}),
        };
        sign_statement(&statement, [&self.keys[&Purpose::Evidence]].into_iter()).unwrap()
    }

    /// Signs a statement with the key of a role, which nobody should.
    pub fn signed_by_role(&self, purpose: Purpose, statement: &Statement) -> Vec<u8> {
        let payload = statement.to_bytes().unwrap();
        let key = &self.keys[&purpose];
        dsse::envelope_bytes(&payload, &[(key.id(), key.sign(&dsse::pae(&payload)))])
    }

    /// Signs a payload with the key of this purpose.
    pub fn sign_payload(&self, purpose: Purpose, payload: &[u8]) -> Vec<u8> {
        let key = &self.keys[&purpose];
        dsse::envelope_bytes(payload, &[(key.id(), key.sign(&dsse::pae(payload)))])
    }

    /// Writes one bundle below `dir`.
    pub fn write(&self, dir: &Path, manifest: &Manifest, metadata: &MetadataFiles) {
        let bytes = manifest.to_bytes().unwrap();
        let evidence = [("build.dsse.json".to_owned(), self.provenance(&bytes))];
        self.write_parts(dir, manifest, &evidence, metadata).unwrap();
    }

    pub fn write_parts(
        &self,
        dir: &Path,
        manifest: &Manifest,
        evidence: &[(String, Vec<u8>)],
        metadata: &MetadataFiles,
    ) -> Result<sealift_bundle::WriteReport, sealift_bundle::WriteError> {
        let manifest_bytes = &manifest.to_bytes().unwrap();
        fs::create_dir_all(dir).unwrap();
        let parts = BundleParts { manifest, manifest_bytes, evidence, metadata, blobs: &self.store };
        sealift_bundle::write(dir, &parts, &Silent)
    }

    /// Writes a complete bundle of [`FIRST`] to `<name>/SEALIFT` and returns `<name>`.
    pub fn medium(&self, name: &str) -> PathBuf {
        let dir = self.path(name);
        let manifest = self.manifest(1, &FIRST, None);
        self.write(&dir, &manifest, &self.metadata(1, &[&manifest]));
        dir
    }

    pub fn verify(&self, path: &Path) -> Result<VerifyReport, VerifyError> {
        verify_with(path, &self.root, created().plus_days(1))
    }

    /// Verifies and returns the stable word of the refusal.
    pub fn refusal(&self, path: &Path) -> &'static str {
        self.verify(path).unwrap_err().code().expect("a refusal, not a fault")
    }
}

pub fn verify_with(path: &Path, root: &[u8], now: Timestamp) -> Result<VerifyReport, VerifyError> {
    let source = open_source(path)?;
    sealift_bundle::verify(source.as_ref(), &VerifyOptions { root, now, threads: 2 }, &Silent)
}

/// The key of a person: insecure-test key number `n`.
pub fn person(n: u8) -> SecretKey {
    SecretKey::from_seed(Purpose::Person, &[200 + n; 32])
}

/// All files below a directory with their bytes.
pub fn tree(dir: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut pending = vec![dir.to_owned()];
    while let Some(next) = pending.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                pending.push(path);
            } else {
                let name = path.strip_prefix(dir).unwrap().to_str().unwrap().to_owned();
                files.insert(name, fs::read(path).unwrap());
            }
        }
    }
    files
}

/// Replaces a file, which may be a hard link to the store, by other bytes.
pub fn put(path: &Path, bytes: &[u8]) {
    let _ = fs::remove_file(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// Flips one bit in the middle of a file.
pub fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    put(path, &bytes);
}
