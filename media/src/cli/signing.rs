//! What every verb that records something asks: who signs, where, what for; and what it answers.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::Args;
use sealift_fs::Mode;
use sealift_keys::{KeyFile, KeyFileError, SecretKey};
use sealift_model::escape::printable;
use sealift_model::{Digest, Timestamp};
use sealift_term::{CommandError, Exit, Term, now};
use serde::Serialize;

use super::passphrase::PassphraseArgs;
use super::{DirArgs, error};
use crate::record::{ChainName, Event};
use crate::refusal::Rule;
use crate::register::{Appended, Circumstances, Signer, Writer};
use crate::text::Line;

/// Whose key signs.
#[derive(Debug, Args)]
pub(super) struct KeyArgs {
    /// Your personal key file
    #[arg(long, value_name = "FILE")]
    pub(super) key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

impl KeyArgs {
    pub(super) fn open(&self) -> Result<SecretKey, CommandError> {
        open_key(&self.key, &self.passphrase)
    }

    /// Opens the key and finds its owner among the register's people.
    pub(super) fn signer<'k>(key: &'k SecretKey, writer: &Writer, dir: &DirArgs) -> Result<Signer<'k>, CommandError> {
        match writer.roster().now().owner(key.public()) {
            Some(person) => Ok(Signer { person: person.clone(), key }),
            None => Err(error::rule(&Rule::Key(key.id()), dir)),
        }
    }
}

/// Opens a personal key file.
pub(super) fn open_key(path: &Path, passphrase: &PassphraseArgs) -> Result<SecretKey, CommandError> {
    let file = KeyFile::read(path).map_err(|e| key_error(&e))?;
    let passphrase = passphrase.get(&printable(&path.to_string_lossy()))?;
    file.open(&passphrase).map_err(|e| key_error(&e))
}

fn key_error(fault: &KeyFileError) -> CommandError {
    CommandError::from_error(Exit::Failed, fault)
        .hint("a personal key is made by: sealift-keys person new NAME --out DIR")
}

/// What a record says beside its event.
#[derive(Debug, Args)]
pub(super) struct RecordOptions {
    #[command(flatten)]
    pub(super) key: KeyArgs,
    /// Where it happens: site, building, room
    #[arg(long, value_name = "TEXT")]
    place: Line,
    /// What for
    #[arg(long, value_name = "TEXT")]
    purpose: Line,
    /// Who authorised it: a name, or the number of a change
    #[arg(long, value_name = "TEXT")]
    authority: Option<Line>,
    /// Who asked for it
    #[arg(long, value_name = "TEXT")]
    requester: Option<Line>,
    /// The machine it is recorded on [this machine's name]
    #[arg(long, value_name = "TEXT")]
    system: Option<Line>,
    /// When it happened, in UTC [now]
    #[arg(long, value_name = "TIME")]
    pub(super) time: Option<Timestamp>,
    /// Write a copy of the signed record to FILE, to be carried to another copy of the register
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

/// What was recorded.
#[derive(Debug, Serialize)]
pub(super) struct Answer {
    chain: String,
    number: u64,
    event: &'static str,
    person: String,
    digest: Digest,
    again: bool,
    remarks: Vec<String>,
    next: Option<String>,
}

impl RecordOptions {
    pub(super) fn circumstances(&self) -> Result<Circumstances, CommandError> {
        let clock = now();
        let time = self.time.unwrap_or(clock);
        if time > clock {
            return Err(CommandError::from_error(Exit::Usage, &Rule::Future(time)));
        }
        let system = match &self.system {
            Some(system) => system.clone(),
            None => host_name(),
        };
        Ok(Circumstances {
            authority: self.authority.clone(),
            place: self.place.clone(),
            purpose: self.purpose.clone(),
            requester: self.requester.clone(),
            system,
            time,
        })
    }

    /// Opens register and key, signs the record, and answers; `next` says what to type next.
    pub(super) fn sign(
        &self,
        dir: &DirArgs,
        chain: &ChainName,
        event: Event,
        next: Option<String>,
        term: Term,
    ) -> Result<bool, CommandError> {
        let mut writer = dir.write()?;
        let why = self.circumstances()?;
        let key = self.key.open()?;
        let signer = KeyArgs::signer(&key, &writer, dir)?;
        let (person, kind) = (signer.person.to_string(), event.as_str());
        let appended = writer.append(chain, event, &signer, &why).map_err(|e| error::register(&e, dir))?;
        self.copy(&writer, &appended)?;
        let remarks = remarks(&writer, &appended);
        for remark in &remarks {
            term.warn(&format!("{chain}: {remark}."));
        }
        let strange = !remarks.is_empty();
        let chain = appended.chain.to_string();
        let answer = Answer {
            chain,
            number: appended.number,
            event: kind,
            person,
            digest: appended.digest,
            again: appended.again,
            remarks,
            next,
        };
        term.answer(&answer, render);
        Ok(strange)
    }

    /// Writes the copy that is carried along.
    fn copy(&self, writer: &Writer, appended: &Appended) -> Result<(), CommandError> {
        let Some(out) = &self.out else { return Ok(()) };
        let name = crate::record::file_name(appended.number, appended.digest);
        let path = writer.dir().join(appended.chain.to_string()).join(name);
        let limit = crate::record::LIMIT as u64;
        let copied =
            sealift_fs::read_capped(&path, limit).and_then(|bytes| sealift_fs::replace(out, &bytes, Mode::Public));
        copied.map_err(|e| {
            CommandError::from_error(Exit::Failed, &e)
                .state("The record is in the register; only the copy was not written.")
                .hint("type the same command again with another FILE")
        })
    }
}

fn render(answer: &Answer) -> String {
    let mut text = if answer.again {
        format!("Record {} of {} says so already.\n", answer.number, answer.chain)
    } else {
        format!(
            "Recorded {} as number {} of {}, signed by {}.\n",
            answer.event, answer.number, answer.chain, answer.person
        )
    };
    let _ = writeln!(text, "  digest: {}", answer.digest.tagged());
    if let Some(next) = &answer.next {
        let _ = writeln!(text, "Next: {next}");
    }
    text
}

/// What was strange about the record that was just made.
fn remarks(writer: &Writer, appended: &Appended) -> Vec<String> {
    let ChainName::Medium(id) = &appended.chain else { return Vec::new() };
    let Ok((medium, _)) = writer.medium(id) else { return Vec::new() };
    let these = medium.remarks.iter().filter(|remark| remark.number == appended.number);
    these.map(|remark| remark.what.to_string()).collect()
}

/// Returns this machine's name as the kernel has it.
pub(super) fn host_name() -> Line {
    let uname = rustix::system::uname();
    let name = uname.nodename().to_string_lossy().into_owned();
    name.parse().unwrap_or_else(|_| "unnamed".parse().expect("a constant that is a line"))
}
