use sealift_model::SiteId;

use super::*;

fn key(seed: u8) -> StatementKey {
    StatementKey::from_seed(&SiteId::new("plant-a").unwrap(), &[seed; 32])
}

fn at(seconds: u64) -> Timestamp {
    Timestamp::from_unix(1_795_000_000 + seconds)
}

fn verdict(content: &[u8], time: Timestamp, findings: &[&str]) -> Verdict {
    let finding = |name: &&str| Finding { inside: "data.tar/usr/bin/a".into(), name: (*name).into() };
    Verdict {
        scanner: "clamd".into(),
        engine: Engine { name: "ClamAV".into(), version: "1.0.7".into(), signatures: "27123".into() },
        time,
        sha256: Digest::of(content),
        path: "pool/a.deb".into(),
        files: 3,
        findings: findings.iter().map(finding).collect(),
    }
}

fn scanner(kind: ScannerKind, signatures: Option<&str>, max_signature_days: Option<u64>) -> Scanner {
    let text = "name = \"s\"\nkind = \"clamd\"\nsocket = \"/run/clamd.ctl\"";
    let base: Scanner = toml::from_str(text).unwrap();
    Scanner { kind, signatures: signatures.map(str::to_owned), max_signature_days, ..base }
}

#[test]
fn kept_verdicts_read_back_and_the_newest_counts() {
    let dir = tempfile::tempdir().unwrap();
    let mut verdicts = Verdicts::default();
    let keep = |verdicts: &mut Verdicts, time, new| verdicts.keep(dir.path(), &key(1), time, new).unwrap();
    keep(&mut verdicts, at(0), vec![verdict(b"a", at(0), &[]), verdict(b"b", at(0), &["Bad"])]);
    keep(&mut verdicts, at(5), vec![verdict(b"a", at(5), &["Late.Signature"])]);
    let read = Verdicts::load(dir.path(), key(1).public(), at(0)).unwrap();
    assert_eq!(read.newest, verdicts.newest);
    assert_eq!(read.of("clamd", Digest::of(b"a")).unwrap().findings[0].name, "Late.Signature");
    assert_eq!(read.of("other", Digest::of(b"a")), None);
    assert_eq!(Verdicts::load(dir.path(), key(1).public(), at(6)).unwrap().newest.len(), 0);
}

#[test]
fn of_two_verdicts_of_one_second_the_finding_stands() {
    for order in [[&["Bad"][..], &[]], [&[], &["Bad"]]] {
        let mut verdicts = Verdicts::default();
        for findings in order {
            verdicts.take(verdict(b"a", at(0), findings));
        }
        assert_eq!(verdicts.of("clamd", Digest::of(b"a")).unwrap().findings.len(), 1);
    }
}

#[test]
fn refuses_a_verdict_that_this_site_did_not_sign_or_that_was_changed() {
    let dir = tempfile::tempdir().unwrap();
    Verdicts::default().keep(dir.path(), &key(1), at(0), vec![verdict(b"a", at(0), &["Bad"])]).unwrap();
    let refused = |key: &StatementKey| Verdicts::load(dir.path(), key.public(), at(0)).unwrap_err();
    assert!(matches!(refused(&key(2)), VerdictError::NotOurs { .. }));
    let path = dir.path().join(&sealift_fs::list_dir(dir.path()).unwrap()[0]);
    let text = std::fs::read_to_string(&path).unwrap();
    // A statement by the site about something else is no verdict either.
    std::fs::write(&path, key(1).sign_dsse(b"{\"_type\":\"x\"}")).unwrap();
    assert!(matches!(refused(&key(1)), VerdictError::NotOurs { .. }));
    std::fs::write(&path, text.replacen("payload\":\"ey", "payload\":\"fy", 1)).unwrap();
    assert!(matches!(refused(&key(1)), VerdictError::NotOurs { .. }));
}

#[test]
fn an_engine_without_signatures_has_no_say() {
    let read = |scanner: &Scanner, said| Engine::read(scanner, said, at(0));
    let clamd = |own| scanner(ScannerKind::Clamd, own, None);
    let whole = read(&clamd(None), "ClamAV 1.0.7/27123/Fri Nov  6 08:00:00 2026").unwrap();
    assert_eq!(whole.signatures, "27123 of 2026-11-06T08:00:00Z");
    assert_eq!((whole.name.as_str(), whole.version.as_str()), ("ClamAV", "1.0.7"));
    for bare in ["ClamAV 1.0.7", "ClamAV 1.0.7/0", "ClamAV 1.0.7/27123/never"] {
        assert!(read(&clamd(None), bare).unwrap_err().contains("no database"), "{bare}");
        assert_eq!(read(&clamd(Some("own rules 3")), bare).unwrap().signatures, "own rules 3");
    }
}

#[test]
fn signatures_that_are_too_old_or_undated_have_no_say() {
    let said = "ClamAV 1.0.7/27123/Fri Nov  6 08:00:00 2026";
    let now = "2026-11-16T08:00:00Z".parse().unwrap();
    let limited = |days| Engine::read(&scanner(ScannerKind::Clamd, Some("own"), Some(days)), said, now);
    assert!(limited(10).is_ok());
    assert!(limited(9).unwrap_err().contains("10 days old"));
    let undated = Engine::read(&scanner(ScannerKind::Clamd, Some("own"), Some(9)), "ClamAV 1.0.7", now);
    assert!(undated.unwrap_err().contains("no date"));
}
