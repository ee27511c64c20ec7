//! Trust metadata alone: after the root of trust changed, or when its timestamp is about to expire.
//!
//! The list of bundles stays what it was. If the newest root's keys do not vouch for it any more, or it is too old, it is
//! drafted anew and waits for its signatures in `trust/renewal/targets.json`; snapshot and timestamp are always new. What
//! comes out is published before it is written anywhere: the next bundle follows it.

use std::path::Path;

use sealift_fs::{Lock, Mode};
use sealift_keys::metadata;
use sealift_model::Timestamp;
use sealift_trust::metadata::Body;
use sealift_trust::{PublicKey, Role, Signed, Targets};

use super::{Expiry, Published, RootChain, TrustDir, TrustError, available, complete, sign};
use crate::build::{BuildError, Signing, Waiting};
use crate::state::State;

/// How a renewal ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Renewed {
    /// The mirror stands behind new metadata.
    Complete,
    /// Holders of targets keys must sign first.
    Waiting(Waiting),
}

/// Signs and publishes new trust metadata that lists the same bundles, under the newest root.
pub fn renew(state: &State, writer: &Lock, signing: &Signing, now: Timestamp) -> Result<Renewed, BuildError> {
    check_keys(signing)?;
    signing.roots.newest().check_expiry(now).map_err(TrustError::from)?;
    let trust = TrustDir::of(state.dir());
    let published = trust.published(&signing.roots)?;
    let days = &state.config().expiry;
    let targets = match &published {
        Some(published) if stands(published, &signing.roots, now) => published.targets.raw().to_vec(),
        published => {
            let limit = now.plus_days(days.targets.get());
            match signed_draft(&trust, writer, published.as_ref(), signing, limit)? {
                Ok(targets) => targets,
                Err(waiting) => return Ok(Renewed::Waiting(waiting)),
            }
        }
    };
    let expiry =
        Expiry { snapshot: now.plus_days(days.snapshot.get()), timestamp: now.plus_days(days.timestamp.get()) };
    let files = complete(&signing.roots, published.as_ref(), targets, (&signing.keys, expiry), now)?;
    trust.publish(writer, &files)?;
    sealift_fs::remove_tree(&trust.renewal())?;
    Ok(Renewed::Complete)
}

fn check_keys(signing: &Signing) -> Result<(), BuildError> {
    for role in [Role::Snapshot, Role::Timestamp] {
        let (have, need) = available(&signing.roots, &signing.keys, role);
        if have < need {
            return Err(BuildError::Keys { role: role.into(), have, need, dir: signing.dir.clone() });
        }
    }
    Ok(())
}

/// Tells whether the published list can stay as it is.
fn stands(published: &Published, roots: &RootChain, now: Timestamp) -> bool {
    published.targets.check_threshold(roots.newest()).is_ok() && published.targets.check_expiry(now).is_ok()
}

/// Returns the list drafted anew with enough signatures, or what it waits for.
fn signed_draft(
    trust: &TrustDir,
    writer: &Lock,
    published: Option<&Published>,
    signing: &Signing,
    limit: Timestamp,
) -> Result<Result<Vec<u8>, Waiting>, TrustError> {
    let file = trust.renewal().join("targets.json");
    let (draft, redrafted) = current_draft(&file, published, limit)?;
    let targets = sign(&signing.roots, &signing.keys, Role::Targets, &draft)?;
    let document = Signed::<Targets>::parse(&targets)?;
    if document.check_threshold(signing.roots.newest()).is_ok() {
        return Ok(Ok(targets));
    }
    keep_draft(writer, &file, &targets)?;
    let keys = signing.roots.newest().body().role(Role::Targets);
    let signers = document.signers(keys);
    let may_sign = keys.keys().filter(|key| !signers.contains(key)).map(PublicKey::id).collect();
    Ok(Err(Waiting { file, have: signers.len(), need: keys.threshold(), may_sign, redrafted }))
}

/// Returns the draft that lies there if it is what would be drafted, its expiry apart; else a new one. What somebody put
/// there is never signed: only the signatures on what we draft ourselves are taken over.
fn current_draft(file: &Path, published: Option<&Published>, limit: Timestamp) -> Result<(Vec<u8>, bool), TrustError> {
    let list = published.map(|p| p.targets.body().iter().map(|(path, info)| (path.clone(), info.clone())).collect());
    let list = list.unwrap_or_default();
    let version = published.map_or(0, |p| p.targets.version()).saturating_add(1);
    let found = match sealift_fs::read_capped(file, Targets::LIMIT as u64) {
        Ok(bytes) => bytes,
        Err(error) if error.is_not_found() => return Ok((metadata::targets(version, limit, &list)?, false)),
        Err(error) => return Err(error.into()),
    };
    if let Ok(document) = Signed::<Targets>::parse(&found) {
        let again = metadata::targets(version, document.expires().min(limit), &list)?;
        if metadata::bytes_to_sign(&again)? == document.covered() {
            return Ok((found, false));
        }
    }
    Ok((metadata::targets(version, limit, &list)?, true))
}

fn keep_draft(_writer: &Lock, file: &Path, targets: &[u8]) -> Result<(), TrustError> {
    if let Some(dir) = file.parent() {
        sealift_fs::create_dir_all(dir, Mode::Public)?;
    }
    Ok(sealift_fs::replace(file, targets, Mode::Public)?)
}
