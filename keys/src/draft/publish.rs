//! From a signed draft to the root of trust of a directory (format/draft §5).

use std::path::{Path, PathBuf};

use sealift_fs::{LockError, Mode, PathError};
use sealift_model::Timestamp;
use sealift_model::escape::printable;
use sealift_trust::metadata::Body;
use sealift_trust::{Refusal, Root, TrustedSet};

use super::Draft;
use crate::lint;

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// `<version>.root.json`.
    pub version_file: PathBuf,
    /// `root.json`.
    pub root_file: PathBuf,
    /// Whether it had been published before, so that nothing was left to do.
    pub already: bool,
}

/// Why a draft was not published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// Too few signatures, expired, or otherwise not what readers accept.
    #[error("readers would refuse it")]
    Refused(#[from] Refusal),
    /// A root that nobody should sign.
    #[error("the root of trust would be unsound: {0}")]
    Lint(String),
    /// Another draft of the same version came first.
    #[error("{file} is there already, with other content: another ceremony published version {version}")]
    Taken {
        /// The version.
        version: u64,
        /// The file.
        file: String,
    },
    /// The directory's root is not the one the draft follows.
    #[error("{root} is not the root of trust that this draft follows")]
    OtherBase {
        /// The directory's root.
        root: String,
    },
    /// Another process is at work in the directory.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
}

/// Publishes a draft into the directory with `root.json`.
///
/// Two files are written, the one with the version in its name first; a run cut between them is finished by the next.
pub fn publish(draft: &Draft, dir: &Path, now: Timestamp) -> Result<Published, PublishError> {
    check(draft, now)?;
    sealift_fs::create_dir_all(dir, Mode::Private)?;
    let _writer = sealift_fs::Lock::take(dir)?;
    let (version, bytes) = (draft.root().version(), draft.root().raw());
    let file = |version: u64| dir.join(format!("{version}.root.json"));
    let root_file = dir.join("root.json");
    let published = Published { version_file: file(version), root_file: root_file.clone(), already: false };
    let present = optional(&root_file)?;
    let taken = optional(&published.version_file)?;
    if taken.as_ref().is_some_and(|taken| taken != bytes) {
        return Err(PublishError::Taken { version, file: shown(&published.version_file) });
    }
    if present.as_deref() == Some(bytes) {
        keep(&published.version_file, bytes, taken.is_some())?;
        return Ok(Published { already: true, ..published });
    }
    let base = draft.base().map(sealift_trust::Signed::raw);
    if present.as_deref() != base {
        return Err(PublishError::OtherBase { root: shown(&root_file) });
    }
    if let Some(base) = draft.base() {
        let file = file(base.version());
        let there = optional(&file)?;
        if there.as_ref().is_some_and(|there| there != base.raw()) {
            return Err(PublishError::Taken { version: base.version(), file: shown(&file) });
        }
        keep(&file, base.raw(), there.is_some())?;
    }
    keep(&published.version_file, bytes, taken.is_some())?;
    sealift_fs::replace(&root_file, bytes, Mode::Private)?;
    Ok(published)
}

/// Asks what every reader will ask.
fn check(draft: &Draft, now: Timestamp) -> Result<(), PublishError> {
    lint::check(draft.root()).map_err(PublishError::Lint)?;
    let set = match draft.base() {
        Some(base) => {
            let mut set = TrustedSet::new(base.raw(), now)?;
            set.update_root(draft.root().raw())?;
            set
        }
        None => TrustedSet::new(draft.root().raw(), now)?,
    };
    Ok(set.root().check_expiry(now)?)
}

fn keep(file: &Path, bytes: &[u8], there: bool) -> Result<(), PathError> {
    if there { Ok(()) } else { sealift_fs::write_new(file, bytes, Mode::Private) }
}

fn optional(path: &Path) -> Result<Option<Vec<u8>>, PathError> {
    match sealift_fs::read_capped(path, Root::LIMIT as u64) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.is_not_found() => Ok(None),
        Err(error) => Err(error),
    }
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}
