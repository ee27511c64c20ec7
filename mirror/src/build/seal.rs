//! From a plan to a sealed bundle: number, evidence, signatures, publication.

use std::path::PathBuf;

use sealift_bundle::evidence::EvidenceSet;
use sealift_bundle::manifest::Manifest;
use sealift_fs::Lock;
use sealift_keys::{KeyDir, MetadataError, metadata};
use sealift_model::{Digest, RelPath, Sequence, StreamId, Timestamp};
use sealift_trust::{PublicKey, Purpose, Role, Signed, TargetInfo, Targets};
use serde_json::json;

use super::{Action, BuildError, BuildPlan, BuildRefusal, content, evidence};
use crate::state::State;
use crate::stream::{self, BundleRecord, Draft, NewBundle, Status, StreamDir};
use crate::trust::{self, Expiry, Published, RootChain, TrustDir, TrustError};

/// What signs on this machine.
#[derive(Debug)]
pub struct Signing {
    /// The root of trust.
    pub roots: RootChain,
    /// The opened keys.
    pub keys: KeyDir,
    /// Where they came from, for messages.
    pub dir: PathBuf,
}

/// How a bundle stands after [`seal`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sealed {
    /// It may be carried across.
    Complete,
    /// Other holders must sign.
    Waiting(Waiting),
}

/// A draft that has too few signatures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// The document to sign.
    pub file: PathBuf,
    /// Signatures there are, by distinct keys.
    pub have: usize,
    /// Signatures there must be.
    pub need: usize,
    /// Keys that may still sign.
    pub may_sign: Vec<Digest>,
    /// Whether it had to be drafted anew, which loses earlier signatures: other bundles were sealed meanwhile.
    pub redrafted: bool,
}

/// Refuses keys with which a bundle could never be finished here. Targets keys may be elsewhere.
pub fn check_keys(signing: &Signing) -> Result<(), BuildError> {
    for role in [Role::Snapshot, Role::Timestamp] {
        let (have, need) = trust::available(&signing.roots, &signing.keys, role);
        if have < need {
            return Err(BuildError::Keys { role: role.into(), have, need, dir: signing.dir.clone() });
        }
    }
    if evidence_keys(signing).next().is_none() {
        return Err(BuildError::Keys { role: Purpose::Evidence, have: 0, need: 1, dir: signing.dir.clone() });
    }
    Ok(())
}

pub(super) fn evidence_keys(signing: &Signing) -> impl Iterator<Item = &sealift_keys::SecretKey> {
    let named = signing.roots.newest().body().evidence_keys();
    signing.keys.keys(Purpose::Evidence).filter(move |key| named.contains(key.public()))
}

/// Takes the planned number and leaves the bundle as a draft; a plan that resumes or does nothing changes nothing.
pub fn draft(state: &State, writer: &Lock, plan: &BuildPlan, signing: &Signing) -> Result<(), BuildError> {
    if plan.action != Action::Build {
        return Ok(());
    }
    check_keys(signing)?;
    // Asked before a number is taken: under an expired root nothing could be published.
    signing.roots.newest().check_expiry(plan.manifest.created).map_err(TrustError::from)?;
    let manifest = plan.manifest.to_bytes()?;
    let id = Digest::of(&manifest);
    let provenance = metadata::sign_statement(&plan.provenance(id), evidence_keys(signing))?;
    let record = record_of(&plan.manifest, id, manifest.len() as u64);
    let published = TrustDir::of(state.dir()).published(&signing.roots)?;
    let targets = draft_targets(state, published.as_ref(), &record)?;
    let targets = trust::sign(&signing.roots, &signing.keys, Role::Targets, &targets)?;
    content::keep_compressed(state.store(), &plan.manifest.files)?;
    let dir = StreamDir::of(state.dir(), &record.stream);
    let bundle = NewBundle {
        draft: Draft::of(targets).map_err(MetadataError::from)?,
        evidence: vec![(evidence::FILE.to_owned(), provenance)],
        manifest,
        record,
    };
    dir.create(writer, &bundle)?;
    for sequence in &plan.discards {
        dir.discard(writer, *sequence)?;
    }
    Ok(())
}

fn record_of(manifest: &Manifest, id: Digest, bytes: u64) -> BundleRecord {
    BundleRecord {
        base: manifest.base.map(|base| base.sequence),
        created: manifest.created,
        kind: manifest.kind,
        manifest: id,
        manifest_bytes: bytes,
        not_after: manifest.not_after,
        schema: stream::SCHEMA.into(),
        sequence: manifest.sequence,
        stream: manifest.stream.clone(),
    }
}

/// Returns the unsigned targets metadata that lists `record` besides every bundle that is not past its time.
fn draft_targets(state: &State, published: Option<&Published>, record: &BundleRecord) -> Result<Vec<u8>, BuildError> {
    let path = sealift_bundle::layout::manifest_path(&record.stream, record.sequence);
    let path = path.map_err(|e| MetadataError::Malformed(e.to_string()))?;
    let custom = json!({ "sealift": { "kind": record.kind, "sequence": record.sequence, "stream": record.stream } });
    let info = TargetInfo { length: record.manifest_bytes, sha256: record.manifest, custom: Some(custom) };
    let expires = record.created.plus_days(state.config().expiry.targets.get());
    let keep = |path: &RelPath| record_at(state, path).is_none_or(|kept| kept.not_after > record.created);
    Ok(trust::next_targets(published, expires, keep, (path, info))?)
}

/// Returns the record of the bundle with this target path. A target without one stays listed: only time removes it.
fn record_at(state: &State, path: &RelPath) -> Option<BundleRecord> {
    let mut segments = path.segments().skip(1);
    let (stream, sequence) = (segments.next()?.parse().ok()?, segments.next()?.parse().ok()?);
    StreamDir::of(state.dir(), &stream).record(sequence).ok()
}

/// Signs a draft with the keys at hand and, if that is enough, publishes the trust metadata that lists it.
pub fn seal(
    state: &State,
    writer: &Lock,
    (stream, sequence): (&StreamId, Sequence),
    signing: &Signing,
    now: Timestamp,
) -> Result<Sealed, BuildError> {
    let dir = StreamDir::of(state.dir(), stream);
    let record = dir.record(sequence)?;
    let trust = TrustDir::of(state.dir());
    let published = trust.published(&signing.roots)?;
    match dir.status(&record, published.as_ref().map(|p| p.targets().body()))? {
        Status::Discarded => return Err(BuildError::Discarded { stream: stream.clone(), sequence }),
        Status::Sealed => {
            dir.close_draft(writer, sequence)?;
            return Ok(Sealed::Complete);
        }
        Status::Draft => check_keys(signing)?,
    }
    let (targets, redrafted) = current_draft(state, &dir, &record, published.as_ref())?;
    let targets = trust::sign(&signing.roots, &signing.keys, Role::Targets, &targets)?;
    dir.replace_draft(writer, sequence, &Draft::of(targets.clone()).map_err(MetadataError::from)?)?;
    if let Some(waiting) = waiting(&signing.roots, &targets, dir.draft_file(sequence), redrafted)? {
        return Ok(Sealed::Waiting(waiting));
    }
    check_bundle(state, &dir, &record, &signing.roots)?;
    let from = now.max(record.created);
    let expiry = &state.config().expiry;
    let expiry =
        Expiry { snapshot: from.plus_days(expiry.snapshot.get()), timestamp: from.plus_days(expiry.timestamp.get()) };
    let files = trust::complete(&signing.roots, published.as_ref(), targets, (&signing.keys, expiry), now)?;
    trust.publish(writer, &files)?;
    dir.close_draft(writer, sequence)?;
    Ok(Sealed::Complete)
}

/// Returns the draft's document if it is the one that belongs here now, else a new one.
fn current_draft(
    state: &State,
    dir: &StreamDir,
    record: &BundleRecord,
    published: Option<&Published>,
) -> Result<(Vec<u8>, bool), BuildError> {
    let draft = dir.draft(record.sequence)?;
    let file = dir.draft_file(record.sequence);
    let refused = BuildRefusal::Draft { file, role: Role::Targets };
    let expected = draft_targets(state, published, record)?;
    let wanted = Draft::of(expected.clone()).map_err(MetadataError::from)?.record.covered;
    let found = Signed::<Targets>::parse(&draft.targets).ok().map(|document| Digest::of(document.covered()));
    if found == Some(wanted) {
        return Ok((draft.targets, false));
    }
    // What was drafted is outdated if another bundle was sealed since. Anything but what was drafted was put there by
    // somebody else, and must not be signed.
    if found == Some(draft.record.covered) { Ok((expected, true)) } else { Err(refused.into()) }
}

fn waiting(roots: &RootChain, targets: &[u8], file: PathBuf, redrafted: bool) -> Result<Option<Waiting>, BuildError> {
    let document = Signed::<Targets>::parse(targets).map_err(MetadataError::from)?;
    let keys = roots.newest().body().role(Role::Targets);
    let signed: Vec<Digest> = document.signers(keys).into_iter().map(PublicKey::id).collect();
    if document.check_threshold(roots.newest()).is_ok() {
        return Ok(None);
    }
    let may_sign = keys.keys().map(PublicKey::id).filter(|id| !signed.contains(id)).collect();
    Ok(Some(Waiting { file, have: signed.len(), need: keys.threshold(), may_sign, redrafted }))
}

/// Checks once more what is about to be published: a draft may have lain in the state directory for days.
fn check_bundle(state: &State, dir: &StreamDir, record: &BundleRecord, roots: &RootChain) -> Result<(), BuildError> {
    let (manifest, _) = dir.manifest(record)?;
    let mut evidence = EvidenceSet::new(roots.newest().body(), record.manifest);
    for (name, bytes) in dir.evidence(record.sequence)? {
        evidence.add(&name, &bytes).map_err(|source| BuildRefusal::Evidence {
            name,
            sequence: record.sequence,
            source,
        })?;
    }
    let missing = manifest
        .blobs()
        .into_iter()
        .find(|(blob, entry)| entry.stored.is_some_and(|stored| !state.store().has(blob, stored.size)));
    missing.map_or(Ok(()), |(_, entry)| Err(BuildError::NotStored(entry.path.clone())))
}
