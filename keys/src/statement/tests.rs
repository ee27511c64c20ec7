use std::collections::BTreeMap;

use sealift_model::Timestamp;
use sealift_trust::statement::Remark;
use sealift_trust::{Said, Subject};

use super::*;

fn approval() -> PersonStatement {
    let issued: Timestamp = "2026-11-22T16:00:00Z".parse().unwrap();
    let subject = Subject { name: "manifest.json".into(), sha256: Digest::of(b"m") };
    PersonStatement { subject, said: Said::Approve(Remark { issued, note: None }) }
}

fn key(purpose: Purpose, n: u8) -> SecretKey {
    SecretKey::from_seed(purpose, &[n; 32])
}

#[test]
fn people_sign_one_after_the_other_in_any_order() {
    let empty = unsigned(&approval()).unwrap();
    let (alice, bob) = (key(Purpose::Person, 1), key(Purpose::Person, 2));
    let one = sign(&sign(&empty, &alice).unwrap(), &bob).unwrap();
    let other = sign(&sign(&empty, &bob).unwrap(), &alice).unwrap();
    assert_eq!(one, other);
    assert_eq!(sign(&one, &alice).unwrap(), one, "a second signature of one key takes the first one's place");
    let keys = [alice.public().clone(), bob.public().clone()];
    assert!(Envelope::parse(&one).unwrap().verify(&keys, 2).is_ok());
}

#[test]
fn refuses_keys_of_roles_and_evidence_keys() {
    let empty = unsigned(&approval()).unwrap();
    for purpose in [Purpose::Root, Purpose::Targets, Purpose::Snapshot, Purpose::Timestamp, Purpose::Evidence] {
        let refused = sign(&empty, &key(purpose, 1));
        assert!(matches!(refused, Err(StatementError::WrongPurpose { .. })), "{purpose}");
    }
}

#[test]
fn refuses_a_personal_key_for_metadata_and_provenance() {
    // Test 36, at the key desk: the reverse.
    let alice = key(Purpose::Person, 1);
    let targets = crate::metadata::targets(1, "2027-01-01T00:00:00Z".parse().unwrap(), &BTreeMap::default()).unwrap();
    let refused = crate::metadata::sign_metadata(&targets, &alice);
    assert!(matches!(refused, Err(crate::MetadataError::WrongPurpose { .. })));
    let provenance = sealift_trust::Statement {
        subjects: vec![approval().subject],
        predicate_type: "https://slsa.dev/provenance/v1".into(),
        predicate: serde_json::json!({}),
    };
    let refused = crate::metadata::sign_statement(&provenance, [&alice].into_iter());
    assert!(matches!(refused, Err(crate::MetadataError::WrongPurpose { .. })));
    let envelope = dsse::envelope_bytes(&provenance.to_bytes().unwrap(), &[(alice.id(), [0; 64])]);
    assert!(matches!(sign(&envelope, &alice), Err(StatementError::Foreign(_))));
}

#[test]
fn refuses_signatures_of_something_else() {
    let empty = unsigned(&approval()).unwrap();
    let alice = key(Purpose::Person, 1);
    let covered = bytes_to_sign(&empty).unwrap();
    assert!(attach(&empty, alice.public(), &alice.sign(&covered)).is_ok());
    let payload = approval().to_bytes().unwrap();
    for signature in [alice.sign(&payload), key(Purpose::Person, 2).sign(&covered), [0; 64]] {
        assert!(matches!(attach(&empty, alice.public(), &signature), Err(StatementError::Wrong { .. })));
    }
}

#[test]
fn bytes_to_sign_are_recognised_and_nothing_else_is() {
    let to_sign = bytes_to_sign(&unsigned(&approval()).unwrap()).unwrap();
    assert_eq!(statement_of(&to_sign).unwrap(), approval());
    let text = String::from_utf8(to_sign.clone()).unwrap();
    let payload = approval().to_bytes().unwrap();
    for bad in [
        &b""[..],
        b"DSSEv1",
        &payload,
        &to_sign[..to_sign.len() - 1],
        text.replacen("28", "028", 1).as_bytes(),
        text.replacen("DSSEv1", "DSSEv2", 1).as_bytes(),
        text.replacen("in-toto", "in-tot0", 1).as_bytes(),
        &dsse::pae(b"{}"),
        &dsse::pae(text.as_bytes()),
    ] {
        assert!(statement_of(bad).is_err(), "{}", String::from_utf8_lossy(bad));
    }
}

#[test]
fn the_file_name_says_kind_person_and_subject() {
    let name = file_name(&approval(), &PersonId::new("alice").unwrap());
    assert_eq!(name, format!("approve-alice-{}.dsse.json", Digest::of(b"m").short()));
}
