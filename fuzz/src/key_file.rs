//! Key files. One that opens with the seed's passphrase must be the seed: every field is under the seal.

use sealift_keys::{KeyFile, Passphrase};
use sealift_model::json;
use zeroize::Zeroizing;

use crate::scratch;

const SEED: &[u8] = include_bytes!("../seeds/key_file/root.key");
/// Costs beyond this are not paid here, only read.
const CHEAP: u64 = 256;

/// Target `key_file`.
pub fn key_file(data: &[u8]) {
    let Ok(file) = KeyFile::read(&scratch::write(data)) else { return };
    let value = json::parse(data).expect("a key file is JSON");
    assert_eq!(json::canonical(&value).as_deref(), Ok(data), "a key file with a second spelling");
    let cheap = |field: &str| value["kdf"][field].as_u64().is_some_and(|cost| cost <= CHEAP);
    if !["m_kib", "t", "p"].into_iter().all(cheap) {
        return;
    }
    let words = Zeroizing::new(b"insecure-test-passphrase".to_vec());
    let passphrase = Passphrase::new(words).expect("a passphrase of ASCII letters");
    if file.open(&passphrase).is_ok() {
        assert_eq!(data, SEED, "a changed key file opens");
    }
}
