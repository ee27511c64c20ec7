//! Tokens, the keys on them, and signatures by them.
//!
//! Everything a token says is foreign: labels are made printable, points are checked as any public key is, and a
//! signature that does not verify under the token's own public key is refused.

use std::path::Path;

use cryptoki::context::{CInitializeArgs, CInitializeFlags, Pkcs11};
use cryptoki::error::{Error as Fault, RvError};
use cryptoki::mechanism::Mechanism;
use cryptoki::mechanism::eddsa::{EddsaParams, EddsaSignatureScheme};
use cryptoki::object::{Attribute, AttributeType, ObjectClass, ObjectHandle};
use cryptoki::session::{Session, UserType};
use cryptoki::slot::Slot;
use cryptoki::types::RawAuthPin;
use sealift_model::Digest;
use sealift_model::escape::printable;
use sealift_trust::{KeyError, PublicKey};
use serde::Serialize;
use zeroize::Zeroizing;

use crate::der;

/// Object identifier of the curve P-256, in DER.
const P256: [u8; 10] = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
/// The curve of Ed25519, in the two forms that tokens use: object identifier and name.
const ED25519_OID: [u8; 5] = [0x06, 0x03, 0x2b, 0x65, 0x70];
const ED25519_NAME: &[u8] = b"\x13\x0cedwards25519";

/// A loaded PKCS#11 library.
#[derive(Debug)]
pub struct Module {
    context: Pkcs11,
}

/// One token, with a session that is not logged in yet.
#[derive(Debug)]
pub struct Token {
    session: Session,
    label: String,
    last_try: bool,
}

/// A token in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TokenSummary {
    /// Its label, made printable.
    pub label: String,
    /// Its model.
    pub model: String,
    /// Its serial number.
    pub serial: String,
}

/// A public key on a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyOnToken {
    /// Its label, made printable.
    pub label: String,
    /// The key.
    pub public: PublicKey,
}

/// Why a token did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// The library cannot be loaded, or does not start.
    #[error("{module} cannot be used as a PKCS#11 library")]
    Module {
        /// The library.
        module: String,
        /// Why.
        #[source]
        source: Fault,
    },
    /// No token has this label.
    #[error("there is no token `{0}`")]
    NoToken(String),
    /// More than one token has this label.
    #[error("more than one token is labelled `{0}`")]
    SeveralTokens(String),
    /// The token refused the PIN.
    #[error("token `{0}` refused the PIN")]
    Pin(String),
    /// The token takes no PIN any more.
    #[error("the PIN of token `{0}` is locked")]
    Locked(String),
    /// The token is gone.
    #[error("token `{0}` is gone")]
    Gone(String),
    /// No key has this label.
    #[error("token `{token}` has no key `{key}`")]
    NoKey {
        /// The token.
        token: String,
        /// The label looked for.
        key: String,
    },
    /// More than one key has this label.
    #[error("token `{token}` has more than one key `{key}`")]
    SeveralKeys {
        /// The token.
        token: String,
        /// The label.
        key: String,
    },
    /// A key of another kind than Ed25519 or P-256.
    #[error("key `{0}` is neither Ed25519 nor P-256")]
    Kind(String),
    /// The token states a public key that is none.
    #[error("the token states an unusable public key")]
    Key(#[from] KeyError),
    /// The signature does not verify under the public key of the same label.
    #[error("the token's signature does not verify under its public key `{0}`")]
    Wrong(String),
    /// Anything else.
    #[error("token `{token}` failed")]
    Failed {
        /// The token.
        token: String,
        /// Why.
        #[source]
        source: Fault,
    },
}

impl Module {
    /// Loads and starts a PKCS#11 library. **It runs with the rights of this process.**
    pub fn load(path: &Path) -> Result<Self, TokenError> {
        let failed = |source| TokenError::Module { module: printable(&path.to_string_lossy()), source };
        let context = Pkcs11::new(path).map_err(failed)?;
        context.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)).map_err(failed)?;
        Ok(Self { context })
    }

    /// Lists the tokens that are there.
    pub fn tokens(&self) -> Result<Vec<TokenSummary>, TokenError> {
        Ok(self.slots()?.into_iter().map(|(_, summary, _)| summary).collect())
    }

    /// Opens the token with this label, for reading and signing only.
    pub fn open(&self, label: &str) -> Result<Token, TokenError> {
        let mut fitting = self.slots()?.into_iter().filter(|(_, summary, _)| summary.label == label);
        let (slot, _, last_try) = match (fitting.next(), fitting.next()) {
            (Some(found), None) => found,
            (None, _) => return Err(TokenError::NoToken(printable(label))),
            (Some(_), Some(_)) => return Err(TokenError::SeveralTokens(printable(label))),
        };
        let session = self.context.open_ro_session(slot).map_err(|e| fault(label, e))?;
        Ok(Token { session, label: label.to_owned(), last_try })
    }

    fn slots(&self) -> Result<Vec<(Slot, TokenSummary, bool)>, TokenError> {
        let failed = |source| fault("", source);
        let mut found = Vec::new();
        for slot in self.context.get_slots_with_initialized_token().map_err(failed)? {
            let info = self.context.get_token_info(slot).map_err(failed)?;
            let summary = TokenSummary {
                label: printable(info.label()),
                model: printable(info.model()),
                serial: printable(info.serial_number()),
            };
            found.push((slot, summary, info.user_pin_final_try()));
        }
        Ok(found)
    }
}

impl Token {
    /// Tells whether the next wrong PIN locks the token.
    pub fn is_last_try(&self) -> bool {
        self.last_try
    }

    /// Logs in, once: a wrong PIN is never tried again by itself.
    pub fn login(&self, pin: &Zeroizing<Vec<u8>>) -> Result<(), TokenError> {
        let pin = RawAuthPin::new(Box::new(pin.to_vec()));
        self.session.login_with_raw(UserType::User, &pin).map_err(|e| fault(&self.label, e))
    }

    /// Lists the public keys of the kinds we know, by label.
    pub fn keys(&self) -> Result<Vec<KeyOnToken>, TokenError> {
        let mut keys = Vec::new();
        for handle in self.find(&[Attribute::Class(ObjectClass::PUBLIC_KEY)])? {
            if let Ok(key) = self.public_at(handle) {
                keys.push(key);
            }
        }
        keys.sort_by(|a, b| a.label.cmp(&b.label));
        Ok(keys)
    }

    /// Returns the public key with this label.
    pub fn public(&self, label: &str) -> Result<PublicKey, TokenError> {
        let handle = self.one(label, ObjectClass::PUBLIC_KEY)?;
        Ok(self.public_at(handle)?.public)
    }

    /// Signs exactly `message` with the key of this label, and returns a signature that was verified.
    ///
    /// Ed25519 gives 64 bytes, P-256 the DER of `ECDSA-Sig-Value` over SHA-256.
    pub fn sign(&self, label: &str, message: &[u8]) -> Result<(PublicKey, Vec<u8>), TokenError> {
        let public = self.public(label)?;
        let secret = self.one(label, ObjectClass::PRIVATE_KEY)?;
        let sign = |mechanism: &Mechanism<'_>, data: &[u8]| {
            self.session.sign(mechanism, secret, data).map_err(|e| fault(&self.label, e))
        };
        // Pure EdDSA signs the message itself, and the token must get it in one piece; ECDSA signs its digest.
        let signature = if public.to_object()["keytype"] == "ed25519" {
            sign(&Mechanism::Eddsa(EddsaParams::new(EddsaSignatureScheme::Ed25519)), message)?
        } else {
            let raw = sign(&Mechanism::Ecdsa, Digest::of(message).as_bytes())?;
            der::ecdsa_signature(&raw).ok_or_else(|| TokenError::Wrong(printable(label)))?
        };
        if public.verifies(message, &signature) {
            return Ok((public, signature));
        }
        Err(TokenError::Wrong(printable(label)))
    }

    fn find(&self, template: &[Attribute]) -> Result<Vec<ObjectHandle>, TokenError> {
        self.session.find_objects(template).map_err(|e| fault(&self.label, e))
    }

    fn one(&self, label: &str, class: ObjectClass) -> Result<ObjectHandle, TokenError> {
        let found = self.find(&[Attribute::Class(class), Attribute::Label(label.as_bytes().to_vec())])?;
        let (token, key) = (printable(&self.label), printable(label));
        match found.as_slice() {
            [one] => Ok(*one),
            [] => Err(TokenError::NoKey { token, key }),
            _ => Err(TokenError::SeveralKeys { token, key }),
        }
    }

    fn public_at(&self, handle: ObjectHandle) -> Result<KeyOnToken, TokenError> {
        let wanted = [AttributeType::Label, AttributeType::EcParams, AttributeType::EcPoint];
        let attributes = self.session.get_attributes(handle, &wanted).map_err(|e| fault(&self.label, e))?;
        let (mut label, mut curve, mut point) = (String::new(), Vec::new(), Vec::new());
        for attribute in attributes {
            match attribute {
                Attribute::Label(bytes) => label = printable(&String::from_utf8_lossy(&bytes)),
                Attribute::EcParams(bytes) => curve = bytes,
                Attribute::EcPoint(bytes) => point = bytes,
                _ => {}
            }
        }
        let point = der::point(&point);
        let public = if curve == P256 {
            PublicKey::ecdsa_p256(point)?
        } else if curve == ED25519_OID || curve == ED25519_NAME {
            let bytes = point.try_into().map_err(|_| TokenError::Kind(label.clone()))?;
            PublicKey::ed25519(bytes)?
        } else {
            return Err(TokenError::Kind(label));
        };
        Ok(KeyOnToken { label, public })
    }
}

/// Gives the failures that people meet a name of their own.
fn fault(token: &str, source: Fault) -> TokenError {
    let token = printable(token);
    match source {
        Fault::Pkcs11(RvError::PinIncorrect | RvError::PinLenRange | RvError::PinInvalid, _) => TokenError::Pin(token),
        Fault::Pkcs11(RvError::PinLocked, _) => TokenError::Locked(token),
        Fault::Pkcs11(RvError::DeviceRemoved | RvError::TokenNotPresent, _) => TokenError::Gone(token),
        source => TokenError::Failed { token, source },
    }
}
