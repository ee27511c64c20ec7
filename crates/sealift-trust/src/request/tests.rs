use super::*;
use crate::testkit::{public, signing_key};
use ed25519_dalek::Signer;
use sealift_model::Sequence;

fn wanted(names: &[&str]) -> Vec<WantedBlob> {
    let mut all: Vec<_> =
        names.iter().map(|name| WantedBlob { digest: Digest::of(name.as_bytes()), size: name.len() as u64 }).collect();
    all.sort_unstable();
    all
}

fn request() -> Request {
    let stream = "patches".parse().unwrap();
    Request {
        site: SiteId::new("plant-a").unwrap(),
        issued: "2026-11-22T16:00:00Z".parse().unwrap(),
        bundle: Held { stream, sequence: Sequence::new(42).unwrap(), manifest: Digest::of(b"manifest") },
        volumes: vec![
            WantedVolume { set: Digest::of(b"set"), number: 2 },
            WantedVolume { set: Digest::of(b"set"), number: 10 },
        ],
        blobs: wanted(&["a", "bb", ""]),
        contents: wanted(&["c"]),
    }
}

fn bytes_of(key: u8) -> [u8; 32] {
    signing_key(key).verifying_key().to_bytes()
}

fn resigned(text: &str, key: u8) -> String {
    format!("{text}signature: {}\n", hex(&signing_key(key).sign(text.as_bytes()).to_bytes()))
}

fn signed(request: &Request, key: u8) -> String {
    resigned(&request.unsigned_text(&public(key)), key)
}

#[test]
fn a_request_reads_back() {
    let (volumes, contents) = (Vec::new(), Vec::new());
    for request in [request(), Request { volumes, contents, ..request() }] {
        let text = signed(&request, 1);
        let verified = Request::parse_verified(text.as_bytes(), Some(&bytes_of(1))).unwrap();
        assert_eq!((verified.request, verified.key), (request, public(1)));
    }
}

#[test]
fn refuses_every_flipped_byte_of_a_request() {
    let text = signed(&request(), 1).into_bytes();
    for at in 0..text.len() {
        for bit in [0x01, 0x20] {
            let mut bad = text.clone();
            bad[at] ^= bit;
            assert!(Request::parse_verified(&bad, Some(&bytes_of(1))).is_err(), "byte {at}");
        }
    }
}

#[test]
fn refuses_a_request_by_another_key_than_the_sites() {
    let text = signed(&request(), 2);
    let read = Request::parse_verified(text.as_bytes(), Some(&bytes_of(1)));
    assert!(matches!(read, Err(RequestRefusal::OtherKey { .. })), "{read:?}");
    let borrowed = resigned(&request().unsigned_text(&public(1)), 2);
    assert_eq!(Request::parse_verified(borrowed.as_bytes(), None), Err(RequestRefusal::Signature));
}

#[test]
fn refuses_other_spellings_of_a_request_even_if_signed() {
    let good = request().unsigned_text(&public(1));
    let line = |l: &str| format!("{l}\n");
    let blobs: Vec<String> = good.lines().filter(|l| l.starts_with("blob: ")).map(line).collect();
    let asks = |l: &&str| ["volume: ", "blob: ", "content: "].iter().any(|word| l.starts_with(word));
    let nothing: String = good.lines().filter(|l| !asks(l)).map(line).collect();
    for bad in [
        good.replace('\n', "\r\n"),
        good.replace("request 1", "request 2"),
        good.replace(" 42 ", " 042 "),
        good.replace("blob: ", "blob: sha256:"),
        good.replace("volume: sha256:", "volume: "),
        good.replace(" 10\n", " 010\n"),
        good.replace(" 10\n", " 0\n"),
        good.replace(" 10\n", " 2\n"),
        good.replacen(&blobs.concat(), &blobs.iter().rev().cloned().collect::<String>(), 1),
        good.replacen(&blobs[0], &blobs[0].repeat(2), 1),
        good.replacen(&blobs[0], &format!("{0}{0}", blobs[0]).replacen(" 0\n", " 9\n", 1), 1),
        good.replacen("key: ", "note: x\nkey: ", 1),
        nothing,
        String::new(),
    ] {
        assert_ne!(bad, good);
        assert!(Request::parse_verified(resigned(&bad, 1).as_bytes(), None).is_err(), "{bad}");
    }
}

#[test]
fn a_request_is_no_receipt() {
    let text = signed(&request(), 1);
    assert!(crate::Receipt::parse_verified(text.as_bytes(), Some(&bytes_of(1))).is_err());
}

#[test]
fn refuses_a_request_above_the_limit_before_it_is_read() {
    assert_eq!(Request::parse_verified(&vec![b'\n'; LIMIT + 1], None), Err(RequestRefusal::TooLarge));
    let at_the_limit = Request::parse_verified(&vec![b'\n'; LIMIT], None);
    assert!(matches!(at_the_limit, Err(RequestRefusal::Line { line: 1, .. })), "{at_the_limit:?}");
}
