//! Decides what a signature is worth: TUF metadata, DSSE statements, receipts. Verification only.
//!
//! Bytes and the time come in, a verdict goes out. Nothing here reads a file, the clock or the environment, and no
//! private key ever enters; signing is the work of `sealift-keys` and `sealift-site`. What is accepted here is also
//! accepted by python-tuf, not the other way round: every deviation from the specification is stricter
//! (format/trust §7).

pub mod code;
pub mod dsse;
#[cfg(test)]
mod edges;
pub mod key;
pub mod metadata;
pub mod need;
pub mod people;
pub mod policy;
pub mod receipt;
pub mod refusal;
pub mod request;
mod signed_text;
pub mod statement;
mod strict;
#[cfg(test)]
mod testkit;
pub mod trusted_set;

pub use code::{CodeRefusal, ReceiptCode};
pub use dsse::{Envelope, EvidenceRefusal};
pub use key::{KeyError, KeyId, KeyMaterial, PublicKey, Purpose, Role};
pub use metadata::{Profile, Root, Signed, Snapshot, TargetInfo, Targets, TimestampMeta};
pub use need::{NeedList, NeedRefusal, VerifiedNeed};
pub use people::{People, Person, Power};
pub use policy::{Policy, Verdict};
pub use receipt::{Held, Receipt, ReceiptRefusal, VerifiedReceipt};
pub use refusal::{ExitClass, Refusal};
pub use request::{Request, RequestRefusal, VerifiedRequest, WantedBlob, WantedVolume};
pub use statement::{PersonStatement, Said, Statement, StatementKind, Subject};
pub use trusted_set::{Previous, TrustedSet, TufSet};
