//! Records that no tool of ours would write: by keys without a say, under other people, against the rules.

use std::fs;

use sealift_keys::SecretKey;
use sealift_media::record::{ChainName, Event, Stored, Under};
use sealift_media::{Link, Register};
use sealift_model::{Digest, json};
use sealift_trust::{Purpose, dsse};
use serde_json::Value;

use crate::desk::Desk;

/// Puts a record behind the last one of `s1`, signed by the key with this seed, as anybody with the disk could.
fn forge(desk: &Desk, seed: u8, change: impl FnOnce(&mut Link)) -> Digest {
    let register = Register::open(&desk.path("reg")).unwrap();
    let (medium, held) = register.medium(&"s1".parse().unwrap()).unwrap();
    let mut link = held.records().last().unwrap().link.clone();
    link.previous = medium.head;
    link.record.number = medium.number + 1;
    link.record.event = Event::Seen {};
    change(&mut link);
    let payload = link.to_bytes().unwrap();
    let secret = SecretKey::from_seed(Purpose::Person, &[seed; 32]);
    let bytes = dsse::envelope_bytes(&payload, &[(secret.id(), secret.sign(&dsse::pae(&payload)))]);
    let stored = Stored::parse(&bytes).unwrap();
    fs::write(desk.path("reg/media/s1").join(stored.file_name()), bytes).unwrap();
    point_at(desk, &link.chain, Under { number: link.record.number, sha256: stored.digest });
    stored.digest
}

fn point_at(desk: &Desk, chain: &ChainName, head: Under) {
    let path = desk.path("reg/heads.json");
    let mut heads: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    heads["heads"][chain.to_string()] = serde_json::to_value(head).unwrap();
    fs::write(path, json::to_canonical(&heads).unwrap()).unwrap();
}

#[test]
fn records_by_a_key_that_had_no_say_are_named() {
    for (seed, person) in [(4, "alice"), (4, "mallory"), (2, "alice"), (1, "bob")] {
        let desk = Desk::new();
        forge(&desk, seed, |link| link.record.person = person.parse().unwrap());
        let said = desk.check("reg").refused(10, &["record 2 of media/s1 is not signed by", person]);
        assert!(!said.contains("are as signed"), "{said}");
    }
    let desk = Desk::new();
    forge(&desk, 2, |link| link.record.person = "bob".parse().unwrap());
    desk.check("reg").done();
}

#[test]
fn records_made_under_other_people_are_named() {
    let desk = Desk::new();
    let other = Under { number: 3, sha256: Digest::of(b"others") };
    forge(&desk, 1, |link| link.record.under = Some(other));
    desk.check("reg").refused(10, &["record 2 of media/s1 was made under other people"]);
    // Carol is retired; with a record under the people of before she would have a say again.
    let desk = Desk::new();
    let before = Register::open(&desk.path("reg")).unwrap().roster().head();
    desk.sign("reg", "alice", &["person", "retire", "carol"]).done();
    desk.record("alice", "seen", &["s1"]).done();
    forge(&desk, 3, |link| {
        link.record.person = "carol".parse().unwrap();
        link.record.under = Some(before);
    });
    desk.check("reg").refused(10, &["record 3 of media/s1 was made under other people"]);
}

#[test]
fn records_against_the_rules_are_named_when_read() {
    let desk = Desk::new();
    // Bob says that he has it, with a signature of his own.
    forge(&desk, 2, |link| {
        link.record.person = "bob".parse().unwrap();
        link.record.event = Event::Received { intact: true, seal: None, serial: None };
    });
    desk.check("reg").refused(10, &["record 2 of media/s1 breaks a rule", "is with alice, not with bob"]);
    let desk = Desk::new();
    forge(&desk, 1, |link| link.record.event = Event::Countersigned {});
    desk.check("reg").refused(10, &["record 2 of media/s1 breaks a rule", "waits for a countersignature"]);
}
