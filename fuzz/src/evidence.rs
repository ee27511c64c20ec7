//! DSSE envelopes, the statements in them, and receipts: what says who said something.

use sealift_trust::{Envelope, PublicKey, Receipt, Statement};

const ENVELOPE: &[u8] = include_bytes!("../seeds/dsse/build.dsse.json");
const KEY: &str = include_str!("../seeds/evidence-key.hex");

/// Target `dsse`: an envelope, or a statement without one.
pub fn dsse(data: &[u8]) {
    if let Ok(statement) = Statement::parse(data) {
        let bytes = statement.to_bytes();
        if let Ok(bytes) = bytes {
            assert_eq!(Statement::parse(&bytes), Ok(statement), "a statement changes when it is written");
        }
    }
    let Ok(envelope) = Envelope::parse(data) else { return };
    assert!(envelope.verify(&[], 0).is_err(), "verified by nobody");
    let keys = [key()];
    let Ok(verified) = envelope.verify(&keys, 1) else { return };
    let seed = Envelope::parse(ENVELOPE).and_then(|seed| seed.verify(&keys, 1)).expect("the seed is well signed");
    assert_eq!(verified, seed, "verified without the key");
    assert!(envelope.verify(&keys, 2).is_err(), "one key counts twice");
    let _ = Statement::parse(&verified.payload).expect("the seed holds a statement");
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

fn key() -> PublicKey {
    let bytes = sealift_model::digest::unhex(KEY.trim()).and_then(|bytes| bytes.try_into().ok());
    PublicKey::ed25519(&bytes.expect("the seed is 32 bytes")).expect("the seed is a key")
}
