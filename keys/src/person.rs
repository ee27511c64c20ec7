//! Personal keys: one person's key file and the public half that goes into the root of trust.
//!
//! Each person makes their own, so that nobody ever holds two people's. The root names the person
//! (format/statements §1); the key file knows only that it is a person's.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use sealift_fs::{Mode, PathError, create_dir_all};
use sealift_model::escape::printable;
use sealift_model::{IdError, PersonId};
use sealift_trust::{KeyError, Policy, Power, PublicKey, Purpose};

use crate::key_file::KdfParams;
use crate::metadata::PersonDraft;
use crate::pair::{self, Made, PairError, Place};
use crate::passphrase::Passphrase;

/// Largest public key file that is read, in bytes.
const PEM_LIMIT: u64 = 4096;

/// Why there is no personal key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PersonError {
    /// The key file or its public half.
    #[error(transparent)]
    Pair(#[from] PairError),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// The public key.
    #[error("{path} is not a public key that can be used")]
    Public {
        /// The file.
        path: String,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// One person with two sets of rights.
    #[error("{0} is given twice with different powers")]
    Differs(PersonId),
}

/// Makes `dir/NAME.key`, sealed with the passphrase, and `dir/NAME.pub`; see [`pair::make`].
pub fn create(dir: &Path, name: &PersonId, passphrase: &Passphrase, cost: KdfParams) -> Result<Made, PersonError> {
    check_target(dir, name)?;
    create_dir_all(dir, Mode::Private)?;
    Ok(pair::make(place(dir, name), Purpose::Person, passphrase, cost)?)
}

/// Refuses a place where one of the files is already; see [`pair::check`]. Asked before a passphrase is.
pub fn check_target(dir: &Path, name: &PersonId) -> Result<(), PersonError> {
    Ok(pair::check(&place(dir, name), Purpose::Person)?)
}

fn place(dir: &Path, name: &PersonId) -> Place {
    Place { key_file: dir.join(format!("{name}.key")), public_file: dir.join(format!("{name}.pub")) }
}

/// Reads a public key in PEM, of either algorithm.
pub fn read_public(path: &Path) -> Result<PublicKey, PersonError> {
    let bytes = sealift_fs::read_capped(path, PEM_LIMIT)?;
    PublicKey::from_pem(&bytes).map_err(|source| PersonError::Public { path: shown(path), source })
}

/// A person for the root, written `NAME=PUB:approve,scan,waive`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonSpec {
    /// Who.
    pub name: PersonId,
    /// The public key file.
    pub public: PathBuf,
    /// What they may do.
    pub may: BTreeSet<Power>,
}

/// Why a text names no person for the root.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PersonSpecError {
    /// Another form.
    #[error("use the form NAME=PUB:approve,scan,waive")]
    Form,
    /// The name.
    #[error(transparent)]
    Name(#[from] IdError),
    /// The policy's form.
    #[error("use the form approve=2,scan=1,waive=2")]
    Policy,
    /// A word.
    #[error("`{0}` is nothing a person may do: use approve, scan or waive")]
    Power(String),
}

impl FromStr for PersonSpec {
    type Err = PersonSpecError;

    fn from_str(text: &str) -> Result<Self, PersonSpecError> {
        let (name, rest) = text.split_once('=').ok_or(PersonSpecError::Form)?;
        let (public, words) = rest.rsplit_once(':').ok_or(PersonSpecError::Form)?;
        if public.is_empty() {
            return Err(PersonSpecError::Form);
        }
        let power = |word: &str| Power::ALL.into_iter().find(|power| power.as_str() == word);
        let power = |word| power(word).ok_or_else(|| PersonSpecError::Power(printable(word)));
        let may = words.split(',').map(power).collect::<Result<_, _>>()?;
        Ok(Self { name: name.parse()?, public: public.into(), may })
    }
}

/// Reads the public keys and gathers those of one person.
pub fn people(specs: &[PersonSpec]) -> Result<BTreeMap<PersonId, PersonDraft>, PersonError> {
    let mut people: BTreeMap<PersonId, PersonDraft> = BTreeMap::new();
    for spec in specs {
        let key = read_public(&spec.public)?;
        let new = PersonDraft { keys: Vec::new(), may: spec.may.clone() };
        let person = people.entry(spec.name.clone()).or_insert(new);
        if person.may != spec.may {
            return Err(PersonError::Differs(spec.name.clone()));
        }
        person.keys.push(key);
    }
    Ok(people)
}

/// A policy, written `approve=2,scan=1,waive=2`; what is left out is asked of nobody.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PolicySpec(pub Policy);

impl FromStr for PolicySpec {
    type Err = PersonSpecError;

    fn from_str(text: &str) -> Result<Self, PersonSpecError> {
        let mut policy = Policy::default();
        for part in text.split(',').filter(|part| !part.is_empty()) {
            let (word, number) = part.split_once('=').ok_or(PersonSpecError::Policy)?;
            let number = number.parse().map_err(|_| PersonSpecError::Policy)?;
            match word {
                "approve" => policy.approve = number,
                "scan" => policy.scan = number,
                "waive" => policy.waive = Some(number),
                other => return Err(PersonSpecError::Power(printable(other))),
            }
        }
        Ok(Self(policy))
    }
}

fn shown(path: &Path) -> String {
    printable(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key_file::KeyFile;
    use zeroize::Zeroizing;

    const CHEAP: KdfParams = KdfParams { m_kib: 64, t: 1, p: 1 };

    fn passphrase() -> Passphrase {
        Passphrase::new(Zeroizing::new(b"insecure-test".to_vec())).unwrap()
    }

    #[test]
    fn a_personal_key_opens_and_belongs_to_its_public_half() {
        let dir = tempfile::tempdir().unwrap();
        let alice = PersonId::new("alice").unwrap();
        let made = create(&dir.path().join("desk"), &alice, &passphrase(), CHEAP).unwrap();
        let secret = KeyFile::read(&made.place.key_file).unwrap().open(&passphrase()).unwrap();
        assert_eq!(
            (secret.purpose(), secret.public()),
            (Purpose::Person, &read_public(&made.place.public_file).unwrap())
        );
    }

    #[test]
    fn never_overwrites_either_half() {
        let dir = tempfile::tempdir().unwrap();
        let alice = PersonId::new("alice").unwrap();
        for file in ["alice.key", "alice.pub"] {
            let dir = dir.path().join(file);
            std::fs::create_dir(&dir).unwrap();
            std::fs::write(dir.join(file), "mine").unwrap();
            assert!(matches!(create(&dir, &alice, &passphrase(), CHEAP), Err(PersonError::Pair(PairError::Exists(_)))));
            assert_eq!(sealift_fs::list_dir(&dir).unwrap(), [file]);
        }
    }

    #[test]
    fn people_have_one_written_form() {
        let spec: PersonSpec = "alice=keys/a:b.pem:waive,approve".parse().unwrap();
        let may = BTreeSet::from([Power::Approve, Power::Waive]);
        assert_eq!(spec, PersonSpec { name: "alice".parse().unwrap(), public: "keys/a:b.pem".into(), may });
        for bad in ["", "alice", "alice=", "alice=p.pem", "alice=p.pem:", "alice=p.pem:rule", "=p.pem:scan", "A=p:scan"]
        {
            assert!(bad.parse::<PersonSpec>().is_err(), "{bad}");
        }
        let hidden = "alice=p.pem:scan\u{1b}[2J".parse::<PersonSpec>().unwrap_err().to_string();
        assert!(!hidden.contains('\u{1b}'), "{hidden}");
    }
}
