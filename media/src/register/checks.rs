//! Signed checks: somebody says which record was each chain's last (format/media-register §6).
//!
//! A chain cannot tell that its end was cut off together with the list of last records. Whoever checks the register signs
//! the list as they saw it; from then on every record up to there must still be in it.

use std::collections::BTreeMap;

use sealift_fs::beneath::Kind;
use sealift_fs::{Beneath, PathError};
use sealift_model::escape::printable;
use sealift_model::{Digest, PersonId, RelPath, Timestamp};
use sealift_trust::{Envelope, EvidenceRefusal, Statement, Subject};
use serde::{Deserialize, Serialize};

use super::Register;
use crate::chain::{MAX_FILES, Problem};
use crate::record::{ChainName, Under};
use crate::refusal::Refusal;

/// The predicate type of checks.
pub const PREDICATE_TYPE: &str = "https://example.org/sealift/register-check/v1";

/// Largest check, in bytes.
const LIMIT: u64 = 4 << 20;

/// Directory of checks, below the register.
pub(crate) const DIR: &str = "checks";

/// What a check says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Heads {
    /// The last record of each chain, by its name.
    pub heads: BTreeMap<String, Under>,
    /// Who checked, and signs.
    pub person: PersonId,
    /// When.
    pub time: Timestamp,
    /// Under which people.
    pub under: Under,
}

/// A check that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// Its file, below the register.
    pub file: String,
    /// Who checked.
    pub person: PersonId,
    /// When.
    pub time: Timestamp,
}

impl Heads {
    /// Returns the payload to sign.
    pub(crate) fn to_bytes(&self, register: Digest) -> Result<Vec<u8>, EvidenceRefusal> {
        let predicate = serde_json::to_value(self).map_err(|e| malformed(&e.to_string()))?;
        let subjects = vec![Subject { name: "register".to_owned(), sha256: register }];
        let statement = Statement { subjects, predicate_type: PREDICATE_TYPE.to_owned(), predicate };
        statement.to_bytes().map_err(|e| malformed(&e.to_string()))
    }

    fn parse(payload: &[u8], register: Digest) -> Result<Self, EvidenceRefusal> {
        let statement = Statement::parse(payload)?;
        statement.check_about(PREDICATE_TYPE, register)?;
        let heads: Self = serde_json::from_value(statement.predicate).map_err(|e| malformed(&e.to_string()))?;
        if heads.to_bytes(register).ok().as_deref() == Some(payload) {
            return Ok(heads);
        }
        Err(malformed("it is not in canonical form"))
    }

    pub(crate) fn file_name(&self) -> String {
        let time: String = self.time.to_string().chars().filter(|c| !matches!(c, '-' | ':')).collect();
        format!("{time}-{}.dsse.json", self.person)
    }
}

impl Register {
    /// Returns the signed checks that hold, oldest first.
    pub fn checks(&self) -> &[Checked] {
        &self.checks
    }

    /// Reads the file of a check once more, to carry it elsewhere; `None` if it changed since.
    pub(crate) fn read_check_again(&self, tree: &Beneath, file: &str) -> Result<Option<Vec<u8>>, PathError> {
        let Ok(path) = RelPath::new(file) else { return Ok(None) };
        let bytes = tree.read(&path, LIMIT)?;
        Ok(self.judge_check(&bytes).is_ok().then_some(bytes))
    }

    pub(super) fn read_checks(&mut self, tree: &Beneath) -> Result<(), PathError> {
        let dir = RelPath::new(DIR).expect("a constant that is a path");
        if !matches!(tree.kind(&dir)?, Some(Kind::Dir)) {
            return Ok(());
        }
        for (name, _) in tree.list(Some(&dir), MAX_FILES)? {
            if !name.starts_with(".tmp-") {
                self.read_check(tree, &name)?;
            }
        }
        self.checks.sort_by_key(|checked| checked.time);
        Ok(())
    }

    fn read_check(&mut self, tree: &Beneath, name: &str) -> Result<(), PathError> {
        let file = printable(&format!("{DIR}/{name}"));
        let path = RelPath::new(&file).ok();
        let size = path.as_ref().map(|path| tree.kind(path)).transpose()?.flatten();
        let (Some(path), Some(Kind::File(0..=LIMIT))) = (path, size) else {
            self.loose(ChainName::People, 0, Refusal::Stray { file });
            return Ok(());
        };
        match self.judge_check(&tree.read(&path, LIMIT)?) {
            Err(reason) => self.loose(ChainName::People, 0, Refusal::Damaged { file, reason }),
            Ok(heads) if heads.file_name() != name => self.loose(ChainName::People, 0, Refusal::Stray { file }),
            Ok(heads) => {
                self.compare(&file, &heads);
                self.checks.push(Checked { file, person: heads.person, time: heads.time });
            }
        }
        Ok(())
    }

    fn judge_check(&self, bytes: &[u8]) -> Result<Heads, EvidenceRefusal> {
        let envelope = Envelope::parse(bytes)?;
        let heads = Heads::parse(envelope.unverified_payload(), self.roster.id())?;
        let member = self.roster.at(&heads.under).and_then(|stand| stand.people.get(&heads.person));
        let key = member.map(|member| &member.key);
        let signed = key.and_then(|key| envelope.signed_by(std::iter::once(((), key))));
        let wrong = EvidenceRefusal::Threshold { valid: 0, required: 1 };
        signed.map(|_| heads.clone()).ok_or(wrong)
    }

    /// Every record that a check names must be there still.
    fn compare(&mut self, file: &str, heads: &Heads) {
        for (name, under) in &heads.heads {
            let Some(chain) = ChainName::parse(name) else { continue };
            let found = match &chain {
                ChainName::People => Some(&self.people),
                ChainName::Medium(id) => self.media.get(id).map(|held| &held.found),
            };
            let there = found.is_some_and(|found| {
                let index = usize::try_from(under.number - 1).unwrap_or(usize::MAX);
                let main = found.main.get(index).is_some_and(|stored| stored.digest == under.sha256);
                main || found.aside.contains_key(&under.sha256)
            });
            if !there {
                let (file, number, digits) = (file.to_owned(), under.number, under.sha256.short());
                self.loose(chain.clone(), number, Refusal::Forgotten { file, chain, number, digits });
            }
        }
    }

    fn loose(&mut self, chain: ChainName, number: u64, refusal: Refusal) {
        self.loose.push(Problem { chain, number, refusal });
    }
}

fn malformed(reason: &str) -> EvidenceRefusal {
    EvidenceRefusal::Malformed { reason: printable(reason) }
}
