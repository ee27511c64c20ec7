//! One upstream brought up to date: its signed Release file and the package indexes that file lists.
//!
//! Verifies on arrival: the signature against the one keyring that is configured, the suite, the dates, then each index by
//! SHA-256 and size. What it returns is a [`Head`] whose files are in the store; it becomes the upstream's head only when
//! the sync that asked for it is complete. Packages are [`crate::sync`]'s work.

use sealift_fs::PathError;
use sealift_model::{Digest, Progress, Timestamp, UpstreamId};
use sealift_pkg::openpgp::{Keyring, KeyringError, SignatureRefusal};
use sealift_pkg::release::{ReleaseError, ReleaseRefusal};

use crate::config::UpstreamConfig;
use crate::fetch::download::DownloadError;
use crate::fetch::{FetchError, Fetcher};
use crate::snapshot::{Head, KeyringRef};
use crate::state::{State, StateError};

pub mod add;
pub mod apt;
mod indexes;
mod release;

/// Largest keyring read, in bytes.
pub const KEYRING_LIMIT: u64 = 16 << 20;

/// An upstream as it is now.
#[derive(Debug, Clone)]
pub struct Refreshed {
    /// The verified state; snapshot and selection are those of the stored head.
    pub head: Head,
    /// Whether the Release file is the one of the stored head.
    pub unchanged: bool,
    /// How many files were fetched for it.
    pub fetched: usize,
}

/// A decision not to take what an upstream offers.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamRefusal {
    /// No key of the keyring signed the Release file.
    #[error("the Release file is not signed by a key of {keyring}")]
    Signature {
        /// The keyring, as configured.
        keyring: String,
        /// Which check failed.
        source: SignatureRefusal,
    },
    /// The Release file is of another suite.
    #[error("asked for suite `{expected}`, the signed Release file is of suite `{suite}`, codename `{codename}`")]
    Suite {
        /// The suite configured.
        expected: String,
        /// The file's suite, `-` if it names none.
        suite: String,
        /// The file's codename.
        codename: String,
    },
    /// Expired, from the future, or older than one seen before.
    #[error(transparent)]
    Time(#[from] ReleaseRefusal),
    /// An index is not what the signed Release file lists.
    #[error("an index is not what the signed Release file lists")]
    Index(#[source] DownloadError),
}

/// Why an upstream was not brought up to date.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum UpstreamError {
    /// What it offers is not accepted.
    #[error("refused")]
    Refused(#[from] UpstreamRefusal),
    /// It cannot be reached, or a file is missing.
    #[error(transparent)]
    Fetch(#[from] FetchError),
    /// An index did not arrive.
    #[error(transparent)]
    Download(DownloadError),
    /// The keyring cannot be read.
    #[error("cannot read its keyring")]
    KeyringFile(#[source] PathError),
    /// The keyring file holds no usable keyring.
    #[error("{file} is not a keyring")]
    Keyring {
        /// The file, as configured.
        file: String,
        /// Why.
        source: KeyringError,
    },
    /// The signed Release file cannot be used.
    #[error("its Release file cannot be used")]
    Release(#[from] ReleaseError),
    /// The Release file is not text.
    #[error("its Release file is not UTF-8 text")]
    NotText,
    /// A component the upstream does not have.
    #[error("it has no component `{component}`; it has {offered}")]
    NoComponent {
        /// The component configured.
        component: String,
        /// Those of the Release file.
        offered: String,
    },
    /// No index for a component and architecture.
    #[error("it lists no package index for component `{component}`, architecture `{architecture}`")]
    NoIndex {
        /// The component.
        component: String,
        /// The architecture.
        architecture: String,
    },
    /// A name in the Release file that cannot be carried.
    #[error("a path of it cannot be used")]
    Path(#[from] sealift_model::PathGrammarError),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
}

/// The keyring file of an upstream, not parsed yet: most syncs find nothing that needs verifying.
struct KeyringFile {
    bytes: Vec<u8>,
    entry: KeyringRef,
    shown: String,
}

impl KeyringFile {
    fn read(state: &State, config: &UpstreamConfig) -> Result<Self, UpstreamError> {
        let file = state.resolve(&config.signed_by);
        let bytes = sealift_fs::read_capped(&file, KEYRING_LIMIT).map_err(UpstreamError::KeyringFile)?;
        let entry = KeyringRef { sha256: Digest::of(&bytes), size: bytes.len() as u64 };
        Ok(Self { bytes, entry, shown: config.signed_by.display().to_string() })
    }

    fn parse(&self) -> Result<Keyring, UpstreamError> {
        Keyring::parse(&self.bytes).map_err(|source| UpstreamError::Keyring { file: self.shown.clone(), source })
    }
}

/// Reads and parses the keyring file of an upstream.
pub fn read_keyring(state: &State, config: &UpstreamConfig) -> Result<Keyring, UpstreamError> {
    KeyringFile::read(state, config)?.parse()
}

/// Fetches and verifies what is new of one upstream.
pub fn refresh(
    state: &State,
    name: &UpstreamId,
    fetcher: &Fetcher,
    now: Timestamp,
    progress: &dyn Progress,
) -> Result<Refreshed, UpstreamError> {
    let config = state.config().upstream(name).ok_or_else(|| unknown(state))?;
    // The floor for dates is of a suite: another suite under the same name has a history of its own.
    let known = state.head(name)?.filter(|head| head.suite == config.suite);
    let keys = KeyringFile::read(state, config)?;
    let reusable = known.as_ref().filter(|head| is_reusable(state, head, config, &keys));
    let signed = match (release::fetch(config, reusable, fetcher)?, reusable) {
        (signed, Some(head)) if signed.as_ref().is_none_or(|signed| signed.is_of(head)) => {
            // Nobody signs the passing of time: a server that keeps sending the old file is found out here.
            release::check_expiry(head, now)?;
            let head = signed.map_or_else(|| head.clone(), |signed| signed.seen_again(head));
            return Ok(Refreshed { head, unchanged: true, fetched: 0 });
        }
        (Some(signed), _) => signed,
        (None, _) => return Err(FetchError::Status { uri: config.uri.to_string(), status: 304 }.into()),
    };
    let verified = release::verify(&signed, config, &keys, known.as_ref(), now)?;
    let indexes = indexes::wanted(&verified.release, config)?;
    let fetched = indexes::fetch(state, config, &indexes, fetcher, progress)?;
    if !state.store().has(&keys.entry.sha256, keys.entry.size) {
        state.store().insert(&keys.bytes)?;
    }
    let files = release::store(state.store(), &signed, fetched.files)?;
    let head = verified.into_head(config, &keys, signed, files).succeeding(known);
    Ok(Refreshed { head, unchanged: false, fetched: fetched.count + 1 })
}

fn unknown(state: &State) -> UpstreamError {
    let file = state.dir().join(crate::config::FILE);
    PathError::new("find the upstream in", &file, std::io::ErrorKind::NotFound.into()).into()
}

/// Tells whether the stored head would come out again from the same signed file: same configuration, same keyring, and
/// every file still in the store.
fn is_reusable(state: &State, head: &Head, config: &UpstreamConfig, keys: &KeyringFile) -> bool {
    head.uri == config.uri.to_string()
        && head.components == config.components
        && head.architectures == config.architectures
        && head.keyring == keys.entry
        && state.store().has(&keys.entry.sha256, keys.entry.size)
        && head.files.iter().all(|file| state.store().has(&file.sha256, file.size))
}
