use sealift_site::StatementKey;
use sealift_trust::need::{Distribution, Have};

use super::*;

fn key(site: &str, seed: u8) -> StatementKey {
    StatementKey::from_seed(&SiteId::new(site).unwrap(), &[seed; 32])
}

fn bytes_of(key: &StatementKey) -> [u8; 32] {
    *key.public().ed25519_bytes().unwrap()
}

fn at(hour: u64) -> Timestamp {
    Timestamp::from_unix(1_795_363_200 + hour * 3600)
}

fn source(name: &str, key: &StatementKey, hour: u64, version: &str) -> Source {
    let have =
        vec![Have { package: "openssl".into(), version: version.into(), architecture: "amd64".into(), hosts: 2 }];
    let one = Distribution { codename: "bookworm".into(), architecture: "amd64".into(), label: None, hosts: 2, have };
    let (site, issued) = (key.site().clone(), at(hour));
    let list = NeedList { site, issued, as_of: issued, left_out: 1, distributions: vec![one] };
    Source { file: name.into(), bytes: key.sign_need(&list).into_bytes() }
}

fn merged(sources: &[Source], keys: &[[u8; 32]]) -> Result<NeedList, MergeRefusal> {
    merge(sources, &SiteId::new("plant-a").unwrap(), keys, at(9))
}

#[test]
fn lists_of_named_machines_become_one() {
    let (own, other) = (key("plant-a", 1), key("plant-a", 2));
    let sources = [source("one", &own, 3, "1"), source("two", &other, 5, "2")];
    let list = merged(&sources, &[bytes_of(&own), bytes_of(&other)]).unwrap();
    assert_eq!((list.hosts(), list.left_out, list.as_of, list.issued), (4, 2, at(3), at(9)));
    let have: Vec<_> = list.distributions[0].have.iter().map(|have| (have.version.as_str(), have.hosts)).collect();
    assert_eq!(have, [("1", 2), ("2", 2)]);
    assert!(list.is_well_formed());
}

#[test]
fn refuses_lists_of_other_sites_and_by_keys_of_nobody() {
    let (own, other, elsewhere) = (key("plant-a", 1), key("plant-a", 2), key("plant-b", 3));
    let refused = merged(&[source("two", &other, 5, "2")], &[bytes_of(&own)]);
    assert!(matches!(refused, Err(MergeRefusal::List { source: NeedRefusal::OtherKey { .. }, .. })), "{refused:?}");
    let refused = merged(&[source("three", &elsewhere, 5, "2")], &[bytes_of(&own), bytes_of(&elsewhere)]);
    assert!(matches!(refused, Err(MergeRefusal::OtherSite { .. })), "{refused:?}");
    let mut changed = source("one", &own, 5, "2");
    let at = changed.bytes.iter().position(|byte| *byte == b'2').unwrap();
    changed.bytes[at] = b'3';
    assert!(matches!(merged(&[changed], &[bytes_of(&own)]), Err(MergeRefusal::List { .. })));
}

#[test]
fn refuses_a_list_given_twice_and_one_from_the_future() {
    let own = key("plant-a", 1);
    let one = source("one", &own, 3, "1");
    let refused = merged(&[one.clone(), Source { file: "copy".into(), ..one }], &[bytes_of(&own)]);
    assert_eq!(refused, Err(MergeRefusal::Twice("copy".into())));
    let refused = merged(&[source("one", &own, 10, "1")], &[bytes_of(&own)]);
    assert!(matches!(refused, Err(MergeRefusal::Future { .. })), "{refused:?}");
}
