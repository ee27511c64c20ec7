//! What the verbs of people share: the subject is shown, then the passphrase asked, then a file written. And
//! `statement …`: show what others signed, and sign where a key is not a key file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use sealift_fs::{Mode, read_capped, replace, write_new};
use sealift_model::escape::printable;
use sealift_model::{Digest, PersonId};
use sealift_term::{CommandError, Exit, Term};
use sealift_trust::{Envelope, EvidenceRefusal, ExitClass, PersonStatement, Purpose, Root, Said, Signed, Subject};
use serde::Serialize;

use super::error;
use super::key_arg::public_key;
use super::passphrase::PassphraseArgs;
use super::show::read_root;
use crate::attach::SIGNATURE_LIMIT;
use crate::key_file::KeyFile;
use crate::statement::{self, LIMIT, Shown, StatementError, SubjectError};
use crate::summary::fingerprint;

/// Who signs, and where the statement goes.
#[derive(Debug, Args)]
pub(super) struct SignerArgs {
    /// Your key file, made by `sealift-keys person new`
    #[arg(long, value_name = "KEY", required_unless_present = "unsigned")]
    key: Option<PathBuf>,
    /// Write the statement without a signature, to be signed with a token or openssl (see `statement export`)
    #[arg(long, conflicts_with_all = ["key", "passphrase_file", "passphrase_fd"])]
    unsigned: bool,
    /// The root of trust: checks that you may say this, and takes your name from it
    #[arg(long, value_name = "ROOT.json")]
    root: Option<PathBuf>,
    /// Your name in the root of trust [default: from --root, else the name of the key file]
    #[arg(long, value_name = "NAME")]
    person: Option<PersonId>,
    /// Directory for the statement
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

/// Work with statements of people: show them, sign them elsewhere, add signatures
#[derive(Debug, Subcommand)]
pub(super) enum StatementVerb {
    /// Show what statements say and who signed them
    Show(ShowArgs),
    /// Write exactly the bytes that signatures of a statement cover
    Export(ExportArgs),
    /// Add the signature of a key file
    Sign(SignArgs),
    /// Add a signature that was made elsewhere
    Attach(AttachArgs),
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// The statements
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The root of trust that says whose signatures count
    #[arg(long, value_name = "ROOT.json")]
    root: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct ExportArgs {
    /// The statement
    file: PathBuf,
    /// The file to write; must not exist
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
}

#[derive(Debug, Args)]
pub(super) struct SignArgs {
    /// The statement
    file: PathBuf,
    /// Your key file
    #[arg(long, value_name = "KEY")]
    key: PathBuf,
    #[command(flatten)]
    passphrase: PassphraseArgs,
}

#[derive(Debug, Args)]
pub(super) struct AttachArgs {
    /// The statement
    file: PathBuf,
    /// The public key (PEM) that signed
    #[arg(long, value_name = "PUB")]
    key: PathBuf,
    /// The signature and nothing else: 64 bytes for Ed25519, DER for ECDSA
    #[arg(long, value_name = "FILE")]
    signature: PathBuf,
}

#[derive(Serialize)]
struct Written {
    file: PathBuf,
    kind: &'static str,
    person: String,
    subject: Digest,
    payload: Digest,
    says: String,
    signed: bool,
}

/// Shows `subject`, signs what `said` says about it, and writes the file.
pub(super) fn make(said: Said, shown: &Shown, args: &SignerArgs, term: Term) -> Result<ExitCode, CommandError> {
    let subject = Subject { name: shown.name.clone(), sha256: shown.sha256 };
    let statement = PersonStatement { subject, said };
    let empty = statement::unsigned(&statement).map_err(|e| statement_error("the statement", &e))?;
    let root = args.root.as_deref().map(read_root).transpose()?;
    let key = args.key.as_deref().map(|path| KeyFile::read(path).map_err(|e| error::key_file(&e))).transpose()?;
    let person = signer(args, key.as_ref(), root.as_ref())?;
    if let Some(root) = &root {
        check_power(root, &person, &statement)?;
    }
    let file = args.out.join(statement::file_name(&statement, &person));
    if file.symlink_metadata().is_ok() {
        return Err(CommandError::new(Exit::Failed, format!("{} is there already", file.display()))
            .hint("to add a second signature to it: sealift-keys statement sign FILE --key KEY"));
    }
    show_subject(shown, &statement, &person, term);
    let signed = match &key {
        Some(key) => sign_with(&empty, key, &args.passphrase)?,
        None => empty,
    };
    write_new(&file, &signed, Mode::Public).map_err(|e| error::fs(&e))?;
    let written = Written {
        kind: statement.kind().as_str(),
        person: person.to_string(),
        subject: statement.subject.sha256,
        payload: Digest::of(&statement.to_bytes().map_err(|e| evidence("the statement", &e))?),
        says: statement.describe(),
        signed: key.is_some(),
        file,
    };
    term.answer(&written, human);
    Ok(ExitCode::SUCCESS)
}

fn human(written: &Written) -> String {
    let file = written.file.display();
    if written.signed {
        return format!(
            "Signed as {}: {}.\n  {file}\nNext: carry it to the mirror (sealift-mirror bundle attach), or to the site\n  \
             (sealift-import receive MEDIUM --statement {file}).",
            written.person, written.says
        );
    }
    format!(
        "Wrote the statement without a signature: {}.\n  {file}\nNext: sealift-keys statement export {file} -o TO-SIGN",
        written.says
    )
}

fn sign_with(envelope: &[u8], key: &KeyFile, passphrase: &PassphraseArgs) -> Result<Vec<u8>, CommandError> {
    let what = printable(&key.path().to_string_lossy());
    if key.purpose() != Purpose::Person {
        let wrong = StatementError::WrongPurpose { key_id: key.public().id(), purpose: key.purpose() };
        return Err(statement_error(&what, &wrong).hint("make yourself a key: sealift-keys person new NAME --out DIR"));
    }
    let secret = key.open(&passphrase.for_key(&what)?).map_err(|e| error::key_file(&e))?;
    statement::sign(envelope, &secret).map_err(|e| statement_error(&what, &e))
}

fn signer(args: &SignerArgs, key: Option<&KeyFile>, root: Option<&Signed<Root>>) -> Result<PersonId, CommandError> {
    let owner = match (root, key) {
        (Some(root), Some(key)) => Some(owner(root, key)?),
        _ => None,
    };
    let stem = || key?.path().file_stem()?.to_str()?.parse().ok();
    match (owner, &args.person) {
        (Some(owner), Some(given)) if owner != *given => {
            Err(CommandError::new(Exit::Usage, format!("this is the key of {owner}, not of {given}")))
        }
        (Some(owner), _) => Ok(owner),
        (None, Some(given)) => Ok(given.clone()),
        (None, None) => stem().ok_or_else(|| {
            CommandError::new(Exit::Usage, "it is not clear who signs").hint("add --person NAME, or --root ROOT.json")
        }),
    }
}

fn owner(root: &Signed<Root>, key: &KeyFile) -> Result<PersonId, CommandError> {
    root.body().people().owner(key.public()).cloned().ok_or_else(|| {
        let message = format!("refused {}: the root of trust names nobody with this key", key.path().display());
        CommandError::new(Exit::RefusedPolicy, message)
            .hint("whoever keeps the root adds you: sealift-keys root draft, then root add-person")
    })
}

fn check_power(root: &Signed<Root>, person: &PersonId, statement: &PersonStatement) -> Result<(), CommandError> {
    let Some(power) = statement.kind().power() else { return Ok(()) };
    let refuse = |why: String| Err(CommandError::new(Exit::RefusedPolicy, why));
    if root.body().policy().required(statement.kind()).is_none() {
        return refuse(format!("the root of trust allows no {}", statement.kind().noun()));
    }
    match root.body().people().get(person) {
        Some(known) if known.may(power) => Ok(()),
        Some(_) => refuse(format!("{person} may not {power}, by the root of trust")),
        None => refuse(format!("the root of trust does not know {person}")),
    }
}

fn show_subject(shown: &Shown, statement: &PersonStatement, person: &PersonId, term: Term) {
    let mut text = String::from("To be signed:\n");
    let _ = writeln!(text, "  {person} says: {}", statement.describe());
    let _ = writeln!(text, "  about:     {}", shown.sha256.tagged());
    let _ = writeln!(text, "  aloud:     {}", fingerprint(shown.sha256));
    if let Some(file) = &shown.file {
        let _ = writeln!(text, "  read from: {}", file.display());
    }
    for (label, claim) in &shown.claims {
        let _ = writeln!(text, "  {:<10} {claim}", format!("{label}:"));
    }
    text.push_str(match shown.file {
        Some(_) => "What it claims was not verified here; sealift-bundle verify does that.",
        None => "Only the digest is known here: compare it with what you verified.",
    });
    for line in text.lines() {
        term.say(line);
    }
}

pub(super) fn run(verb: &StatementVerb, term: Term) -> Result<ExitCode, CommandError> {
    match verb {
        StatementVerb::Show(args) => show(args, term),
        StatementVerb::Export(args) => export(args, term),
        StatementVerb::Sign(args) => {
            let (what, bytes) = read(&args.file)?;
            let key = KeyFile::read(&args.key).map_err(|e| error::key_file(&e))?;
            let (_, statement) = statement::read(&bytes).map_err(|e| statement_error(&what, &e))?;
            term.say(&format!("To be signed: {} (about {})", statement.describe(), statement.subject.sha256.tagged()));
            let signed = sign_with(&bytes, &key, &args.passphrase)?;
            put(&args.file, &signed, key.public().id(), term)
        }
        StatementVerb::Attach(args) => {
            let (what, bytes) = read(&args.file)?;
            let key = public_key(&args.key)?;
            let signature = read_capped(&args.signature, SIGNATURE_LIMIT).map_err(|e| error::fs(&e))?;
            let signed = statement::attach(&bytes, &key, &signature).map_err(|e| statement_error(&what, &e))?;
            put(&args.file, &signed, key.id(), term)
        }
    }
}

#[derive(Serialize)]
struct Added<'a> {
    file: &'a Path,
    key: Digest,
}

fn put(file: &Path, signed: &[u8], key: Digest, term: Term) -> Result<ExitCode, CommandError> {
    replace(file, signed, Mode::Public).map_err(|e| error::fs(&e))?;
    term.answer(&Added { file, key }, |a| format!("Added the signature of key {} to {}.", a.key, a.file.display()));
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct Exported {
    file: PathBuf,
    sha256: Digest,
    fingerprint: String,
    says: String,
}

fn export(args: &ExportArgs, term: Term) -> Result<ExitCode, CommandError> {
    let (what, bytes) = read(&args.file)?;
    let refused = |e: StatementError| statement_error(&what, &e);
    let to_sign = statement::bytes_to_sign(&bytes).map_err(refused)?;
    let says = statement::read(&bytes).map_err(refused)?.1.describe();
    write_new(&args.out, &to_sign, Mode::Public).map_err(|e| error::fs(&e))?;
    let sha256 = Digest::of(&to_sign);
    let answer = Exported { file: args.out.clone(), sha256, fingerprint: fingerprint(sha256), says };
    term.answer(&answer, |answer| {
        let (file, from) = (answer.file.display(), args.file.display());
        format!(
            "Wrote the bytes to sign: {}.\n  {file}\nSHA-256: {}\nNext, one of these:\n  openssl pkeyutl -sign -rawin \
             -inkey PRIVATE.pem -in {file} -out SIG\n  sealift-hsm sign {file} --module LIB.so --token-label TOKEN \
             --key-label KEY -o SIG\nThen: sealift-keys statement attach {from} --key PUB --signature SIG",
            answer.says, answer.fingerprint
        )
    });
    Ok(ExitCode::SUCCESS)
}

#[derive(Serialize)]
struct StatementLine {
    file: String,
    kind: &'static str,
    subject: Digest,
    payload: Digest,
    says: String,
    people: Vec<PersonId>,
    /// Of the people, those who may say this.
    counted: Vec<PersonId>,
}

fn show(args: &ShowArgs, term: Term) -> Result<ExitCode, CommandError> {
    let root = read_root(&args.root)?;
    let lines = args.files.iter().map(|file| line(file, root.body())).collect::<Result<Vec<_>, _>>()?;
    term.answer(&lines, |lines| lines.iter().map(line_text).collect::<Vec<_>>().join("\n"));
    Ok(ExitCode::SUCCESS)
}

fn line(path: &Path, root: &Root) -> Result<StatementLine, CommandError> {
    let (what, bytes) = read(path)?;
    let envelope = Envelope::parse(&bytes).map_err(|e| evidence(&what, &e))?;
    let nobody = EvidenceRefusal::Threshold { valid: 0, required: 1 };
    let opened = root.people().open(&envelope).ok_or_else(|| {
        evidence(&what, &nobody).hint("none of its signatures is by somebody whom this root of trust names")
    })?;
    let (_, statement) = statement::read(&bytes).map_err(|e| statement_error(&what, &e))?;
    let power = statement.kind().power();
    let may = |name: &&PersonId| power.is_none_or(|p| root.people().get(name).is_some_and(|person| person.may(p)));
    Ok(StatementLine {
        file: what,
        kind: statement.kind().as_str(),
        subject: statement.subject.sha256,
        payload: envelope.payload_digest(),
        says: statement.describe(),
        counted: opened.signers.iter().filter(may).cloned().collect(),
        people: opened.signers.into_iter().collect(),
    })
}

fn line_text(line: &StatementLine) -> String {
    let signer = |name: &PersonId| {
        if line.counted.contains(name) { name.to_string() } else { format!("{name} (may not say this)") }
    };
    let signers: Vec<String> = line.people.iter().map(signer).collect();
    format!(
        "{}\n  kind:      {}\n  about:     {}\n  says:      {}\n  signed by: {}\n",
        line.file,
        line.kind,
        line.subject.tagged(),
        line.says,
        signers.join(", ")
    )
}

fn read(path: &Path) -> Result<(String, Vec<u8>), CommandError> {
    let bytes = read_capped(path, LIMIT).map_err(|e| error::fs(&e))?;
    Ok((printable(&path.to_string_lossy()), bytes))
}

fn evidence(what: &str, refusal: &EvidenceRefusal) -> CommandError {
    let exit = if refusal.exit_class() == ExitClass::Policy { Exit::RefusedPolicy } else { Exit::RefusedSignature };
    CommandError::with_cause(exit, format!("refused {what}"), refusal)
}

pub(super) fn statement_error(what: &str, fault: &StatementError) -> CommandError {
    match fault {
        StatementError::Refused(refusal) => evidence(what, refusal),
        _ => CommandError::with_cause(Exit::RefusedSignature, format!("refused {what}"), fault),
    }
}

/// Finds what a statement is to be about.
pub(super) fn subject(path: &Path) -> Result<Shown, CommandError> {
    statement::find(path).map_err(|e| subject_error(&e))
}

pub(super) fn subject_error(fault: &SubjectError) -> CommandError {
    match fault {
        SubjectError::Statement { source, path } => statement_error(path, source),
        SubjectError::Fs(fault) => error::fs(fault)
            .hint("name a medium, a bundle's directory, its manifest.json, or the bundle id in hexadecimal digits"),
        SubjectError::Several { .. } => CommandError::from_error(Exit::Usage, fault)
            .hint("name the directory of one of them: .../SEALIFT/bundles/STREAM/SEQUENCE"),
        SubjectError::Container(_) => CommandError::from_error(Exit::Usage, fault)
            .hint("give the bundle id that `sealift-bundle verify` shows, or unpack it first"),
        _ => CommandError::from_error(Exit::Failed, fault),
    }
}
