//! What no root of trust should be, beyond what its format forbids (format/draft §4).
//!
//! The verifier counts one public key once under however many ids it is filed; here such a root is not even written.

use sealift_trust::{PublicKey, Role, Root, Signed};

use crate::attach::same_key;

/// Refuses a root that nobody should sign; the text says why.
pub fn check(root: &Signed<Root>) -> Result<(), String> {
    for role in Role::ALL {
        let keys: Vec<&PublicKey> = root.body().role(role).keys().collect();
        if let Some(key) = twice(&keys) {
            return Err(format!("role `{role}` names the public key {} twice", key.id()));
        }
        let (threshold, count) = (root.body().role(role).threshold(), keys.len());
        if threshold > count {
            return Err(format!("role `{role}` needs {threshold} signatures and has {count} of the keys"));
        }
    }
    match twice(&root.body().evidence_keys().iter().collect::<Vec<_>>()) {
        Some(key) => Err(format!("the public key {} is named twice for evidence", key.id())),
        None => Ok(()),
    }
}

/// Returns what is sound and still unwise.
pub fn warnings(root: &Signed<Root>) -> Vec<String> {
    let mut found = Vec::new();
    for role in Role::ALL {
        let keys = root.body().role(role);
        let (threshold, count) = (keys.threshold(), keys.keys().len());
        if threshold == 1 && matches!(role, Role::Root | Role::Targets) {
            found.push(format!("One key alone can sign for role `{role}`."));
        }
        if threshold == count && count > 1 {
            found.push(format!("Role `{role}` needs all of its {count} keys: one lost key blocks it."));
        }
    }
    found
}

fn twice<'a>(keys: &[&'a PublicKey]) -> Option<&'a PublicKey> {
    keys.iter().enumerate().find(|(i, key)| keys.iter().take(*i).any(|other| same_key(other, key))).map(|(_, key)| *key)
}
