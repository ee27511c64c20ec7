use super::*;
use crate::state::tests::state_of;

const INSTALLED: &str = "install ok installed";

fn key() -> StatementKey {
    StatementKey::from_seed(&SiteId::new("plant-a").unwrap(), &[7; 32])
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn asked(host: &str, group: &str, packages: &[(&str, &str, &str, &str)]) -> Asked {
    let mut state = state_of(packages);
    state.os.version_codename = Some("bookworm".into());
    let (host, group) = (HostId::new(host).unwrap(), Some(GroupId::new(group).unwrap()));
    Asked { host, group, state, at: at("2026-11-22T15:00:00Z") }
}

fn hosts() -> Hosts {
    let two = [("openssl", "amd64", "3.0.9-1", INSTALLED), ("tzdata", "all", "2026a-1", "hold ok installed")];
    let gone = [("openssl", "amd64", "3.0.11-1", INSTALLED), ("old", "all", "1", "deinstall ok config-files")];
    let left = LeftOut { host: HostId::new("printer9").unwrap(), reason: "asleep".into() };
    Hosts {
        asked: vec![asked("web1", "front", &two), asked("web2", "front", &two), asked("db1", "back", &gone)],
        left_out: vec![left],
    }
}

fn text(hosts: &Hosts, labels: Labels) -> String {
    let made = hosts.list(key().site(), at("2026-11-22T16:00:00Z"), (labels, &key())).unwrap();
    assert_eq!(made.unlisted, [""; 0]);
    key().sign_need(&made.list)
}

#[test]
fn hosts_are_merged_and_what_is_not_wholly_installed_is_not_there() {
    let text = text(&hosts(), Labels::Merged);
    let middle = "left-out: 1\ndistribution: bookworm amd64 - 3\nhave: openssl 3.0.11-1 amd64 1\n\
                  have: openssl 3.0.9-1 amd64 2\nhave: tzdata 2026a-1 all 2\nkey: ";
    assert!(text.contains(middle), "{text}");
    let pinned = *key().public().ed25519_bytes().unwrap();
    assert_eq!(NeedList::parse_verified(text.as_bytes(), &[pinned]).unwrap().list.hosts(), 3);
}

#[test]
fn no_name_of_a_host_or_group_leaves_unasked() {
    for labels in [Labels::Merged, Labels::Pseudonyms] {
        let text = text(&hosts(), labels);
        for name in ["web1", "web2", "db1", "printer9", "front", "back", "asleep"] {
            assert!(!text.contains(name), "{name} in\n{text}");
        }
    }
    let named = text(&hosts(), Labels::Names);
    assert!(
        named.contains("amd64 front 2\n") && named.contains("amd64 back 1\n") && !named.contains("web1"),
        "{named}"
    );
}

#[test]
fn a_label_cannot_be_computed_without_the_sites_key() {
    let group = GroupId::new("front").unwrap();
    let label = |seed: u8| {
        let key = StatementKey::from_seed(&SiteId::new("plant-a").unwrap(), &[seed; 32]);
        label_of(&group, Labels::Pseudonyms, &key).unwrap()
    };
    assert_eq!(label(7), label(7), "the same in every list of the site");
    assert_ne!(label(7), label(8));
    assert_ne!(label(7), format!("group-{}", &Digest::of(b"front").to_hex()[..12]));
}

#[test]
fn what_a_list_cannot_hold_is_named_and_not_in_it() {
    let mut one = asked("web1", "front", &[("openssl", "amd64", "3.0.9-1", INSTALLED)]);
    one.state.packages[0].name = "open\u{1b}[2Jssl".into();
    one.state.packages.extend(state_of(&[("bash", "amd64", "not_a_version", INSTALLED)]).packages);
    one.state.packages.extend(state_of(&[("dash", "amd64", "0.5-1", INSTALLED)]).packages);
    let hosts = Hosts { asked: vec![one], left_out: Vec::new() };
    let made = hosts.list(key().site(), at("2026-11-22T16:00:00Z"), (Labels::Merged, &key())).unwrap();
    assert_eq!(made.unlisted, ["bash not_a_version", "open\\u{1b}[2Jssl 3.0.9-1"]);
    assert!(made.list.is_well_formed());
    assert_eq!(made.list.distributions[0].have.len(), 1);
}

#[test]
fn refuses_to_make_a_list_of_nobody_or_from_the_future() {
    let now = at("2026-11-22T16:00:00Z");
    let none = Hosts { asked: Vec::new(), left_out: hosts().left_out };
    assert!(matches!(none.list(key().site(), now, (Labels::Merged, &key())), Err(NeedError::NoHost(1))));
    let early = at("2026-11-22T14:00:00Z");
    let list = hosts().list(key().site(), early, (Labels::Merged, &key()));
    assert!(matches!(list, Err(NeedError::Clock { .. })));
}

#[test]
fn a_system_without_a_codename_gets_its_id_and_number() {
    let os = |codename: Option<&str>, id: Option<&str>, number: Option<&str>| OsRelease {
        id: id.map(Into::into),
        pretty_name: None,
        version_codename: codename.map(Into::into),
        version_id: number.map(Into::into),
    };
    assert_eq!(codename(&os(Some("Bookworm"), Some("debian"), Some("12"))), "bookworm");
    assert_eq!(codename(&os(None, Some("rhel"), Some("9.4"))), "rhel-9.4");
    assert_eq!(codename(&os(Some("no word!"), Some("arch"), None)), "arch");
    assert_eq!(codename(&os(None, None, None)), "unknown");
}
