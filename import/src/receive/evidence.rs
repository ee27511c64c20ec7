//! The evidence of a candidate: copied, judged file by file, then the people counted (format/evidence §5).
//!
//! Statements that came later than the medium count the same as those on it and are kept beside them.

use sealift_bundle::evidence::{Agreement, EvidenceFault, EvidenceSet};
use sealift_bundle::layout;
use sealift_bundle::source::Source;
use sealift_fs::PathError;
use sealift_model::{PersonId, Sequence, StreamId, json};

use super::candidate::{Candidate, unnamed};
use super::{Belief, Stop};
use crate::refusal::Refusal;
use crate::repository::Repository;

const AGREEMENT_LIMIT: u64 = 64 << 10;

impl Candidate {
    /// Copies the evidence. Each file must be signed and about this bundle, one of them be a build provenance, and enough
    /// people must agree.
    ///
    /// Each is judged before the next is read: nothing else bounds what a medium can put there.
    pub(super) fn take_evidence(&mut self, source: &dyn Source, belief: &Belief) -> Result<(), Stop> {
        let (stream, sequence) = (self.manifest.stream.clone(), self.manifest.sequence);
        let root = belief.set.root().body();
        let mut set = EvidenceSet::new(root, self.id);
        let refused = |file: &str, source| Refusal::Evidence { name: self.name(), file: file.to_owned(), source };
        let mut kept = Vec::new();
        for file in layout::list_evidence(source, &stream, sequence)? {
            let path = layout::evidence_path(&stream, sequence, &file).map_err(|e| unnamed(&e))?;
            let bytes = source.read(&path, layout::MAX_EVIDENCE_BYTES)?;
            set.add(&file, &bytes).map_err(|source| refused(&file, source))?;
            kept.push((file, bytes));
        }
        for envelope in belief.handed.about_content(root.people(), self.id) {
            let name = format!("late-{}.dsse.json", envelope.payload_digest().short());
            if kept.iter().all(|(there, _)| *there != name) {
                kept.push((name, envelope.to_bytes()));
            }
            set.hand_over(envelope);
        }
        set.check_whole().map_err(|fault| match fault {
            EvidenceFault::File { name, source } => refused(&name, source),
            EvidenceFault::NoProvenance => Refusal::NoProvenance { name: self.name() },
        })?;
        let agreement = set.agreement(belief.time.now);
        self.agreement = agreement.map_err(|source| Refusal::People { name: self.name(), source })?;
        self.evidence = kept;
        Ok(())
    }
}

/// Name of the file that says who agreed, in the directory of an accepted bundle. Absent if nobody did.
pub(crate) const AGREEMENT: &str = "agreement.json";

/// Returns the content of [`AGREEMENT`]: who counted when the bundle was accepted, whatever later roots say of them.
pub(super) fn record(agreement: &Agreement) -> Option<Vec<u8>> {
    let somebody = !agreement.approved.is_empty() || !agreement.scanned.is_empty();
    somebody.then(|| json::to_canonical(agreement).expect("names and small numbers have no control characters"))
}

/// Reads who agreed to an accepted bundle.
pub(crate) fn agreement(
    repository: &Repository,
    stream: &StreamId,
    sequence: Sequence,
) -> Result<Agreement, PathError> {
    let path = repository.layout().bundle(stream, sequence).join(AGREEMENT);
    let bytes = match sealift_fs::read_capped(&path, AGREEMENT_LIMIT) {
        Err(error) if error.is_not_found() => return Ok(Agreement::default()),
        other => other?,
    };
    json::from_canonical(&bytes)
        .map_err(|e| PathError::new("read", &path, std::io::Error::new(std::io::ErrorKind::InvalidData, e)))
}

/// Says who agreed, for the ledger; nothing if nobody did.
pub(crate) fn describe(agreement: &Agreement) -> String {
    let list = |what: &str, people: &[PersonId]| {
        let names: Vec<&str> = people.iter().map(PersonId::as_str).collect();
        if names.is_empty() { String::new() } else { format!("; {what} by {}", names.join(", ")) }
    };
    list("approved", &agreement.approved) + &list("scanned", &agreement.scanned)
}
