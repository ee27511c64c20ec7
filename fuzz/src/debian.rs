//! What an upstream or a machine's apt hands us: signed files, keyrings, indexes, source lists.

use std::io::Read as _;

use sealift_model::RelPath;
use sealift_pkg::advisories::Advisories;
use sealift_pkg::deb::{DebLimits, DebSummary, read_deb};
use sealift_pkg::decompress::{Compression, open_index};
use sealift_pkg::index::IndexReader;
use sealift_pkg::openpgp::{Keyring, verify_detached, verify_inrelease};
use sealift_pkg::packages::with_filename;
use sealift_pkg::{PackageEntry, Release, Version, relation, sources, status};

use crate::now;

const KEYRING: &[u8] = include_bytes!("../seeds/keyring/upstream.asc");
const INRELEASE: &[u8] = include_bytes!("../seeds/inrelease/InRelease");
const RELEASE: &[u8] = include_bytes!("../seeds/release/Release");
/// Most that is decompressed.
const MOST: u64 = 1 << 20;

/// Target `inrelease`: a signed message, or a detached signature of the seed's Release file.
pub fn inrelease(data: &[u8]) {
    let keyring = Keyring::parse(KEYRING).expect("the seed is a keyring");
    if let Ok(verified) = verify_inrelease(data, &keyring, now()) {
        let seed = verify_inrelease(INRELEASE, &keyring, now()).expect("the seed is well signed");
        assert_eq!(verified.text, seed.text, "verified without the key");
    }
    if let Ok(verified) = verify_detached(RELEASE, data, &keyring, now()) {
        assert_eq!(verified.signers, keyring.fingerprints());
    }
}

/// Target `keyring`: armored or binary certificates.
pub fn keyring(data: &[u8]) {
    let Ok(keyring) = Keyring::parse(data) else { return };
    assert!(!keyring.fingerprints().is_empty(), "a keyring without a key");
    assert!(keyring.keys(now()).len() >= keyring.fingerprints().len());
    // A good signature of the seed by a key that was changed in any way that matters would be a forgery.
    if let Ok(verified) = verify_inrelease(INRELEASE, &keyring, now()) {
        let seed = Keyring::parse(KEYRING).expect("the seed is a keyring");
        assert_eq!(verified.signers, seed.fingerprints(), "verified by a key that did not sign");
    }
}

/// Target `release`: nothing is listed under a name that leaves the suite's directory.
pub fn release(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(release) = Release::parse(text) else { return };
    for file in release.files() {
        assert_eq!(release.file(&file.name), Some(file));
        let _ = file.by_hash();
    }
    let _ = release.check_time(now(), Some(now()));
    let _ = release.choose_index("main", "amd64");
}

/// Target `packages`: an index, or dpkg's status.
pub fn packages(data: &[u8]) {
    let _ = status::parse(data);
    let filename = RelPath::new("pool/x.deb").expect("a literal path is well formed");
    let mut reader = IndexReader::new("fuzz", data);
    while let Ok(Some((entry, raw))) = reader.next_entry() {
        let moved = with_filename(raw, &filename).expect("a paragraph that was read can be published");
        let mut again = IndexReader::new("again", moved.as_slice());
        let (found, _) = again.next_entry().ok().flatten().expect("a published paragraph reads again");
        let expected = PackageEntry { filename: filename.clone(), ..entry };
        assert_eq!(found, expected, "publishing changed more than the file name");
        assert!(again.next_entry().is_ok_and(|more| more.is_none()), "publishing made a second paragraph");
        for field in [&found.depends, &found.pre_depends, &found.conflicts, &found.provides].into_iter().flatten() {
            let _ = relation::parse(field, "amd64");
        }
        assert!(found.version.compare(&found.version).is_eq());
    }
}

/// Target `compressed_index`: one byte picks the form.
pub fn compressed_index(data: &[u8]) {
    let Some((form, packed)) = data.split_first() else { return };
    let form = Compression::PREFERRED[usize::from(*form) % Compression::PREFERRED.len()];
    let Ok(reader) = open_index(&format!("Packages{}", form.ending()), packed, MOST) else { return };
    let mut content = Vec::new();
    let _ = reader.take(MOST + 1).read_to_end(&mut content);
    assert!(content.len() as u64 <= MOST, "more than the limit");
}

/// Target `deb`: what is handed over is bounded and whole, and the same whether it is read or passed over.
pub fn deb(data: &[u8]) {
    let limits = DebLimits { members: 8, entries: 1000, unpacked: MOST, ratio: 1000, free: MOST };
    let (mut names, mut total) = (Vec::new(), 0);
    let read = read_deb(data, &limits, &mut |inside, content| {
        let read = std::io::copy(content, &mut std::io::sink())?;
        assert_eq!(read, inside.size, "a file that is not whole");
        assert!(!inside.path.contains(char::is_control), "a path that a terminal would obey");
        total += read;
        names.push(inside.name());
        Ok(())
    });
    assert!(total <= MOST + data.len() as u64, "more than the limit");
    let mut passed = Vec::new();
    let skipped = read_deb(data, &limits, &mut |inside, _| {
        passed.push(inside.name());
        Ok(())
    });
    assert_eq!(read.is_ok(), skipped.is_ok());
    let Ok(DebSummary { files, bytes, .. }) = read else { return };
    assert_eq!((files, bytes), (names.len() as u64, total));
    assert_eq!(names, passed);
}

/// Target `apt_sources`: both forms.
pub fn apt_sources(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    for name in ["fuzz.list", "fuzz.sources"] {
        let Ok(list) = sources::parse(name, text) else { continue };
        let _ = list.skipped.iter().map(|skipped| format!("{} {}", skipped.place, skipped.reason)).count();
    }
}

/// Target `advisories`: what is between two versions is newer than one and not newer than the other.
pub fn advisories(data: &[u8]) {
    let Ok(all) = Advisories::parse(data) else { return };
    let (from, to) = (Version::new("1"), Version::new("2"));
    let (from, to) = (from.expect("a literal version is one"), to.expect("a literal version is one"));
    for fix in all.between("a", "b", (Some(&from), &to)) {
        assert!(fix.version.compare(&from).is_gt() && fix.version.compare(&to).is_le(), "a fix that is not new");
    }
}
