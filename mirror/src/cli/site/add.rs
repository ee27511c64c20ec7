//! `site add`, with a key that was read out, or with the key of a first receipt that a person confirms.

use std::fmt::Write as _;
use std::io::{BufRead as _, IsTerminal as _, Read as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use sealift_model::SiteId;
use sealift_model::digest::{hex, unhex};
use sealift_term::{CommandError, Exit, Term};
use sealift_trust::Receipt;
use sealift_trust::receipt::LIMIT;
use serde::Serialize;

use crate::cli::{Place, error, failure};
use crate::config::{Receipts, SiteConfig};
use crate::site::{self, add};

/// Most that is read of an answer, in bytes.
const TYPED_LIMIT: u64 = 256;
/// How much of a key is enough to tell it from another.
const CONFIRMED_DIGITS: usize = 16;

/// Add an isolated site to mirror.toml, with the key it signs receipts with
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Its name, as in its receipts
    name: SiteId,
    /// Its statement key, 64 digits, as `sealift-import key show` prints it
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
    /// A first receipt of it, whose key is taken once it is confirmed
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    receipt: Option<PathBuf>,
    /// The key of the receipt, or its first 16 digits, as the site reads it out; asked for on a terminal
    #[arg(long, value_name = "KEY", requires = "receipt")]
    confirm: Option<String>,
    /// Whether receipts come back: never for a site that nothing may leave
    #[arg(long, default_value = "signed")]
    receipts: Wanted,
    /// Let a receipt that is typed in as a code, and that nobody signed, decide what the next bundle builds on
    #[arg(long)]
    believe_codes: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Wanted {
    Signed,
    Never,
}

#[derive(Debug, Serialize)]
struct Added {
    site: SiteId,
    new: bool,
    receipts: Receipts,
    believe_codes: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt_key: Option<String>,
}

pub(super) fn run(args: &AddArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let (state, writer) = place.open_locked()?;
    let first = args.receipt.as_ref().map(|file| read_first(file, &args.name)).transpose()?;
    let receipt_key = match (&args.key, &first) {
        (Some(text), _) => Some(typed_key(text)?),
        (None, Some(first)) => Some(confirmed(args, first, term)?),
        (None, None) => None,
    };
    let receipts = match args.receipts {
        Wanted::Signed => Receipts::Signed,
        Wanted::Never => Receipts::Never,
    };
    if receipt_key.is_none() && receipts == Receipts::Signed {
        return Err(CommandError::new(
            Exit::Usage,
            format!("site {} needs a key that its receipts are checked with", args.name),
        )
        .hint("name it with --key, or take it from a first receipt with --receipt FILE")
        .hint("a site that nothing may leave has --receipts never"));
    }
    let added = SiteConfig { name: args.name.clone(), receipt_key, receipts, believe_codes: args.believe_codes };
    let new = add::append(state.dir(), &writer, &added).map_err(|e| failure::site_add(&e))?;
    if let Some(first) = &first {
        let state = place.open()?;
        site::import(&writer, state.dir(), state.config(), &first.bytes)
            .map_err(|e| failure::site(&e).state(format!("Site {} is in mirror.toml.", args.name)))?;
    }
    let receipt_key = receipt_key.map(|key| hex(&key));
    let answer = Added { site: args.name.clone(), new, receipts, believe_codes: args.believe_codes, receipt_key };
    term.answer(&answer, human);
    Ok(ExitCode::SUCCESS)
}

fn human(added: &Added) -> String {
    let mut text = if added.new {
        format!("Added site {} to mirror.toml.\n", added.site)
    } else {
        format!("Site {} is in mirror.toml already, exactly so.\n", added.site)
    };
    match (&added.receipt_key, added.receipts) {
        (Some(key), _) => {
            let _ = writeln!(text, "Its receipts and requests must be signed by {key}.");
        }
        (None, _) => text += "It has no key: nothing that it signs is accepted.\n",
    }
    if added.receipts == Receipts::Never {
        text += "No receipts come back: bundles for it are valid from every state it may be in.\n";
    }
    if added.believe_codes {
        text += "Receipts typed in as codes are believed, though nobody signed them.\n";
    }
    text + &format!("Next: sealift-mirror bundle build --stream STREAM --for {} --to DIR", added.site)
}

/// A receipt whose key nobody confirmed yet.
struct First {
    bytes: Vec<u8>,
    key: [u8; 32],
}

fn read_first(file: &Path, name: &SiteId) -> Result<First, CommandError> {
    let bytes = sealift_fs::read_capped(file, LIMIT as u64).map_err(|e| error::fs(&e))?;
    let verified = Receipt::parse_verified(&bytes, None)
        .map_err(|e| CommandError::with_cause(Exit::RefusedSignature, "the receipt is not whole", &e))?;
    if verified.receipt.site != *name {
        let text = format!("the receipt is by site `{}`, not `{name}`", verified.receipt.site);
        return Err(CommandError::new(Exit::RefusedSignature, text));
    }
    let key = verified.key.ed25519_bytes().copied();
    let key = key.ok_or_else(|| CommandError::new(Exit::RefusedSignature, "the receipt's key is no Ed25519 key"))?;
    Ok(First { bytes, key })
}

/// Returns the key of the receipt if the person confirms it.
fn confirmed(args: &AddArgs, first: &First, term: Term) -> Result<[u8; 32], CommandError> {
    let key = hex(&first.key);
    term.say(&format!("The receipt is signed by the key {key}."));
    let typed = args.confirm.clone().map_or_else(|| ask(term), |typed| Ok(Some(typed)))?;
    let typed = typed.map(|typed| typed.split_whitespace().collect::<String>().to_ascii_lowercase());
    match typed {
        None => Err(CommandError::new(Exit::Usage, "nobody confirmed the key of the receipt")
            .hint("ask the site what `sealift-import key show` prints there, and give it with --confirm KEY")
            .state("Nothing was changed.")),
        Some(typed) if typed.len() >= CONFIRMED_DIGITS && key.starts_with(&typed) => Ok(first.key),
        Some(_) => {
            Err(CommandError::new(Exit::RefusedSignature, "the receipt is signed by another key than was confirmed")
                .hint("ask the site for a new receipt; if its key is still another, somebody else wrote this one")
                .state("Nothing was changed."))
        }
    }
}

/// Asks on a terminal; without one there is nobody to ask.
fn ask(term: Term) -> Result<Option<String>, CommandError> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Ok(None);
    }
    term.say("Ask the site by voice what `sealift-import key show` prints there, and type the first 16 digits:");
    let mut line = String::new();
    let read = stdin.lock().take(TYPED_LIMIT).read_line(&mut line);
    read.map_err(|e| CommandError::with_cause(Exit::Failed, "the answer cannot be read", &e))?;
    Ok(Some(line))
}

fn typed_key(text: &str) -> Result<[u8; 32], CommandError> {
    let digits = text.strip_prefix("ed25519:").unwrap_or(text);
    unhex(digits).and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
        CommandError::new(Exit::Usage, "--key is not 64 lower-case hexadecimal digits")
            .hint("on the site: sealift-import key show")
    })
}
