//! `need`: merges the need-lists of the site's machines into one that the site's key signs (format/need-list).
//!
//! Who operates hosts need not hold the site's key. Their lists are taken by that key or by keys that are named, and what
//! leaves is one list of the site, recorded in the ledger. Nothing is added to what they say, and nothing kept of it.

use std::path::{Path, PathBuf};

use sealift_fs::PathError;
use sealift_model::{Digest, SiteId, Timestamp};
use sealift_site::{SiteKeyError, SiteKeys};
use sealift_trust::need::{self, LIMIT, NeedList, NeedRefusal};

use crate::ledger::{EventKind, EventSubject};
use crate::repository::{StateError, Writer};

/// A list from one of the site's machines.
#[derive(Debug, Clone)]
pub struct Source {
    /// The file, for messages.
    pub file: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Why a list of the site's machines was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MergeRefusal {
    /// It is no need-list that can be believed.
    #[error("refused the need-list {}", file.display())]
    List {
        /// The file.
        file: PathBuf,
        /// Why.
        source: NeedRefusal,
    },
    /// It is of another site.
    #[error("the need-list {} is of site `{found}`, not of `{site}`", file.display())]
    OtherSite {
        /// The file.
        file: PathBuf,
        /// Whose it is.
        found: SiteId,
        /// Whose it should be.
        site: SiteId,
    },
    /// It is younger than now.
    #[error("the need-list {} was issued {issued}, which is after now, {now}", file.display())]
    Future {
        /// The file.
        file: PathBuf,
        /// When it was issued.
        issued: Timestamp,
        /// The time here.
        now: Timestamp,
    },
    /// It was given twice, so that its hosts would count twice.
    #[error("the need-list {} is given twice", .0.display())]
    Twice(PathBuf),
    /// More than readers take.
    #[error("the merged need-list would be larger than the {LIMIT} bytes, or speak of more hosts, than readers take")]
    TooLarge,
}

/// Why no need-list was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NeedError {
    /// A list was refused.
    #[error(transparent)]
    Merge(#[from] MergeRefusal),
    /// The clock of this machine is behind what was signed.
    #[error(transparent)]
    Refused(#[from] Box<crate::refusal::Refusal>),
    /// The site's keys.
    #[error("the site's keys cannot be used")]
    Keys(#[from] SiteKeyError),
    /// A list cannot be read.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
}

/// A list that was merged and signed.
#[derive(Debug, Clone)]
pub struct Merged {
    /// What it says.
    pub list: NeedList,
    /// The signed text.
    pub text: String,
}

/// Reads the lists.
pub fn read(files: &[PathBuf]) -> Result<Vec<Source>, PathError> {
    let one = |file: &PathBuf| Ok(Source { file: file.clone(), bytes: sealift_fs::read_capped(file, LIMIT as u64)? });
    files.iter().map(one).collect()
}

/// Merges and signs. **Writes nothing**; what leaves is recorded by [`record`].
pub fn signed(writer: &Writer, sources: &[Source], named: &[[u8; 32]]) -> Result<Merged, NeedError> {
    let now = crate::receive::current_time(writer).map_err(Box::new)?;
    let keys = SiteKeys::open(&writer.layout().site())?;
    let own = keys.statement.public().ed25519_bytes().copied();
    let trusted: Vec<[u8; 32]> = own.into_iter().chain(named.iter().copied()).collect();
    let list = merge(sources, &writer.config().site, &trusted, now)?;
    let text = keys.statement.sign_need(&list);
    if text.len() > LIMIT || !list.is_well_formed() {
        return Err(MergeRefusal::TooLarge.into());
    }
    Ok(Merged { list, text })
}

/// Writes into the ledger that a list leaves. Before it is written anywhere: what left must not be missing there.
pub fn record(writer: &mut Writer, merged: &Merged, to: &Path) -> Result<(), StateError> {
    let hosts = sealift_term::counted(merged.list.hosts(), "host", "hosts");
    let detail = format!("need-list of {hosts} to {}; {}", to.display(), Digest::of(merged.text.as_bytes()).tagged());
    let event = writer.event(EventKind::Need, EventSubject::default(), &detail);
    writer.record(&event)
}

/// Merges lists that `keys` signed, as of the time `now`.
pub fn merge(sources: &[Source], site: &SiteId, keys: &[[u8; 32]], now: Timestamp) -> Result<NeedList, MergeRefusal> {
    let mut lists: Vec<(Digest, NeedList)> = Vec::new();
    for Source { file, bytes } in sources {
        let refused = |source| MergeRefusal::List { file: file.clone(), source };
        let list = NeedList::parse_verified(bytes, keys).map_err(refused)?.list;
        if list.site != *site {
            return Err(MergeRefusal::OtherSite { file: file.clone(), found: list.site, site: site.clone() });
        }
        if list.issued > now {
            return Err(MergeRefusal::Future { file: file.clone(), issued: list.issued, now });
        }
        let digest = Digest::of(bytes);
        if lists.iter().any(|(known, _)| *known == digest) {
            return Err(MergeRefusal::Twice(file.clone()));
        }
        lists.push((digest, list));
    }
    let as_of = lists.iter().map(|(_, list)| list.as_of).min().unwrap_or(now);
    let left_out = lists.iter().fold(0_u64, |sum, (_, list)| sum.saturating_add(list.left_out));
    let distributions = need::merge(lists.into_iter().flat_map(|(_, list)| list.distributions));
    Ok(NeedList { site: site.clone(), issued: now, as_of, left_out, distributions })
}

#[cfg(test)]
mod tests;
