//! The isolated site's own keys: one that apt trusts, one that receipts and records are signed with.
//!
//! Made on the isolated side and never taken from it. They prove what this site did, never what may be imported: role
//! keys do not come here, and nothing signed here is accepted as trust metadata. The files are private (0600) and not
//! sealed under a passphrase, since publishing must work unattended; who can read them is this machine's root anyway.

pub mod error;
pub mod outbound;
pub mod repository_key;
pub mod site_keys;
pub mod statement_key;
pub mod trust_note;

pub use error::SiteKeyError;
pub use repository_key::RepositoryKey;
pub use site_keys::SiteKeys;
pub use statement_key::StatementKey;
pub use trust_note::TrustNote;
