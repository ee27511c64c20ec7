use std::os::unix::fs::PermissionsExt;

use super::*;

const CHEAP: KdfParams = KdfParams { m_kib: 64, t: 1, p: 1 };

fn passphrase(text: &str) -> Passphrase {
    Passphrase::new(Zeroizing::new(text.as_bytes().to_vec())).unwrap()
}

fn written(dir: &Path) -> (PathBuf, SecretKey) {
    let path = dir.join("targets-1.key");
    let secret = SecretKey::from_seed(Purpose::Targets, &[7; 32]);
    write(&path, &secret, &passphrase("insecure-test"), CHEAP).unwrap();
    (path, secret)
}

#[test]
fn a_sealed_key_opens_with_its_passphrase() {
    let dir = tempfile::tempdir().unwrap();
    let (path, secret) = written(dir.path());
    let file = KeyFile::read(&path).unwrap();
    assert_eq!((file.purpose(), file.public()), (Purpose::Targets, secret.public()));
    assert_eq!(file.open(&passphrase("insecure-test")).unwrap().sign(b"x"), secret.sign(b"x"));
    let mode = std::fs::metadata(&path).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn wrong_passphrase_and_damage_read_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = written(dir.path());
    let message = KeyFile::read(&path).unwrap().open(&passphrase("other")).unwrap_err().to_string();
    assert!(message.ends_with("wrong passphrase, or the file is damaged"), "{message}");
    let text = std::fs::read_to_string(&path).unwrap();
    let nonce = KeyFile::read(&path).unwrap().sealed.nonce;
    for (from, to) in [
        ("\"purpose\":\"targets\"", "\"purpose\":\"root\""),
        ("\"t\":1", "\"t\":2"),
        ("\"m_kib\":64", "\"m_kib\":1"),
        (nonce.as_str(), "00"),
    ] {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text);
        std::fs::write(&path, bad).unwrap();
        let error = KeyFile::read(&path).unwrap().open(&passphrase("insecure-test")).unwrap_err();
        assert_eq!(error.to_string(), message, "{from}");
    }
}

#[test]
fn refuses_files_that_ask_for_too_much_or_are_something_else() {
    let dir = tempfile::tempdir().unwrap();
    let (path, secret) = written(dir.path());
    let text = std::fs::read_to_string(&path).unwrap();
    let other = SecretKey::from_seed(Purpose::Targets, &[8; 32]);
    for (from, to) in [
        ("\"m_kib\":64", "\"m_kib\":1048577"),
        ("\"t\":1", "\"t\":17"),
        ("\"p\":1", "\"p\":17"),
        ("sealift.key/1", "sealift.key/2"),
        ("xchacha20poly1305", "none"),
        ("argon2id", "argon2i"),
        ("\"cipher\"", "\"x\":1,\"cipher\""),
        (&secret.public().to_hex(), &other.public().to_hex()),
        ("\"targets\"", "\"everything\""),
    ] {
        let bad = text.replacen(from, to, 1);
        assert_ne!(bad, text);
        std::fs::write(&path, bad).unwrap();
        let error = KeyFile::read(&path).unwrap_err();
        assert!(matches!(error, KeyFileError::Malformed { .. } | KeyFileError::Cost { .. }), "{from}: {error}");
    }
}

#[test]
fn refuses_a_key_file_that_others_can_read() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = written(dir.path());
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    let error = KeyFile::read(&path).unwrap_err().to_string();
    assert!(error.contains("chmod 600"), "{error}");
}

#[test]
fn never_overwrites_a_key() {
    let dir = tempfile::tempdir().unwrap();
    let (path, _) = written(dir.path());
    let before = std::fs::read(&path).unwrap();
    let other = SecretKey::from_seed(Purpose::Root, &[9; 32]);
    assert!(write(&path, &other, &passphrase("x"), CHEAP).is_err());
    assert_eq!(std::fs::read(&path).unwrap(), before);
}
