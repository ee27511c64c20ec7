//! `init`: makes a state directory that trusts one root, all of it or nothing.

use std::path::{Path, PathBuf};

use sealift_fs::{Mode, PathError};
use sealift_model::{Digest, SiteId, Timestamp};
use sealift_site::{SiteKeyError, SiteKeys};
use sealift_trust::{Role, TrustedSet};
use serde::Serialize;

use crate::config::Config;
use crate::floors::{DocumentRef, FloorFile, Floors};
use crate::index::{Index, IndexError};
use crate::layout::Layout;
use crate::ledger::{EventKind, EventSubject, Ledger, LedgerError};
use crate::repository::{Caller, event_of};

const ROOT_LIMIT: u64 = 512_000;

/// What to make.
#[derive(Debug, Clone)]
pub struct InitOptions {
    /// The state directory; it must not exist or be empty.
    pub dir: PathBuf,
    /// The root file to trust.
    pub root: PathBuf,
    /// Name of the site.
    pub site: SiteId,
    /// The fingerprint the operator was told, if it is to be compared here.
    pub fingerprint: Option<String>,
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitReport {
    /// The site.
    pub site: SiteId,
    /// Version of the root.
    pub root_version: u64,
    /// When the root expires.
    pub root_expires: Timestamp,
    /// Fingerprint of the root file, to be compared by people.
    pub fingerprint: String,
    /// Whether it was compared with the one given.
    pub compared: bool,
    /// Public key of receipts.
    pub receipt_key: String,
    /// Fingerprint of the repository's OpenPGP key.
    pub repository_key: String,
}

/// Why no state directory was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InitError {
    /// Something is there.
    #[error("{} is there already and not empty", .0.display())]
    Occupied(PathBuf),
    /// The root file cannot be trusted.
    #[error("{} is not a root of trust", path.display())]
    Root {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: Box<sealift_trust::Refusal>,
    },
    /// It is another root file than the operator was told of.
    #[error("the fingerprint of {} is {found}, not the one given, {given}", path.display())]
    Fingerprint {
        /// The file.
        path: PathBuf,
        /// Its fingerprint.
        found: String,
        /// The one given.
        given: String,
    },
    /// What was given has not the form of a fingerprint.
    #[error("`{0}` is no fingerprint: it has 64 hexadecimal digits, in 8 groups of 8")]
    FingerprintForm(String),
    /// A file.
    #[error(transparent)]
    Io(#[from] PathError),
    /// The site's keys.
    #[error("the site's keys cannot be made")]
    Keys(#[from] SiteKeyError),
    /// The index.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The ledger.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// A document that cannot be encoded.
    #[error("a document of the state cannot be written")]
    Encoding(#[from] sealift_model::json::JsonError),
}

/// Returns the fingerprint of a root file: its SHA-256 in 8 groups of 8 digits, for reading aloud.
pub fn fingerprint(root: &[u8]) -> String {
    let hex = Digest::of(root).to_hex();
    let mut groups = String::with_capacity(71);
    for (at, digit) in hex.chars().enumerate() {
        if at > 0 && at % 8 == 0 {
            groups.push(' ');
        }
        groups.push(digit);
    }
    groups
}

/// Makes a state directory.
pub fn init(options: &InitOptions, caller: &Caller) -> Result<InitReport, InitError> {
    let root = sealift_fs::read_capped(&options.root, ROOT_LIMIT)?;
    let (version, expires) = check_root(options, &root, caller.clock)?;
    let occupied = sealift_fs::list_dir(&options.dir).map(|names| !names.is_empty());
    match occupied {
        Ok(true) => return Err(InitError::Occupied(options.dir.clone())),
        Err(e) if !e.is_not_found() => return Err(e.into()),
        _ => {}
    }
    let staged = staging_path(&options.dir);
    sealift_fs::remove_tree(&staged)?;
    let made = build(&staged, options, &root, version, caller).and_then(|keys| {
        sealift_fs::rename(&staged, &options.dir)?;
        Ok(keys)
    });
    let keys = match made {
        Ok(keys) => keys,
        Err(error) => {
            // The first error is the one to report.
            let _ = sealift_fs::remove_tree(&staged);
            return Err(error);
        }
    };
    Ok(InitReport {
        site: options.site.clone(),
        root_version: version,
        root_expires: expires,
        fingerprint: fingerprint(&root),
        compared: options.fingerprint.is_some(),
        receipt_key: keys.statement.public_hex(),
        repository_key: keys.repository.fingerprint(),
    })
}

fn check_root(options: &InitOptions, root: &[u8], clock: Timestamp) -> Result<(u64, Timestamp), InitError> {
    let path = || options.root.clone();
    let set =
        TrustedSet::new(root, clock).map_err(|source| InitError::Root { path: path(), source: Box::new(source) })?;
    let found = fingerprint(root);
    let plain = |text: &str| text.chars().filter(|c| !c.is_whitespace()).collect::<String>().to_ascii_lowercase();
    let formed = |text: &str| text.len() == 64 && text.bytes().all(|digit| digit.is_ascii_hexdigit());
    match &options.fingerprint {
        Some(given) if !formed(&plain(given)) => {
            Err(InitError::FingerprintForm(sealift_model::escape::printable(given)))
        }
        Some(given) if plain(given) != plain(&found) => {
            let given = sealift_model::escape::printable(given);
            Err(InitError::Fingerprint { path: path(), found, given })
        }
        _ => Ok((set.root().version(), set.root().expires())),
    }
}

fn staging_path(dir: &Path) -> PathBuf {
    let name = dir.file_name().map_or_else(|| "state".into(), |name| name.to_string_lossy().into_owned());
    dir.with_file_name(format!(".{name}.sealift-init"))
}

fn build(
    staged: &Path,
    options: &InitOptions,
    root: &[u8],
    version: u64,
    caller: &Caller,
) -> Result<SiteKeys, InitError> {
    let layout = Layout::new(staged);
    if let Some(parent) = options.dir.parent().filter(|p| !p.as_os_str().is_empty()) {
        sealift_fs::create_dir_all(parent, Mode::Public)?;
    }
    // Web servers and hosts pass through here to `published/`; everything private is in directories of its own.
    sealift_fs::create_dir(staged, Mode::Public)?;
    for dir in [layout.trust(), layout.bundles(), layout.quarantine()] {
        sealift_fs::create_dir(&dir, Mode::Private)?;
    }
    sealift_fs::create_dir_all(&layout.trees(), Mode::Public)?;
    sealift_fs::Store::open(&layout.store())?;
    sealift_fs::write_new(&layout.config(), Config::template(&options.site).as_bytes(), Mode::Public)?;
    sealift_fs::write_new(&layout.trust_document(Role::Root, version, Digest::of(root)), root, Mode::Private)?;
    let floors = Floors::new(DocumentRef { sha256: Digest::of(root), version });
    sealift_fs::write_new(&layout.floor(), &FloorFile::new(floors.clone(), None).to_bytes()?, Mode::Private)?;
    let keys = SiteKeys::create(&layout.site(), &options.site, caller.clock)?;
    sealift_fs::write_new(&layout.keyring(), &keys.repository.public_armored()?, Mode::Public)?;
    let detail = format!("site {}, root version {version}, fingerprint {}", options.site, fingerprint(root));
    let event = event_of(caller, EventKind::Initialised, EventSubject::default(), &detail);
    let head = Ledger::new(&layout.ledger()).append(event)?;
    let mut index = Index::create(&layout.index(), &floors)?;
    let change = index.change()?;
    change.set_head(head)?;
    change.commit()?;
    Ok(keys)
}
