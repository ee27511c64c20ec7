//! `upstream list`.

use std::process::ExitCode;

use clap::Args;
use sealift_term::{CommandError, Table, Term};
use serde::Serialize;

use crate::cli::{Place, error};

/// List the upstreams
#[derive(Debug, Args)]
pub(crate) struct ListArgs {}

#[derive(Debug, Serialize)]
struct Listed {
    name: String,
    uri: String,
    suite: String,
    components: Vec<String>,
    architectures: Vec<String>,
    date: Option<String>,
    snapshot: Option<String>,
}

pub(super) fn run(_args: &ListArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let state = place.open()?;
    let mut upstreams = Vec::new();
    for upstream in &state.config().upstreams {
        let head = state.head(&upstream.name).map_err(|e| error::state(&e))?;
        upstreams.push(Listed {
            name: upstream.name.to_string(),
            uri: upstream.uri.to_string(),
            suite: upstream.suite.clone(),
            components: upstream.components.clone(),
            architectures: upstream.architectures.clone(),
            date: head.as_ref().map(|h| h.date.to_string()),
            snapshot: head.and_then(|h| h.current_snapshot).map(|id| id.to_string()),
        });
    }
    term.answer(&upstreams, |upstreams| {
        if upstreams.is_empty() {
            return "No upstreams.".into();
        }
        let mut table = Table::new(&["NAME", "URI", "SUITE", "COMPONENTS", "ARCH", "RELEASE FILE OF", "SNAPSHOT"]);
        for one in upstreams {
            table.row([
                one.name.as_str(),
                &one.uri,
                &one.suite,
                &one.components.join(","),
                &one.architectures.join(","),
                one.date.as_deref().unwrap_or("not synced"),
                one.snapshot.as_deref().and_then(|id| id.get(..12)).unwrap_or("-"),
            ]);
        }
        table.to_string()
    });
    Ok(ExitCode::SUCCESS)
}
