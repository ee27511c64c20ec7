//! From a medium's metadata to a verdict: which manifests the root of trust stands behind.
//!
//! The same steps serve `verify`, which starts from a pinned root, and an importer, which continues from what it
//! trusted before.

use sealift_model::Timestamp;
use sealift_trust::metadata::Body;
use sealift_trust::{Previous, Refusal, Role, Root, Signed, Snapshot, Targets, TimestampMeta, TrustedSet};

use crate::metadata::{MetadataFiles, read_metadata};
use crate::source::{Source, SourceError};

/// Why a medium's metadata led to no verdict, or to a bad one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The files could not be read, or break the format.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// They are not to be believed.
    #[error("the trust metadata is refused")]
    Refused(#[from] Refusal),
}

/// Reads a medium's metadata and judges it, starting from `root`, a root file that the caller trusts.
pub fn verify_metadata(
    source: &dyn Source,
    root: &[u8],
    previous: Previous<'_>,
    now: Timestamp,
) -> Result<TrustedSet, TrustError> {
    // The pinned root comes first: if it is unusable, that is the message, whatever the medium holds.
    let set = TrustedSet::with_previous(root, previous, now)?;
    Ok(judge(set, &read_metadata(source)?)?)
}

/// Judges metadata that was read (copied) before.
pub fn verify_files(
    files: &MetadataFiles,
    root: &[u8],
    previous: Previous<'_>,
    now: Timestamp,
) -> Result<TrustedSet, Refusal> {
    judge(TrustedSet::with_previous(root, previous, now)?, files)
}

fn judge(mut set: TrustedSet, files: &MetadataFiles) -> Result<TrustedSet, Refusal> {
    let start = set.root().clone();
    for (version, bytes) in &files.roots {
        // After a gap the next root is refused by its version: to step over one could step over a revocation.
        if *version > set.root().version() {
            check_name(*version, set.update_root(bytes)?)?;
        }
    }
    update(&mut set, files).map_err(|refusal| named(refusal, &set, &start, files))?;
    // Last: with the wrong root in hand, that too few of its keys signed is the better answer.
    check_earlier_roots(&start, set.now(), files)?;
    Ok(set)
}

fn update(set: &mut TrustedSet, files: &MetadataFiles) -> Result<(), Refusal> {
    set.update_timestamp(&files.timestamp)?;
    set.update_snapshot(&files.snapshot.1)?;
    set.update_targets(&files.targets.1).map(drop)
}

/// A root under another version's name would be taken for that version by whoever reads names.
fn check_name(expected: u64, root: &Signed<Root>) -> Result<(), Refusal> {
    let found = root.version();
    if found == expected { Ok(()) } else { Err(Refusal::VersionMismatch { role: Role::Root, expected, found }) }
}

/// Checks that the roots up to the trusted one are the chain that led to it.
///
/// They decide nothing here, but readers who start earlier will be shown them, and nothing unverified may pass on.
fn check_earlier_roots(trusted: &Signed<Root>, now: Timestamp, files: &MetadataFiles) -> Result<(), Refusal> {
    let mut earlier = files.roots.iter().filter(|(version, _)| *version <= trusted.version()).map(|(_, b)| b);
    let Some(first) = earlier.next() else { return Ok(()) };
    let mut chain = TrustedSet::new(first, now)?;
    for next in earlier {
        chain.update_root(next)?;
    }
    if chain.root().version() == trusted.version() && chain.root().covered() == trusted.covered() {
        return Ok(());
    }
    Err(Refusal::Equivocation { role: Role::Root, version: chain.root().version() })
}

/// Says of missing signatures why, if it is this: there were enough, until a newer root revoked keys.
///
/// It stays a refusal whatever comes out here; only its name hangs on the earlier roots.
fn named(refusal: Refusal, set: &TrustedSet, start: &Signed<Root>, files: &MetadataFiles) -> Refusal {
    let Refusal::Threshold { role, version, root_version, .. } = refusal else { return refusal };
    let counted = |root: &&Signed<Root>| match role {
        Role::Root => false,
        Role::Timestamp => has_threshold::<TimestampMeta>(&files.timestamp, root),
        Role::Snapshot => has_threshold::<Snapshot>(&files.snapshot.1, root),
        Role::Targets => has_threshold::<Targets>(&files.targets.1, root),
    };
    match roots_before(set, start, files).iter().rev().find(counted) {
        Some(root) => Refusal::Revoked { role, version, before: root.version(), root_version },
        None => refusal,
    }
}

fn has_threshold<T: Body>(bytes: &[u8], root: &Signed<Root>) -> bool {
    Signed::<T>::parse(bytes).is_ok_and(|document| document.check_threshold(root).is_ok())
}

/// Returns the roots that led to the trusted one, oldest first; only that one we started from if the rest does not hold.
fn roots_before(set: &TrustedSet, start: &Signed<Root>, files: &MetadataFiles) -> Vec<Signed<Root>> {
    let trusted = set.root();
    let mut roots = Vec::new();
    let mut files = files.roots.iter().map(|(_, bytes)| bytes);
    if let Some(mut chain) = files.next().and_then(|first| TrustedSet::new(first, set.now()).ok()) {
        roots.push(chain.root().clone());
        roots.extend(files.map_while(|next| chain.update_root(next).ok().cloned()));
    }
    roots.retain(|root| root.version() < trusted.version());
    let leads = |last: &Signed<Root>| last.version() + 1 == trusted.version() && trusted.check_threshold(last).is_ok();
    if !roots.last().is_some_and(leads) {
        roots.clear();
        roots.extend((start.version() < trusted.version()).then(|| start.clone()));
    }
    roots
}
