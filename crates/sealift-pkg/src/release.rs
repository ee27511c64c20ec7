//! The Release file: what an upstream says about a suite, and the SHA-256 of each of its index files.
//!
//! Parses text whose signature [`openpgp`](crate::openpgp) has verified; it does not look at signatures itself. A file
//! is listed here only under a safe relative path and with a SHA-256; MD5 and SHA-1 are never read. Freshness is a
//! decision of its own, [`Release::check_time`].

use std::collections::BTreeMap;

use sealift_model::escape::printable;
use sealift_model::{Digest, PathGrammarError, RelPath, Timestamp};

use crate::date::{self, DateError};
use crate::deb822::{Deb822Error, Paragraph, Paragraphs};
use crate::decompress::Compression;

/// Largest Release file that is read. Real ones stay under 1 MiB.
pub const RELEASE_LIMIT: u64 = 64 << 20;
/// How far a Release file's date may lie ahead of our clock.
const CLOCK_SKEW_DAYS: u64 = 1;

/// A parsed Release file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    /// `Origin`, who makes the repository.
    pub origin: Option<String>,
    /// `Label`.
    pub label: Option<String>,
    /// `Suite`, such as `stable-security`.
    pub suite: Option<String>,
    /// `Codename`, such as `bookworm-security`.
    pub codename: Option<String>,
    /// `Version` of the distribution.
    pub version: Option<String>,
    /// `Date` it was made.
    pub date: Timestamp,
    /// `Valid-Until`, where the upstream sets one.
    pub valid_until: Option<Timestamp>,
    /// `Components`, as they stand there: Debian's security suites write `updates/main`.
    pub components: Vec<String>,
    /// `Architectures`.
    pub architectures: Vec<String>,
    /// Whether index files can be fetched by digest.
    pub acquire_by_hash: bool,
    /// Whether packages of architecture `all` stand in an index of their own.
    pub separate_all: bool,
    files: BTreeMap<RelPath, ReleaseFile>,
}

/// A file that a Release file vouches for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReleaseFile {
    /// Its path below the suite's directory.
    pub name: RelPath,
    /// Its size in bytes.
    pub size: u64,
    /// Its digest.
    pub sha256: Digest,
}

/// One of the forms in which an index is offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexChoice<'a> {
    /// The file to fetch.
    pub file: &'a ReleaseFile,
    /// How it is compressed.
    pub compression: Compression,
}

/// What is wrong with a Release file.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseError {
    /// Not a control file.
    #[error("malformed Release file")]
    Form(#[from] Deb822Error),
    /// Empty, or more than one paragraph.
    #[error("a Release file has one paragraph, this has {0}")]
    Paragraphs(u64),
    /// A field that must be there.
    #[error("Release file has no `{0}`")]
    Missing(&'static str),
    /// A date that cannot be read.
    #[error("field `{field}` of the Release file")]
    Date {
        /// The field.
        field: &'static str,
        /// The fault.
        #[source]
        source: DateError,
    },
    /// Only digests that no longer prove anything, or that sealift does not read.
    #[error("Release file lists no SHA-256 digests (it has {0}); ask the upstream for them")]
    NoSha256(String),
    /// A line of the list that is not `digest size name`.
    #[error("Release file: `{0}` is not `sha256 size name`")]
    FileLine(String),
    /// The same name with two sizes or digests.
    #[error("Release file lists `{0}` twice, differently")]
    Disagrees(RelPath),
    /// A name that would leave the suite's directory.
    #[error("Release file lists an unsafe name")]
    Name(#[source] PathGrammarError),
}

/// Why a well-formed, signed Release file is not accepted now.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReleaseRefusal {
    /// Past its `Valid-Until`.
    #[error("the Release file of {date} expired at {valid_until}; it is {now} now")]
    Expired {
        /// When it was made.
        date: Timestamp,
        /// When it expired.
        valid_until: Timestamp,
        /// The time it was judged at.
        now: Timestamp,
    },
    /// Made later than now.
    #[error("the Release file is dated {date}, which is in the future; it is {now} now")]
    FromTheFuture {
        /// When it says it was made.
        date: Timestamp,
        /// The time it was judged at.
        now: Timestamp,
    },
    /// Older than one already seen.
    #[error("the Release file is dated {date}, before the one of {seen} that was accepted earlier")]
    Rollback {
        /// When it was made.
        date: Timestamp,
        /// The date of the one accepted before.
        seen: Timestamp,
    },
}

impl Release {
    /// Parses the text of a Release file.
    pub fn parse(text: &str) -> Result<Self, ReleaseError> {
        let mut paragraphs = Paragraphs::new(text.as_bytes()).with_limit(RELEASE_LIMIT);
        let release = match paragraphs.next()? {
            Some(paragraph) => Self::from_paragraph(&paragraph)?,
            None => return Err(ReleaseError::Paragraphs(0)),
        };
        // A second paragraph is where a smuggled one would stand.
        match paragraphs.next()? {
            None => Ok(release),
            Some(_) => Err(ReleaseError::Paragraphs(2)),
        }
    }

    fn from_paragraph(paragraph: &Paragraph<'_>) -> Result<Self, ReleaseError> {
        let text = |name: &str| paragraph.get(name).map(|value| value.map(str::to_owned));
        let words = |name: &str| {
            paragraph.get(name).map(|v| v.unwrap_or("").split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>())
        };
        let date = |field: &'static str| -> Result<Option<Timestamp>, ReleaseError> {
            let parse = |value| date::parse(value).map_err(|source| ReleaseError::Date { field, source });
            paragraph.get(field)?.map(parse).transpose()
        };
        let architectures = words("Architectures")?;
        let all_elsewhere = words("No-Support-for-Architecture-all")?.iter().any(|w| w == "Packages");
        Ok(Self {
            origin: text("Origin")?,
            label: text("Label")?,
            suite: text("Suite")?,
            codename: text("Codename")?,
            version: text("Version")?,
            date: date("Date")?.ok_or(ReleaseError::Missing("Date"))?,
            valid_until: date("Valid-Until")?,
            components: words("Components")?,
            acquire_by_hash: paragraph.get("Acquire-By-Hash")? == Some("yes"),
            separate_all: !all_elsewhere && architectures.iter().any(|a| a == "all"),
            architectures,
            files: files(paragraph)?,
        })
    }

    /// Returns the listed files by name.
    pub fn files(&self) -> impl Iterator<Item = &ReleaseFile> {
        self.files.values()
    }

    /// Returns the listed file of this name.
    pub fn file(&self, name: &RelPath) -> Option<&ReleaseFile> {
        self.files.get(name)
    }

    /// Tells whether `component` is among the components; `main` also stands for `updates/main`.
    pub fn has_component(&self, component: &str) -> bool {
        let suffix = |c: &String| c.rsplit_once('/').is_some_and(|(_, last)| last == component);
        self.components.iter().any(|c| c == component || suffix(c))
    }

    /// Returns the forms in which the package index of a component and architecture is listed, the preferred first.
    pub fn choose_index(&self, component: &str, architecture: &str) -> Vec<IndexChoice<'_>> {
        let choice = |compression: Compression| {
            let name = format!("{component}/binary-{architecture}/Packages{}", compression.ending());
            let file = self.file(&RelPath::new(&name).ok()?)?;
            Some(IndexChoice { file, compression })
        };
        Compression::PREFERRED.into_iter().filter_map(choice).collect()
    }

    /// Decides whether the file may be used at `now`, given the date of the last one accepted from this upstream.
    pub fn check_time(&self, now: Timestamp, seen: Option<Timestamp>) -> Result<(), ReleaseRefusal> {
        let date = self.date;
        if let Some(seen) = seen.filter(|seen| date < *seen) {
            return Err(ReleaseRefusal::Rollback { date, seen });
        }
        if date > now.plus_days(CLOCK_SKEW_DAYS) {
            return Err(ReleaseRefusal::FromTheFuture { date, now });
        }
        match self.valid_until {
            Some(valid_until) if now > valid_until => Err(ReleaseRefusal::Expired { date, valid_until, now }),
            _ => Ok(()),
        }
    }
}

impl ReleaseFile {
    /// Returns the path below the suite's directory where this very content can be fetched by its digest.
    pub fn by_hash(&self) -> Result<RelPath, PathGrammarError> {
        let name = self.name.as_str();
        let tail = format!("by-hash/SHA256/{}", self.sha256);
        match name.rsplit_once('/') {
            Some((directory, _)) => RelPath::new(&format!("{directory}/{tail}")),
            None => RelPath::new(&tail),
        }
    }
}

fn files(paragraph: &Paragraph<'_>) -> Result<BTreeMap<RelPath, ReleaseFile>, ReleaseError> {
    let Some(list) = paragraph.get("SHA256")? else {
        let mut others = Vec::new();
        for field in ["MD5Sum", "SHA1", "SHA512"] {
            if paragraph.get(field)?.is_some() {
                others.push(field);
            }
        }
        return Err(ReleaseError::NoSha256(if others.is_empty() { "none at all".into() } else { others.join(", ") }));
    };
    let mut files = BTreeMap::new();
    for line in list.lines().filter(|line| !line.trim().is_empty()) {
        let Some(file) = file_of(line)? else { continue };
        match files.get(&file.name) {
            Some(known) if *known != file => return Err(ReleaseError::Disagrees(file.name)),
            _ => files.insert(file.name.clone(), file),
        };
    }
    Ok(files)
}

/// Reads one line of the list; `None` for a harmless name that sealift cannot carry.
fn file_of(line: &str) -> Result<Option<ReleaseFile>, ReleaseError> {
    let bad = || ReleaseError::FileLine(printable(&line.chars().take(120).collect::<String>()));
    let mut words = line.split_ascii_whitespace();
    let (Some(digest), Some(size), Some(name), None) = (words.next(), words.next(), words.next(), words.next()) else {
        return Err(bad());
    };
    let sha256 = digest.parse::<Digest>().map_err(|_| bad())?;
    if digest.len() != 64 || !size.bytes().all(|b| b.is_ascii_digit()) {
        return Err(bad());
    }
    let size = size.parse().map_err(|_| bad())?;
    match RelPath::new(name) {
        Ok(name) => Ok(Some(ReleaseFile { name, size, sha256 })),
        // Real files list `icons-64x64@2.tar.gz` and the like; what cannot be named cannot be fetched by mistake.
        Err(_) if is_below(name) => Ok(None),
        Err(source) => Err(ReleaseError::Name(source)),
    }
}

fn is_below(name: &str) -> bool {
    name.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
        && name.split('/').all(|segment| !matches!(segment, "" | "." | ".."))
}

#[cfg(test)]
mod tests;
