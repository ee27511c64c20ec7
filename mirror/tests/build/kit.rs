//! A mirror as `sync` would leave it, made directly: one signed upstream of made-up packages, keys that cost little.
//! Every key here is an insecure-test key.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sealift_bundle::manifest::{DebEntry, FileRole, ReleaseForm};
use sealift_bundle::open_source;
use sealift_bundle::verify::{VerifyOptions, VerifyReport, verify};
use sealift_bundle::write::WriteOptions;
use sealift_keys::{Ceremony, KdfParams, KeyDir, Passphrase, Quorum, ceremony};
use sealift_mirror::build::{
    self, Action, BaseChoice, BuildError, BuildPlan, Created, Narrow, Request, Sealed, Signing,
};
use sealift_mirror::snapshot::{HEAD_SCHEMA, Head, KeyringRef, NeededPackage, ReleaseRef, SnapshotFile};
use sealift_mirror::state::State;
use sealift_mirror::trust::TrustDir;
use sealift_model::{Digest, RelPath, Sequence, Silent, SiteId, StreamId, Timestamp, UpstreamId};
use sealift_pkg::packages::ReleaseText;
use sealift_pkg::release::ReleaseFile;
use sealift_site::{RepositoryKey, StatementKey};
use sealift_trust::{Held, Purpose, Receipt, Role};
use tempfile::TempDir;
use zeroize::Zeroizing;

pub const PASSPHRASE: &str = "insecure-test-passphrase";
const SIGNERS: [Purpose; 4] = [Purpose::Targets, Purpose::Snapshot, Purpose::Timestamp, Purpose::Evidence];

/// A package of the upstream: name, version, dependencies.
pub type Offer<'a> = (&'a str, &'a str, &'a str);

pub struct World {
    dir: TempDir,
    upstream: RepositoryKey,
    pub site: StatementKey,
}

impl World {
    /// Makes keys, one upstream and a mirror whose stream `s` selects `packages` (a TOML list).
    pub fn new(targets: &str, packages: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let quorum: Quorum = targets.parse().unwrap();
        let ceremony = Ceremony {
            quorums: BTreeMap::from([(Role::Targets, quorum)]),
            expires: time(0).plus_days(365),
            now: time(0),
            cost: KdfParams { m_kib: 64, t: 1, p: 1 },
        };
        ceremony::create(&dir.path().join("keys"), &ceremony, &passphrase(PASSPHRASE)).unwrap();
        let site = StatementKey::from_seed(&SiteId::new("plant-a").unwrap(), &[7; 32]);
        let mirror = dir.path().join("mirror");
        std::fs::create_dir(&mirror).unwrap();
        let config = format!(
            "[mirror]\nkeys = \"../keys\"\n[[upstream]]\nname = \"u\"\nuri = \"https://example.org/debian\"\n\
             suite = \"stable\"\ncomponents = [\"main\"]\narchitectures = [\"amd64\"]\nsigned_by = \"u.asc\"\n\
             [[stream]]\nname = \"s\"\nupstreams = [\"u\"]\npackages = {packages}\n\
             [[site]]\nname = \"plant-a\"\nreceipt_key = \"{}\"\n",
            site.public_hex()
        );
        std::fs::write(mirror.join("mirror.toml"), config).unwrap();
        let upstream = RepositoryKey::generate("insecure-test-upstream", time(0)).unwrap();
        Self { dir, upstream, site }
    }

    pub fn mirror(&self) -> PathBuf {
        self.dir.path().join("mirror")
    }

    pub fn keys(&self) -> PathBuf {
        self.dir.path().join("keys")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub fn state(&self) -> State {
        State::open(&self.mirror()).unwrap()
    }

    /// Leaves the state as a sync on `day` would, `fetch` deciding which packages are in the store.
    pub fn sync_some(&self, day: u64, offers: &[Offer<'_>], fetch: impl Fn(&str) -> bool) {
        let state = self.state();
        let store = state.store();
        let mut index = String::new();
        let mut packages = Vec::new();
        for (package, version, depends) in offers {
            let deb = format!("deb of {package} {version}").repeat(50).into_bytes();
            let (path, sha256) = (format!("pool/{package}_{version}_amd64.deb"), Digest::of(&deb));
            let size = deb.len() as u64;
            let _ = write!(
                index,
                "Package: {package}\nVersion: {version}\nArchitecture: amd64\nDepends: {depends}\nFilename: {path}\n\
                 Size: {size}\nSHA256: {sha256}\n\n"
            );
            if fetch(package) {
                store.insert(&deb).unwrap();
            }
            let deb = DebEntry { architecture: "amd64".into(), package: (*package).into(), version: (*version).into() };
            packages.push(NeededPackage { path: rel(&path), sha256, size, deb });
        }
        let head = self.head(&state, day, index.as_bytes());
        let lock = state.lock().unwrap();
        let id = state.write_snapshot(&lock, &head.snapshot(&packages)).unwrap();
        state.write_head(&lock, &Head { current_snapshot: Some(id), ..head }).unwrap();
    }

    pub fn sync(&self, day: u64, offers: &[Offer<'_>]) {
        self.sync_some(day, offers, |_| true);
    }

    pub fn head(&self, state: &State, day: u64, index: &[u8]) -> Head {
        let listed = ReleaseFile {
            name: rel("main/binary-amd64/Packages"),
            size: index.len() as u64,
            sha256: Digest::of(index),
        };
        let date = time(day);
        let release = ReleaseText {
            origin: "insecure-test".into(),
            label: "insecure-test".into(),
            suite: "stable".into(),
            codename: "test".into(),
            date,
            valid_until: None,
            architectures: vec!["amd64".into()],
            components: vec!["main".into()],
            description: None,
            files: vec![listed],
        };
        let release = self.upstream.sign_cleartext(&release.render(), date).unwrap();
        let keyring = self.upstream.public_armored().unwrap();
        for bytes in [index, &release, &keyring] {
            state.store().insert(bytes).unwrap();
        }
        let file = |path: &str, role, bytes: &[u8]| SnapshotFile {
            deb: None,
            path: rel(path),
            role,
            sha256: Digest::of(bytes),
            size: bytes.len() as u64,
        };
        Head {
            architectures: vec!["amd64".into()],
            codename: Some("test".into()),
            components: vec!["main".into()],
            current_snapshot: None,
            date,
            etag: None,
            files: vec![
                file("dists/stable/InRelease", FileRole::Release, &release),
                file("dists/stable/main/binary-amd64/Packages", FileRole::Index, index),
            ],
            keyring: KeyringRef { sha256: Digest::of(&keyring), size: keyring.len() as u64 },
            last_modified: None,
            release: ReleaseRef {
                form: ReleaseForm::InRelease,
                path: rel("dists/stable/InRelease"),
                signature_path: None,
            },
            schema: HEAD_SCHEMA.into(),
            selection: None,
            signers: vec![self.upstream.fingerprint()],
            suite: "stable".into(),
            upstream: UpstreamId::new("u").unwrap(),
            uri: "https://example.org/debian".into(),
            valid_until: None,
        }
    }

    pub fn plan(&self, day: u64, base: BaseChoice) -> Result<BuildPlan, BuildError> {
        self.narrowed(day, base, Narrow::default())
    }

    pub fn narrowed(&self, day: u64, base: BaseChoice, narrow: Narrow) -> Result<BuildPlan, BuildError> {
        let request = Request { stream: stream(), base, created: Created::Given(time(day)), narrow };
        build::plan(&self.state(), &request)
    }

    pub fn signing_root(&self) -> Vec<sealift_keys::SecretKey> {
        let files = sealift_keys::key_dir::key_files(&self.keys().join("keys")).unwrap();
        let root = files.iter().filter(|file| file.purpose() == Purpose::Root);
        root.map(|file| file.open(&passphrase(PASSPHRASE)).unwrap()).collect()
    }

    pub fn signing(&self) -> Signing {
        let keys = KeyDir::open(&self.keys().join("keys"), &passphrase(PASSPHRASE), &SIGNERS).unwrap();
        let roots = TrustDir::of(&self.mirror()).roots(&self.keys()).unwrap();
        Signing { roots, keys, dir: self.keys() }
    }

    /// Plans, drafts and seals, as `bundle build` does.
    pub fn build(&self, day: u64, base: BaseChoice) -> Result<(BuildPlan, Sealed), BuildError> {
        let plan = self.plan(day, base)?;
        assert_ne!(plan.action, Action::Nothing, "there must be something to build");
        let (state, signing) = (self.state(), self.signing());
        let lock = state.lock().unwrap();
        build::draft(&state, &lock, &plan, &signing)?;
        let sealed = build::seal(&state, &lock, (&stream(), plan.manifest.sequence), &signing, time(day))?;
        Ok((plan, sealed))
    }

    pub fn seal(&self, number: u64, day: u64) -> Result<Sealed, BuildError> {
        let state = self.state();
        let lock = state.lock().unwrap();
        build::seal(&state, &lock, (&stream(), seq(number)), &self.signing(), time(day))
    }

    pub fn write(&self, number: u64, to: &str) -> Result<PathBuf, BuildError> {
        let to = self.path(to);
        std::fs::create_dir_all(&to).unwrap();
        let state = self.state();
        let lock = state.lock().unwrap();
        build::write_to(&state, &lock, (&stream(), seq(number)), (&to, &WriteOptions::default()), &Silent)
            .map(|report| report.path)
    }

    pub fn verify(&self, medium: &Path, day: u64) -> VerifyReport {
        let source = open_source(medium).unwrap();
        let root = std::fs::read(self.keys().join("root.json")).unwrap();
        let options = VerifyOptions { root: &root, now: time(day), threads: 1 };
        verify(source.as_ref(), &options, &Silent).unwrap()
    }

    /// Returns every file of the state directory that is not a blob, with its bytes.
    pub fn documents(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut all = tree(&self.mirror());
        all.retain(|path, _| !path.starts_with("store") && path != Path::new("lock"));
        all
    }
}

/// Returns a receipt by `key`'s site for bundle `number`, whose manifest has `manifest`.
pub fn receipt(key: &StatementKey, day: u64, number: u64, manifest: Digest) -> String {
    key.sign_receipt(&Receipt {
        site: key.site().clone(),
        issued: time(day),
        ledger_head: Digest::of(b"ledger"),
        holds: vec![Held { stream: stream(), sequence: seq(number), manifest }],
        agreed: Vec::new(),
        waived: Vec::new(),
    })
}

pub fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
}

pub fn stream() -> StreamId {
    StreamId::new("s").unwrap()
}

pub fn seq(number: u64) -> Sequence {
    Sequence::new(number).unwrap()
}

pub fn rel(path: &str) -> RelPath {
    RelPath::new(path).unwrap()
}

/// 2026-11-22T16:00:00Z and `day` days.
pub fn time(day: u64) -> Timestamp {
    Timestamp::from_unix(1_795_363_200).plus_days(day)
}

/// Returns all files below a directory, by relative path.
pub fn tree(top: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    fn walk(top: &Path, dir: &Path, found: &mut BTreeMap<PathBuf, Vec<u8>>) {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                walk(top, &path, found);
            } else {
                found.insert(path.strip_prefix(top).unwrap().to_owned(), std::fs::read(&path).unwrap());
            }
        }
    }
    let mut found = BTreeMap::new();
    walk(top, top, &mut found);
    found
}

pub fn copy_tree(from: &Path, to: &Path) {
    for (path, bytes) in tree(from) {
        let target = to.join(&path);
        std::fs::create_dir_all(target.parent().unwrap()).unwrap();
        std::fs::write(&target, bytes).unwrap();
        let mode = std::fs::metadata(from.join(&path)).unwrap().permissions();
        std::fs::set_permissions(&target, mode).unwrap();
    }
}
