//! Signs with a key that never leaves its PKCS#11 token.
//!
//! The only crate that loads foreign C code: the library of the token's vendor, named on the command line, at run time.
//! Nothing else depends on it, and it is not built by default. It signs exactly what `sealift-keys export` wrote, and
//! checks the token's signature itself before it writes one.

mod cli;
pub mod der;
pub mod token;

pub use cli::main;
pub use token::{Module, Token, TokenError};
