//! `upstream show`.

use std::process::ExitCode;

use clap::Args;
use sealift_model::UpstreamId;
use sealift_term::{CommandError, Exit, Term};
use serde::Serialize;

use crate::cli::{Place, error};
use crate::upstream::add;

/// Show one upstream, its keys and its newest snapshot
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The upstream
    name: UpstreamId,
}

#[derive(Debug, Serialize)]
struct Shown {
    name: String,
    uri: String,
    suite: String,
    codename: Option<String>,
    components: Vec<String>,
    architectures: Vec<String>,
    signed_by: String,
    fingerprints: Vec<String>,
    date: Option<String>,
    valid_until: Option<String>,
    signers: Vec<String>,
    snapshot: Option<String>,
    packages: Option<usize>,
}

pub(super) fn run(args: &ShowArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let state = place.open()?;
    let Some(upstream) = state.config().upstream(&args.name) else {
        return Err(CommandError::new(Exit::Usage, format!("there is no upstream `{}`", args.name))
            .hint("see the names: sealift-mirror upstream list"));
    };
    let fingerprints = add::fingerprints(&state.resolve(&upstream.signed_by)).map_err(|e| error::add(&e))?;
    let head = state.head(&args.name).map_err(|e| error::state(&e))?;
    let id = head.as_ref().and_then(|h| h.current_snapshot);
    let snapshot = id.map(|id| state.snapshot(&args.name, &id)).transpose().map_err(|e| error::state(&e))?;
    let shown = Shown {
        name: upstream.name.to_string(),
        uri: upstream.uri.to_string(),
        suite: upstream.suite.clone(),
        codename: head.as_ref().and_then(|h| h.codename.clone()),
        components: upstream.components.clone(),
        architectures: upstream.architectures.clone(),
        signed_by: upstream.signed_by.display().to_string(),
        fingerprints: fingerprints.iter().map(ToString::to_string).collect(),
        date: head.as_ref().map(|h| h.date.to_string()),
        valid_until: head.as_ref().and_then(|h| h.valid_until).map(|t| t.to_string()),
        signers: head.map(|h| h.signers).unwrap_or_default(),
        snapshot: id.map(|id| id.to_string()),
        packages: snapshot.map(|s| s.packages().count()),
    };
    term.answer(&shown, human);
    Ok(ExitCode::SUCCESS)
}

fn human(shown: &Shown) -> String {
    let none = || "-".to_owned();
    let mut lines = vec![
        ("name", shown.name.clone()),
        ("uri", shown.uri.clone()),
        ("suite", shown.suite.clone()),
        ("codename", shown.codename.clone().unwrap_or_else(none)),
        ("components", shown.components.join(" ")),
        ("architectures", shown.architectures.join(" ")),
        ("signed by", shown.signed_by.clone()),
    ];
    lines.extend(shown.fingerprints.iter().map(|fingerprint| ("  key", fingerprint.clone())));
    lines.push(("Release file of", shown.date.clone().unwrap_or_else(|| "not synced".into())));
    lines.push(("valid until", shown.valid_until.clone().unwrap_or_else(none)));
    lines.extend(shown.signers.iter().map(|signer| ("  signed with", signer.clone())));
    lines.push(("snapshot", shown.snapshot.clone().unwrap_or_else(none)));
    lines.push(("packages", shown.packages.map_or_else(none, |count| count.to_string())));
    let line = |(key, value): (&str, String)| format!("{key}: {}", sealift_model::escape::printable(&value));
    lines.into_iter().map(line).collect::<Vec<_>>().join("\n")
}
