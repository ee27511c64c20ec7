use sealift_fs::Lock;
use sealift_model::{SiteId, Timestamp};
use sealift_site::StatementKey;

use super::*;
use crate::record::Outcome;
use crate::state::tests::state_of;

fn key() -> StatementKey {
    // insecure-test-site-key
    StatementKey::from_seed(&SiteId::new("plant-a").unwrap(), &[7; 32])
}

fn draft(host: &str, phase: Phase) -> Draft {
    Draft {
        actor: "alice(1000)".into(),
        tool: "sealift-apply 0".into(),
        plan: Digest::of(b"plan"),
        run: "r".into(),
        host: HostId::new(host).unwrap(),
        phase,
        started: Timestamp::from_unix(1),
        finished: Timestamp::from_unix(2),
        state: Some(state_of(&[("a", "all", "1", "install ok installed")])),
        outcome: (phase == Phase::After).then_some((Outcome::Changed, None)),
        log: vec!["line\u{1b}[2J".into()],
    }
}

/// A state directory with three records.
fn three() -> (tempfile::TempDir, StatementKey) {
    let (dir, key) = (tempfile::tempdir().unwrap(), key());
    let lock = Lock::take(dir.path()).unwrap();
    let records = RecordsWriter::open(dir.path(), &key);
    for (host, phase) in [("web1", Phase::Before), ("web1", Phase::After), ("db1", Phase::Before)] {
        records.append(&lock, draft(host, phase)).unwrap();
    }
    (dir, key)
}

fn edit(dir: &Path, file: &str, from: &str, to: &str) {
    let path = dir.join("records").join(file);
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.contains(from));
    std::fs::write(path, text.replacen(from, to, 1)).unwrap();
}

#[test]
fn records_are_found_listed_and_chained() {
    let (dir, key) = three();
    let records = Records::open(dir.path(), key.public());
    let verified = records.verify().unwrap();
    let last = records.find("3").unwrap();
    assert_eq!((verified.count, verified.head), (3, last.digest));
    assert_eq!(verified.site, Some(SiteId::new("plant-a").unwrap()));
    assert_eq!(last.record.previous, records.find("000002-web1-after.json").unwrap().digest);
    assert_eq!(records.find("2").unwrap().record.log.unwrap(), ["line\\u{1b}[2J"]);
    assert_eq!(records.list(Some(&HostId::new("web1").unwrap())).unwrap().len(), 2);
    assert!(matches!(records.find("9"), Err(RecordsError::Unknown(_))));
}

#[test]
fn a_lost_or_broken_index_is_rebuilt() {
    let (dir, key) = three();
    let records = Records::open(dir.path(), key.public());
    let before = records.list(None).unwrap();
    std::fs::remove_file(dir.path().join("index.sqlite")).unwrap();
    assert_eq!(records.list(None).unwrap(), before);
    std::fs::write(dir.path().join("index.sqlite"), "not a database, but long enough to be looked at as one").unwrap();
    assert_eq!(records.list(None).unwrap(), before);
}

#[test]
fn a_copy_is_read_alone_and_nothing_is_written_beside_it() {
    let (dir, key) = three();
    let copy = tempfile::tempdir().unwrap();
    let inner = copy.path().join("archive");
    std::fs::rename(dir.path().join("records"), &inner).unwrap();
    let records = Records::of_copy(&inner, key.public());
    assert_eq!((records.verify().unwrap().count, records.list(None).unwrap().len()), (3, 3));
    assert_eq!(sealift_fs::list_dir(copy.path()).unwrap(), ["archive"]);
    assert!(matches!(Records::of_copy(&copy.path().join("none"), key.public()).verify(), Err(RecordsError::Fs(_))));
}

#[test]
fn a_run_without_a_record_after_is_unfinished_and_the_chain_is_good() {
    let (dir, key) = three();
    let records = Records::open(dir.path(), key.public());
    let left = records.verify().unwrap().unfinished;
    assert_eq!(left.iter().map(|u| (u.host.as_str(), u.before)).collect::<Vec<_>>(), [("db1", 3)]);
    let marks = |records: &Records<'_>| records.list(None).unwrap().iter().map(|s| s.unfinished).collect::<Vec<_>>();
    assert_eq!(marks(&records), [false, false, true]);
    assert_eq!(marks(&Records::of_copy(&dir.path().join("records"), key.public())), [false, false, true]);
    let left = |host: &str| records.left_unfinished(&HostId::new(host).unwrap()).unwrap().map(|k| k.record.sequence);
    assert_eq!((left("db1"), left("web1"), left("web")), (Some(3), None, None));
    // A later run that ends does not end the earlier one.
    let lock = Lock::take(dir.path()).unwrap();
    let writer = RecordsWriter::open(dir.path(), &key);
    for phase in [Phase::Before, Phase::After] {
        writer.append(&lock, Draft { run: "later".into(), ..draft("db1", phase) }).unwrap();
    }
    assert_eq!(left("db1"), None);
    assert_eq!(records.verify().unwrap().unfinished.len(), 1);
}

#[test]
fn what_a_run_left_that_was_ended_while_it_wrote_a_record_is_gone_with_the_next() {
    let (dir, key) = three();
    let path = |file: &str| dir.path().join("records").join(file);
    std::fs::write(path("000004-db1-after.dsse.json"), "whole, but its record was not written").unwrap();
    std::fs::write(path(".tmp-000004-db1-after.json"), "half").unwrap();
    let lock = Lock::take(dir.path()).unwrap();
    RecordsWriter::open(dir.path(), &key).append(&lock, draft("web1", Phase::Before)).unwrap();
    let mut names: Vec<String> =
        std::fs::read_dir(path("")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.retain(|name| name.starts_with("000004") || name.starts_with(".tmp"));
    names.sort();
    assert_eq!(names, ["000004-web1-before.dsse.json", "000004-web1-before.json"]);
    assert_eq!(Records::open(dir.path(), key.public()).verify().unwrap().count, 4);
}

#[test]
fn names_the_record_that_was_changed() {
    let (dir, key) = three();
    edit(dir.path(), "000002-web1-after.json", "alice", "mallo");
    let error = Records::open(dir.path(), key.public()).verify().unwrap_err();
    assert!(
        matches!(&error, RecordsError::Refused(RecordRefusal::Signature { sequence: 2, file, .. }) if file == "000002-web1-after.json"),
        "{error}"
    );
}

#[test]
fn refuses_a_record_left_out_exchanged_renamed_or_without_signature() {
    let path = |dir: &Path, file: &str| dir.join("records").join(file);
    let verdict = |change: &dyn Fn(&Path)| {
        let (dir, key) = three();
        change(dir.path());
        match Records::open(dir.path(), key.public()).verify() {
            Err(RecordsError::Refused(refusal)) => refusal,
            other => panic!("{other:?}"),
        }
    };
    let refusal = verdict(&|dir| std::fs::remove_file(path(dir, "000002-web1-after.json")).unwrap());
    assert!(matches!(refusal, RecordRefusal::Gap { missing: 2, .. }));
    let refusal = verdict(&|dir| std::fs::remove_file(path(dir, "000002-web1-after.dsse.json")).unwrap());
    assert!(matches!(refusal, RecordRefusal::Unsigned { sequence: 2, .. }));
    let refusal = verdict(&|dir| {
        for end in ["json", "dsse.json"] {
            std::fs::rename(
                path(dir, &format!("000003-db1-before.{end}")),
                path(dir, &format!("000003-web9-before.{end}")),
            )
            .unwrap();
        }
    });
    assert!(matches!(refusal, RecordRefusal::Name { sequence: 3, .. }));
    // A record of the same site from another chain, rightly signed.
    let refusal = verdict(&|dir| {
        let (other, key) = (tempfile::tempdir().unwrap(), key());
        let lock = Lock::take(other.path()).unwrap();
        let records = RecordsWriter::open(other.path(), &key);
        for host in ["web1", "db1"] {
            let mut draft = draft(host, if host == "web1" { Phase::Before } else { Phase::After });
            draft.actor = "bob(1001)".into();
            draft.host = HostId::new("web1").unwrap();
            records.append(&lock, draft).unwrap();
        }
        for end in ["json", "dsse.json"] {
            let file = format!("000002-web1-after.{end}");
            std::fs::copy(path(other.path(), &file), path(dir, &file)).unwrap();
        }
    });
    assert!(matches!(refusal, RecordRefusal::Chain { sequence: 2, .. }));
}

#[test]
fn refuses_records_of_another_key() {
    let (dir, _) = three();
    let other = StatementKey::from_seed(&SiteId::new("plant-a").unwrap(), &[8; 32]);
    let error = Records::open(dir.path(), other.public()).verify().unwrap_err();
    assert!(matches!(error, RecordsError::Refused(RecordRefusal::Signature { sequence: 1, .. })));
}
