//! Keeps plans and hands one out only after its signature was checked.

use std::path::{Path, PathBuf};

use sealift_fs::{Lock, Mode, PathError};
use sealift_model::Digest;
use sealift_model::escape::printable;
use sealift_site::StatementKey;
use sealift_trust::EvidenceRefusal;

use crate::plan::{self, Plan, PlanForm};
use crate::seal;

/// Fewest digits by which a plan is named.
const SHORTEST: usize = 4;

/// The plans of a state directory.
pub struct Plans<'a> {
    dir: PathBuf,
    key: &'a StatementKey,
}

/// Why a plan is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanRefusal {
    /// The file under a plan's id has other content.
    #[error("{file} is not the plan it is named after: its content has the digest {}", actual.tagged())]
    Digest {
        /// The file.
        file: String,
        /// What it has.
        actual: Digest,
    },
    /// There is no signature for it.
    #[error("there is no signature for plan {}: it was changed after it was made, or made elsewhere", .0.short())]
    Unsigned(Digest),
    /// The signature is not good.
    #[error("plan {} is not signed by this site's statement key", id.short())]
    Signature {
        /// The plan's id.
        id: Digest,
        /// What is wrong.
        #[source]
        source: EvidenceRefusal,
    },
    /// Signed, but not a plan.
    #[error("plan {} is malformed", id.short())]
    Form {
        /// The plan's id.
        id: Digest,
        /// What is wrong.
        #[source]
        source: PlanForm,
    },
}

/// Why a plan cannot be kept or found.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlansError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// A refusal.
    #[error(transparent)]
    Refused(#[from] PlanRefusal),
    /// A plan that cannot be written in its format.
    #[error("the plan cannot be written")]
    Form(#[from] PlanForm),
    /// There is no such plan.
    #[error("there is no plan or file `{0}`")]
    Unknown(String),
    /// The beginning of an id fits several plans.
    #[error("`{0}` is the beginning of more than one plan's id")]
    Ambiguous(String),
}

impl<'a> Plans<'a> {
    /// Opens the plans of the state directory `state`.
    pub fn open(state: &Path, key: &'a StatementKey) -> Self {
        Self { dir: state.join("plans"), key }
    }

    fn file(&self, id: Digest, end: &str) -> PathBuf {
        self.dir.join(format!("{id}.{end}"))
    }

    /// Signs and keeps a plan; returns its id and its bytes.
    pub fn keep(&self, _lock: &Lock, plan: &Plan) -> Result<(Digest, Vec<u8>), PlansError> {
        sealift_fs::create_dir_all(&self.dir, Mode::Public)?;
        let bytes = plan.to_bytes()?;
        // What could not be read back must not be signed.
        Plan::from_bytes(&bytes)?;
        let id = Digest::of(&bytes);
        let envelope = seal::sign(self.key, &format!("{id}.json"), plan::PREDICATE, &bytes).map_err(PlanForm::Json)?;
        sealift_fs::replace(&self.file(id, "dsse.json"), &envelope, Mode::Public)?;
        sealift_fs::replace(&self.file(id, "json"), &bytes, Mode::Public)?;
        Ok((id, bytes))
    }

    /// Finds a plan by the beginning of its id or by file, and checks digest, signature and form.
    pub fn find(&self, text: &str) -> Result<(Digest, Plan), PlansError> {
        let bytes = match self.named(text)? {
            Some(id) => self.read_named(id)?,
            None => match sealift_fs::read_capped(Path::new(text), plan::LIMIT) {
                Err(error) if error.is_not_found() => return Err(PlansError::Unknown(printable(text))),
                other => other?,
            },
        };
        let id = Digest::of(&bytes);
        let envelope = match sealift_fs::read_capped(&self.file(id, "dsse.json"), seal::LIMIT) {
            Err(error) if error.is_not_found() => return Err(PlanRefusal::Unsigned(id).into()),
            other => other?,
        };
        seal::check(&envelope, self.key.public(), plan::PREDICATE, id)
            .map_err(|source| PlanRefusal::Signature { id, source })?;
        let plan = Plan::from_bytes(&bytes).map_err(|source| PlanRefusal::Form { id, source })?;
        Ok((id, plan))
    }

    fn read_named(&self, id: Digest) -> Result<Vec<u8>, PlansError> {
        let bytes = sealift_fs::read_capped(&self.file(id, "json"), plan::LIMIT)?;
        let actual = Digest::of(&bytes);
        if actual != id {
            return Err(PlanRefusal::Digest { file: format!("plans/{id}.json"), actual }.into());
        }
        Ok(bytes)
    }

    /// Returns the id that begins with `text`; `None` if it does not look like one or none does.
    fn named(&self, text: &str) -> Result<Option<Digest>, PlansError> {
        let digits = text.strip_prefix("sha256:").unwrap_or(text);
        if digits.len() < SHORTEST || !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Ok(None);
        }
        let files = match sealift_fs::list_dir(&self.dir) {
            Err(error) if error.is_not_found() => return Ok(None),
            other => other?,
        };
        let ids = files.iter().filter_map(|file| file.strip_suffix(".json")?.parse::<Digest>().ok());
        let mut found = ids.filter(|id| id.to_hex().starts_with(digits));
        match (found.next(), found.next()) {
            (Some(_), Some(_)) => Err(PlansError::Ambiguous(printable(text))),
            (first, _) => Ok(first),
        }
    }
}

#[cfg(test)]
mod tests {
    use sealift_model::{GroupId, SiteId, Timestamp};

    use super::*;
    use crate::inventory::Repository;

    fn key() -> StatementKey {
        // insecure-test-site-key
        StatementKey::from_seed(&SiteId::new("plant-a").unwrap(), &[7; 32])
    }

    fn plan(group: &str) -> Plan {
        Plan {
            created: Timestamp::from_unix(0),
            group: GroupId::new(group).unwrap(),
            hosts: Vec::new(),
            repository: Repository { components: vec!["main".into()], suites: vec!["s".into()], uri: "file:/r".into() },
            request: Vec::new(),
            schema: plan::SCHEMA.into(),
            site: SiteId::new("plant-a").unwrap(),
        }
    }

    #[test]
    fn a_plan_is_found_by_the_beginning_of_its_id_and_by_file() {
        let (dir, key) = (tempfile::tempdir().unwrap(), key());
        let lock = Lock::take(dir.path()).unwrap();
        let plans = Plans::open(dir.path(), &key);
        let (id, bytes) = plans.keep(&lock, &plan("web")).unwrap();
        assert_eq!(plans.find(&id.short()).unwrap(), (id, plan("web")));
        let copy = dir.path().join("copy.json");
        std::fs::write(&copy, bytes).unwrap();
        assert_eq!(plans.find(copy.to_str().unwrap()).unwrap().0, id);
        for unknown in ["ffffffff", "no-such-file", "abc"] {
            assert!(matches!(plans.find(unknown), Err(PlansError::Unknown(_))), "{unknown}");
        }
    }

    #[test]
    fn refuses_a_plan_that_was_changed_by_one_byte() {
        let (dir, key) = (tempfile::tempdir().unwrap(), key());
        let lock = Lock::take(dir.path()).unwrap();
        let plans = Plans::open(dir.path(), &key);
        let (id, bytes) = plans.keep(&lock, &plan("web")).unwrap();
        let changed = String::from_utf8(bytes).unwrap().replace("\"web\"", "\"wen\"");
        std::fs::write(plans.file(id, "json"), &changed).unwrap();
        assert!(matches!(plans.find(&id.short()), Err(PlansError::Refused(PlanRefusal::Digest { .. }))));
        let path = dir.path().join("x.json");
        std::fs::write(&path, changed).unwrap();
        let refusal = plans.find(path.to_str().unwrap());
        assert!(matches!(refusal, Err(PlansError::Refused(PlanRefusal::Unsigned(_)))));
    }

    #[test]
    fn refuses_a_signature_of_another_key_or_for_another_plan() {
        let (dir, key) = (tempfile::tempdir().unwrap(), key());
        let lock = Lock::take(dir.path()).unwrap();
        let plans = Plans::open(dir.path(), &key);
        let (id, _) = plans.keep(&lock, &plan("web")).unwrap();
        let (other, _) = plans.keep(&lock, &plan("db")).unwrap();
        let stranger = StatementKey::from_seed(&SiteId::new("plant-a").unwrap(), &[8; 32]);
        let foreign = Plans::open(dir.path(), &stranger).find(&id.to_hex());
        assert!(matches!(foreign, Err(PlansError::Refused(PlanRefusal::Signature { .. }))));
        std::fs::copy(plans.file(other, "dsse.json"), plans.file(id, "dsse.json")).unwrap();
        let exchanged = plans.find(&id.to_hex());
        assert!(matches!(exchanged, Err(PlansError::Refused(PlanRefusal::Signature { .. }))));
    }
}
