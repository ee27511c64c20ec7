//! What a root of trust says, ready to be shown: roles, thresholds, key ids, expiry, fingerprint.

use sealift_model::{Digest, PersonId, Timestamp};
use sealift_trust::{Person, Policy, Power, Purpose, Role, Root, Signed};
use serde::Serialize;

/// A root of trust in short.
#[derive(Debug, Clone, Serialize)]
pub struct RootSummary {
    /// Version of the root metadata.
    pub version: u64,
    /// When it expires.
    pub expires: Timestamp,
    /// SHA-256 of the file.
    pub sha256: Digest,
    /// The same as people read it aloud.
    pub fingerprint: String,
    /// Each role's keys.
    pub roles: Vec<RoleSummary>,
    /// Ids of the keys that may sign evidence.
    pub evidence: Vec<Digest>,
    /// People who may make statements.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<PersonSummary>,
    /// How many people each kind of statement takes.
    pub policy: Policy,
}

/// A person in short.
#[derive(Debug, Clone, Serialize)]
pub struct PersonSummary {
    /// Who.
    pub name: PersonId,
    /// What they may do.
    pub may: Vec<Power>,
    /// Ids of their keys.
    pub keys: Vec<Digest>,
}

/// A role in short.
#[derive(Debug, Clone, Serialize)]
pub struct RoleSummary {
    /// The role.
    pub role: Role,
    /// How many must sign.
    pub threshold: usize,
    /// The keys that may.
    pub keys: Vec<Digest>,
    /// How many of them signed this document; for the root role only.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signed: Option<usize>,
}

impl RootSummary {
    /// Describes a root. Says nothing about whether it should be trusted.
    pub fn of(root: &Signed<Root>) -> Self {
        let sha256 = Digest::of(root.raw());
        let role = |role: Role| {
            let keys = root.body().role(role);
            RoleSummary {
                role,
                threshold: keys.threshold(),
                keys: keys.keys().map(sealift_trust::PublicKey::id).collect(),
                signed: (role == Role::Root).then(|| root.signers(keys).len()),
            }
        };
        Self {
            version: root.version(),
            expires: root.expires(),
            sha256,
            fingerprint: fingerprint(sha256),
            roles: Role::ALL.into_iter().map(role).collect(),
            evidence: root.body().evidence_keys().iter().map(sealift_trust::PublicKey::id).collect(),
            people: root.body().people().iter().map(|(name, person)| PersonSummary::of(name, person)).collect(),
            policy: root.body().policy(),
        }
    }

    /// Tells which roles a single key can sign for.
    pub fn single_key_roles(&self) -> Vec<Role> {
        self.roles.iter().filter(|r| r.threshold == 1).map(|r| r.role).collect()
    }
}

impl PersonSummary {
    fn of(name: &PersonId, person: &Person) -> Self {
        let keys = person.keys().iter().map(sealift_trust::PublicKey::id).collect();
        Self { name: name.clone(), may: person.powers().collect(), keys }
    }
}

/// Returns a digest as 8 groups of 8 digits, for reading aloud.
pub fn fingerprint(digest: Digest) -> String {
    let digits = digest.to_hex();
    let groups: Vec<&str> = (0..8).filter_map(|i| digits.get(i * 8..i * 8 + 8)).collect();
    groups.join(" ")
}

/// A key file in short.
#[derive(Debug, Clone, Serialize)]
pub struct KeySummary {
    /// What the key is for.
    pub purpose: Purpose,
    /// Its id.
    pub key_id: Digest,
    /// The public key in hexadecimal digits.
    pub public: String,
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_fingerprint_has_eight_groups_of_eight() {
        let text = super::fingerprint(sealift_model::Digest::of(b"abc"));
        assert_eq!(text, "ba7816bf 8f01cfea 414140de 5dae2223 b00361a3 96177a9c b410ff61 f20015ad");
    }
}
