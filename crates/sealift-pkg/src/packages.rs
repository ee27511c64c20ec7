//! Writes what a published repository consists of: index paragraphs and the Release file.
//!
//! A paragraph stays the upstream's, byte for byte, but for `Filename`, because the published tree has a layout of its
//! own. The Release text has no trailing spaces: OpenPGP's cleartext form strips them, and a signer that does not would
//! make a bad signature.

use std::fmt::Write as _;

use sealift_model::{RelPath, Timestamp};

use crate::date;
use crate::deb822::{Deb822Error, Paragraphs};
use crate::release::ReleaseFile;

/// Why a paragraph cannot be republished.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StanzaError {
    /// Not one paragraph of a control file.
    #[error("malformed paragraph")]
    Form(#[from] Deb822Error),
    /// Empty, or more than one paragraph.
    #[error("expected exactly one paragraph")]
    NotOne,
    /// No `Filename` to replace.
    #[error("paragraph has no `Filename`")]
    NoFilename,
}

/// Returns `raw`, one paragraph of an index, with only its `Filename` line replaced and a line end at its end.
pub fn with_filename(raw: &[u8], filename: &RelPath) -> Result<Vec<u8>, StanzaError> {
    let mut paragraphs = Paragraphs::new(raw);
    let paragraph = paragraphs.next()?.ok_or(StanzaError::NotOne)?;
    let (bytes, extent) = (paragraph.raw(), paragraph.extent("Filename").ok_or(StanzaError::NoFilename)?);
    let mut out = Vec::with_capacity(raw.len() + 64);
    out.extend_from_slice(bytes.get(..extent.start).unwrap_or_default());
    out.extend_from_slice(format!("Filename: {filename}\n").as_bytes());
    out.extend_from_slice(bytes.get(extent.end..).unwrap_or_default());
    if out.last() != Some(&b'\n') {
        out.push(b'\n');
    }
    match paragraphs.next()? {
        None => Ok(out),
        Some(_) => Err(StanzaError::NotOne),
    }
}

/// What a published Release file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseText {
    /// `Origin`.
    pub origin: String,
    /// `Label`.
    pub label: String,
    /// `Suite`.
    pub suite: String,
    /// `Codename`.
    pub codename: String,
    /// `Date`.
    pub date: Timestamp,
    /// `Valid-Until`, if it is to expire.
    pub valid_until: Option<Timestamp>,
    /// `Architectures`.
    pub architectures: Vec<String>,
    /// `Components`.
    pub components: Vec<String>,
    /// `Description`, one line.
    pub description: Option<String>,
    /// The index files.
    pub files: Vec<ReleaseFile>,
}

impl ReleaseText {
    /// Returns the text, files sorted by name. The same values give the same bytes.
    pub fn render(&self) -> String {
        let mut out = String::new();
        let mut line = |name: &str, value: &str| {
            let value = one_line(value);
            if !value.is_empty() {
                let _ = writeln!(out, "{name}: {value}");
            }
        };
        line("Origin", &self.origin);
        line("Label", &self.label);
        line("Suite", &self.suite);
        line("Codename", &self.codename);
        line("Date", &date::format(self.date));
        line("Valid-Until", &self.valid_until.map(date::format).unwrap_or_default());
        line("Acquire-By-Hash", "yes");
        line("Architectures", &self.architectures.join(" "));
        line("Components", &self.components.join(" "));
        line("Description", self.description.as_deref().unwrap_or_default());
        out.push_str("SHA256:\n");
        let mut files: Vec<_> = self.files.iter().collect();
        files.sort_by(|a, b| a.name.cmp(&b.name));
        for file in files {
            let _ = writeln!(out, " {} {} {}", file.sha256, file.size, file.name);
        }
        out
    }
}

/// A line break in a value would let it write fields of its own.
fn one_line(value: &str) -> String {
    value.split(|c: char| c.is_control() || c == ' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use sealift_model::Digest;

    use super::*;
    use crate::release::Release;

    #[test]
    fn only_the_filename_changes() {
        let path = RelPath::new("pool/ab/x_1_all.deb").unwrap();
        let raw = b"Package: x\nFILENAME:  ./old\n  more\nSize: 1\nDescription: \xff odd\n  spaces \n";
        let out = with_filename(raw, &path).unwrap();
        assert_eq!(out, b"Package: x\nFilename: pool/ab/x_1_all.deb\nSize: 1\nDescription: \xff odd\n  spaces \n");
        assert_eq!(with_filename(b"Filename: x", &path).unwrap(), b"Filename: pool/ab/x_1_all.deb\n");
    }

    #[test]
    fn refuses_paragraphs_without_a_filename_or_with_a_neighbour() {
        let path = RelPath::new("x").unwrap();
        assert!(matches!(with_filename(b"Package: x\n", &path), Err(StanzaError::NoFilename)));
        assert!(matches!(with_filename(b"Filename: x\n\nFilename: y\n", &path), Err(StanzaError::NotOne)));
        assert!(matches!(with_filename(b"", &path), Err(StanzaError::NotOne)));
    }

    #[test]
    fn what_is_written_reads_back_and_has_no_trailing_spaces() {
        let file = |name: &str| ReleaseFile { name: RelPath::new(name).unwrap(), size: 3, sha256: Digest::of(b"abc") };
        let text = ReleaseText {
            origin: "site one".into(),
            label: "sealift".into(),
            suite: "testing".into(),
            codename: "testing".into(),
            date: Timestamp::from_unix(1_795_222_382),
            valid_until: Some(Timestamp::from_unix(1_795_322_382)),
            architectures: vec!["all".into(), "amd64".into()],
            components: vec!["main".into()],
            description: Some("evil \nSHA256:\n".into()),
            files: vec![file("main/binary-amd64/Packages.xz"), file("main/binary-all/Packages")],
        };
        let rendered = text.render();
        assert!(rendered.lines().all(|line| line.trim_end() == line));
        let release = Release::parse(&rendered).unwrap();
        assert_eq!(release.files().count(), 2);
        assert_eq!((release.date, release.valid_until), (text.date, text.valid_until));
        assert_eq!(release.choose_index("main", "amd64").len(), 1);
    }
}
