//! Vocabulary of sealift: digests, ids, safe relative paths, times, sequences, sizes, canonical JSON, progress.
//!
//! Everything here is a value that was checked when it was made. No function reads a file, the clock or the
//! environment; callers pass bytes and times in.

pub mod digest;
pub mod escape;
pub mod id;
pub mod json;
pub mod path;
pub mod progress;
pub mod size;
pub mod time;

pub use digest::{Digest, DigestError, Hasher};
pub use id::{ChannelId, GroupId, HostId, IdError, MediumId, PersonId, Sequence, SiteId, StreamId, UpstreamId};
pub use path::{PathGrammarError, RelPath};
pub use progress::{Progress, Silent};
pub use size::{ByteSize, SizeError};
pub use time::{TimeError, Timestamp};
