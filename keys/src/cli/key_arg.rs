//! Keys named on the command line: a PEM file, a key file, or the first digits of an id. Never a private key in PEM.

use std::path::Path;

use sealift_fs::read_capped;
use sealift_model::escape::printable;
use sealift_term::{CommandError, Exit};
use sealift_trust::PublicKey;

use super::error;
use crate::draft::KeyRef;
use crate::key_file::KeyFile;

const PEM_LIMIT: u64 = 4096;

/// Reads a public key from a PEM file, or the public half that a key file states.
pub(super) fn public_key(path: &Path) -> Result<PublicKey, CommandError> {
    if path.extension().is_some_and(|e| e == "key") {
        return Ok(KeyFile::read(path).map_err(|e| error::key_file(&e))?.public().clone());
    }
    let bytes = read_capped(path, PEM_LIMIT).map_err(|e| error::fs(&e))?;
    let shown = printable(&path.to_string_lossy());
    PublicKey::from_pem(&bytes).map_err(|e| {
        CommandError::with_cause(Exit::RefusedSignature, format!("refused {shown} as a public key"), &e)
            .hint("a public key is one PEM block; openssl writes it with: openssl pkey -in PRIVATE.pem -pubout")
    })
}

/// Reads a key from a file, or takes digits as the beginning of an id.
pub(super) fn key_ref(text: &str) -> Result<KeyRef, CommandError> {
    let path = Path::new(text);
    match KeyRef::id(text) {
        Some(id) if !path.exists() => Ok(id),
        _ if path.exists() => public_key(path).map(|key| KeyRef::Key(Box::new(key))),
        _ => Err(CommandError::new(Exit::Usage, format!("{text} is neither a file nor at least 8 digits of a key id"))),
    }
}
