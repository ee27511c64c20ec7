//! A small archive, signed by a key of its own.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{SystemTime, UNIX_EPOCH};

use sealift_model::{Digest, Timestamp};
use sealift_site::RepositoryKey;

/// An archive of suite `lighthouse`, component `main`, architecture `amd64`.
pub struct Archive {
    pub key: RepositoryKey,
    pub suite: String,
    pub date: Timestamp,
    pub valid_until: Option<Timestamp>,
    pub by_hash: bool,
    pub detached: bool,
    /// Also list an index form that is not there.
    pub phantom_xz: bool,
    pub packages: Vec<Package>,
}

#[derive(Clone)]
pub struct Package {
    pub name: String,
    pub version: String,
    pub depends: String,
    pub content: Vec<u8>,
}

pub const INRELEASE: &str = "dists/lighthouse/InRelease";
pub const INDEX: &str = "dists/lighthouse/main/binary-amd64/Packages";

pub fn now() -> Timestamp {
    Timestamp::from_unix(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
}

impl Archive {
    /// Makes an archive of three packages, dated an hour ago.
    pub fn new() -> Self {
        let date = now().minus_seconds(3600);
        let key = RepositoryKey::generate("insecure-test-upstream", date.minus_seconds(60)).unwrap();
        let packages = vec![
            Package::new("anchor", "1.0", 3_000),
            Package::new("beacon", "1.0-1+b2", 700_000),
            Package::new("compass", "0.9~rc1", 40_000),
        ];
        Self {
            key,
            suite: "lighthouse".into(),
            date,
            valid_until: None,
            by_hash: false,
            detached: false,
            phantom_xz: false,
            packages,
        }
    }

    pub fn public_key(&self) -> Vec<u8> {
        self.key.public_armored().unwrap()
    }

    pub fn index(&self) -> String {
        let mut text = String::new();
        for package in &self.packages {
            let Package { name, version, depends, content } = package;
            let depends = if depends.is_empty() { String::new() } else { format!("Depends: {depends}\n") };
            let (path, size, digest) = (package.path(), content.len(), Digest::of(content));
            let _ = write!(
                text,
                "Package: {name}\nVersion: {version}\nArchitecture: amd64\n{depends}Filename: {path}\nSize: {size}\nSHA256: {digest}\n\n"
            );
        }
        text
    }

    pub fn release(&self) -> String {
        let index = self.index();
        let valid = self.valid_until.map_or_else(String::new, |t| format!("Valid-Until: {}\n", rfc(t)));
        let by_hash = if self.by_hash { "Acquire-By-Hash: yes\n" } else { "" };
        let phantom = format!(" {} 100 main/binary-amd64/Packages.xz\n", Digest::of(b"phantom"));
        format!(
            "Origin: Lighthouse\nSuite: {}\nCodename: {}\nDate: {}\n{valid}{by_hash}Architectures: amd64\nComponents: main\n\
             SHA256:\n {} {} main/binary-amd64/Packages\n{}",
            self.suite,
            self.suite,
            rfc(self.date),
            Digest::of(index.as_bytes()),
            index.len(),
            if self.phantom_xz { &phantom } else { "" },
        )
    }

    /// Returns all files by path.
    pub fn files(&self) -> HashMap<String, Vec<u8>> {
        let release = self.release();
        let at = self.date;
        let mut files: HashMap<String, Vec<u8>> = self.packages.iter().map(|p| (p.path(), p.content.clone())).collect();
        files.insert(INDEX.into(), self.index().into_bytes());
        if self.detached {
            files
                .insert("dists/lighthouse/Release.gpg".into(), self.key.sign_detached(release.as_bytes(), at).unwrap());
            files.insert("dists/lighthouse/Release".into(), release.into_bytes());
        } else {
            files.insert(INRELEASE.into(), self.key.sign_cleartext(&release, at).unwrap());
        }
        files
    }
}

impl Package {
    pub fn new(name: &str, version: &str, size: usize) -> Self {
        let seed = Digest::of(format!("{name} {version}").as_bytes());
        let content = seed.as_bytes().iter().copied().cycle().enumerate().map(|(i, b)| b ^ i.to_le_bytes()[1]);
        Self {
            name: name.into(),
            version: version.into(),
            depends: String::new(),
            content: content.take(size).collect(),
        }
    }

    pub fn path(&self) -> String {
        format!("pool/main/{}_{}_amd64.deb", self.name, self.version)
    }
}

fn rfc(time: Timestamp) -> String {
    sealift_pkg::date::format(time)
}
