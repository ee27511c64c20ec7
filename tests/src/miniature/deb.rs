//! Writes `.deb` files: an `ar` archive of `debian-binary`, `control.tar.gz` and `data.tar.xz`.
//!
//! The same description gives the same bytes: owners, times and order are fixed. It writes what dpkg reads and nothing
//! more; that dpkg agrees is checked in this package's tests wherever dpkg-deb is installed.

use std::io::Write as _;

use anyhow::Context as _;

/// A file in a package: path from `/` without the slash, content, mode.
#[derive(Debug, Clone)]
pub struct PayloadFile {
    /// Such as `usr/share/beacon/version`.
    pub path: String,
    /// Its bytes.
    pub content: Vec<u8>,
    /// Its permissions.
    pub mode: u32,
}

/// What goes into one package.
#[derive(Debug, Clone)]
pub struct Package {
    /// `Package`.
    pub name: &'static str,
    /// `Version`.
    pub version: String,
    /// `Architecture`.
    pub architecture: &'static str,
    /// `Section`.
    pub section: &'static str,
    /// `Depends`, empty for none.
    pub depends: String,
    /// `Description`, one line.
    pub description: &'static str,
    /// The payload.
    pub files: Vec<PayloadFile>,
    /// Absolute paths of files the administrator may edit.
    pub conffiles: Vec<String>,
    /// The maintainer script run after unpacking.
    pub postinst: Option<String>,
}

impl Package {
    /// Returns the control paragraph, without the fields an index adds.
    pub fn control(&self) -> String {
        let mut text = format!(
            "Package: {}\nVersion: {}\nArchitecture: {}\nMaintainer: Insecure Test <insecure-test@example.org>\n\
             Section: {}\nPriority: optional\n",
            self.name, self.version, self.architecture, self.section
        );
        let optional = [("Depends", self.depends.as_str()), ("Description", self.description)];
        for (field, value) in optional.iter().filter(|(_, value)| !value.is_empty()) {
            text.extend([field, ": ", value, "\n"]);
        }
        text
    }

    /// Returns the name of the file in the pool.
    pub fn file_name(&self) -> String {
        format!("{}_{}_{}.deb", self.name, self.version, self.architecture)
    }

    /// Returns the package as the bytes of a `.deb`.
    pub fn to_deb(&self) -> anyhow::Result<Vec<u8>> {
        let mut out = b"!<arch>\n".to_vec();
        ar_member(&mut out, "debian-binary", b"2.0\n")?;
        ar_member(&mut out, "control.tar.gz", &gzip(&self.control_tar()?)?)?;
        ar_member(&mut out, "data.tar.xz", &xz(&self.data_tar()?)?)?;
        Ok(out)
    }

    fn control_tar(&self) -> anyhow::Result<Vec<u8>> {
        let mut tar = Tree::new();
        tar.file("control", self.control().as_bytes(), 0o644)?;
        if !self.conffiles.is_empty() {
            tar.file("conffiles", (self.conffiles.join("\n") + "\n").as_bytes(), 0o644)?;
        }
        if let Some(script) = &self.postinst {
            tar.file("postinst", script.as_bytes(), 0o755)?;
        }
        tar.finish()
    }

    fn data_tar(&self) -> anyhow::Result<Vec<u8>> {
        let mut tar = Tree::new();
        for file in &self.files {
            tar.file(&file.path, &file.content, file.mode)?;
        }
        tar.finish()
    }
}

/// A tar archive in which each directory precedes what lies in it, as dpkg expects.
struct Tree {
    builder: tar::Builder<Vec<u8>>,
    directories: Vec<String>,
}

impl Tree {
    fn new() -> Self {
        Self { builder: tar::Builder::new(Vec::new()), directories: Vec::new() }
    }

    fn file(&mut self, path: &str, content: &[u8], mode: u32) -> anyhow::Result<()> {
        let parents: Vec<&str> = path.split('/').collect();
        for depth in 0..parents.len() {
            let directory = format!("./{}", parents.get(..depth).unwrap_or_default().join("/"));
            if !self.directories.contains(&directory) {
                self.entry(&directory, tar::EntryType::Directory, &[], 0o755)?;
                self.directories.push(directory);
            }
        }
        self.entry(&format!("./{path}"), tar::EntryType::Regular, content, mode)
    }

    fn entry(&mut self, path: &str, kind: tar::EntryType, content: &[u8], mode: u32) -> anyhow::Result<()> {
        let mut header = tar::Header::new_gnu();
        let name = header.as_old_mut();
        // Written by hand: the crate drops the leading `./`, which dpkg's own archives have.
        name.name.get_mut(..path.len()).context("path is too long for the header")?.copy_from_slice(path.as_bytes());
        header.set_entry_type(kind);
        header.set_size(u64::try_from(content.len())?);
        header.set_mode(mode);
        header.set_mtime(0);
        header.set_uid(0);
        header.set_gid(0);
        header.set_username("root")?;
        header.set_groupname("root")?;
        header.set_cksum();
        self.builder.append(&header, content)?;
        Ok(())
    }

    fn finish(self) -> anyhow::Result<Vec<u8>> {
        Ok(self.builder.into_inner()?)
    }
}

fn ar_member(out: &mut Vec<u8>, name: &str, content: &[u8]) -> anyhow::Result<()> {
    writeln!(out, "{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`", 0, 0, 0, "100644", content.len())?;
    out.extend_from_slice(content);
    if content.len() % 2 == 1 {
        out.push(b'\n');
    }
    Ok(())
}

fn gzip(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = flate2::GzBuilder::new().mtime(0).write(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}

/// Compresses as `.xz`; indexes and payloads use the same form.
pub(super) fn xz(bytes: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
    encoder.write_all(bytes)?;
    Ok(encoder.finish()?)
}
