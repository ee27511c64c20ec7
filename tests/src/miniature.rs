//! A miniature upstream: a handful of small packages in two suites, signed by a key made for the occasion.
//!
//! `lighthouse` is what a distribution released, `lighthouse-security` what it fixed since. The packages are real to dpkg
//! and apt, the key is not real to anybody: it exists in memory only and its name says so. The tree is laid out like
//! Debian's archive, so that nothing in the tools knows the difference.

pub mod archive;
pub mod deb;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sealift_model::Timestamp;
use sealift_site::RepositoryKey;

use archive::Suite;
use deb::{Package, PayloadFile};

/// The suite as released.
pub const RELEASE: &str = "lighthouse";
/// The suite with the fixes.
pub const SECURITY: &str = "lighthouse-security";
/// User id of the signing key.
pub const SIGNER: &str = "insecure-test-upstream <insecure-test@example.org>";

/// How the upstream is to be made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Variant {
    /// Every package installs.
    Sound,
    /// The fixed version of `compass` has a postinst that fails.
    FailingPostinst,
}

/// A miniature upstream in a directory.
pub struct Miniature {
    dir: PathBuf,
    key: RepositoryKey,
    date: Timestamp,
    variant: Variant,
}

impl Miniature {
    /// Writes the upstream into the new directory `dir`, its Release files dated `date`.
    pub fn create(dir: &Path, date: Timestamp, variant: Variant) -> anyhow::Result<Self> {
        fs::create_dir_all(dir).with_context(|| format!("could not create {}", dir.display()))?;
        let key = new_key(date.minus_seconds(60))?;
        let upstream = Self { dir: dir.to_owned(), key, date, variant };
        fs::write(upstream.keyring(), upstream.key.public_armored()?)?;
        upstream.suite(RELEASE, "debian", &released()).write(&upstream.key)?;
        upstream.suite(SECURITY, "debian-security", &fixed("+sec1", variant)).write(&upstream.key)?;
        Ok(upstream)
    }

    /// Publishes a second round of fixes in the security suite, `seconds` after the last Release file.
    pub fn advance(&mut self, seconds: u64) -> anyhow::Result<()> {
        self.date = Timestamp::from_unix(self.date.unix() + seconds);
        let mut packages = fixed("+sec1", self.variant);
        packages.retain(|package| package.name != "anchor");
        packages.push(anchor("2.4-1+sec2"));
        self.suite(SECURITY, "debian-security", &packages).write(&self.key)
    }

    /// Signs the security suite anew as `packages` at `date`: for upstreams that misbehave.
    pub fn republish(&mut self, date: Timestamp, valid_until: Option<Timestamp>) -> anyhow::Result<()> {
        self.date = date;
        let mut suite = self.suite(SECURITY, "debian-security", &fixed("+sec1", self.variant));
        suite.valid_until = valid_until;
        suite.write(&self.key)
    }

    /// Returns the directory, to be served or read as `file:`.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the armored public key.
    pub fn keyring(&self) -> PathBuf {
        self.dir.join("keyring.asc")
    }

    /// Returns the path of a released package, to install hosts from.
    pub fn released_deb(&self, name: &str) -> Option<PathBuf> {
        let package = released().into_iter().find(|package| package.name == name)?;
        Some(self.dir.join("debian").join(archive::pool_path(&package)))
    }

    fn suite(&self, name: &'static str, base: &str, packages: &[Package]) -> Suite {
        Suite { dir: self.dir.join(base), name, date: self.date, valid_until: None, packages: packages.to_vec() }
    }
}

/// Makes a key that signs like an upstream's and is trusted by nobody.
pub fn new_key(created: Timestamp) -> anyhow::Result<RepositoryKey> {
    Ok(RepositoryKey::generate(SIGNER, created)?)
}

/// Returns the names of the packages that every host of the miniature starts with.
pub fn names() -> [&'static str; 4] {
    ["libbeacon1", "beacon", "compass", "anchor"]
}

fn released() -> Vec<Package> {
    vec![libbeacon("1.0-1"), beacon("1.0-1", "1.0"), compass("0.9-2", None), anchor("2.4-1")]
}

fn fixed(suffix: &str, variant: Variant) -> Vec<Package> {
    let broken = (variant == Variant::FailingPostinst)
        .then(|| "#!/bin/sh\necho 'compass: cannot find north' >&2\nexit 1\n".to_owned());
    vec![
        libbeacon(&format!("1.0-1{suffix}")),
        beacon(&format!("1.0-1{suffix}"), &format!("1.0-1{suffix}")),
        compass(&format!("0.9-2{suffix}"), broken),
        anchor(&format!("2.4-1{suffix}")),
    ]
}

fn libbeacon(version: &str) -> Package {
    let mut package = plain("libbeacon1", version, "libs", "light signals, shared part");
    package.files.push(payload("usr/lib/beacon/libbeacon.so.1", &"not a library\n".repeat(400)));
    package
}

fn beacon(version: &str, library: &str) -> Package {
    let mut package = plain("beacon", version, "utils", "light signals");
    package.depends = format!("libbeacon1 (>= {library})");
    package.files.push(PayloadFile {
        path: "usr/bin/beacon".to_owned(),
        content: format!("#!/bin/sh\necho 'beacon {version}'\n").into_bytes(),
        mode: 0o755,
    });
    package
}

fn compass(version: &str, postinst: Option<String>) -> Package {
    let mut package = plain("compass", version, "utils", "finds north");
    package.postinst = Some(postinst.unwrap_or_else(|| "#!/bin/sh\nexit 0\n".to_owned()));
    package
}

fn anchor(version: &str) -> Package {
    let mut package = plain("anchor", version, "admin", "stays where it is");
    package.files.push(payload("etc/anchor.conf", "depth = 12\n"));
    package.conffiles.push("/etc/anchor.conf".to_owned());
    package
}

fn plain(name: &'static str, version: &str, section: &'static str, description: &'static str) -> Package {
    Package {
        name,
        version: version.to_owned(),
        architecture: "all",
        section,
        depends: String::new(),
        description,
        files: vec![payload(&format!("usr/share/{name}/version"), &format!("{version}\n"))],
        conffiles: Vec::new(),
        postinst: None,
    }
}

fn payload(path: &str, text: &str) -> PayloadFile {
    PayloadFile { path: path.to_owned(), content: text.as_bytes().to_vec(), mode: 0o644 }
}
