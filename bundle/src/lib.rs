//! The bundle: read, write, verify, inspect, diff. No state, no private keys.

pub mod blob;
pub mod chain;
pub mod convenience;
pub mod layout;
pub mod manifest;
pub mod metadata;
pub mod source;
mod staging;
pub mod trust;
pub mod write;

pub use chain::{ChainError, ChainRefusal, Content, UpstreamReport, verify_upstreams};
pub use manifest::Manifest;
pub use metadata::{MetadataFiles, list_bundles, read_metadata};
pub use source::{Source, SourceError, SourceRefusal, open_source};
pub use trust::{TrustError, verify_metadata};
pub use write::{BlobProvider, BundleParts, WriteError, WriteReport, write};
