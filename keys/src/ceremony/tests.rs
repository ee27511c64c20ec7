use super::*;
use crate::key_dir::KeyDir;
use std::os::unix::fs::PermissionsExt;
use zeroize::Zeroizing;

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
}

fn ceremony() -> Ceremony {
    let now: Timestamp = "2026-11-22T16:00:00Z".parse().unwrap();
    let quorums = [(Role::Root, Quorum::new(2, 3).unwrap()), (Role::Targets, Quorum::new(1, 2).unwrap())];
    let cost = KdfParams { m_kib: 64, t: 1, p: 1 };
    Ceremony { quorums: quorums.into(), expires: now.plus_days(365), now, cost }
}

#[test]
fn the_root_is_signed_by_all_root_keys_and_every_key_opens() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("trust");
    let made = create(&dir, &ceremony(), &passphrase("insecure-test")).unwrap();
    assert_eq!(std::fs::read(&made.root_file).unwrap(), made.root);
    let root = Signed::<Root>::parse(&made.root).unwrap();
    assert_eq!(root.signers(root.body().role(Role::Root)).len(), 3);
    let all = [Purpose::Root, Purpose::Targets, Purpose::Snapshot, Purpose::Timestamp, Purpose::Evidence];
    let keys = KeyDir::open(&dir.join("keys"), &passphrase("insecure-test"), &all).unwrap();
    let counts = all.map(|purpose| keys.keys(purpose).count());
    assert_eq!(counts, [3, 2, 1, 1, 1]);
    for path in made.key_files.iter().chain([&made.root_file]) {
        let mode = std::fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode & 0o077, 0, "{}", path.display());
    }
    assert_eq!(list_dir(temp.path()).unwrap(), ["trust"]);
}

#[test]
fn refuses_a_directory_with_something_in_it() {
    let temp = tempfile::tempdir().unwrap();
    std::fs::write(temp.path().join("x"), "").unwrap();
    let error = create(temp.path(), &ceremony(), &passphrase("insecure-test")).unwrap_err();
    assert!(matches!(error, CeremonyError::NotEmpty(_)));
    assert_eq!(list_dir(temp.path()).unwrap(), ["x"]);
}

#[test]
fn a_failure_leaves_nothing() {
    let temp = tempfile::tempdir().unwrap();
    let impossible = Ceremony { cost: KdfParams { m_kib: 0, t: 0, p: 0 }, ..ceremony() };
    assert!(create(&temp.path().join("trust"), &impossible, &passphrase("insecure-test")).is_err());
    assert!(list_dir(temp.path()).unwrap().is_empty());
}

#[test]
fn what_a_killed_run_left_is_removed_and_counted_and_a_run_at_work_is_left_alone() {
    let temp = tempfile::tempdir().unwrap();
    let dead = temp.path().join(".trust.new-0123456789ab");
    let alive = temp.path().join(".trust.new-ba9876543210");
    let other = temp.path().join(".trust.new-notes");
    for dir in [&dead, &alive, &other] {
        sealift_fs::create_dir(dir, Mode::Private).unwrap();
    }
    let _at_work = Lock::take(&alive).unwrap();
    let made = create(&temp.path().join("trust"), &ceremony(), &passphrase("insecure-test")).unwrap();
    assert_eq!(made.swept, 1);
    assert_eq!(list_dir(temp.path()).unwrap(), [".trust.new-ba9876543210", ".trust.new-notes", "trust"]);
    assert_eq!(list_dir(&temp.path().join("trust")).unwrap(), ["keys", "root.json"]);
}

#[test]
fn holders_who_made_their_own_keys_sign_the_first_root_as_a_draft() {
    let temp = tempfile::tempdir().unwrap();
    let dir = temp.path().join("trust");
    let holders = [1, 2].map(|n| SecretKey::from_seed(Purpose::Root, &[n; 32]));
    let keys = [(Role::Root, holders.iter().map(|key| key.public().clone()).collect())].into();
    let given = Given { keys, ..Given::default() };
    let ceremony = Ceremony { quorums: [(Role::Root, Quorum::new(2, 2).unwrap())].into(), ..ceremony() };
    let made = create_with(&dir, &ceremony, &given, &passphrase("insecure-test")).unwrap();
    assert!(!made.root_file.exists());
    assert!(made.key_files.iter().all(|file| !file.ends_with("root-1.key")), "{:?}", made.key_files);
    let draft = Draft::read(&made.draft.unwrap()).unwrap();
    assert!(crate::draft::publish(&draft, &dir, ceremony.now).is_err());
    let signed = holders
        .iter()
        .fold(draft, |draft, key| draft.attach(key.public(), &key.sign(draft.to_sign()), ceremony.now).unwrap());
    crate::draft::publish(&signed, &dir, ceremony.now).unwrap();
    assert!(TrustedSet::new(&std::fs::read(made.root_file).unwrap(), ceremony.now).is_ok());
    let quorums = [(Role::Root, Quorum::new(1, 1).unwrap())].into();
    let error = create_with(&temp.path().join("b"), &Ceremony { quorums, ..ceremony }, &given, &passphrase("x"));
    assert!(matches!(error, Err(CeremonyError::TooManyKeys { .. })));
}

#[test]
fn quorums_have_one_spelling() {
    assert_eq!("3-of-5".parse(), Ok(Quorum { required: 3, of: 5 }));
    for bad in ["", "3", "3of5", "0-of-1", "3-of-2", "1-of-33", "+1-of-2", "1-of-", "1-OF-2", "300-of-300"] {
        assert!(bad.parse::<Quorum>().is_err(), "{bad}");
    }
}
