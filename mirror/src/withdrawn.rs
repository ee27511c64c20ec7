//! Content that must not be installed any more: `withdrawn.json`.
//!
//! What is withdrawn here is left out of every later bundle, and every later manifest names it, so that a site which
//! accepted it before refuses to promote or publish it. It is never taken back: a manifest that named it once crossed the gap.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sealift_bundle::manifest::DebEntry;
use sealift_fs::{Lock, Mode, PathError};
use sealift_model::json::{self, JsonError};
use sealift_model::{Digest, Timestamp};
use serde::{Deserialize, Serialize};

use crate::state::{State, StateError};
use crate::stream::{StreamDir, StreamError, kept_streams};

/// The schema of the document.
pub const SCHEMA: &str = "sealift.mirror-withdrawn/1";
const FILE: &str = "withdrawn.json";
const LIMIT: u64 = 64 << 20;

/// One content that is withdrawn. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Withdrawn {
    /// What it is, as far as it was known: `jq 1.6-2 (amd64)`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<String>,
    /// Why.
    pub reason: String,
    /// Digest of the content.
    pub sha256: Digest,
    /// When it was withdrawn.
    pub since: Timestamp,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema: String,
    withdrawn: Vec<Withdrawn>,
}

/// What is to be withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// This content, known here or not.
    Content(Digest),
    /// A package version, of one architecture or all.
    Package {
        /// Its name.
        name: String,
        /// Its architecture.
        architecture: Option<String>,
        /// Its version.
        version: String,
    },
}

/// Why nothing was withdrawn, or what is withdrawn cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WithdrawError {
    /// Nothing fits.
    #[error("no bundle and no snapshot of this mirror has {0}")]
    Unknown(String),
    /// The document.
    #[error("{} cannot be used", .file.display())]
    Document {
        /// The file.
        file: PathBuf,
        /// Why.
        source: JsonError,
    },
    /// Made by another version.
    #[error("{} has another schema than {SCHEMA}", .0.display())]
    Schema(PathBuf),
    /// A stream's bundles.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
}

/// Returns what is withdrawn, sorted by digest.
///
/// # Errors
/// A document that cannot be read: then nothing is to be built.
pub fn read(state: &Path) -> Result<Vec<Withdrawn>, WithdrawError> {
    let file = state.join(FILE);
    let bytes = match sealift_fs::read_capped(&file, LIMIT) {
        Err(error) if error.is_not_found() => return Ok(Vec::new()),
        other => other?,
    };
    let document: Document = match json::from_canonical(&bytes) {
        Ok(document) => document,
        Err(source) => return Err(WithdrawError::Document { file, source }),
    };
    let digests = document.withdrawn.windows(2).all(|w| matches!(w, [a, b] if a.sha256 < b.sha256));
    if document.schema == SCHEMA && digests { Ok(document.withdrawn) } else { Err(WithdrawError::Schema(file)) }
}

/// Returns the digests of what is withdrawn, as manifests list them.
///
/// # Errors
/// As [`read`].
pub fn digests(state: &Path) -> Result<BTreeSet<Digest>, WithdrawError> {
    Ok(read(state)?.into_iter().map(|withdrawn| withdrawn.sha256).collect())
}

/// Withdraws what `wanted` names, and returns what was not withdrawn before.
///
/// # Errors
/// That nothing fits, or that the state directory fails.
pub fn add(
    _writer: &Lock,
    state: &State,
    wanted: &[Wanted],
    (reason, now): (&str, Timestamp),
) -> Result<Vec<Withdrawn>, WithdrawError> {
    let mut all: BTreeMap<Digest, Withdrawn> = read(state.dir())?.into_iter().map(|w| (w.sha256, w)).collect();
    let known = packages(state)?;
    let mut new = Vec::new();
    for wanted in wanted {
        let fits: Vec<(Digest, Option<String>)> = match wanted {
            Wanted::Content(digest) => vec![(*digest, known.get(digest).map(described))],
            Wanted::Package { .. } => {
                known.iter().filter(|(_, deb)| wanted.fits(deb)).map(|(d, deb)| (*d, Some(described(deb)))).collect()
            }
        };
        if fits.is_empty() {
            return Err(WithdrawError::Unknown(wanted.to_string()));
        }
        for (sha256, package) in fits {
            if let Entry::Vacant(slot) = all.entry(sha256) {
                let entry = Withdrawn { package, reason: reason.to_owned(), sha256, since: now };
                new.push(slot.insert(entry).clone());
            }
        }
    }
    let document = Document { schema: SCHEMA.into(), withdrawn: all.into_values().collect() };
    let file = state.dir().join(FILE);
    let bytes =
        json::to_canonical(&document).map_err(|source| WithdrawError::Document { file: file.clone(), source })?;
    if !new.is_empty() {
        sealift_fs::replace(&file, &bytes, Mode::Public)?;
    }
    Ok(new)
}

/// Returns every package that a bundle or a current snapshot of this mirror has.
fn packages(state: &State) -> Result<BTreeMap<Digest, DebEntry>, WithdrawError> {
    let mut found = BTreeMap::new();
    for stream in kept_streams(state.dir())? {
        let dir = StreamDir::of(state.dir(), &stream);
        for sequence in dir.sequences()? {
            let (manifest, _) = dir.manifest(&dir.record(sequence)?)?;
            found.extend(manifest.files.into_iter().filter_map(|file| Some((file.sha256, file.deb?))));
        }
    }
    for upstream in &state.config().upstreams {
        let Some(id) = state.head(&upstream.name)?.and_then(|head| head.current_snapshot) else { continue };
        let snapshot = state.snapshot(&upstream.name, &id)?;
        found.extend(snapshot.files.into_iter().filter_map(|file| Some((file.sha256, file.deb?))));
    }
    Ok(found)
}

/// Returns a package as people name it.
fn described(deb: &DebEntry) -> String {
    format!("{} {} ({})", deb.package, deb.version, deb.architecture)
}

impl Wanted {
    fn fits(&self, deb: &DebEntry) -> bool {
        matches!(self, Self::Package { name, architecture, version }
            if *name == deb.package && *version == deb.version
                && architecture.as_ref().is_none_or(|architecture| *architecture == deb.architecture))
    }
}

impl FromStr for Wanted {
    type Err = String;

    /// Reads `sha256:DIGEST`, `PACKAGE=VERSION` or `PACKAGE:ARCH=VERSION`.
    fn from_str(text: &str) -> Result<Self, String> {
        if text.starts_with("sha256:") {
            return text.parse().map(Self::Content).map_err(|e: sealift_model::DigestError| e.to_string());
        }
        let plain = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_graphic());
        let named = text.split_once('=').filter(|(name, version)| plain(name) && plain(version));
        let (name, version) = named.ok_or("use PACKAGE=VERSION, PACKAGE:ARCH=VERSION or sha256:DIGEST")?;
        let (name, architecture) =
            name.split_once(':').map_or((name, None), |(name, arch)| (name, Some(arch.to_owned())));
        Ok(Self::Package { name: name.to_owned(), architecture, version: version.to_owned() })
    }
}

impl std::fmt::Display for Wanted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Content(digest) => f.write_str(&digest.tagged()),
            Self::Package { name, architecture: Some(architecture), version } => {
                write!(f, "{name}:{architecture}={version}")
            }
            Self::Package { name, architecture: None, version } => write!(f, "{name}={version}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(dir: &Path) -> State {
        State::init(dir).unwrap();
        State::open(dir).unwrap()
    }

    #[test]
    fn what_was_withdrawn_once_stays_so_with_its_first_reason() {
        let dir = tempfile::tempdir().unwrap();
        let state = state(dir.path());
        let lock = state.lock().unwrap();
        let (a, b) = (Wanted::Content(Digest::of(b"a")), Wanted::Content(Digest::of(b"b")));
        let now = Timestamp::from_unix(1_800_000_000);
        assert_eq!(add(&lock, &state, std::slice::from_ref(&a), ("first", now)).unwrap().len(), 1);
        assert_eq!(add(&lock, &state, &[a, b], ("second", now.plus_days(1))).unwrap().len(), 1, "one is new");
        let all = read(dir.path()).unwrap();
        assert_eq!(all.len(), 2);
        assert!(all.iter().any(|w| w.sha256 == Digest::of(b"a") && w.reason == "first" && w.since == now));
        assert_eq!(digests(dir.path()).unwrap(), BTreeSet::from([Digest::of(b"a"), Digest::of(b"b")]));
    }

    #[test]
    fn a_list_that_cannot_be_read_is_no_empty_list() {
        let dir = tempfile::tempdir().unwrap();
        let state = state(dir.path());
        assert!(read(dir.path()).unwrap().is_empty());
        add(&state.lock().unwrap(), &state, &[Wanted::Content(Digest::of(b"a"))], ("x", Timestamp::from_unix(1)))
            .unwrap();
        let file = dir.path().join(FILE);
        let text = std::fs::read_to_string(&file).unwrap();
        for bad in [text.replace("withdrawn/1", "withdrawn/2"), text.replace("sha256", "sha25"), String::new()] {
            std::fs::write(&file, bad).unwrap();
            assert!(digests(dir.path()).is_err());
        }
    }

    #[test]
    fn package_versions_are_named_in_one_way() {
        let named = |architecture: Option<&str>| Wanted::Package {
            name: "jq".into(),
            architecture: architecture.map(Into::into),
            version: "1:1.6-2".into(),
        };
        assert_eq!("jq=1:1.6-2".parse(), Ok(named(None)));
        assert_eq!("jq:amd64=1:1.6-2".parse(), Ok(named(Some("amd64"))));
        let digest = Digest::of(b"a");
        assert_eq!(digest.tagged().parse(), Ok(Wanted::Content(digest)));
        for bad in ["", "jq", "=1", "jq=", "jq 1.6", "sha256:0", "j q=1"] {
            assert!(bad.parse::<Wanted>().is_err(), "{bad}");
        }
        let deb = DebEntry { architecture: "all".into(), package: "jq".into(), version: "1:1.6-2".into() };
        assert!(named(None).fits(&deb) && !named(Some("amd64")).fits(&deb));
        assert!(!named(None).fits(&DebEntry { version: "1.6-2".into(), ..deb }));
    }
}
