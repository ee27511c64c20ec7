use super::*;

const GOOD: &str = "Package: libssl3\nSource: openssl (3.0.1)\nVersion: 3.0.19-1~deb12u2\nArchitecture: amd64\n\
    Section: libs\nPriority: optional\nDepends: libc6 (>= 2.34)\nFilename: pool/main/o/openssl/libssl3_3.0.19-1~deb12u2_amd64.deb\n\
    Size: 2026\nSHA256: 3a2118df47bf3f04285649f0455c2fc6fe2dc7f0b237073038aa00af41f0d5f2\nDescription: x\n long\n";

fn read(text: &str) -> Result<Option<PackageEntry>, String> {
    let mut reader = IndexReader::new("Packages.xz", text.as_bytes());
    reader.next_entry().map(|found| found.map(|(entry, _)| entry)).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        format!("{error}: {cause}")
    })
}

#[test]
fn entries_come_with_their_own_bytes() {
    let text = format!("{GOOD}\n{}", GOOD.replace("libssl3\n", "libssl-dev\n"));
    let mut reader = IndexReader::new("Packages", text.as_bytes());
    let (entry, raw) = reader.next_entry().unwrap().unwrap();
    assert_eq!(raw, GOOD.as_bytes());
    assert_eq!((entry.package.as_str(), entry.source.as_str(), entry.size), ("libssl3", "openssl", 2026));
    assert_eq!(entry.depends.as_deref(), Some("libc6 (>= 2.34)"));
    assert_eq!(reader.next_entry().unwrap().unwrap().0.package, "libssl-dev");
    assert!(reader.next_entry().unwrap().is_none());
}

#[test]
fn refuses_entries_that_prove_nothing_naming_paragraph_and_package() {
    let digest = "3a2118df47bf3f04285649f0455c2fc6fe2dc7f0b237073038aa00af41f0d5f2";
    let file = "pool/main/o/openssl/libssl3_3.0.19-1~deb12u2_amd64.deb";
    for (from, to, cause) in [
        ("SHA256:", "SHA1:", "no field `SHA256`"),
        (digest, "3a21", "field `SHA256` is not 64 hexadecimal digits"),
        (file, "../../etc/cron.d/x", "field `Filename`"),
        (file, "/pool/x.deb", "field `Filename`"),
        (file, "pool//x.deb", "field `Filename`"),
        ("Size: 2026", "Size: -1", "field `Size` is not a number"),
        ("Size: 2026", "Sized: 1", "no field `Size`"),
        ("Version: 3", "Version: a b", "field `Version`"),
        ("Architecture: amd64", "Architecture: amd64/x", "`amd64/x` is not a valid Architecture"),
    ] {
        let text = format!("{}\n{}", GOOD, GOOD.replace(from, to));
        let mut reader = IndexReader::new("Packages.xz", text.as_bytes());
        assert!(reader.next_entry().is_ok());
        let error = reader.next_entry().unwrap_err();
        assert_eq!(error.to_string(), "package index Packages.xz, paragraph 2 (package `libssl3`)");
        assert_eq!(std::error::Error::source(&error).unwrap().to_string(), cause);
    }
    assert!(read(&GOOD.replace("Package: libssl3", "Package: ../x")).unwrap_err().contains("not a valid Package"));
}

#[test]
fn refuses_two_file_names_in_one_entry() {
    let error = read(&format!("{GOOD}filename: pool/other.deb\n")).unwrap_err();
    assert!(error.contains("has the field `filename` twice"), "{error}");
}
