//! Debian's repository metadata as checked values: versions, indexes, signatures, selection and dependency closure.
//!
//! Bytes in, values out. Nothing here opens a file, a socket or the clock: callers hand in `Read`ers, bytes and times.
//! Everything read is foreign until it was checked, and every read is capped. [`openpgp`] decides whether an upstream
//! signed a Release file, [`release`] and [`index`] carry that trust to single packages by SHA-256, [`select`] and
//! [`closure`] decide what a stream needs.

pub mod advisories;
pub mod catalog;
pub mod closure;
pub mod date;
pub mod deb;
pub mod deb822;
pub mod decompress;
pub mod index;
pub mod openpgp;
pub mod packages;
pub mod relation;
pub mod release;
pub mod select;
pub mod sources;
pub mod status;
pub mod version;

pub use catalog::{Catalog, EntryId, UpstreamNumber};
pub use index::PackageEntry;
pub use release::Release;
pub use version::Version;
