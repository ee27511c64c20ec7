//! Lays out one suite of an archive: pool, indexes with by-hash copies, Release file and its signatures.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use sealift_model::{Digest, RelPath, Timestamp};
use sealift_pkg::packages::ReleaseText;
use sealift_pkg::release::ReleaseFile;
use sealift_site::RepositoryKey;

use super::deb::{Package, xz};

const INDEX: &str = "main/binary-amd64/Packages";

/// A suite to be written.
#[derive(Debug)]
pub struct Suite {
    /// The archive's root: `dists` and `pool` lie here.
    pub dir: PathBuf,
    /// Suite and codename.
    pub name: &'static str,
    /// `Date`.
    pub date: Timestamp,
    /// `Valid-Until`, if it is to expire.
    pub valid_until: Option<Timestamp>,
    /// What it offers.
    pub packages: Vec<Package>,
}

impl Suite {
    /// Writes the suite; files of the same name are replaced, packages of earlier rounds stay in the pool.
    pub fn write(&self, key: &RepositoryKey) -> anyhow::Result<()> {
        let dists = self.dir.join("dists").join(self.name);
        let index = self.pool()?;
        let files =
            [place(&dists, INDEX, index.as_bytes())?, place(&dists, &format!("{INDEX}.xz"), &xz(index.as_bytes())?)?];
        let release = self.release(files.to_vec());
        put(&dists.join("Release"), release.as_bytes())?;
        put(&dists.join("Release.gpg"), &key.sign_detached(release.as_bytes(), self.date)?)?;
        put(&dists.join("InRelease"), &key.sign_cleartext(&release, self.date)?)
    }

    fn release(&self, files: Vec<ReleaseFile>) -> String {
        ReleaseText {
            origin: "Insecure Test".to_owned(),
            label: "Insecure Test".to_owned(),
            suite: self.name.to_owned(),
            codename: self.name.to_owned(),
            date: self.date,
            valid_until: self.valid_until,
            architectures: vec!["amd64".to_owned()],
            components: vec!["main".to_owned()],
            description: None,
            files,
        }
        .render()
    }

    fn pool(&self) -> anyhow::Result<String> {
        let mut index = String::new();
        for package in &self.packages {
            let (deb, path) = (package.to_deb()?, pool_path(package));
            put(&self.dir.join(&path), &deb)?;
            write!(index, "{}Filename: {path}\nSize: {}\nSHA256: {}\n\n", package.control(), deb.len(), hex(&deb))?;
        }
        Ok(index)
    }
}

/// Returns where a package lies below the archive's root.
pub fn pool_path(package: &Package) -> String {
    let initial = if package.name.starts_with("lib") { 4 } else { 1 };
    let shelf: String = package.name.chars().take(initial).collect();
    format!("pool/main/{shelf}/{}/{}", package.name, package.file_name())
}

fn place(dists: &Path, name: &str, bytes: &[u8]) -> anyhow::Result<ReleaseFile> {
    put(&dists.join(name), bytes)?;
    let shelf = dists.join(name).parent().context("an index lies in a directory")?.join("by-hash/SHA256");
    put(&shelf.join(hex(bytes)), bytes)?;
    Ok(ReleaseFile { name: RelPath::new(name)?, size: u64::try_from(bytes.len())?, sha256: Digest::of(bytes) })
}

fn put(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let parent = path.parent().context("a file lies in a directory")?;
    fs::create_dir_all(parent)?;
    fs::write(path, bytes).with_context(|| format!("could not write {}", path.display()))
}

fn hex(bytes: &[u8]) -> String {
    Digest::of(bytes).to_hex()
}
