//! A public key as PEM, the form openssl reads and people hand to each other.
//!
//! One form only is read: the block that is written here, which is also what `openssl pkey -pubout` writes. Text around
//! the block is refused, so that a file cannot show a person one key and a program another. Line ends may be those of
//! Windows, for the file may have come by mail.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::{KeyError, PublicKey, Verifier, p256};

const BEGIN: &str = "-----BEGIN PUBLIC KEY-----";
const END: &str = "-----END PUBLIC KEY-----";
/// SubjectPublicKeyInfo of an Ed25519 key (RFC 8410) up to the key itself.
const ED25519: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];
/// Characters in every line of base64 but the last.
const LINE: usize = 64;
/// Above this no supported key is; checked before anything is decoded.
const LIMIT: usize = 1024;

impl PublicKey {
    /// Returns the key as PEM (SubjectPublicKeyInfo).
    pub fn to_pem(&self) -> String {
        match &self.verifier {
            Verifier::Ed25519(key) => wrap(&[&ED25519[..], key.as_bytes()].concat()),
            Verifier::EcdsaP256(key) => wrap(&p256::to_spki(key)),
        }
    }

    /// Reads what [`PublicKey::to_pem`] wrote, or a P-256 key with a compressed point.
    pub fn from_pem(bytes: &[u8]) -> Result<Self, KeyError> {
        let der = unwrap(bytes)?;
        if let Some(key) = der.strip_prefix(&ED25519).and_then(|key| key.try_into().ok()) {
            return Self::ed25519(key);
        }
        match p256::from_spki(&der) {
            Some(key) => Self::written(Verifier::EcdsaP256(Box::new(key?))),
            None => Err(KeyError::Pem("it is a key of another kind, or damaged")),
        }
    }
}

/// Puts a SubjectPublicKeyInfo into a block.
pub(super) fn wrap(der: &[u8]) -> String {
    let text = STANDARD.encode(der);
    let mut out = format!("{BEGIN}\n");
    let mut rest = text.as_str();
    while let Some((line, more)) = rest.split_at_checked(LINE) {
        out.push_str(line);
        out.push('\n');
        rest = more;
    }
    if !rest.is_empty() {
        out.push_str(rest);
        out.push('\n');
    }
    out + END + "\n"
}

/// Takes a SubjectPublicKeyInfo out of its block.
pub(super) fn unwrap(bytes: &[u8]) -> Result<Vec<u8>, KeyError> {
    let other = KeyError::Pem("it is not one block of the kind PUBLIC KEY and nothing else");
    if bytes.len() > LIMIT {
        return Err(other);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| KeyError::Pem("it is not text"))?;
    if text.contains("PRIVATE KEY") {
        return Err(KeyError::Pem("it is a private key"));
    }
    let lines: Vec<&str> = text.lines().collect();
    let [BEGIN, full @ .., last, END] = lines.as_slice() else { return Err(other) };
    if full.iter().any(|line| line.len() != LINE) || !(1..=LINE).contains(&last.len()) {
        return Err(other);
    }
    let body = [full, &[last]].concat().concat();
    STANDARD.decode(body).map_err(|_| KeyError::Pem("its base64 is damaged"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testkit::{p256_public, public};

    #[test]
    fn a_written_key_reads_back_with_the_line_ends_of_any_system() {
        for key in [public(1), p256_public(1)] {
            let pem = key.to_pem();
            for text in [pem.clone(), pem.replace('\n', "\r\n"), pem.trim_end().to_owned()] {
                assert_eq!(PublicKey::from_pem(text.as_bytes()).unwrap(), key, "{text:?}");
            }
        }
    }

    #[test]
    fn refuses_everything_but_one_block_with_one_key() {
        let pem = public(1).to_pem();
        let der = STANDARD.decode(pem.lines().nth(1).unwrap()).unwrap();
        let mut rsa = der.clone();
        rsa[8] = 0x71;
        let mut weak = der.clone();
        weak[12..].fill(0);
        let long = p256_public(1).to_pem();
        let cases = [
            String::new(),
            format!("{BEGIN}\n{END}\n"),
            format!("the key of the site:\n{pem}"),
            format!("{pem}\n"),
            format!("{pem}{pem}"),
            pem.replace("PUBLIC", "PRIVATE"),
            pem.replace("PUBLIC", "OPENSSH"),
            pem.replace("MCow", " MCow"),
            pem.replace("MCow", "MC\now"),
            pem.replace("=\n", "\n"),
            wrap(&der[..43]),
            wrap(&[&der[..], &[0]].concat()),
            wrap(&rsa),
            wrap(&weak),
            long.replace("MFkw", "MFkw\n"),
            long.replace("=\n", "=\n\n"),
            wrap(&[0; 800]),
        ];
        for text in cases {
            assert!(PublicKey::from_pem(text.as_bytes()).is_err(), "{text:?}");
        }
        let private = pem.replace("PUBLIC", "PRIVATE");
        assert_eq!(PublicKey::from_pem(private.as_bytes()), Err(KeyError::Pem("it is a private key")));
        assert_eq!(PublicKey::from_pem(wrap(&weak).as_bytes()), Err(KeyError::Weak));
    }
}
