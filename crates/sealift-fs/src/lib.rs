//! The only door to the disk.
//!
//! Everything here keeps three promises: a file appears under its name whole and durable or not at all; no read is
//! unbounded; no error loses the path it is about. Deciding what may be read or written is the callers' work.

pub mod append;
pub mod beneath;
pub mod database;
pub mod direct;
pub mod error;
#[cfg(feature = "fault")]
pub mod fault;
pub mod file;
pub mod link;
pub mod lock;
pub mod medium;
pub mod new_file;
pub mod partial;
pub mod private;
mod raw;
pub mod remove;
mod seam;
pub mod store;
mod temporary;
pub mod tree;

pub use append::{append, cut, open, read_tail, sync_filesystem};
pub use beneath::Beneath;
pub use database::commit;
pub use direct::{Bypass, PastCache};
pub use error::PathError;
pub use file::{
    Mode, copy_hashed, create_dir, create_dir_all, free_bytes, link_or_copy, list_dir, open_file, read_capped,
    remove_file, rename, replace, sync_dir, write_new,
};
pub use link::{read_link, replace_link};
pub use lock::{Lock, LockError};
pub use new_file::NewFile;
pub use partial::{Partial, Whole};
pub use private::{Links, PrivateError, check_directory, read_private, read_secret, read_stream};
pub use raw::OutFile;
pub use remove::remove_tree;
pub use store::{Batch, Store, StoreError};
pub use tree::Tree;
