use super::*;

const A: &str = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
const B: &str = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb";

fn release(list: &str) -> String {
    format!(
        "Origin: Debian\nLabel: Debian-Security\nSuite: stable-security\nCodename: bookworm-security\n\
         Date: Sat, 21 Nov 2026 00:53:02 UTC\nValid-Until: Sat, 28 Nov 2026 00:53:02 UTC\nAcquire-By-Hash: yes\n\
         Architectures: all amd64\nNo-Support-for-Architecture-all: Packages\nComponents: updates/main contrib\n{list}"
    )
}

fn sha256(list: &str) -> String {
    release(&format!("SHA256:\n{list}"))
}

fn time(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn offers_the_smallest_listed_form_first() {
    let text = sha256(&format!(
        " {A} 300 main/binary-amd64/Packages\n {A} 100 main/binary-amd64/Packages.gz\n {B} 90 main/binary-amd64/Packages.xz\n"
    ));
    let release = Release::parse(&text).unwrap();
    let forms: Vec<_> = release.choose_index("main", "amd64").iter().map(|c| (c.compression, c.file.size)).collect();
    assert_eq!(forms, [(Compression::Xz, 90), (Compression::Gzip, 100), (Compression::Plain, 300)]);
    assert!(release.choose_index("main", "arm64").is_empty());
    let by_hash = release.choose_index("main", "amd64")[0].file.by_hash().unwrap();
    assert_eq!(by_hash.as_str(), format!("main/binary-amd64/by-hash/SHA256/{B}"));
    assert!(release.has_component("main") && release.has_component("contrib") && !release.has_component("updates"));
    assert!(release.acquire_by_hash && !release.separate_all);
}

#[test]
fn refuses_a_file_with_weak_digests_only() {
    let error =
        Release::parse(&release("MD5Sum:\n d41d8cd98f00b204e9800998ecf8427e 0 x\nSHA1:\n da39 0 x\n")).unwrap_err();
    assert!(matches!(&error, ReleaseError::NoSha256(what) if what == "MD5Sum, SHA1"), "{error}");
    assert!(matches!(Release::parse(&release("")), Err(ReleaseError::NoSha256(_))));
}

#[test]
fn refuses_one_name_with_two_digests() {
    let text = sha256(&format!(" {A} 1 main/x\n {B} 1 main/x\n"));
    assert!(matches!(Release::parse(&text), Err(ReleaseError::Disagrees(_))));
    assert!(Release::parse(&sha256(&format!(" {A} 1 main/x\n {A} 1 main/x\n"))).is_ok());
}

#[test]
fn refuses_names_that_leave_the_suite() {
    for name in ["../x", "a/../../x", "/etc/x", "a//b", "./a", "a\\..\\b", "a\u{202e}"] {
        let error = Release::parse(&sha256(&format!(" {A} 1 {name}\n"))).unwrap_err();
        assert!(matches!(error, ReleaseError::Name(_)), "{name}: {error}");
    }
    let odd = Release::parse(&sha256(&format!(" {A} 1 main/dep11/icons-64x64@2.tar.gz\n"))).unwrap();
    assert_eq!(odd.files().count(), 0);
}

#[test]
fn refuses_malformed_lines_and_dates() {
    let upper = A.to_uppercase();
    for line in
        [format!("{A} 1"), format!("{A} -1 x"), format!("{A} 1 x y"), format!("{upper} 1 x"), format!("sha256:{A} 1 x")]
    {
        assert!(matches!(Release::parse(&sha256(&format!(" {line}\n"))), Err(ReleaseError::FileLine(_))), "{line}");
    }
    assert!(matches!(Release::parse("Suite: x\nSHA256:\n"), Err(ReleaseError::Missing("Date"))));
    assert!(matches!(Release::parse("Date: yesterday\nSHA256:\n"), Err(ReleaseError::Date { field: "Date", .. })));
    let two = format!("{}\nSuite: other\n", sha256(""));
    assert!(matches!(Release::parse(&two), Err(ReleaseError::Paragraphs(2))));
}

#[test]
fn refuses_expired_future_and_older_files() {
    let release = Release::parse(&sha256("")).unwrap();
    let fine = time("2026-11-22T12:00:00Z");
    assert_eq!(release.check_time(fine, Some(release.date)), Ok(()));
    assert!(matches!(release.check_time(time("2026-11-28T00:53:03Z"), None), Err(ReleaseRefusal::Expired { .. })));
    assert!(matches!(
        release.check_time(time("2026-11-19T00:00:00Z"), None),
        Err(ReleaseRefusal::FromTheFuture { .. })
    ));
    let newer = Some(time("2026-11-21T00:53:03Z"));
    assert!(matches!(release.check_time(fine, newer), Err(ReleaseRefusal::Rollback { .. })));
}
