//! Makes a new root of trust: keys for every role, root metadata that names them, signed by all root keys.
//!
//! All or nothing: everything is written into a directory beside the target and renamed into place at the end. Holders
//! who made their own keys give the public halves; then nobody has held all keys, and the root begins as a draft that
//! they sign.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sealift_fs::{
    Lock, LockError, Mode, PathError, create_dir, list_dir, remove_file, remove_tree, rename, sync_dir, write_new,
};
use sealift_model::digest::hex;
use sealift_model::{PersonId, Timestamp};
use sealift_trust::{Policy, PublicKey, Purpose, Role, Root, Signed, TrustedSet};

use crate::draft::{Draft, DraftError};
use crate::key_file::{self, KdfParams, KeyFileError};
use crate::metadata::{self, MetadataError, PersonDraft, RoleDraft, RootDraft};
use crate::passphrase::Passphrase;
use crate::secret::SecretKey;

/// How many keys a role has and how many of them must sign, written `2-of-3`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quorum {
    required: u8,
    of: u8,
}

/// Why a text is not a quorum.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("use the form 2-of-3: how many keys must sign, of how many (at most 32)")]
pub struct QuorumError;

impl Quorum {
    /// One key, which alone signs.
    pub const SINGLE: Self = Self { required: 1, of: 1 };

    /// Returns `required` of `of` keys; `None` unless 1 ≤ required ≤ of ≤ 32.
    pub fn new(required: u8, of: u8) -> Option<Self> {
        (1 <= required && required <= of && of <= 32).then_some(Self { required, of })
    }

    /// Returns how many must sign.
    pub fn required(self) -> usize {
        self.required.into()
    }

    /// Returns how many keys there are.
    pub fn of(self) -> usize {
        self.of.into()
    }
}

impl FromStr for Quorum {
    type Err = QuorumError;

    fn from_str(text: &str) -> Result<Self, QuorumError> {
        let (required, of) = text.split_once("-of-").ok_or(QuorumError)?;
        let number = |text: &str| {
            let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
            plain.then(|| text.parse().ok()).flatten().ok_or(QuorumError)
        };
        Self::new(number(required)?, number(of)?).ok_or(QuorumError)
    }
}

impl fmt::Display for Quorum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-of-{}", self.required, self.of)
    }
}

/// What to make.
#[derive(Debug, Clone)]
pub struct Ceremony {
    /// Quorum of every role; a role that is left out gets one key.
    pub quorums: BTreeMap<Role, Quorum>,
    /// When the root expires.
    pub expires: Timestamp,
    /// The present time, to check the result by.
    pub now: Timestamp,
    /// Cost of opening a key file.
    pub cost: KdfParams,
}

impl Ceremony {
    /// Returns the quorum of a role.
    pub fn quorum(&self, role: Role) -> Quorum {
        self.quorums.get(&role).copied().unwrap_or(Quorum::SINGLE)
    }
}

/// What was made.
#[derive(Debug, Clone)]
pub struct Created {
    /// The root metadata file.
    pub root_file: PathBuf,
    /// Its content.
    pub root: Vec<u8>,
    /// The key files.
    pub key_files: Vec<PathBuf>,
    /// The draft that stands in the root's place until holders have signed it; `None` if the root is complete.
    pub draft: Option<PathBuf>,
    /// Leftovers of interrupted runs that were removed.
    pub swept: u64,
}

/// Why no root of trust was made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CeremonyError {
    /// The directory has something in it.
    #[error("{0} exists and is not empty")]
    NotEmpty(String),
    /// More public keys were given than the role has.
    #[error("{given} keys are given for role `{role}`, whose quorum is {quorum}")]
    TooManyKeys {
        /// The role.
        role: Role,
        /// How many were given.
        given: usize,
        /// What the role has.
        quorum: Quorum,
    },
    /// The first root cannot be drafted.
    #[error(transparent)]
    Draft(#[from] DraftError),
    /// The directory in the making is in use.
    #[error(transparent)]
    Locked(#[from] LockError),
    /// The path has no name to make a directory of.
    #[error("{0} is no place for a new directory")]
    NoName(String),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// A key file.
    #[error(transparent)]
    KeyFile(#[from] KeyFileError),
    /// The metadata.
    #[error(transparent)]
    Metadata(#[from] MetadataError),
    /// The operating system gave no randomness.
    #[error("no randomness from the operating system")]
    Randomness(#[source] getrandom::Error),
}

/// Refuses a target that exists and is not an empty directory. Asked before a passphrase is.
pub fn check_target(dir: &Path) -> Result<(), CeremonyError> {
    match list_dir(dir) {
        Ok(names) if names.is_empty() => Ok(()),
        Ok(_) => Err(CeremonyError::NotEmpty(shown(dir))),
        Err(error) if error.is_not_found() => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// What people bring to the ceremony.
#[derive(Debug, Clone, Default)]
pub struct Given {
    /// Public keys that holders made themselves, by role.
    pub keys: BTreeMap<Role, Vec<PublicKey>>,
    /// People who may make statements.
    pub people: BTreeMap<PersonId, PersonDraft>,
    /// How many people each kind of statement takes.
    pub policy: Policy,
}

/// Makes `dir/root.json` and `dir/keys/*.key`.
pub fn create(dir: &Path, ceremony: &Ceremony, passphrase: &Passphrase) -> Result<Created, CeremonyError> {
    create_with(dir, ceremony, &Given::default(), passphrase)
}

/// The same with some public keys given; of those no private half is made. If the root keys made here do not reach the
/// threshold, `dir/1.root.draft` stands in the place of `root.json`.
pub fn create_with(
    dir: &Path,
    ceremony: &Ceremony,
    given: &Given,
    passphrase: &Passphrase,
) -> Result<Created, CeremonyError> {
    check_target(dir)?;
    check_given(ceremony, given)?;
    let swept = sweep(dir)?;
    let building = sibling(dir)?;
    create_dir(&building, Mode::Private)?;
    let lock = Lock::take(&building).inspect_err(|_| {
        let _ = remove_tree(&building);
    })?;
    let made = build(&building, ceremony, given, passphrase).and_then(|made| {
        rename(&building, dir)?;
        Ok(made)
    });
    match made {
        Ok(made) => {
            drop(lock);
            remove_file(&dir.join("lock"))?;
            Ok(Created {
                root_file: dir.join("root.json"),
                root: made.root,
                key_files: made.names.iter().map(|name| dir.join("keys").join(name)).collect(),
                draft: made.draft.map(|name| dir.join(name)),
                swept,
            })
        }
        Err(error) => {
            // The reason it failed matters more than a leftover.
            let _ = remove_tree(&building);
            Err(error)
        }
    }
}

fn check_given(ceremony: &Ceremony, given: &Given) -> Result<(), CeremonyError> {
    for (role, keys) in &given.keys {
        let quorum = ceremony.quorum(*role);
        if keys.len() > quorum.of() {
            return Err(CeremonyError::TooManyKeys { role: *role, given: keys.len(), quorum });
        }
    }
    Ok(())
}

/// Removes what killed runs for the same directory left; one that is still at work holds its lock.
fn sweep(dir: &Path) -> Result<u64, CeremonyError> {
    let name = dir.file_name().ok_or_else(|| CeremonyError::NoName(shown(dir)))?;
    let prefix = format!(".{}.new-", name.to_string_lossy());
    let parent = dir.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut swept = 0;
    // A parent that cannot be listed says so when the directory is made in it.
    for entry in list_dir(parent).unwrap_or_default() {
        let random = entry.strip_prefix(&prefix).unwrap_or_default();
        if random.len() != 12 || !random.bytes().all(|b| b.is_ascii_hexdigit()) {
            continue;
        }
        let leftover = parent.join(&entry);
        match Lock::take(&leftover) {
            Ok(_lock) => remove_tree(&leftover)?,
            Err(LockError::Held(_)) => continue,
            Err(error) => return Err(error.into()),
        }
        swept += 1;
    }
    Ok(swept)
}

/// What lies in the directory in the making.
struct Made {
    root: Vec<u8>,
    names: Vec<String>,
    draft: Option<String>,
}

fn build(dir: &Path, ceremony: &Ceremony, given: &Given, passphrase: &Passphrase) -> Result<Made, CeremonyError> {
    let keys_dir = dir.join("keys");
    create_dir(&keys_dir, Mode::Private)?;
    let mut names = Vec::new();
    let mut roles = BTreeMap::new();
    let mut root_keys = Vec::new();
    for role in Role::ALL {
        let quorum = ceremony.quorum(role);
        let mut keys = given.keys.get(&role).cloned().unwrap_or_default();
        let secrets = generate(role.into(), quorum.of().saturating_sub(keys.len()))?;
        names.extend(write_keys(&keys_dir, &secrets, passphrase, ceremony.cost)?);
        keys.extend(secrets.iter().map(|s| s.public().clone()));
        roles.insert(role, RoleDraft { keys, threshold: quorum.required() });
        if role == Role::Root {
            root_keys = secrets;
        }
    }
    let evidence = generate(Purpose::Evidence, 1)?;
    names.extend(write_keys(&keys_dir, &evidence, passphrase, ceremony.cost)?);
    let evidence = evidence.iter().map(|s| s.public().clone()).collect();
    let draft = RootDraft::new(1, ceremony.expires, roles, evidence);
    let unsigned = metadata::root(&RootDraft { people: given.people.clone(), policy: given.policy, ..draft })?;
    let (root, draft) = write_root(dir, ceremony, &unsigned, &root_keys)?;
    sync_dir(dir)?;
    Ok(Made { root, names, draft })
}

/// Writes the root if the keys made here suffice, else the draft that others sign.
fn write_root(
    dir: &Path,
    ceremony: &Ceremony,
    unsigned: &[u8],
    keys: &[SecretKey],
) -> Result<(Vec<u8>, Option<String>), CeremonyError> {
    let root = keys.iter().try_fold(unsigned.to_vec(), |bytes, key| metadata::sign_metadata(&bytes, key))?;
    let parsed = Signed::<Root>::parse(&root).map_err(MetadataError::from)?;
    crate::lint::check(&parsed).map_err(DraftError::Lint)?;
    if parsed.check_threshold(&parsed).is_err() {
        let name = "1.root.draft".to_owned();
        Draft::first(&root, ceremony.now)?.write_new(&dir.join(&name))?;
        return Ok((root, Some(name)));
    }
    // What the import will do first with it.
    TrustedSet::new(&root, ceremony.now).map_err(MetadataError::from)?;
    write_new(&dir.join("root.json"), &root, Mode::Private)?;
    Ok((root, None))
}

fn generate(purpose: Purpose, count: usize) -> Result<Vec<SecretKey>, CeremonyError> {
    (0..count).map(|_| SecretKey::generate(purpose).map_err(CeremonyError::Randomness)).collect()
}

fn write_keys(
    dir: &Path,
    secrets: &[SecretKey],
    passphrase: &Passphrase,
    cost: KdfParams,
) -> Result<Vec<String>, CeremonyError> {
    let mut names = Vec::new();
    for (number, secret) in (1..).zip(secrets) {
        let name = format!("{}-{number}.key", secret.purpose());
        key_file::write(&dir.join(&name), secret, passphrase, cost)?;
        names.push(name);
    }
    Ok(names)
}

fn sibling(dir: &Path) -> Result<PathBuf, CeremonyError> {
    let name = dir.file_name().ok_or_else(|| CeremonyError::NoName(shown(dir)))?;
    let mut random = [0; 6];
    getrandom::fill(&mut random).map_err(CeremonyError::Randomness)?;
    let mut building = OsString::from(".");
    building.push(name);
    building.push(format!(".new-{}", hex(&random)));
    Ok(dir.with_file_name(building))
}

fn shown(path: &Path) -> String {
    sealift_model::escape::printable(&path.to_string_lossy())
}

#[cfg(test)]
mod tests;
