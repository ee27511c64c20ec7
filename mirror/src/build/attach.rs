//! Puts statements by people beside a bundle, so that it carries them (format/statements §4).
//!
//! Nothing is taken that the importer would refuse: each file must be signed by somebody whom the newest root names and
//! be about exactly this bundle. Whether there are enough is said, and not required: the rest may come later.

use sealift_bundle::evidence::{Agreement, EvidenceFault, EvidenceReport, EvidenceSet};
use sealift_bundle::layout::{MAX_EVIDENCE, is_evidence};
use sealift_fs::Lock;
use sealift_model::escape::printable;
use sealift_model::{Digest, Sequence, StreamId, Timestamp};
use sealift_trust::EvidenceRefusal;

use super::{BuildError, BuildRefusal, evidence};
use crate::state::State;
use crate::stream::StreamDir;
use crate::trust::RootChain;

/// What lies beside a bundle now.
#[derive(Debug)]
pub struct Attached {
    /// Every evidence file, the build provenance included.
    pub reports: Vec<EvidenceReport>,
    /// Whether enough people agree.
    pub agreement: Result<Agreement, EvidenceRefusal>,
}

/// Leaves out what no reader would accept any more: statements that only people signed who have left the root since, and
/// countersignatures of those.
pub(super) fn vouched(
    mut files: Vec<(String, Vec<u8>)>,
    roots: &RootChain,
    manifest: Digest,
) -> Vec<(String, Vec<u8>)> {
    loop {
        let mut set = EvidenceSet::new(roots.newest().body(), manifest);
        files.retain(|(name, bytes)| set.add(name, bytes).is_ok() || name == evidence::FILE);
        match set.check_whole() {
            Err(EvidenceFault::File { name: lone, .. }) if files.iter().any(|(name, _)| *name == lone) => {
                files.retain(|(name, _)| *name != lone);
            }
            _ => return files,
        }
    }
}

/// Takes statements, by file name and bytes. All or none: they are judged together first.
pub fn attach(
    state: &State,
    writer: &Lock,
    (stream, sequence): (&StreamId, Sequence),
    files: &[(String, Vec<u8>)],
    (roots, now): (&RootChain, Timestamp),
) -> Result<Attached, BuildError> {
    let dir = StreamDir::of(state.dir(), stream);
    let record = dir.record(sequence)?;
    let refused = |name: &str, source| BuildRefusal::Evidence { name: printable(name), sequence, source };
    let mut all = dir.evidence(sequence)?;
    all.retain(|(there, _)| files.iter().all(|(name, _)| name != there));
    if let Some((name, _)) = files.iter().find(|(name, _)| name == evidence::FILE || !is_evidence(name)) {
        let reason = "statements have names such as approve-NAME-DIGITS.dsse.json".to_owned();
        return Err(refused(name, EvidenceRefusal::Malformed { reason }).into());
    }
    all.extend(files.iter().cloned());
    if all.len() > MAX_EVIDENCE {
        let reason = format!("a bundle carries at most {MAX_EVIDENCE} evidence files");
        return Err(refused("the whole", EvidenceRefusal::Malformed { reason }).into());
    }
    let mut set = EvidenceSet::new(roots.newest().body(), record.manifest);
    for (name, bytes) in &all {
        set.add(name, bytes).map_err(|source| refused(name, source))?;
    }
    if let Err(EvidenceFault::File { name, source }) = set.check_whole() {
        return Err(refused(&name, source).into());
    }
    for (name, bytes) in files {
        dir.keep_evidence(writer, sequence, name, bytes)?;
    }
    let agreement = set.agreement(now);
    Ok(Attached { reports: set.into_reports(), agreement })
}
