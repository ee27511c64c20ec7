//! `sealift-keys show`: what a root or a key file says.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_fs::read_capped;
use sealift_term::{CommandError, Exit, Table, Term, age, now};
use sealift_trust::metadata::Body;
use sealift_trust::{Root, Signed};

use super::error;
use crate::key_file::KeyFile;
use crate::summary::{KeySummary, RootSummary};

/// Show what a root.json or a key file says: roles, thresholds, key ids, expiry
///
/// Opens no key and needs no passphrase.
#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// A root.json, or a file that ends in .key
    path: PathBuf,
}

pub(super) fn run(args: &ShowArgs, term: Term) -> Result<ExitCode, CommandError> {
    if args.path.extension().is_some_and(|e| e == "key") {
        let file = KeyFile::read(&args.path).map_err(|e| error::key_file(&e))?;
        let public = file.public();
        let summary = KeySummary { purpose: file.purpose(), key_id: public.id(), public: public.to_hex() };
        term.answer(&summary, key_text);
    } else {
        let root = read_root(&args.path)?;
        term.answer(&RootSummary::of(&root), root_text);
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads a root file for showing or as the base of a decision; that it signs itself is checked.
pub(super) fn read_root(path: &Path) -> Result<Signed<Root>, CommandError> {
    if path.is_dir() {
        return Err(CommandError::new(Exit::Usage, format!("{} is a directory", path.display()))
            .hint(format!("name the file: {}", path.join("root.json").display())));
    }
    let bytes = read_capped(path, Root::LIMIT as u64).map_err(|e| error::fs(&e))?;
    let what = format!("{} as a root of trust", path.display());
    let root = Signed::<Root>::parse(&bytes).map_err(|e| error::refused(&what, &e))?;
    root.check_threshold(&root).map_err(|e| error::refused(&what, &e))?;
    Ok(root)
}

fn key_text(key: &KeySummary) -> String {
    format!("purpose: {}\nkey id:  {}\npublic:  {}", key.purpose, key.key_id, key.public)
}

fn people_text(out: &mut String, root: &RootSummary) {
    if root.people.is_empty() {
        return;
    }
    let mut table = Table::new(&["PERSON", "MAY", "KEY ID"]);
    for person in &root.people {
        let may: Vec<_> = person.may.iter().map(ToString::to_string).collect();
        for (i, id) in person.keys.iter().enumerate() {
            let (name, may) = if i == 0 { (person.name.to_string(), may.join(", ")) } else { Default::default() };
            table.row([name, may, id.to_string()]);
        }
    }
    let policy = root.policy;
    let waive = policy.waive.map_or_else(|| "waivers are not possible".to_owned(), |n| format!("waivers by {n}"));
    let _ = write!(out, "\n{table}\nA bundle needs {} approvals and {} scans; {waive}.\n", policy.approve, policy.scan);
}

fn root_text(root: &RootSummary) -> String {
    let now = now();
    let left = root.expires.days_since(now);
    let state =
        if now >= root.expires { format!("expired {}", age(root.expires, now)) } else { format!("{left} days left") };
    let mut out = format!(
        "root version: {}\nexpires:      {} ({state})\nfingerprint:  {}\n\n",
        root.version, root.expires, root.fingerprint
    );
    let mut table = Table::new(&["ROLE", "THRESHOLD", "KEY ID"]);
    for role in &root.roles {
        let threshold = format!("{} of {}", role.threshold, role.keys.len());
        for (i, id) in role.keys.iter().enumerate() {
            let first = i == 0;
            table.row([
                if first { role.role.to_string() } else { String::new() },
                if first { threshold.clone() } else { String::new() },
                id.to_string(),
            ]);
        }
    }
    for id in &root.evidence {
        table.row(["evidence".to_string(), "any".to_string(), id.to_string()]);
    }
    let _ = write!(out, "{table}");
    people_text(&mut out, root);
    let single = root.single_key_roles();
    if !single.is_empty() {
        let names: Vec<_> = single.iter().map(ToString::to_string).collect();
        let _ = write!(out, "\nOne key alone can sign for: {}.", names.join(", "));
    }
    out
}
