//! Which exit code and which hint belong to which error of the library.

use sealift_term::{CommandError, Exit};

use crate::token::TokenError;

pub(super) fn token(error: &TokenError) -> CommandError {
    let exit = match error {
        TokenError::Key(_) | TokenError::Wrong(_) => Exit::RefusedSignature,
        _ => Exit::Failed,
    };
    let failure = CommandError::from_error(exit, error);
    match error {
        TokenError::Module { .. } => failure.hint("name the vendor's library, such as libsofthsm2.so"),
        TokenError::NoToken(_) => failure.hint("see which are there: sealift-hsm list --module LIB.so"),
        TokenError::NoKey { .. } | TokenError::Kind(_) => {
            failure.hint("see which keys it has: sealift-hsm list --module LIB.so --token-label TOKEN")
        }
        TokenError::Pin(_) => failure.hint("a token locks itself after a few wrong PINs; be sure before the next try"),
        TokenError::Locked(_) => failure.hint("the token's security officer can set a new PIN with the vendor's tool"),
        TokenError::Gone(_) => failure.hint("put the token back and type the same command again"),
        _ => failure,
    }
}
