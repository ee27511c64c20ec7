//! Evidence that travels beside a manifest: who says what about how it was built (format/evidence).
//!
//! Evidence never replaces trust metadata. Each file must be signed by an evidence key of the root of trust and be about
//! exactly this manifest; whether there is enough of it is the caller's policy.

use sealift_model::Digest;
use sealift_model::escape::printable;
use sealift_trust::{Envelope, EvidenceRefusal, PublicKey, Statement};
use serde::Serialize;

/// Predicate type of build provenance (SLSA).
pub const PROVENANCE: &str = "https://slsa.dev/provenance/v1";

/// What one evidence file says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct EvidenceReport {
    /// Its file name.
    pub name: String,
    /// What kind of statement it is.
    pub predicate_type: String,
    /// Ids of the keys that signed it.
    pub signers: Vec<String>,
}

impl EvidenceReport {
    /// Tells whether it is build provenance.
    pub fn is_provenance(&self) -> bool {
        self.predicate_type == PROVENANCE
    }
}

/// Verifies one evidence file against the evidence keys and the bundle id it must be about.
pub fn verify_evidence(
    keys: &[PublicKey],
    name: &str,
    bytes: &[u8],
    bundle_id: Digest,
) -> Result<EvidenceReport, EvidenceRefusal> {
    let verified = Envelope::parse(bytes)?.verify(keys, 1)?;
    let statement = Statement::parse(&verified.payload)?;
    statement.check_about(&statement.predicate_type, bundle_id)?;
    Ok(EvidenceReport {
        name: printable(name),
        predicate_type: printable(&statement.predicate_type),
        signers: verified.signers.iter().map(|id| id.to_hex()).collect(),
    })
}
