//! The key desk: makes and uses the role keys whose public half is the root of trust.
//!
//! Library and tool. The mirror uses the library to sign what it builds; nothing on the isolated side depends on this
//! crate. Private keys exist in memory only as [`SecretKey`], which is wiped when dropped, and on disk only sealed
//! under a passphrase (format/key-file).

pub mod attach;
pub mod ceremony;
mod cli;
pub mod draft;
pub mod key_dir;
pub mod key_file;
pub mod lint;
pub mod metadata;
pub mod pair;
pub mod passphrase;
pub mod person;
pub mod secret;
pub mod statement;
pub mod summary;
pub mod tally;

pub use ceremony::{Ceremony, CeremonyError, Created, Quorum};
pub use cli::main;
pub use draft::Draft;
pub use key_dir::KeyDir;
pub use key_file::{KdfParams, KeyFile, KeyFileError};
pub use metadata::{MetadataError, RootDraft, sign_metadata};
pub use passphrase::{Passphrase, PassphraseError};
pub use secret::SecretKey;
