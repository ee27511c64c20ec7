use super::*;
use sealift_keys::SecretKey;
use sealift_trust::{Purpose, dsse};

fn link(event: Event) -> Link {
    let text = |text: &str| text.parse().unwrap();
    let of_people = event.is_of_people();
    Link {
        chain: if of_people { ChainName::People } else { ChainName::Medium("s1".parse().unwrap()) },
        previous: Digest::of(b"before"),
        record: Record {
            authority: None,
            event,
            number: 2,
            person: "alice".parse().unwrap(),
            place: text("plant A"),
            purpose: text("updates"),
            requester: None,
            system: text("desk-1"),
            time: "2026-11-22T16:00:00Z".parse().unwrap(),
            under: (!of_people).then_some(Under { number: 1, sha256: Digest::of(b"people") }),
        },
    }
}

fn load(volume: Option<u32>) -> Load {
    Load {
        bundle: Digest::of(b"manifest"),
        sequence: "12".parse().unwrap(),
        stream: "patches".parse().unwrap(),
        volume,
        volumes: volume.map(|_| 5),
    }
}

fn written(loads: Vec<Load>) -> Event {
    let method = "read back".parse().unwrap();
    Event::Written(Box::new(Writing { bytes: None, loads, method, report: None, serial: None, sums: None }))
}

#[test]
fn every_event_reads_back_as_it_was_written() {
    let key = KeyHex::of(SecretKey::from_seed(Purpose::Person, &[1; 32]).public());
    let policy = Policy { first_use: Manner::Off, reuse: Manner::Refuse };
    let (alice, line): (PersonId, Line) = ("alice".parse().unwrap(), "A-1".parse().unwrap());
    let details = Details {
        capacity: Some(1),
        classification: line.clone(),
        form: MediumKind::Disc,
        label: line.clone(),
        owner: Some(alice.clone()),
        serial: Some(line.clone()),
        write_once: true,
    };
    let loads = vec![load(None), load(Some(3))];
    for event in [
        Event::Opened { key: key.clone(), name: line.clone(), policy },
        Event::PersonAdded { key, may: vec![Power::Carry, Power::Keep], name: alice.clone(), until: None },
        Event::PersonRetired { name: alice.clone() },
        Event::PolicySet { policy },
        Event::Registered(Box::new(details)),
        Event::Assigned { owner: alice.clone() },
        written(loads.clone()),
        Event::Verified { loads: loads.clone(), result: Outcome::Part, serial: None },
        Event::Sealed { seal: line.clone() },
        Event::HandedOver { from: alice.clone(), to: "bob".parse().unwrap() },
        Event::Countersigned {},
        Event::Withdrawn {},
        Event::Received { intact: false, seal: Some(line.clone()), serial: None },
        Event::Imported { ledger: Some(Digest::of(b"l")), loads, result: Outcome::Bad },
        Event::Seen {},
        Event::Sanitised { method: line.clone() },
        Event::Destroyed { method: line, witness: alice.clone() },
        Event::Lost {},
        Event::Joined { branch: Digest::of(b"b"), holder: alice },
    ] {
        let link = link(event);
        assert_eq!(Link::parse(&link.to_bytes().unwrap()).unwrap(), link);
    }
}

#[test]
fn refuses_every_other_spelling_of_one_record() {
    let good = String::from_utf8(link(written(vec![load(Some(3))])).to_bytes().unwrap()).unwrap();
    for (from, to) in [
        ("custody/v1", "custody/v2"),
        ("\"media/s1\"", "\"people\""),
        ("\"media/s1\"", "\"media/S1\""),
        ("\"media/s1\"", "\"media/s1/x\""),
        ("\"number\":2", "\"number\":0"),
        ("\"number\":2", "\"number\": 2"),
        ("\"number\":2", "\"number\":\"2\""),
        ("\"person\":\"alice\"", "\"person\":\"Alice\""),
        ("\"place\":\"plant A\"", "\"place\":\"\""),
        ("\"place\":\"plant A\"", "\"place\":\" plant A\""),
        ("\"place\":\"plant A\",", ""),
        ("\"purpose\"", "\"note\":\"x\",\"purpose\""),
        ("\"purpose\":\"updates\"", "\"purpose\":\"updates\",\"requester\":null"),
        ("\"kind\":\"written\"", "\"kind\":\"wrote\""),
        ("\"kind\":\"written\"", "\"kind\":\"written\",\"also\":1"),
        ("\"kind\":\"written\"", "\"kind\":\"seen\""),
        ("\"volume\":3", "\"volume\":6"),
        ("\"volume\":3,", ""),
        ("16:00:00Z", "16:00:00+00:00"),
        ("\"digest\":{", "\"digest\":{\"md5\":\"0\","),
    ] {
        let bad = good.replacen(from, to, 1);
        assert_ne!(bad, good, "{from}");
        assert!(Link::parse(bad.as_bytes()).is_err(), "{bad}");
    }
    let (two, none) = (written(vec![load(Some(3)), load(Some(3))]), written(Vec::new()));
    for event in [two, none, written(vec![load(Some(3)), load(Some(2))])] {
        assert!(link(event).to_bytes().is_err());
    }
}

#[test]
fn a_file_has_the_name_of_its_record_and_no_other_bytes() {
    let payload = link(Event::Seen {}).to_bytes().unwrap();
    let secret = SecretKey::from_seed(Purpose::Person, &[1; 32]);
    let bytes = dsse::envelope_bytes(&payload, &[(secret.id(), secret.sign(&dsse::pae(&payload)))]);
    let stored = Stored::parse(&bytes).unwrap();
    let name = stored.file_name();
    assert_eq!(read_file_name(&name), Some((2, Digest::of(&payload).short().as_str())));
    for bad in ["2-abc.dsse.json", "02-0123456789ab.dsse.json", "-0123456789ab.dsse.json", "2-0123456789AB.dsse.json"] {
        assert_eq!(read_file_name(bad), None, "{bad}");
    }
    assert!(Stored::parse(&[&bytes[..], b"\n"].concat()).is_err());
    let long = vec![b' '; LIMIT + 1];
    assert!(matches!(Stored::parse(&long), Err(EvidenceRefusal::TooLarge)));
}

#[test]
fn bundles_have_one_written_form() {
    let digest = "ab".repeat(32);
    let load: Load = format!("patches/12={digest}:3/5").parse().unwrap();
    assert_eq!(load.to_string(), "patches/12 volume 3 of 5");
    assert_eq!(format!("patches/12=sha256:{digest}").parse::<Load>().unwrap().to_string(), "patches/12");
    for bad in ["", "patches/12", "patches=x", "patches/0=x", "patches/12=ab"] {
        assert!(bad.parse::<Load>().is_err(), "{bad}");
    }
    for volume in ["0/5", "6/5", "3", "3/", "x/5"] {
        assert!(format!("patches/12={digest}:{volume}").parse::<Load>().is_err(), "{volume}");
    }
}
