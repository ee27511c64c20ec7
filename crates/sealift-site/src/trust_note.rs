//! What the isolated repository tells those behind it about the age of its trust (format/trust-state §7).
//!
//! Hosts and their operators see a published tree and not the trust state. The note lies beside the tree, signed by the
//! site's statement key, and says when trust was refreshed last and when it expires, as of the publication.

use sealift_model::{Digest, SiteId, Timestamp};
use sealift_trust::{Envelope, EvidenceRefusal, PublicKey, Statement, Subject};
use serde::{Deserialize, Serialize};

use crate::StatementKey;

/// Name of the file, beside the keyring that hosts are given.
pub const FILE: &str = "sealift-trust.dsse.json";
/// Largest note that is read, in bytes.
pub const LIMIT: u64 = 64 << 10;

const PREDICATE_TYPE: &str = "https://example.org/sealift/trust-note/v1";
const DAY: u64 = 86_400;

/// How old the trust was when the repository published. Field order is the encoding's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrustNote {
    /// When the first of the trusted documents expires.
    pub expires: Timestamp,
    /// When it was written, by the repository's clock.
    pub issued: Timestamp,
    /// When trust metadata was accepted last; absent if none ever was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<Timestamp>,
    /// The site.
    pub site: SiteId,
}

impl TrustNote {
    /// Returns the signed note; `root` is the digest of the trusted root.
    pub fn sign(&self, root: Digest, key: &StatementKey) -> Vec<u8> {
        let statement = Statement {
            subjects: vec![Subject { name: "root.json".into(), sha256: root }],
            predicate_type: PREDICATE_TYPE.into(),
            predicate: serde_json::to_value(self).expect("names and times are values"),
        };
        key.sign_dsse(&statement.to_bytes().expect("names and times have no control characters"))
    }

    /// Reads a note that `key` signed for `site`.
    ///
    /// # Errors
    /// A note by another key, about another site, or of another form.
    pub fn read(bytes: &[u8], key: &PublicKey, site: &SiteId) -> Result<Self, EvidenceRefusal> {
        let verified = Envelope::parse(bytes)?.verify(std::slice::from_ref(key), 1)?;
        let statement = Statement::parse(&verified.payload)?;
        let malformed =
            |reason: String| EvidenceRefusal::Malformed { reason: sealift_model::escape::printable(&reason) };
        if statement.predicate_type != PREDICATE_TYPE {
            return Err(EvidenceRefusal::PredicateType {
                expected: PREDICATE_TYPE.into(),
                found: sealift_model::escape::printable(&statement.predicate_type),
            });
        }
        let note: Self = serde_json::from_value(statement.predicate).map_err(|e| malformed(e.to_string()))?;
        if note.site == *site { Ok(note) } else { Err(malformed(format!("it is of site `{}`", note.site))) }
    }

    /// Tells whether the trust has expired at `now`.
    pub fn is_expired(&self, now: Timestamp) -> bool {
        now >= self.expires
    }

    /// Returns a sentence for people at `now`.
    pub fn describe(&self, now: Timestamp) -> String {
        let refreshed = match self.refreshed.map(|then| now.unix().saturating_sub(then.unix()) / DAY) {
            None => "Trust was never refreshed".to_owned(),
            Some(0) => "Trust last refreshed today".to_owned(),
            Some(1) => "Trust last refreshed 1 day ago".to_owned(),
            Some(days) => format!("Trust last refreshed {days} days ago"),
        };
        let (issued, expires) = (self.issued, self.expires);
        let ends = if self.is_expired(now) { "expired at" } else { "expires" };
        format!("{refreshed}, as the repository said when it published ({issued}); it {ends} {expires}.")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn note() -> TrustNote {
        let time = |text: &str| text.parse().unwrap();
        TrustNote {
            expires: time("2026-12-01T00:00:00Z"),
            issued: time("2026-11-22T16:00:00Z"),
            refreshed: Some(time("2026-11-20T16:00:00Z")),
            site: SiteId::new("plant-a").unwrap(),
        }
    }

    #[test]
    fn a_note_says_what_its_site_signed_and_nothing_else_passes() {
        let site = SiteId::new("plant-a").unwrap();
        let key = StatementKey::from_seed(&site, &[7; 32]);
        let signed = note().sign(Digest::of(b"root"), &key);
        assert_eq!(TrustNote::read(&signed, key.public(), &site).unwrap(), note());
        let other = StatementKey::from_seed(&site, &[8; 32]);
        assert!(TrustNote::read(&signed, other.public(), &site).is_err());
        assert!(TrustNote::read(&signed, key.public(), &SiteId::new("plant-b").unwrap()).is_err());
        let receipt = Statement {
            subjects: vec![Subject { name: "x".into(), sha256: Digest::of(b"x") }],
            predicate_type: "https://example.org/sealift/state-record/v1".into(),
            predicate: serde_json::json!({}),
        };
        let foreign = key.sign_dsse(&receipt.to_bytes().unwrap());
        assert!(matches!(TrustNote::read(&foreign, key.public(), &site), Err(EvidenceRefusal::PredicateType { .. })));
    }

    #[test]
    fn age_and_expiry_are_counted_from_the_reader_s_clock() {
        let at = |text: &str| note().describe(text.parse().unwrap());
        assert!(at("2026-11-24T16:00:00Z").starts_with("Trust last refreshed 4 days ago"));
        assert!(at("2026-11-24T16:00:00Z").ends_with("it expires 2026-12-01T00:00:00Z."));
        assert!(at("2026-12-01T00:00:00Z").ends_with("it expired at 2026-12-01T00:00:00Z."));
    }
}
