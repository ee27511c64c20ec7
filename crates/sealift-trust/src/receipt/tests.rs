use super::*;
use crate::testkit::{public, signing_key};
use ed25519_dalek::Signer;

fn receipt(streams: &[&str]) -> Receipt {
    let held = |s: &&str| Held {
        stream: s.parse().unwrap(),
        sequence: Sequence::new(42).unwrap(),
        manifest: Digest::of(s.as_bytes()),
    };
    Receipt {
        site: SiteId::new("plant-a").unwrap(),
        issued: "2026-11-22T16:00:00Z".parse().unwrap(),
        ledger_head: Digest::of(b"ledger"),
        holds: streams.iter().map(held).collect(),
        agreed: Vec::new(),
        waived: Vec::new(),
    }
}

/// Alice and bob approved what is held of stream a, dave scanned it, a waiver let it in.
fn agreed_receipt() -> Receipt {
    let stream: StreamId = "a".parse().unwrap();
    let of = |kind, names: &[&str]| Agreed {
        stream: stream.clone(),
        kind,
        people: names.iter().map(|name| name.parse().unwrap()).collect(),
    };
    let agreed = vec![of(StatementKind::Approve, &["alice", "bob"]), of(StatementKind::Scan, &["dave"])];
    let until = "2026-12-01T00:00:00Z".parse().unwrap();
    let waived = vec![Waived { stream: stream.clone(), until, statement: Digest::of(b"waiver") }];
    Receipt { agreed, waived, ..receipt(&["a", "b"]) }
}

fn bytes_of(key: u8) -> [u8; 32] {
    signing_key(key).verifying_key().to_bytes()
}

fn signed(receipt: &Receipt, key: u8) -> String {
    resigned(&receipt.unsigned_text(&public(key)), key)
}

fn resigned(text: &str, key: u8) -> String {
    format!("{text}signature: {}\n", hex(&signing_key(key).sign(text.as_bytes()).to_bytes()))
}

#[test]
fn a_receipt_reads_back() {
    for streams in [&[][..], &["a"], &["a", "b"]] {
        let text = signed(&receipt(streams), 1);
        let pinned = public(1);
        let verified = Receipt::parse_verified(text.as_bytes(), Some(&bytes_of(1))).unwrap();
        assert_eq!((verified.receipt, verified.key), (receipt(streams), pinned));
    }
}

#[test]
fn a_receipt_says_who_agreed_in_one_spelling() {
    let good = agreed_receipt();
    let text = signed(&good, 1);
    assert!(text.contains("agreed: a approve alice bob\nagreed: a scan dave\nwaived: a 2026-12-01T00:00:00Z sha256:"));
    assert_eq!(Receipt::parse_verified(text.as_bytes(), Some(&bytes_of(1))).unwrap().receipt, good);
    let unsigned = good.unsigned_text(&public(1));
    for (from, to) in [
        ("approve alice bob", "approve bob alice"),
        ("approve alice bob", "approve alice alice"),
        ("approve alice bob", "approve "),
        ("approve alice bob", "approve alice  bob"),
        ("approve alice bob", "approve Alice"),
        ("agreed: a approve", "agreed: c approve"),
        ("agreed: a approve", "agreed: a waive-expiry"),
        ("agreed: a scan", "agreed: a approve"),
        ("agreed: a scan dave\n", "agreed: a scan dave\nagreed: a scan erin\n"),
        ("waived: a ", "waived: c "),
        ("2026-12-01T00:00:00Z", "2026-12-01"),
        ("agreed: a approve alice bob\nagreed: a scan dave", "agreed: a scan dave\nagreed: a approve alice bob"),
    ] {
        let bad = unsigned.replacen(from, to, 1);
        assert_ne!(bad, unsigned, "{from}");
        assert!(Receipt::parse_verified(resigned(&bad, 1).as_bytes(), None).is_err(), "{bad}");
    }
}

#[test]
fn refuses_every_flipped_byte() {
    let text = signed(&receipt(&["a", "b"]), 1).into_bytes();
    for at in 0..text.len() {
        for bit in [0x01, 0x20] {
            let mut bad = text.clone();
            bad[at] ^= bit;
            assert!(Receipt::parse_verified(&bad, Some(&bytes_of(1))).is_err(), "byte {at}");
        }
    }
}

#[test]
fn refuses_a_receipt_signed_by_another_key() {
    let text = signed(&receipt(&["a"]), 2);
    assert!(matches!(
        Receipt::parse_verified(text.as_bytes(), Some(&bytes_of(1))),
        Err(ReceiptRefusal::OtherKey { .. })
    ));
    assert!(Receipt::parse_verified(text.as_bytes(), None).is_ok());
    let borrowed = resigned(&receipt(&["a"]).unsigned_text(&public(1)), 2);
    assert_eq!(Receipt::parse_verified(borrowed.as_bytes(), None), Err(ReceiptRefusal::Signature));
}

#[test]
fn refuses_other_spellings_even_if_signed() {
    let good = receipt(&["a", "b"]).unsigned_text(&public(1));
    let swapped = receipt(&["b", "a"]).unsigned_text(&public(1));
    let twice = receipt(&["a", "a"]).unsigned_text(&public(1));
    for bad in [
        good.replace('\n', "\r\n"),
        good.replace("site: ", "site:  "),
        good.replace("receipt 1", "receipt 2"),
        good.replace(" 42 ", " 042 "),
        good.replace("holds: a", "holds: A"),
        good.replace("key: ", "note: x\nkey: "),
        good.replace("ledger-head: sha256:", "ledger-head: "),
        swapped,
        twice,
        format!("\n{good}"),
        String::new(),
    ] {
        assert!(Receipt::parse_verified(resigned(&bad, 1).as_bytes(), None).is_err(), "{bad}");
    }
    let text = signed(&receipt(&["a"]), 1);
    for bad in [format!("{text}\n"), format!("{text}more\n"), text.trim_end().to_owned()] {
        assert_eq!(Receipt::parse_verified(bad.as_bytes(), None), Err(ReceiptRefusal::NotCanonical));
    }
}
