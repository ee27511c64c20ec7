//! A public key as PEM, the form openssl reads and people hand to each other.
//!
//! One form only is read: the block that is written here, which is also what `openssl pkey -pubout` writes. Text around
//! the block is refused, so that a file cannot show a person one key and a program another. Line ends may be those of
//! Windows, for the file may have come by mail.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{KeyError, PublicKey};

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
/// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410) up to the key itself.
const SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

impl PublicKey {
    /// Returns the key as PEM (SubjectPublicKeyInfo).
    pub fn to_pem(&self) -> String {
        let der = [&SPKI[..], self.as_bytes()].concat();
        format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der))
    }

    /// Reads what [`PublicKey::to_pem`] wrote.
    pub fn from_pem(bytes: &[u8]) -> Result<Self, KeyError> {
        let text = std::str::from_utf8(bytes).map_err(|_| KeyError::Pem("it is not text"))?;
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Pem("it is a private key"));
        }
        let lines: Vec<&str> = text.lines().collect();
        let &[BEGIN, body, END] = lines.as_slice() else {
            return Err(KeyError::Pem("it is not one block of the kind PUBLIC KEY and nothing else"));
        };
        let other = KeyError::Pem("it is a key of another kind, or damaged");
        let Ok(der) = STANDARD.decode(body) else { return Err(other) };
        match der.strip_prefix(&SPKI).and_then(|key| key.try_into().ok()) {
            Some(key) => Self::ed25519(key),
            None => Err(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::public;

    #[test]
    fn a_written_key_reads_back_with_the_line_ends_of_any_system() {
        let pem = public(1).to_pem();
        for text in [pem.clone(), pem.replace('\n', "\r\n"), pem.trim_end().to_owned()] {
            assert_eq!(PublicKey::from_pem(text.as_bytes()).unwrap(), public(1), "{text:?}");
        }
    }

    #[test]
    fn refuses_everything_but_one_block_with_one_ed25519_key() {
        let pem = public(1).to_pem();
        let der = STANDARD.decode(pem.lines().nth(1).unwrap()).unwrap();
        let block = |der: &[u8]| format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(der));
        let mut rsa = der.clone();
        rsa[8] = 0x71;
        let mut weak = der.clone();
        weak[12..].fill(0);
        let cases = [
            String::new(),
            format!("the key of the site:\n{pem}"),
            format!("{pem}\n"),
            format!("{pem}{pem}"),
            pem.replace("PUBLIC", "PRIVATE"),
            pem.replace("PUBLIC", "OPENSSH"),
            pem.replace("MCow", " MCow"),
            pem.replace("MCow", "MC\now"),
            pem.replace("=\n", "\n"),
            block(&der[..43]),
            block(&[&der[..], &[0]].concat()),
            block(&rsa),
            block(&weak),
        ];
        for text in cases {
            assert!(PublicKey::from_pem(text.as_bytes()).is_err(), "{text:?}");
        }
        assert_eq!(PublicKey::from_pem(&[0xff]), Err(KeyError::Pem("it is not text")));
    }
}
