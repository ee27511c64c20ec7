//! `site list` and `site show`.

use std::process::ExitCode;

use clap::Args;
use sealift_model::SiteId;
use sealift_term::{CommandError, Exit, Table, Term, age};

use super::answer::{SiteAnswer, StreamAnswer};
use crate::cli::{Place, failure};
use crate::config::Receipts;

/// List the isolated sites: when each was last heard of, and what it holds
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

/// Show one site: what it acknowledged, what was made for it since, and what its next bundle would build on
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The site
    name: SiteId,
}

pub(super) fn run(_args: &ListArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let state = place.open()?;
    let answers = state.config().sites.iter().map(|site| SiteAnswer::of(&state, site));
    let answers = answers.collect::<Result<Vec<_>, _>>().map_err(|e| failure::build(&e))?;
    term.answer(&answers, |answers| {
        if answers.is_empty() {
            return "No site yet.\nNext: sealift-mirror site add NAME --key KEY".to_owned();
        }
        let mut table =
            Table::new(&["SITE", "RECEIPTS", "LAST RECEIPT", "STREAM", "HOLDS", "MADE SINCE", "NEXT BUILDS ON"]);
        for answer in answers {
            for row in rows(answer) {
                table.row(row);
            }
        }
        table.to_string()
    });
    Ok(ExitCode::SUCCESS)
}

fn rows(answer: &SiteAnswer) -> Vec<[String; 7]> {
    let name = [answer.site.to_string(), receipts(answer).to_owned(), last(answer)];
    let row = |stream: &StreamAnswer| {
        let [site, receipts, last] = name.clone();
        let held = stream.acknowledged.map_or_else(|| "-".to_owned(), |n| n.to_string());
        [site, receipts, last, stream.stream.to_string(), held, stream.made_since_text(), stream.next_text()]
    };
    let rows: Vec<_> = answer.streams.iter().map(row).collect();
    if rows.is_empty() {
        let [site, receipts, last] = name;
        let none = || "-".to_owned();
        return vec![[site, receipts, last, none(), none(), none(), none()]];
    }
    rows
}

fn receipts(answer: &SiteAnswer) -> &'static str {
    match (answer.receipts, answer.believe_codes) {
        (Receipts::Signed, false) => "signed",
        (Receipts::Signed, true) => "signed or code",
        (Receipts::Never, false) => "never",
        (Receipts::Never, true) => "code",
    }
}

fn last(answer: &SiteAnswer) -> String {
    answer.last_receipt.map_or_else(|| "none".to_owned(), |issued| age(issued, sealift_term::now()))
}

pub(super) fn show(args: &ShowArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let state = place.open()?;
    let Some(site) = state.config().site(&args.name) else {
        return Err(CommandError::new(Exit::Usage, format!("mirror.toml has no site `{}`", args.name))
            .hint("see the names: sealift-mirror site list"));
    };
    let answer = SiteAnswer::of(&state, site).map_err(|e| failure::build(&e))?;
    term.answer(&answer, |answer| {
        let receipt = answer.last_receipt.map_or_else(
            || "none".to_owned(),
            |issued| format!("issued {issued} ({})", age(issued, sealift_term::now())),
        );
        let head = format!(
            "site: {}\nreceipts: {}\nkey: {}\nlast receipt: {receipt}\n",
            answer.site,
            receipts(answer),
            answer.receipt_key.as_deref().unwrap_or("none: nothing that it signs is accepted"),
        );
        answer.streams.iter().fold(head, |text, stream| text + &stream.human(&answer.site))
    });
    Ok(ExitCode::SUCCESS)
}
