//! `receipt import` and `receipt show`: what came back over the gap.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use sealift_model::SiteId;
use sealift_term::{CommandError, Exit, Term};
use sealift_trust::receipt::LIMIT;
use sealift_trust::{Receipt, ReceiptCode};
use serde::Serialize;

use super::{Place, error, failure};
use crate::site::{self, Imported};
use crate::state::State;

#[derive(Debug, Subcommand)]
pub(super) enum ReceiptVerb {
    /// Check a site's receipt and keep it; the next bundle may build upon what it acknowledges
    Import(ImportArgs),
    /// Show what the sites acknowledged last
    Show(ShowArgs),
}

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// The receipt, as `sealift-import receipt` wrote it
    #[arg(required_unless_present = "code")]
    file: Option<PathBuf>,
    /// The code that `sealift-import receipt --code` showed, instead of a file; with or without spaces and hyphens
    #[arg(long, value_name = "CODE", conflicts_with = "file")]
    code: Option<String>,
}

#[derive(Debug, Args)]
pub(super) struct ShowArgs {
    /// Only this site
    site: Option<SiteId>,
}

#[derive(Debug, Serialize)]
struct ImportAnswer {
    new: bool,
    #[serde(flatten)]
    receipt: ReceiptAnswer,
}

#[derive(Debug, Serialize)]
struct ReceiptAnswer {
    site: SiteId,
    #[serde(skip_serializing_if = "Option::is_none")]
    issued: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ledger_head: Option<String>,
    holds: Vec<HeldAnswer>,
}

#[derive(Debug, Serialize)]
struct HeldAnswer {
    stream: String,
    sequence: u64,
    bundle: String,
}

pub(super) fn run(verb: &ReceiptVerb, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let state = place.open()?;
    match verb {
        ReceiptVerb::Import(args) => import(args, &state, term),
        ReceiptVerb::Show(args) => show(args, &state, term),
    }
}

fn import(args: &ImportArgs, state: &State, term: Term) -> Result<ExitCode, CommandError> {
    if let Some(code) = &args.code {
        return typed(code, state, term);
    }
    let Some(file) = &args.file else { return Err(CommandError::new(Exit::Usage, "name the receipt's file")) };
    let bytes = sealift_fs::read_capped(file, LIMIT as u64).map_err(|e| error::fs(&e))?;
    let writer = state.lock().map_err(|e| error::lock(&e))?;
    let imported = site::import(&writer, state.dir(), state.config(), &bytes).map_err(|e| failure::site(&e))?;
    let (new, receipt) = match &imported {
        Imported::New(receipt) => (true, receipt),
        Imported::Known(receipt) => (false, receipt),
    };
    term.answer(&ImportAnswer { new, receipt: ReceiptAnswer::of(receipt) }, |answer| {
        let head = if new { "Accepted" } else { "Known already:" };
        format!("{head} the receipt of site {}.\n{}", answer.receipt.site, answer.receipt.human())
    });
    Ok(ExitCode::SUCCESS)
}

#[derive(Debug, Serialize)]
struct CodeAnswer {
    new: bool,
    site: SiteId,
    issued: String,
    held: HeldAnswer,
    believed: bool,
    signed: bool,
}

/// Takes a receipt that was typed in as a code.
fn typed(text: &str, state: &State, term: Term) -> Result<ExitCode, CommandError> {
    let code = ReceiptCode::parse(text).map_err(|e| {
        CommandError::from_error(Exit::Usage, &e)
            .hint("compare it with the paper, and with the screen of the site: sealift-import receipt --code")
            .state("Nothing was changed.")
    })?;
    let writer = state.lock().map_err(|e| error::lock(&e))?;
    let (kept, new) = site::code::import(&writer, state.dir(), state.config(), &code, sealift_term::now())
        .map_err(|e| failure::site(&e).state("Nothing was changed."))?;
    let believed = state.config().site(&kept.site).is_some_and(|site| site.believe_codes);
    let held =
        HeldAnswer { stream: kept.stream.to_string(), sequence: kept.sequence.get(), bundle: kept.manifest.tagged() };
    let answer =
        CodeAnswer { new, site: kept.site.clone(), issued: kept.issued.to_string(), held, believed, signed: false };
    term.answer(&answer, CodeAnswer::human);
    Ok(ExitCode::SUCCESS)
}

impl CodeAnswer {
    fn human(&self) -> String {
        let Self { site, held, .. } = self;
        let head = if self.new { "Kept" } else { "Known already:" };
        let day = self.issued.get(..10).unwrap_or_default();
        let acts = if self.believed {
            "Nobody signed it; believe_codes of this site lets it acknowledge what it says.".to_owned()
        } else {
            format!(
                "Nobody signed it, so it decides nothing.\nTo build on it: believe_codes = true for {site} in mirror.toml, or --possible {}",
                held.sequence
            )
        };
        format!(
            "{head} the code of site {site}.\n  written: {day}\n  holds: {} bundle {} ({})\n{acts}\n",
            held.stream, held.sequence, held.bundle
        )
    }
}

fn show(args: &ShowArgs, state: &State, term: Term) -> Result<ExitCode, CommandError> {
    let sites = state.config().sites.iter().filter(|site| args.site.as_ref().is_none_or(|only| *only == site.name));
    let sites: Vec<_> = sites.collect();
    if let (true, Some(name)) = (sites.is_empty(), &args.site) {
        return Err(CommandError::new(Exit::Usage, format!("mirror.toml has no site `{name}`")));
    }
    let mut answers = Vec::new();
    for site in sites {
        let kept = site::latest(state.dir(), site).map_err(|e| failure::site(&e))?;
        answers.push(match kept {
            Some(kept) => ReceiptAnswer::of(&kept.receipt),
            None => ReceiptAnswer { site: site.name.clone(), issued: None, ledger_head: None, holds: Vec::new() },
        });
    }
    term.answer(&answers, |answers| {
        let texts: Vec<_> = answers.iter().map(|a| format!("Site {}\n{}", a.site, a.human())).collect();
        if texts.is_empty() { "mirror.toml has no [[site]] section.".to_owned() } else { texts.join("\n") }
    });
    Ok(ExitCode::SUCCESS)
}

impl ReceiptAnswer {
    fn of(receipt: &Receipt) -> Self {
        let held = |held: &sealift_trust::Held| HeldAnswer {
            stream: held.stream.to_string(),
            sequence: held.sequence.get(),
            bundle: held.manifest.tagged(),
        };
        Self {
            site: receipt.site.clone(),
            issued: Some(receipt.issued.to_string()),
            ledger_head: Some(receipt.ledger_head.tagged()),
            holds: receipt.holds.iter().map(held).collect(),
        }
    }

    fn human(&self) -> String {
        let Some(issued) = &self.issued else { return "  no receipt yet\n".into() };
        let mut text = format!("  issued: {issued}\n");
        for held in &self.holds {
            let _ = writeln!(text, "  holds: {} bundle {} ({})", held.stream, held.sequence, held.bundle);
        }
        if self.holds.is_empty() {
            text += "  holds: nothing\n";
        }
        text
    }
}
