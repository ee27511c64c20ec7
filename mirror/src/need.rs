//! Need-lists that were carried back: what the hosts of a site have installed (format/need-list).
//!
//! A list is believed by the key that is pinned for its site's receipts. The newest of each site that a bundle was built
//! from is kept as `sites/<site>/need.txt`: an older one that turns up later would leave out what was installed since.

use std::path::{Path, PathBuf};

use sealift_fs::{Lock, Mode, PathError};
use sealift_model::{Digest, SiteId, Timestamp};
use sealift_trust::need::LIMIT;
use sealift_trust::{ExitClass, NeedList, NeedRefusal};
use serde::Serialize;

use crate::config::{Config, SiteConfig};

/// How far the clocks of two sides may be apart before a list counts as one from the future.
const AHEAD_SECONDS: u64 = 24 * 60 * 60;
/// Most lists that one bundle is made of.
const MAX_LISTS: usize = 1000;
const KEPT: &str = "need.txt";

/// A need-list that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// What it says.
    pub list: NeedList,
    /// Digest of its bytes.
    pub digest: Digest,
    bytes: Vec<u8>,
    file: PathBuf,
}

/// Names a need-list, for provenance and answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct NeedRef {
    /// When it was written.
    pub issued: Timestamp,
    /// Digest of its bytes.
    pub sha256: Digest,
    /// Whose hosts it speaks of.
    pub site: SiteId,
}

/// Why a need-list was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TakeRefusal {
    /// The site is not configured.
    #[error("the need-list is of site `{0}`, which mirror.toml does not know")]
    UnknownSite(SiteId),
    /// Nothing is accepted from a site without a key.
    #[error("site `{0}` has no receipt_key in mirror.toml, so nothing that it signed is accepted")]
    NoKey(SiteId),
    /// The list itself is no good.
    #[error("it is not one that this mirror can believe")]
    List(#[from] NeedRefusal),
    /// Older than one that was taken.
    #[error("the need-list of site `{site}` was issued {issued}, but a bundle was built from one issued {last}")]
    Older {
        /// The site.
        site: SiteId,
        /// When the newest of those given was issued.
        issued: Timestamp,
        /// When the one taken before was.
        last: Timestamp,
    },
    /// From a time that has not come.
    #[error("the need-list of site `{site}` was issued {issued}, more than a day after now, {now}")]
    Future {
        /// The site.
        site: SiteId,
        /// When it was issued.
        issued: Timestamp,
        /// What this machine's clock says.
        now: Timestamp,
    },
}

/// Why need-lists were not taken.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TakeError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// Too many at once.
    #[error("{0} need-lists are more than the {MAX_LISTS} that one bundle is made of")]
    TooMany(usize),
    /// One was refused.
    #[error("refused the need-list {}", file.display())]
    Refused {
        /// The file.
        file: PathBuf,
        /// Why.
        source: TakeRefusal,
    },
    /// The one kept from earlier is not what was taken, or the site's key was changed in `mirror.toml` since.
    #[error("{} does not verify with the key of site `{site}`", file.display())]
    Kept {
        /// The file.
        file: PathBuf,
        /// The site.
        site: SiteId,
        /// Why.
        source: NeedRefusal,
    },
}

impl TakeRefusal {
    /// Returns the class that picks the exit code.
    pub const fn exit_class(&self) -> ExitClass {
        match self {
            Self::Older { .. } | Self::Future { .. } => ExitClass::Order,
            Self::UnknownSite(_) | Self::NoKey(_) | Self::List(_) => ExitClass::Signature,
        }
    }
}

impl Taken {
    /// Names the list.
    pub fn reference(&self) -> NeedRef {
        NeedRef { issued: self.list.issued, sha256: self.digest, site: self.list.site.clone() }
    }
}

/// Reads and checks need-lists. Each is taken once, however often it is given. **Keeps nothing**; see [`keep`].
pub fn take(state: &Path, config: &Config, files: &[PathBuf], now: Timestamp) -> Result<Vec<Taken>, TakeError> {
    if files.len() > MAX_LISTS {
        return Err(TakeError::TooMany(files.len()));
    }
    let mut all: Vec<Taken> = Vec::new();
    for file in files {
        let bytes = sealift_fs::read_capped(file, LIMIT as u64)?;
        let refused = |source| TakeError::Refused { file: file.clone(), source };
        let taken = check(config, (file, bytes), now).map_err(refused)?;
        if all.iter().all(|known| known.digest != taken.digest) {
            all.push(taken);
        }
    }
    for taken in newest_of_each(&all) {
        let site = &taken.list.site;
        let Some(last) = kept(state, config, site)?.filter(|last| taken.list.issued < *last) else { continue };
        let source = TakeRefusal::Older { site: site.clone(), issued: taken.list.issued, last };
        return Err(TakeError::Refused { file: taken.file.clone(), source });
    }
    all.sort_by_key(Taken::reference);
    Ok(all)
}

fn check(config: &Config, (file, bytes): (&Path, Vec<u8>), now: Timestamp) -> Result<Taken, TakeRefusal> {
    // Read unpinned first, only to learn which site it names; the verdict is the pinned reading's.
    let site = NeedList::parse_verified(&bytes, &[])?.list.site;
    let key = key_of(config.site(&site).ok_or_else(|| TakeRefusal::UnknownSite(site.clone()))?);
    let key = key.ok_or(TakeRefusal::NoKey(site))?;
    let list = NeedList::parse_verified(&bytes, &[key])?.list;
    if list.issued > Timestamp::from_unix(now.unix().saturating_add(AHEAD_SECONDS)) {
        return Err(TakeRefusal::Future { site: list.site, issued: list.issued, now });
    }
    Ok(Taken { list, digest: Digest::of(&bytes), bytes, file: file.to_owned() })
}

fn key_of(site: &SiteConfig) -> Option<[u8; 32]> {
    site.receipt_key
}

/// Several machines of one site write lists of their own, so only the newest of them must be no older than before.
fn newest_of_each(all: &[Taken]) -> Vec<&Taken> {
    let newest =
        |one: &&Taken| all.iter().all(|other| other.list.site != one.list.site || other.list.issued <= one.list.issued);
    all.iter().filter(newest).collect()
}

/// Returns when the list was issued from which a bundle for this site was built last.
fn kept(state: &Path, config: &Config, site: &SiteId) -> Result<Option<Timestamp>, TakeError> {
    let file = file_of(state, site);
    let bytes = match sealift_fs::read_capped(&file, LIMIT as u64) {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    let keys: Vec<[u8; 32]> = config.site(site).and_then(key_of).into_iter().collect();
    let read = NeedList::parse_verified(&bytes, &keys);
    let verified = read.map_err(|source| TakeError::Kept { file, site: site.clone(), source })?;
    Ok(Some(verified.list.issued))
}

/// Keeps the newest list of each site. Called before a bundle is made of them; again changes nothing.
pub fn keep(_writer: &Lock, state: &Path, all: &[Taken]) -> Result<(), PathError> {
    for taken in newest_of_each(all) {
        let file = file_of(state, &taken.list.site);
        if let Some(dir) = file.parent() {
            sealift_fs::create_dir_all(dir, Mode::Public)?;
        }
        sealift_fs::replace(&file, &taken.bytes, Mode::Public)?;
    }
    Ok(())
}

fn file_of(state: &Path, site: &SiteId) -> PathBuf {
    state.join("sites").join(site.as_str()).join(KEPT)
}
