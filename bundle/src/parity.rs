//! Parity across the volumes of a set: making it, and rebuilding what is lost (format/volumes §5).
//!
//! Memory is a few stripes, whatever the volumes hold. Which pieces are lost is the caller's finding, by their digests; what
//! is rebuilt counts only after its own digest was compared. No policy: what to rebuild, and where to, others say.

use std::io;

use sealift_fs::{PathError, StoreError};
use sealift_model::Digest;

mod encode;
mod judge;
mod rebuild;
mod row;

pub use encode::{EncodeRequest, encode};
pub use judge::{Judgement, judge};
pub use rebuild::rebuild;

/// Why parity was not made, or nothing rebuilt.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ParityError {
    /// A piece cannot be read.
    #[error("cannot read piece {piece}")]
    Read {
        /// Its digest.
        piece: Digest,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A piece that was to be protected has other bytes than it should.
    #[error("piece {piece} is damaged: its digest is {found}")]
    Damaged {
        /// Its digest.
        piece: Digest,
        /// The digest found.
        found: Digest,
    },
    /// What came out is not what was signed: a piece that was taken for good is not, or the parity was made of other bytes.
    #[error("piece {piece} was rebuilt with other bytes than were signed")]
    Rebuilt {
        /// Its digest.
        piece: Digest,
    },
    /// More is lost than parity makes good.
    #[error("piece {piece} cannot be rebuilt: too much is lost beside it")]
    TooMuchLost {
        /// Its digest.
        piece: Digest,
    },
    /// The set has no parity.
    #[error("the volumes have no parity")]
    NoParity,
    /// The code does not take these numbers of volumes.
    #[error("no parity for {data} and {parity} volumes")]
    Code {
        /// Volumes with data.
        data: usize,
        /// Volumes with parity.
        parity: usize,
    },
    /// Where results go.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
}
