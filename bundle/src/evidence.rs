//! Evidence that travels beside a manifest: how it was built, who scanned it, who approved it (format/evidence §5).
//!
//! Evidence never replaces trust metadata. Each file must be signed by somebody whom the root of trust names for that
//! kind of statement and be about exactly this manifest; then the people are counted. The same code serves `verify`, the
//! mirror before it seals, and the importer.

use sealift_model::escape::printable;
use sealift_model::{Digest, PersonId, Timestamp};
use sealift_trust::policy::{Verdict, judge};
use sealift_trust::statement::{PersonStatement, StatementKind};
use sealift_trust::{Envelope, EvidenceRefusal, Root, Statement};
use serde::{Deserialize, Serialize};

/// Predicate type of build provenance (SLSA).
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// What one evidence file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceReport {
    /// Its file name.
    pub name: String,
    /// What kind of statement it is.
    pub predicate_type: String,
    /// Ids of the evidence keys that signed it.
    pub signers: Vec<String>,
    /// People who signed it.
    pub people: Vec<PersonId>,
    /// What people say in it, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// Whether it is of a kind that has no meaning here.
    pub ignored: bool,
}

impl EvidenceReport {
    /// Tells whether it is build provenance.
    pub fn is_provenance(&self) -> bool {
        self.predicate_type == PROVENANCE
    }
}

/// How many people the root asks for, and who said it.
// Field order is alphabetical: importers keep it in canonical JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Agreement {
    /// How many people must approve the bundle.
    pub approvals_required: usize,
    /// Who approved it.
    pub approved: Vec<PersonId>,
    /// Statements without a meaning here.
    pub ignored: usize,
    /// Who passed it in a scan.
    pub scanned: Vec<PersonId>,
    /// How many people must pass it.
    pub scans_required: usize,
}

/// Why the evidence of a bundle is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvidenceFault {
    /// One file.
    File {
        /// Its name.
        name: String,
        /// Why.
        source: EvidenceRefusal,
    },
    /// There is no build provenance.
    NoProvenance,
}

/// The evidence of one bundle, judged file by file: nothing else bounds what a medium can put there.
#[derive(Debug, Clone)]
pub struct EvidenceSet<'r> {
    root: &'r Root,
    manifest: Digest,
    reports: Vec<EvidenceReport>,
    envelopes: Vec<Envelope>,
    /// Countersignatures by file name, with the payload each names.
    countersigned: Vec<(String, Digest)>,
}

impl<'r> EvidenceSet<'r> {
    /// Begins with no file, for the bundle with this id.
    pub fn new(root: &'r Root, manifest: Digest) -> Self {
        Self { root, manifest, reports: Vec::new(), envelopes: Vec::new(), countersigned: Vec::new() }
    }

    /// Judges one file: who signed it, whether they may sign such a thing, and whether it is about this bundle.
    pub fn add(&mut self, name: &str, bytes: &[u8]) -> Result<(), EvidenceRefusal> {
        let envelope = Envelope::parse(bytes)?;
        let evidence_keys = self.root.evidence_keys();
        let of_evidence = envelope.signed_by(evidence_keys.iter().map(|key| (key.id().to_hex(), key)));
        let of_people = self.root.people().open(&envelope);
        let (payload, signers) = match (of_evidence, &of_people) {
            (Some(signed), _) => signed,
            (None, Some(opened)) => (opened.payload, Vec::new()),
            // What nobody vouches for must not travel under a verified bundle's name.
            (None, None) => return Err(EvidenceRefusal::Threshold { valid: 0, required: 1 }),
        };
        let statement = Statement::parse(payload)?;
        let mut report = EvidenceReport {
            name: printable(name),
            predicate_type: printable(&statement.predicate_type),
            signers,
            people: of_people.into_iter().flat_map(|opened| opened.signers).collect(),
            says: None,
            ignored: false,
        };
        self.check(&statement, payload, &mut report)?;
        self.reports.push(report);
        self.envelopes.push(envelope);
        Ok(())
    }

    fn check(
        &mut self,
        statement: &Statement,
        payload: &[u8],
        report: &mut EvidenceReport,
    ) -> Result<(), EvidenceRefusal> {
        let wrong_signer = || EvidenceRefusal::Signer { predicate_type: report.predicate_type.clone() };
        match StatementKind::of_predicate_type(&statement.predicate_type) {
            Some(_) if report.people.is_empty() => return Err(wrong_signer()),
            None if statement.predicate_type == PROVENANCE && report.signers.is_empty() => return Err(wrong_signer()),
            None => report.ignored = statement.predicate_type != PROVENANCE,
            Some(_) => {}
        }
        if let Some(said) = PersonStatement::parse(payload)? {
            report.says = Some(said.describe());
            if said.kind() == StatementKind::Countersign {
                self.countersigned.push((report.name.clone(), said.subject.sha256));
                return Ok(());
            }
        }
        statement.check_about(&statement.predicate_type, self.manifest)
    }

    /// Takes a statement that came by another way than the medium: it is counted, and not reported as a file.
    pub fn hand_over(&mut self, envelope: Envelope) {
        self.envelopes.push(envelope);
    }

    /// Checks what only all files together tell; call it after the last.
    pub fn check_whole(&self) -> Result<(), EvidenceFault> {
        let there = |payload: &Digest| self.envelopes.iter().any(|envelope| envelope.payload_digest() == *payload);
        if let Some((name, expected)) = self.countersigned.iter().find(|(_, payload)| !there(payload)) {
            let source = EvidenceRefusal::Subject { expected: *expected };
            return Err(EvidenceFault::File { name: name.clone(), source });
        }
        let provenance = self.reports.iter().any(EvidenceReport::is_provenance);
        if provenance { Ok(()) } else { Err(EvidenceFault::NoProvenance) }
    }

    /// Counts people by the policy of the root at `now`.
    pub fn agreement(&self, now: Timestamp) -> Result<Agreement, EvidenceRefusal> {
        let ask = |kind| judge(kind, self.manifest, &self.envelopes, self.root, now);
        // A failed scan first: it is the graver answer.
        let Verdict { people: scanned, required: scans_required, .. } = ask(StatementKind::Scan)?;
        let Verdict { people: approved, required: approvals_required, .. } = ask(StatementKind::Approve)?;
        let ignored = self.reports.iter().filter(|report| report.ignored).count();
        Ok(Agreement { approvals_required, approved, ignored, scanned, scans_required })
    }

    /// Returns what the files say.
    pub fn into_reports(self) -> Vec<EvidenceReport> {
        self.reports
    }
}

/// What an evidence file claims to be. **Verified by nothing.**
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceClaim {
    /// Its file name.
    pub name: String,
    /// Predicate type, or why there is none.
    pub predicate_type: String,
    /// What people are claimed to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
    /// People whose keys, by the root on the same medium, signed it.
    pub people: Vec<PersonId>,
}

/// Describes an evidence file without believing it; `root` is what the same medium says.
pub fn claim(root: Option<&Root>, name: &str, bytes: &[u8]) -> EvidenceClaim {
    let envelope = Envelope::parse(bytes).ok();
    let payload = envelope.as_ref().map(Envelope::unverified_payload).unwrap_or_default();
    let statement = Statement::parse(payload);
    let unreadable = |refusal: EvidenceRefusal| format!("unreadable: {refusal}");
    let opened = envelope.as_ref().and_then(|envelope| root?.people().open(envelope));
    EvidenceClaim {
        name: printable(name),
        predicate_type: statement.map_or_else(unreadable, |statement| printable(&statement.predicate_type)),
        says: PersonStatement::parse(payload).ok().flatten().map(|said| said.describe()),
        people: opened.into_iter().flat_map(|opened| opened.signers).collect(),
    }
}
