//! `sealift-media check`: whether the records are what was signed, and what is to be done about the media.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_model::Digest;
use sealift_term::{CommandError, Exit, Table, Term, counted, now};
use serde::Serialize;

use super::signing::{KeyArgs, open_key};
use super::{DirArgs, error};
use crate::check::{Finding, Todo, findings};
use crate::refusal::Refusal;
use crate::register::Register;

/// Check every record; with --monthly, also what is to be done about the media
///
/// The first record that is damaged, missing or inserted is named, and the exit code is 10. With --monthly, media that
/// nobody looked at, that have no owner, hand-overs that stay open, seals that differ are listed, and the exit code is 3
/// if there are any. With --key the check is signed: what the register holds now can never again be missing unnoticed.
#[derive(Debug, Args)]
pub(super) struct CheckArgs {
    /// Also list what is to be done
    #[arg(long)]
    monthly: bool,
    /// Days after which something is overdue
    #[arg(long, value_name = "N", default_value_t = 31)]
    days: u64,
    /// The register must have this id
    #[arg(long, value_name = "ID")]
    register: Option<Digest>,
    /// Sign the check with your personal key file
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    #[command(flatten)]
    passphrase: super::passphrase::PassphraseArgs,
    #[command(flatten)]
    dir: DirArgs,
}

#[derive(Serialize)]
struct Answer {
    register: Digest,
    state: Digest,
    media: usize,
    records: usize,
    signed: Option<String>,
    todo: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    medium: Option<String>,
    code: &'static str,
    what: String,
}

pub(super) fn run(args: &CheckArgs, term: Term) -> Result<ExitCode, CommandError> {
    let register = args.dir.open()?;
    refuse_wrong(&register, args)?;
    let signed = args.key.as_deref().map(|path| sign(args, path)).transpose()?;
    let register = if signed.is_some() { args.dir.open()? } else { register };
    let found = if args.monthly { findings(&register, now(), args.days) } else { branches(&register) };
    let records = register.media().map(|(_, held)| held.records().len()).sum::<usize>();
    let answer = Answer {
        register: register.roster().id(),
        state: register.state_digest(),
        media: register.media().count(),
        records: records + register.people_records().len(),
        signed,
        todo: found.iter().map(row).collect(),
    };
    term.answer(&answer, render);
    Ok(if answer.todo.is_empty() { ExitCode::SUCCESS } else { Exit::Partial.into() })
}

/// Records that two copies made at the same time are no damage, and are shown in any case.
fn branches(register: &Register) -> Vec<Finding> {
    findings(register, now(), u64::MAX).into_iter().filter(|f| matches!(f.what, Todo::Branch { .. })).collect()
}

fn refuse_wrong(register: &Register, args: &CheckArgs) -> Result<(), CommandError> {
    let found = register.roster().id();
    if let Some(expected) = args.register.filter(|expected| *expected != found) {
        let refusal = Refusal::OtherRegister { found: found.short(), expected: expected.short() };
        return Err(error::refused(&refusal, &args.dir));
    }
    let problems = register.problems();
    let Some(first) = problems.first() else { return Ok(()) };
    let mut failure = error::refused(&first.refusal, &args.dir);
    for problem in problems.iter().skip(1).take(9) {
        failure = failure.hint(format!("also: {}", problem.refusal));
    }
    if problems.len() > 10 {
        failure = failure.hint(format!("and {} more", problems.len() - 10));
    }
    Err(failure)
}

fn sign(args: &CheckArgs, path: &Path) -> Result<String, CommandError> {
    let mut writer = args.dir.write()?;
    let key = open_key(path, &args.passphrase)?;
    let signer = KeyArgs::signer(&key, &writer, &args.dir)?;
    writer.sign_check(&signer, now()).map_err(|e| error::register(&e, &args.dir))
}

fn row(finding: &Finding) -> Row {
    Row {
        medium: finding.medium.as_ref().map(ToString::to_string),
        code: finding.what.code(),
        what: finding.what.to_string(),
    }
}

fn render(answer: &Answer) -> String {
    let mut text = String::new();
    if !answer.todo.is_empty() {
        let mut table = Table::new(&["MEDIUM", "TO BE LOOKED AT"]);
        for row in &answer.todo {
            table.row([row.medium.as_deref().unwrap_or("register"), &row.what]);
        }
        let _ = writeln!(text, "{table}");
    }
    let (records, media) = (answer.records as u64, answer.media as u64);
    let _ = writeln!(
        text,
        "All {} of {} are as signed.\n  register: {}\n  state:    {}",
        counted(records, "record", "records"),
        counted(media, "medium", "media"),
        answer.register.tagged(),
        answer.state.tagged()
    );
    match &answer.signed {
        Some(file) => drop(writeln!(text, "Signed the check: {file}")),
        None => text.push_str("Note the state elsewhere, or sign the check with --key FILE.\n"),
    }
    text
}
