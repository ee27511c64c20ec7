//! dpkg's status file (`/var/lib/dpkg/status`): what a host has installed, for its facts and state records.
//!
//! Every package the file names comes out, also half-installed ones and those of which only configuration is left;
//! callers decide which count. The file belongs to the host and is capped like anything foreign.

use std::io::BufRead;

use sealift_model::escape::printable;

use crate::deb822::{Deb822Error, Paragraph, Paragraphs};
use crate::version::{Version, VersionError};

/// One package as dpkg knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatusEntry {
    /// The package's name.
    pub package: String,
    /// Its version; absent for packages that were never unpacked.
    pub version: Option<Version>,
    /// Its architecture; empty where dpkg gives none.
    pub architecture: String,
    /// What is wanted: `install`, `hold`, `deinstall`, `purge` or `unknown`.
    pub want: String,
    /// `ok` or `reinstreq`.
    pub flag: String,
    /// What is: `installed`, `config-files`, `half-configured` and so on.
    pub state: String,
    /// Whether the package is essential.
    pub essential: bool,
    /// `Provides`, as written.
    pub provides: Option<String>,
    /// Its configuration files.
    pub conffiles: Vec<Conffile>,
}

/// A configuration file and the digest dpkg recorded for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conffile {
    /// Its absolute path.
    pub path: String,
    /// The MD5 of the packaged file, or `newconffile`.
    pub md5: String,
    /// Whether the package no longer has it.
    pub obsolete: bool,
}

/// What is wrong with a status file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StatusError {
    /// Not a control file.
    #[error("malformed dpkg status")]
    Form(#[from] Deb822Error),
    /// A field that must be there.
    #[error("dpkg status, paragraph {number}: no field `{field}`")]
    Missing {
        /// The paragraph, counted from 1.
        number: u64,
        /// The field.
        field: &'static str,
    },
    /// A `Status` that is not three words.
    #[error("dpkg status, package `{package}`: `{status}` is not `want flag state`")]
    Status {
        /// The package.
        package: String,
        /// The field's value, made printable.
        status: String,
    },
    /// A version outside the grammar.
    #[error("dpkg status, package `{package}`")]
    Version {
        /// The package.
        package: String,
        /// The fault.
        #[source]
        source: VersionError,
    },
}

impl StatusEntry {
    /// Tells whether the package is wholly installed.
    pub fn is_installed(&self) -> bool {
        self.state == "installed" && self.flag == "ok"
    }

    /// Tells whether the package must not be changed.
    pub fn is_held(&self) -> bool {
        self.want == "hold"
    }
}

/// Reads all packages of a status file, in its order.
pub fn parse(input: impl BufRead) -> Result<Vec<StatusEntry>, StatusError> {
    let mut paragraphs = Paragraphs::new(input);
    let mut entries = Vec::new();
    while let Some(paragraph) = paragraphs.next()? {
        entries.push(entry(&paragraph)?);
    }
    Ok(entries)
}

fn entry(paragraph: &Paragraph<'_>) -> Result<StatusEntry, StatusError> {
    let missing = |field| StatusError::Missing { number: paragraph.number(), field };
    let package = printable(paragraph.get("Package")?.ok_or_else(|| missing("Package"))?);
    let status = paragraph.get("Status")?.ok_or_else(|| missing("Status"))?;
    let words: Vec<_> = status.split_ascii_whitespace().collect();
    let &[want, flag, state] = words.as_slice() else {
        return Err(StatusError::Status { package, status: printable(status) });
    };
    let version = paragraph.get("Version")?.map(Version::new).transpose();
    Ok(StatusEntry {
        version: version.map_err(|source| StatusError::Version { package: package.clone(), source })?,
        architecture: printable(paragraph.get("Architecture")?.unwrap_or("")),
        want: printable(want),
        flag: printable(flag),
        state: printable(state),
        essential: paragraph.get("Essential")? == Some("yes"),
        provides: paragraph.get("Provides")?.map(str::to_owned),
        conffiles: paragraph.get("Conffiles")?.unwrap_or("").lines().filter_map(conffile).collect(),
        package,
    })
}

/// Paths may hold spaces, so the words are taken from the end.
fn conffile(line: &str) -> Option<Conffile> {
    let mut rest = line.trim();
    let mut obsolete = false;
    loop {
        let (head, word) = rest.rsplit_once(' ')?;
        match word {
            "obsolete" => obsolete = true,
            "remove-on-upgrade" => {}
            md5 => return Some(Conffile { path: head.trim_end().to_owned(), md5: md5.to_owned(), obsolete }),
        }
        rest = head.trim_end();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_states_and_conffiles() {
        let text = b"Package: a\nStatus: hold ok installed\nVersion: 1:2-3\nArchitecture: amd64\nEssential: yes\nConffiles:\n \
            /etc/a b.conf 0123 obsolete\n /etc/new newconffile remove-on-upgrade\n\nPackage: b\nStatus: deinstall ok config-files\n";
        let all = parse(&text[..]).unwrap();
        assert_eq!(all.len(), 2);
        assert!(all[0].is_installed() && all[0].is_held() && all[0].essential && !all[1].is_installed());
        let first = &all[0].conffiles[0];
        assert_eq!((first.path.as_str(), first.md5.as_str(), first.obsolete), ("/etc/a b.conf", "0123", true));
        assert_eq!((all[0].conffiles[1].md5.as_str(), all[0].conffiles[1].obsolete), ("newconffile", false));
    }

    #[test]
    fn refuses_entries_without_a_state() {
        assert!(matches!(parse(&b"Package: a\n"[..]), Err(StatusError::Missing { field: "Status", .. })));
        assert!(matches!(parse(&b"Package: a\nStatus: install ok\n"[..]), Err(StatusError::Status { .. })));
        assert!(matches!(parse(&b"Package: a\nStatus: a b c\nVersion: !\n"[..]), Err(StatusError::Version { .. })));
    }
}
