//! The state directory of a mirror: configuration, store, heads and snapshots.
//!
//! ```text
//! mirror.toml  store/  snapshots/<upstream>/<digest>.json  upstreams/<name>.json  partial/<digest>  keyrings/  lock
//! ```
//! A head is replaced last, so what it names is always there; everything else may be left over from a run that was cut.
//! Nothing here fetches, selects or decides.

use std::path::{Path, PathBuf};

use sealift_fs::{Lock, LockError, Mode, PathError, Store};
use sealift_model::json::{self, JsonError};
use sealift_model::{Digest, UpstreamId};

use crate::config::{self, Config, ConfigError};
use crate::snapshot::{self, DocumentError, Head, Snapshot};

/// A mirror's directory with its configuration read.
#[derive(Debug)]
pub struct State {
    dir: PathBuf,
    config: Config,
    store: Store,
}

/// Why the state directory cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StateError {
    /// There is no mirror in this directory.
    #[error("{} is not the directory of a mirror: it has no {}", .0.display(), config::FILE)]
    NotAMirror(PathBuf),
    /// A directory that holds other things.
    #[error("{} is not empty and not the directory of a mirror", .0.display())]
    Foreign(PathBuf),
    /// There is one already.
    #[error("{} already has a {}", .0.display(), config::FILE)]
    Exists(PathBuf),
    /// The configuration is wrong.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// A document of ours was changed or damaged.
    #[error("{} cannot be used", .file.display())]
    Document {
        /// The file.
        file: PathBuf,
        /// Why.
        source: DocumentError,
    },
    /// A snapshot whose bytes are not those its name says.
    #[error("{} was changed: its digest is {got}", .file.display())]
    Changed {
        /// The file.
        file: PathBuf,
        /// The digest of its bytes.
        got: Digest,
    },
    /// A document that cannot be written in our encoding, such as a control character in a server's header.
    #[error("cannot encode {what} of upstream {upstream}")]
    Encode {
        /// Snapshot or head.
        what: &'static str,
        /// The upstream.
        upstream: UpstreamId,
        /// Why.
        source: JsonError,
    },
    /// The disk failed.
    #[error(transparent)]
    Fs(#[from] PathError),
}

/// The commented file that `init` writes.
const TEMPLATE: &str = include_str!("state/mirror.toml");

impl State {
    /// Opens the mirror in `dir`.
    pub fn open(dir: &Path) -> Result<Self, StateError> {
        let file = dir.join(config::FILE);
        let config = match Config::load(&file) {
            Err(ConfigError::Read(error)) if error.is_not_found() => {
                return Err(StateError::NotAMirror(dir.to_owned()));
            }
            other => other?,
        };
        let store = Store::open(&dir.join("store"))?;
        Ok(Self { dir: dir.to_owned(), config, store })
    }

    /// Makes a mirror in `dir`, which must not exist or be empty.
    pub fn init(dir: &Path) -> Result<(), StateError> {
        sealift_fs::create_dir_all(dir, Mode::Public)?;
        let names = sealift_fs::list_dir(dir)?;
        if names.iter().any(|name| name == config::FILE) {
            return Err(StateError::Exists(dir.to_owned()));
        }
        // Of a run that was cut here before, the file below is left without its name; writing it takes that away.
        if names.iter().any(|name| !name.starts_with(".tmp-")) {
            return Err(StateError::Foreign(dir.to_owned()));
        }
        Ok(sealift_fs::write_new(&dir.join(config::FILE), TEMPLATE.as_bytes(), Mode::Private)?)
    }

    /// Takes the lock; every function that changes the state asks for it.
    pub fn lock(&self) -> Result<Lock, LockError> {
        Lock::take(&self.dir)
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Returns the store.
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// Returns a path of the configuration, which is relative to the state directory.
    pub fn resolve(&self, path: &Path) -> PathBuf {
        self.dir.join(path)
    }

    /// Returns the directory of unfinished downloads, made if it is not there.
    pub fn partial_dir(&self) -> Result<PathBuf, StateError> {
        let dir = self.dir.join("partial");
        sealift_fs::create_dir_all(&dir, Mode::Private)?;
        Ok(dir)
    }

    fn head_path(&self, upstream: &UpstreamId) -> PathBuf {
        self.dir.join("upstreams").join(format!("{upstream}.json"))
    }

    fn snapshot_path(&self, upstream: &UpstreamId, id: &Digest) -> PathBuf {
        self.dir.join("snapshots").join(upstream.as_str()).join(format!("{id}.json"))
    }

    /// Reads the head of an upstream; `None` before its first sync.
    pub fn head(&self, upstream: &UpstreamId) -> Result<Option<Head>, StateError> {
        let file = self.head_path(upstream);
        match sealift_fs::read_capped(&file, snapshot::HEAD_LIMIT) {
            Ok(bytes) => Head::parse(&bytes).map(Some).map_err(|source| StateError::Document { file, source }),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Reads a snapshot and checks that it is the one its id names.
    pub fn snapshot(&self, upstream: &UpstreamId, id: &Digest) -> Result<Snapshot, StateError> {
        let file = self.snapshot_path(upstream, id);
        let bytes = sealift_fs::read_capped(&file, snapshot::LIMIT)?;
        let got = Digest::of(&bytes);
        if got != *id {
            return Err(StateError::Changed { file, got });
        }
        Snapshot::parse(&bytes).map_err(|source| StateError::Document { file, source })
    }

    /// Returns the ids of all snapshots of an upstream, in no order that means anything.
    pub fn snapshots(&self, upstream: &UpstreamId) -> Result<Vec<Digest>, StateError> {
        let names = match sealift_fs::list_dir(&self.dir.join("snapshots").join(upstream.as_str())) {
            Err(error) if error.is_not_found() => Vec::new(),
            other => other?,
        };
        Ok(names.iter().filter_map(|name| name.strip_suffix(".json")?.parse().ok()).collect())
    }

    /// Tells whether a snapshot is there. Its bytes are not read.
    pub fn has_snapshot(&self, upstream: &UpstreamId, id: &Digest) -> bool {
        self.snapshot_path(upstream, id).is_file()
    }

    /// Writes a snapshot and returns its id; one that is there already is left as it is.
    pub fn write_snapshot(&self, _writer: &Lock, snapshot: &Snapshot) -> Result<Digest, StateError> {
        let upstream = &snapshot.upstream;
        let bytes = json::to_canonical(snapshot).map_err(|source| encode("the snapshot", upstream, source))?;
        let id = Digest::of(&bytes);
        let path = self.snapshot_path(upstream, &id);
        if let Some(parent) = path.parent() {
            sealift_fs::create_dir_all(parent, Mode::Public)?;
        }
        if !path.is_file() {
            sealift_fs::replace(&path, &bytes, Mode::Public)?;
        }
        Ok(id)
    }

    /// Replaces the head of an upstream: the moment a sync counts.
    pub fn write_head(&self, _writer: &Lock, head: &Head) -> Result<(), StateError> {
        let bytes = json::to_canonical(head).map_err(|source| encode("the head", &head.upstream, source))?;
        sealift_fs::create_dir_all(&self.dir.join("upstreams"), Mode::Public)?;
        Ok(sealift_fs::replace(&self.head_path(&head.upstream), &bytes, Mode::Public)?)
    }
}

fn encode(what: &'static str, upstream: &UpstreamId, source: JsonError) -> StateError {
    StateError::Encode { what, upstream: upstream.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_mirror_opens_and_is_made_once() {
        let dir = tempfile::tempdir().unwrap();
        State::init(dir.path()).unwrap();
        let state = State::open(dir.path()).unwrap();
        assert!(state.config().upstreams.is_empty());
        assert!(matches!(State::init(dir.path()), Err(StateError::Exists(_))));
    }

    #[test]
    fn directories_with_other_things_are_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("letter.txt"), "dear").unwrap();
        assert!(matches!(State::init(dir.path()), Err(StateError::Foreign(_))));
        assert!(matches!(State::open(dir.path()), Err(StateError::NotAMirror(_))));
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_changed_snapshot_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        State::init(dir.path()).unwrap();
        let state = State::open(dir.path()).unwrap();
        let lock = state.lock().unwrap();
        let snapshot = crate::snapshot::tests::head().snapshot(&[]);
        let id = state.write_snapshot(&lock, &snapshot).unwrap();
        assert_eq!(state.snapshot(&snapshot.upstream, &id).unwrap(), snapshot);
        let path = state.snapshot_path(&snapshot.upstream, &id);
        std::fs::write(&path, std::fs::read_to_string(&path).unwrap().replace("example", "exanple")).unwrap();
        assert!(matches!(state.snapshot(&snapshot.upstream, &id), Err(StateError::Changed { .. })));
    }
}
