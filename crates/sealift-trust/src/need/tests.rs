use ed25519_dalek::Signer;

use super::*;
use crate::testkit::{public, signing_key};

fn have(package: &str, version: &str, hosts: u64) -> Have {
    Have { package: package.into(), version: version.into(), architecture: "amd64".into(), hosts }
}

fn distribution(codename: &str, hosts: u64, have: Vec<Have>) -> Distribution {
    Distribution { codename: codename.into(), architecture: "amd64".into(), label: None, hosts, have }
}

fn list() -> NeedList {
    let have = vec![have("bash", "5.2.15-2+b2", 3), have("openssl", "3.0.11-1", 1), have("openssl", "3.0.9-1", 2)];
    let mut labelled = distribution("trixie", 1, vec![self::have("bash", "5.2.37-2", 1)]);
    labelled.label = Some("group-0123456789ab".into());
    NeedList {
        site: SiteId::new("plant-a").unwrap(),
        issued: "2026-11-22T16:00:00Z".parse().unwrap(),
        as_of: "2026-11-22T15:00:00Z".parse().unwrap(),
        left_out: 1,
        distributions: vec![distribution("bookworm", 3, have), labelled],
    }
}

fn bytes_of(key: u8) -> [u8; 32] {
    signing_key(key).verifying_key().to_bytes()
}

fn resigned(text: &str, key: u8) -> String {
    format!("{text}signature: {}\n", hex(&signing_key(key).sign(text.as_bytes()).to_bytes()))
}

fn signed(list: &NeedList, key: u8) -> String {
    resigned(&list.unsigned_text(&public(key)), key)
}

#[test]
fn a_need_list_reads_back() {
    let text = signed(&list(), 1);
    let verified = NeedList::parse_verified(text.as_bytes(), &[bytes_of(2), bytes_of(1)]).unwrap();
    assert_eq!((verified.list, verified.key), (list(), public(1)));
    assert!(text.contains("\ndistribution: bookworm amd64 - 3\nhave: bash 5.2.15-2+b2 amd64 3\nhave: openssl "));
    assert_eq!(list().hosts(), 4);
}

#[test]
fn refuses_every_flipped_byte() {
    let text = signed(&list(), 1).into_bytes();
    for at in 0..text.len() {
        for bit in [0x01, 0x20, 0x80] {
            let mut bad = text.clone();
            bad[at] ^= bit;
            assert!(NeedList::parse_verified(&bad, &[bytes_of(1)]).is_err(), "byte {at}");
        }
    }
}

#[test]
fn refuses_a_list_by_a_key_that_is_not_the_sites() {
    let text = signed(&list(), 2);
    let refused = NeedList::parse_verified(text.as_bytes(), &[bytes_of(1), bytes_of(3)]);
    assert!(matches!(refused, Err(NeedRefusal::OtherKey { .. })));
    assert!(NeedList::parse_verified(text.as_bytes(), &[]).is_ok(), "whole, by whoever it names");
    let borrowed = resigned(&list().unsigned_text(&public(1)), 2);
    assert_eq!(NeedList::parse_verified(borrowed.as_bytes(), &[]), Err(NeedRefusal::Signature));
}

#[test]
fn refuses_counts_that_cannot_be() {
    for change in [
        |l: &mut NeedList| l.distributions[0].hosts = 2,
        |l: &mut NeedList| l.distributions[0].hosts = 0,
        |l: &mut NeedList| l.distributions[0].hosts = MAX_HOSTS + 1,
        |l: &mut NeedList| l.distributions[0].have[0].hosts = 0,
        |l: &mut NeedList| l.distributions[0].have[1].hosts = u64::MAX,
        |l: &mut NeedList| l.left_out = u64::MAX,
        |l: &mut NeedList| l.as_of = "2026-11-22T16:00:01Z".parse().unwrap(),
    ] {
        let mut bad = list();
        change(&mut bad);
        assert_eq!(NeedList::parse_verified(signed(&bad, 1).as_bytes(), &[]), Err(NeedRefusal::NotCanonical));
    }
}

#[test]
fn refuses_a_list_above_the_limit_before_it_is_read() {
    let text = format!("{}\n", "x".repeat(LIMIT));
    assert_eq!(NeedList::parse_verified(text.as_bytes(), &[]), Err(NeedRefusal::TooLarge));
}

#[test]
fn merging_adds_hosts_up_and_forgets_which_had_what() {
    let one = |version: &str| distribution("bookworm", 1, vec![have("openssl", version, 1), have("bash", "5", 1)]);
    let merged = merge([one("2"), one("10"), distribution("trixie", 1, vec![have("bash", "6", 1)]), one("2")]);
    let expected = vec![have("bash", "5", 3), have("openssl", "10", 1), have("openssl", "2", 2)];
    assert_eq!(merged, [distribution("bookworm", 3, expected), distribution("trixie", 1, vec![have("bash", "6", 1)])]);
}
