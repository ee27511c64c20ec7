//! Package indexes (`Packages`): one [`PackageEntry`] a paragraph, in a stream.
//!
//! The reader never holds more than one paragraph, and hands out its bytes beside the entry, so that they can be
//! published as the upstream wrote them. An entry without a SHA-256, a size or a safe file name is refused: nothing
//! further along could prove what it names.

use std::io::BufRead;

use sealift_model::{Digest, PathGrammarError, RelPath};

use crate::deb822::{Deb822Error, Paragraph, Paragraphs};
use crate::version::{Version, VersionError};

/// Largest index that is read, decompressed. Debian's main for one architecture is 50 MB.
pub const INDEX_LIMIT: u64 = 1 << 30;

/// What an index says about one package version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PackageEntry {
    /// The package's name.
    pub package: String,
    /// Its version.
    pub version: Version,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// Where the .deb lies below the repository.
    pub filename: RelPath,
    /// The .deb's size in bytes.
    pub size: u64,
    /// The .deb's digest.
    pub sha256: Digest,
    /// The source package it was built from.
    pub source: String,
    /// The version of that source package, where the index names it because it is another.
    pub source_version: Option<Version>,
    /// `Section`, such as `admin` or `contrib/net`.
    pub section: Option<String>,
    /// `Priority`, such as `required`.
    pub priority: Option<String>,
    /// `Multi-Arch`.
    pub multi_arch: Option<String>,
    /// Whether the package is `Essential: yes`.
    pub essential: bool,
    /// KiB it takes when installed.
    pub installed_size: Option<u64>,
    /// `Pre-Depends`, as written.
    pub pre_depends: Option<String>,
    /// `Depends`, as written.
    pub depends: Option<String>,
    /// `Recommends`, as written.
    pub recommends: Option<String>,
    /// `Conflicts`, as written.
    pub conflicts: Option<String>,
    /// `Breaks`, as written.
    pub breaks: Option<String>,
    /// `Provides`, as written.
    pub provides: Option<String>,
}

/// What is wrong with an index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IndexError {
    /// Not a control file, damaged, or too large.
    #[error("malformed package index {index}")]
    Form {
        /// The index.
        index: String,
        /// The fault.
        #[source]
        source: Deb822Error,
    },
    /// A paragraph that does not describe a package.
    #[error("package index {index}, paragraph {number} (package `{package}`)")]
    Entry {
        /// The index.
        index: String,
        /// The paragraph, counted from 1.
        number: u64,
        /// The package it is about, empty if it does not say.
        package: String,
        /// The fault.
        #[source]
        source: EntryError,
    },
}

/// What is wrong with one paragraph of an index.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EntryError {
    /// A field that must be there.
    #[error("no field `{0}`")]
    Missing(&'static str),
    /// A name or architecture with characters that have no place in it.
    #[error("`{value}` is not a valid {field}")]
    Word {
        /// The field.
        field: &'static str,
        /// Its value, made printable.
        value: String,
    },
    /// A version outside the grammar.
    #[error("field `Version`")]
    Version(#[source] VersionError),
    /// A file name that is not a safe relative path.
    #[error("field `Filename`")]
    Filename(#[source] PathGrammarError),
    /// A size that is not a number.
    #[error("field `{0}` is not a number")]
    Number(&'static str),
    /// A digest that is not one.
    #[error("field `SHA256` is not 64 hexadecimal digits")]
    Sha256,
    /// A field that is not text.
    #[error("unreadable field")]
    Field(#[from] Deb822Error),
}

/// Reads the entries of one index.
#[derive(Debug)]
pub struct IndexReader<R> {
    name: String,
    paragraphs: Paragraphs<R>,
}

impl<R: BufRead> IndexReader<R> {
    /// Reads decompressed `input`; `name` is for messages.
    pub fn new(name: &str, input: R) -> Self {
        Self { name: name.to_owned(), paragraphs: Paragraphs::new(input) }
    }

    /// Returns the next entry and its paragraph, byte for byte; `None` at the end.
    pub fn next_entry(&mut self) -> Result<Option<(PackageEntry, &[u8])>, IndexError> {
        let paragraph = match self.paragraphs.next() {
            Ok(Some(paragraph)) => paragraph,
            Ok(None) => return Ok(None),
            Err(source) => return Err(IndexError::Form { index: self.name.clone(), source }),
        };
        match PackageEntry::from_paragraph(&paragraph) {
            Ok(entry) => Ok(Some((entry, paragraph.raw()))),
            Err(source) => Err(IndexError::Entry {
                index: self.name.clone(),
                number: paragraph.number(),
                package: sealift_model::escape::printable(paragraph.get("Package").ok().flatten().unwrap_or_default()),
                source,
            }),
        }
    }
}

impl PackageEntry {
    /// Reads an entry from a paragraph of an index.
    pub fn from_paragraph(paragraph: &Paragraph<'_>) -> Result<Self, EntryError> {
        let text = |name: &str| paragraph.get(name).map(|value| value.map(str::to_owned));
        let need = |name: &'static str| paragraph.get(name)?.ok_or(EntryError::Missing(name));
        let number = |name: &'static str, value: &str| {
            let digits = Some(value).filter(|v| v.bytes().all(|b| b.is_ascii_digit()));
            digits.and_then(|v| v.parse::<u64>().ok()).ok_or(EntryError::Number(name))
        };
        let package = word("Package", need("Package")?, is_package_name)?;
        let (source, source_version) = match paragraph.get("Source")? {
            // `Source: glibc (2.36-9)` names the source's version where it differs.
            Some(text) => {
                let (name, rest) = text.split_once(|c: char| c.is_ascii_whitespace()).unwrap_or((text, ""));
                let version = rest.trim().strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
                (word("Source", name, is_package_name)?, version.and_then(|version| Version::new(version).ok()))
            }
            None => (package.clone(), None),
        };
        let digest = need("SHA256")?;
        Ok(Self {
            version: Version::new(need("Version")?).map_err(EntryError::Version)?,
            architecture: word("Architecture", need("Architecture")?, is_architecture)?,
            filename: filename(need("Filename")?)?,
            size: number("Size", need("Size")?)?,
            sha256: digest.parse().ok().filter(|_| digest.len() == 64).ok_or(EntryError::Sha256)?,
            section: text("Section")?,
            priority: text("Priority")?,
            multi_arch: text("Multi-Arch")?,
            essential: paragraph.get("Essential")? == Some("yes"),
            installed_size: paragraph.get("Installed-Size")?.map(|v| number("Installed-Size", v)).transpose()?,
            pre_depends: text("Pre-Depends")?,
            depends: text("Depends")?,
            recommends: text("Recommends")?,
            conflicts: text("Conflicts")?,
            breaks: text("Breaks")?,
            provides: text("Provides")?,
            package,
            source,
            source_version,
        })
    }

    /// Returns the version of the source package it was built from.
    pub fn source_version(&self) -> &Version {
        self.source_version.as_ref().unwrap_or(&self.version)
    }

    /// Tells whether a system always has this package: essential, or of priority `required`.
    pub fn is_base(&self) -> bool {
        self.essential || self.priority.as_deref() == Some("required")
    }
}

/// Tells whether `text` has the form of a package name: letters, digits and `+-._`, beginning with a letter or digit.
pub fn is_package_name(text: &str) -> bool {
    let ok = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'-' | b'.' | b'_');
    text.len() <= 255 && text.bytes().all(ok) && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

/// Tells whether `text` has the form of an architecture's name.
pub fn is_architecture(text: &str) -> bool {
    let ok = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    text.len() <= 64 && text.bytes().all(ok) && text.as_bytes().first().is_some_and(u8::is_ascii_alphanumeric)
}

fn word(field: &'static str, value: &str, valid: fn(&str) -> bool) -> Result<String, EntryError> {
    if valid(value) {
        return Ok(value.to_owned());
    }
    let shown = value.chars().take(80).collect::<String>();
    Err(EntryError::Word { field, value: sealift_model::escape::printable(&shown) })
}

/// Flat and some third-party repositories write `./pool/…`, which names the same file.
fn filename(value: &str) -> Result<RelPath, EntryError> {
    RelPath::new(value.strip_prefix("./").unwrap_or(value)).map_err(EntryError::Filename)
}

#[cfg(test)]
mod tests;
