//! The bundle: read, write, verify, inspect, diff. No state, no private keys.

pub mod blob;
pub mod chain;
mod cli;
pub mod convenience;
pub mod diff;
pub mod evidence;
pub mod inspect;
pub mod layout;
pub mod manifest;
pub mod metadata;
pub mod pack;
pub mod parity;
pub mod repair;
pub mod source;
mod staging;
mod tagged;
pub mod trust;
pub mod verify;
pub mod volumes;
pub mod write;

pub use chain::{ChainError, ChainRefusal, Content, UpstreamReport, verify_upstreams};
pub use cli::main;
pub use manifest::Manifest;
pub use metadata::{MetadataFiles, list_bundles, read_metadata};
pub use source::{Source, SourceError, SourceRefusal, open_source};
pub use trust::{TrustError, verify_metadata};
pub use verify::{VerifyError, VerifyOptions, VerifyRefusal, VerifyReport, verify};
pub use write::{BlobProvider, BundleParts, WriteError, WriteOptions, WriteReport, write, write_proven};
