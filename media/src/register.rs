//! A register on disk: read whole, judged whole, and grown by one record at a time (format/media-register §1).
//!
//! A record is written before the list of last records names it, and both are durable before a command says it is done;
//! a run that is cut in between is finished by the next one. Nothing is ever changed or removed.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use sealift_fs::beneath::Kind;
use sealift_fs::{Beneath, LockError, PathError};
use sealift_model::{Digest, MediumId, RelPath, json};
use sealift_trust::EvidenceRefusal;
use serde::{Deserialize, Serialize};

use crate::chain::{self, Found, MAX_FILES, Problem};
use crate::record::{ChainName, NOTHING, Stored, Under};
use crate::refusal::{Refusal, Rule};
use crate::roster::Roster;
use crate::state::Medium;

mod checks;
mod write;

pub use checks::{Checked, Heads};
pub use write::{Appended, Begin, Circumstances, Signer, Writer, begin};

/// Name of the list of last records.
pub(crate) const HEADS: &str = "heads.json";
const HEADS_LIMIT: u64 = 32 << 20;

/// Why a register was not read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// Another command is writing.
    #[error(transparent)]
    Lock(#[from] LockError),
    /// Not what was signed.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Cannot be recorded.
    #[error(transparent)]
    Rule(#[from] Rule),
    /// A record would be none that a reader takes.
    #[error("the record cannot be made")]
    Record(#[from] EvidenceRefusal),
    /// No register there.
    #[error("{} is no register of media", .0.display())]
    None(PathBuf),
    /// Something else is there.
    #[error("{} is not empty", .0.display())]
    NotEmpty(PathBuf),
}

/// The last record of every chain, by the chain's name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HeadsFile {
    pub(crate) heads: BTreeMap<String, Under>,
    pub(crate) schema: String,
}

impl HeadsFile {
    const SCHEMA: &'static str = "sealift.media-heads/1";

    fn empty() -> Self {
        Self { heads: BTreeMap::new(), schema: Self::SCHEMA.to_owned() }
    }

    fn of(&self, chain: &ChainName) -> Option<Under> {
        self.heads.get(&chain.to_string()).copied()
    }

    /// Reads the list; `None` if there is none, or it is damaged.
    fn read(dir: &Beneath) -> Result<Option<Self>, PathError> {
        let path = RelPath::new(HEADS).expect("a constant that is a path");
        if !matches!(dir.kind(&path)?, Some(Kind::File(_))) {
            return Ok(None);
        }
        let bytes = dir.read(&path, HEADS_LIMIT)?;
        let read = json::from_canonical::<Self>(&bytes).ok();
        Ok(read.filter(|file| {
            let sound = |(name, head): (&String, &Under)| ChainName::parse(name).is_some() && head.number > 0;
            file.schema == Self::SCHEMA && file.heads.iter().all(sound)
        }))
    }
}

/// A medium with its records.
#[derive(Debug, Clone)]
pub struct Held {
    /// What the records add up to, up to the first bad one; none if the first is bad.
    pub medium: Option<Medium>,
    pub(crate) found: Found,
}

impl Held {
    /// Tells whether nothing is wrong with its records.
    pub fn is_whole(&self) -> bool {
        self.found.problems.is_empty()
    }

    /// Returns the records, first to last.
    pub fn records(&self) -> &[Stored] {
        &self.found.main
    }

    /// Returns the medium as it was after a record.
    pub fn until(&self, number: u64, roster: &Roster) -> Option<Medium> {
        let mut medium = None;
        let first = self.found.main.first()?;
        let ChainName::Medium(id) = &first.link.chain else { return None };
        for stored in self.found.main.iter().take_while(|stored| stored.link.record.number <= number) {
            chain::follow(id, &mut medium, stored, roster).ok()?;
        }
        medium
    }

    /// Returns the last records that other copies made at the same time and that nothing accounts for.
    pub fn branches(&self) -> Vec<&Stored> {
        let joined = self.medium.as_ref().map(|medium| &medium.joined);
        let open = |tip: &&Stored| !joined.is_some_and(|joined| joined.contains(&tip.digest));
        self.found.tips().into_iter().filter(open).collect()
    }
}

/// A register as read.
#[derive(Debug)]
pub struct Register {
    pub(crate) dir: PathBuf,
    pub(crate) people: Found,
    pub(crate) roster: Roster,
    pub(crate) media: BTreeMap<MediumId, Held>,
    pub(crate) checks: Vec<Checked>,
    loose: Vec<Problem>,
}

impl Register {
    /// Reads a register. What is wrong with single records is found by [`Register::problems`]; without people nothing
    /// can be judged, and it is refused.
    pub fn open(dir: &Path) -> Result<Self, RegisterError> {
        let tree = match Beneath::open(dir) {
            Err(error) if error.is_not_found() => return Err(RegisterError::None(dir.to_owned())),
            other => other?,
        };
        let heads = match HeadsFile::read(&tree)? {
            Some(heads) => heads,
            None if is_there(&tree, "people")? => return Err(Refusal::Heads.into()),
            None => return Err(RegisterError::None(dir.to_owned())),
        };
        Self::read(dir, &tree, &heads)
    }

    fn read(dir: &Path, tree: &Beneath, heads: &HeadsFile) -> Result<Self, RegisterError> {
        let mut people = chain::read(tree, &ChainName::People, heads.of(&ChainName::People), NOTHING)?;
        let roster = match chain::roster(&mut people) {
            Some(roster) if first_is_whole(&people) => roster,
            _ => return Err(first_of(&people).into()),
        };
        let mut loose = Vec::new();
        let mut media = BTreeMap::new();
        for id in ids(tree, heads, &mut loose)? {
            let chain = ChainName::Medium(id.clone());
            let mut found = chain::read(tree, &chain, heads.of(&chain), roster.id())?;
            let medium = chain::medium(&id, &mut found, &roster);
            // A directory that a cut run made before its record says nothing.
            if !found.main.is_empty() || !found.problems.is_empty() {
                media.insert(id, Held { medium, found });
            }
        }
        let mut register = Self { dir: dir.to_owned(), people, roster, media, checks: Vec::new(), loose };
        register.read_checks(tree)?;
        Ok(register)
    }

    /// Returns the directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns who may sign.
    pub fn roster(&self) -> &Roster {
        &self.roster
    }

    /// Returns the records of the people's chain.
    pub fn people_records(&self) -> &[Stored] {
        &self.people.main
    }

    /// Returns all media by id.
    pub fn media(&self) -> impl Iterator<Item = (&MediumId, &Held)> {
        self.media.iter()
    }

    /// Returns a medium that can be worked with: it is there, and all its records hold.
    pub fn medium(&self, id: &MediumId) -> Result<(&Medium, &Held), RegisterError> {
        let held = self.media.get(id).ok_or_else(|| Rule::Unknown(id.clone()))?;
        if let Some(problem) = held.found.first_problem() {
            return Err(problem.refusal.clone().into());
        }
        match &held.medium {
            Some(medium) => Ok((medium, held)),
            None => Err(Rule::Unknown(id.clone()).into()),
        }
    }

    /// Returns all that is wrong: people first, then media by id, each from its first record.
    pub fn problems(&self) -> Vec<&Problem> {
        let media = self.media.values().flat_map(|held| held.found.problems.iter());
        let mut all: Vec<&Problem> = self.people.problems.iter().chain(media).chain(&self.loose).collect();
        all.sort_by(|a, b| (&a.chain, a.number).cmp(&(&b.chain, b.number)));
        all
    }

    /// Returns the last record of every chain.
    pub(crate) fn heads(&self) -> HeadsFile {
        let mut file = HeadsFile::empty();
        let media = self.media.iter().map(|(id, held)| (ChainName::Medium(id.clone()), held.found.head()));
        for (chain, head) in std::iter::once((ChainName::People, self.people.head())).chain(media) {
            file.heads.extend(head.map(|head| (chain.to_string(), head)));
        }
        file
    }

    /// Returns a digest that names what every record of the register is now: to be noted elsewhere, and compared.
    pub fn state_digest(&self) -> Digest {
        Digest::of(&json::to_canonical(&self.heads()).expect("names and digests have no control characters"))
    }
}

fn first_is_whole(people: &Found) -> bool {
    !people.problems.iter().any(|problem| problem.number == 1)
}

fn first_of(people: &Found) -> Refusal {
    people.first_problem().map_or(Refusal::Heads, |problem| problem.refusal.clone())
}

fn is_there(tree: &Beneath, name: &str) -> Result<bool, PathError> {
    let path = RelPath::new(name).expect("a constant that is a path");
    Ok(tree.kind(&path)?.is_some())
}

/// Media that have a directory, or that the list of last records names.
fn ids(tree: &Beneath, heads: &HeadsFile, loose: &mut Vec<Problem>) -> Result<BTreeSet<MediumId>, PathError> {
    let named = heads.heads.keys().filter_map(|name| match ChainName::parse(name) {
        Some(ChainName::Medium(id)) => Some(id),
        _ => None,
    });
    let mut ids: BTreeSet<MediumId> = named.collect();
    if !is_there(tree, "media")? {
        return Ok(ids);
    }
    let path = RelPath::new("media").expect("a constant that is a path");
    for (name, kind) in tree.list(Some(&path), MAX_FILES)? {
        let id = name.parse::<MediumId>().ok().filter(|_| kind == Kind::Dir && RelPath::new(&name).is_ok());
        if let Some(id) = id {
            ids.insert(id);
        } else {
            let file = sealift_model::escape::printable(&format!("media/{name}"));
            loose.push(Problem { chain: ChainName::People, number: 0, refusal: Refusal::Stray { file } });
        }
    }
    Ok(ids)
}
