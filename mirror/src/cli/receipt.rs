//! `receipt import` and `receipt show`: what came back over the gap.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use sealift_model::SiteId;
use sealift_term::{CommandError, Exit, Term};
use sealift_trust::Receipt;
use sealift_trust::receipt::LIMIT;
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
    file: PathBuf,
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
    let bytes = sealift_fs::read_capped(&args.file, LIMIT as u64).map_err(|e| error::fs(&e))?;
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
