//! DSSE envelopes, the statements in them, receipts and need-lists: what says who said something.

use sealift_model::Digest;
use sealift_trust::need::{self, NeedList};
use sealift_trust::policy::judge;
use sealift_trust::{Envelope, PersonStatement, PublicKey, Receipt, Root, Signed, Statement, StatementKind};

use crate::now;

const ENVELOPE: &[u8] = include_bytes!("../seeds/dsse/build.dsse.json");
const ROOT: &[u8] = include_bytes!("../seeds/tuf_metadata/root.json");
const KEY: &str = include_str!("../seeds/evidence-key.hex");

/// Target `dsse`: an envelope, or a statement without one.
pub fn dsse(data: &[u8]) {
    if let Ok(statement) = Statement::parse(data) {
        let bytes = statement.to_bytes();
        if let Ok(bytes) = bytes {
            assert_eq!(Statement::parse(&bytes), Ok(statement), "a statement changes when it is written");
        }
    }
    if let Ok(Some(statement)) = PersonStatement::parse(data) {
        assert_eq!(statement.to_bytes().as_deref(), Ok(data), "a statement by people with a second spelling");
        let _ = statement.describe();
    }
    let Ok(envelope) = Envelope::parse(data) else { return };
    let again = Envelope::parse(&envelope.to_bytes()).expect("an envelope that is written is read");
    assert_eq!(again.unverified_payload(), envelope.unverified_payload());
    agreed(envelope.clone());
    assert!(envelope.verify(&[], 0).is_err(), "verified by nobody");
    let keys = [key()];
    let Ok(verified) = envelope.verify(&keys, 1) else { return };
    let seed = Envelope::parse(ENVELOPE).and_then(|seed| seed.verify(&keys, 1)).expect("the seed is well signed");
    assert_eq!(verified, seed, "verified without the key");
    assert!(envelope.verify(&keys, 2).is_err(), "one key counts twice");
    let _ = Statement::parse(&verified.payload).expect("the seed holds a statement");
}

/// The root asks for two people; one of them signed the seed that approves.
fn agreed(envelope: Envelope) {
    let root = Signed::<Root>::parse(ROOT).expect("the seed is well formed");
    let envelopes = [envelope];
    for kind in [StatementKind::Approve, StatementKind::WaiveExpiry, StatementKind::OverrideClock] {
        let verdict = judge(kind, Digest::of(b"m"), &envelopes, root.body(), now());
        assert!(verdict.is_err(), "two agreed without their keys: {verdict:?}");
    }
}

/// Target `receipt`: has one spelling.
pub fn receipt(data: &[u8]) {
    let _ = Receipt::parse_verified(data, Some(&[7; 32]));
    let Ok(verified) = Receipt::parse_verified(data, None) else { return };
    let text = verified.receipt.unsigned_text(&verified.key);
    assert!(data.starts_with(text.as_bytes()), "a receipt with a second spelling");
    let rest = data.get(text.len()..).unwrap_or_default();
    assert!(rest.starts_with(b"signature: ") && rest.len() == 11 + 128 + 1, "a receipt with something after it");
}

/// Target `need_list`: has one spelling, of words without control characters, and merging it with itself is one again.
pub fn need_list(data: &[u8]) {
    let _ = NeedList::parse_verified(data, &[[7; 32]]);
    let Ok(verified) = NeedList::parse_verified(data, &[]) else { return };
    let text = verified.list.unsigned_text(&verified.key);
    assert!(data.starts_with(text.as_bytes()), "a need-list with a second spelling");
    assert!(text.bytes().all(|byte| byte == b'\n' || (b' '..=b'~').contains(&byte)), "more than plain text");
    let twice = [verified.list.distributions.clone(), verified.list.distributions.clone()].concat();
    let list = NeedList { distributions: need::merge(twice), ..verified.list.clone() };
    assert_eq!(list.hosts(), verified.list.hosts().saturating_mul(2));
    assert!(list.is_well_formed() || list.distributions.iter().any(|one| one.hosts > need::MAX_HOSTS));
}

fn key() -> PublicKey {
    let bytes = sealift_model::digest::unhex(KEY.trim()).and_then(|bytes| bytes.try_into().ok());
    PublicKey::ed25519(&bytes.expect("the seed is 32 bytes")).expect("the seed is a key")
}
