use std::process::Command;

use super::*;

const RELEASE: &str = "Origin: sealift\nSuite: testing\nDescription: ends in blanks  \n- a dash\n\nSHA256:\n 00 1 x\n";

fn now() -> Timestamp {
    "2026-11-22T16:00:00Z".parse().unwrap()
}

fn key() -> RepositoryKey {
    RepositoryKey::generate("sealift site insecure-test", now()).unwrap()
}

/// Runs gpgv with the public key as its only key; `None` where there is no gpgv.
fn gpgv(key: &RepositoryKey, files: &[&[u8]]) -> Option<bool> {
    let dir = tempfile::tempdir().unwrap();
    let keyring = dir.path().join("keyring");
    let public = key.key.to_public_key();
    std::fs::write(&keyring, pgp::ser::Serialize::to_bytes(&public).unwrap()).unwrap();
    let mut command = Command::new("gpgv");
    command.arg("--keyring").arg(&keyring);
    for (n, bytes) in files.iter().enumerate() {
        let path = dir.path().join(n.to_string());
        std::fs::write(&path, bytes).unwrap();
        command.arg(path);
    }
    match command.output() {
        Ok(output) => Some(output.status.success()),
        Err(error) => {
            eprintln!("NOT CHECKED: gpgv cannot be run here: {error}");
            None
        }
    }
}

#[test]
fn gpgv_accepts_both_forms_and_nothing_changed() {
    let key = key();
    let inrelease = key.sign_cleartext(RELEASE, now()).unwrap();
    let Some(good) = gpgv(&key, &[&inrelease]) else { return };
    assert!(good, "{}", String::from_utf8_lossy(&inrelease));
    let detached = key.sign_detached(RELEASE.as_bytes(), now()).unwrap();
    assert_eq!(gpgv(&key, &[&detached, RELEASE.as_bytes()]), Some(true));
    let changed = RELEASE.replace("testing", "tasting");
    assert_eq!(gpgv(&key, &[&detached, changed.as_bytes()]), Some(false));
    let changed = String::from_utf8(inrelease.clone()).unwrap().replace("testing", "tasting");
    assert_eq!(gpgv(&key, &[changed.as_bytes()]), Some(false));
    let other = RepositoryKey::generate("other", now()).unwrap();
    assert_eq!(gpgv(&other, &[&inrelease]), Some(false));
}

#[test]
fn the_signed_text_is_the_release_without_blanks_and_blank_lines_added() {
    let text = String::from_utf8(key().sign_cleartext(RELEASE, now()).unwrap()).unwrap();
    let (_, body) = text.split_once("\n\n").unwrap();
    let (body, _) = body.split_once("-----BEGIN PGP SIGNATURE-----").unwrap();
    assert_eq!(body, RELEASE.replace("blanks  ", "blanks").replace("\n- a", "\n- - a"));
}

#[test]
fn a_written_key_signs_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("repository.key");
    let key = key();
    key.write(&path).unwrap();
    let read = RepositoryKey::read(&path).unwrap();
    let one = key.sign_cleartext(RELEASE, now()).unwrap();
    assert_eq!(one, read.sign_cleartext(RELEASE, now()).unwrap());
    assert_eq!(key.fingerprint().len(), 40);
    assert!(key.write(&path).is_err());
    std::fs::write(&path, key.public_armored().unwrap()).unwrap();
    assert!(matches!(RepositoryKey::read(&path), Err(SiteKeyError::Malformed { .. })));
}

#[test]
fn a_clock_set_back_does_not_sign_before_the_key() {
    let key = key();
    let early = key.sign_detached(b"x", Timestamp::from_unix(0)).unwrap();
    assert_eq!(early, key.sign_detached(b"x", now()).unwrap());
    if let Some(good) = gpgv(&key, &[&early, b"x"]) {
        assert!(good);
    }
}
