//! `sealift-import publish`

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use clap::Args;
use sealift_model::ChannelId;
use sealift_term::{CommandError, Term, bytes, counted};

use super::DirArgs;
use crate::publish::{PublishOptions, PublishReport, publish};

/// Write the apt repository of a channel and switch to it
#[derive(Debug, Args)]
pub(super) struct PublishArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The channel; without it, every channel that holds something
    #[arg(long, value_name = "NAME")]
    channel: Option<ChannelId>,
    /// Compute the digest of every package again before it is published
    #[arg(long)]
    verify: bool,
}

pub(super) fn run(args: &PublishArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write(term)?;
    let channels = match &args.channel {
        Some(channel) => vec![channel.clone()],
        None => holding(&writer)?,
    };
    let progress = term.progress();
    let mut reports = Vec::new();
    for channel in channels {
        let options = PublishOptions { channel, verify: args.verify };
        let published = publish(&mut writer, &options, &*progress);
        reports.push(published.map_err(|e| with_earlier(super::error::publish(&e), &reports))?);
    }
    drop(progress);
    term.answer(&reports, |reports| reports.iter().map(human).collect::<Vec<_>>().join("\n"));
    Ok(ExitCode::SUCCESS)
}

fn holding(writer: &crate::Writer) -> Result<Vec<ChannelId>, CommandError> {
    let mut found = Vec::new();
    for channel in &writer.config().channels {
        if writer.index().current(channel).map_err(|e| super::error::failed(&e))?.is_some() {
            found.push(channel.clone());
        }
    }
    if found.is_empty() {
        let nothing = CommandError::new(sealift_term::Exit::Failed, "no channel holds a bundle");
        return Err(nothing.hint("Promote one first: `sealift-import promote --channel testing BUNDLE`."));
    }
    Ok(found)
}

fn with_earlier(error: CommandError, earlier: &[PublishReport]) -> CommandError {
    if earlier.is_empty() {
        return error;
    }
    let names: Vec<_> = earlier.iter().map(|report| report.channel.as_str()).collect();
    let state = format!("Published before: {}. {}", names.join(", "), error.state);
    error.state(state)
}

fn human(report: &PublishReport) -> String {
    let mut out = format!(
        "Published {} with {}: {}, {}; hosts accept it until {}.\n",
        report.channel,
        report.bundles.join(" "),
        counted(report.files, "package file", "package files"),
        bytes(report.bytes),
        report.valid_until
    );
    for suite in &report.suites {
        let (components, architectures) = (suite.components.join(" "), suite.architectures.join(" "));
        let _ = writeln!(
            out,
            "  {} ({components}; {architectures}): {}",
            suite.suite,
            counted(suite.packages, "package", "packages")
        );
    }
    for path in &report.withheld {
        let _ = writeln!(out, "  withheld, a scanner found something in it: {path}");
    }
    out.push_str("For hosts, as /etc/apt/sources.list.d/sealift.sources (URIs as they reach it):\n");
    out.push_str(&sources(report));
    out
}

/// Returns the deb822 text that makes apt read the published tree and trust only this site's key for it.
fn sources(report: &PublishReport) -> String {
    let (uri, keyring) = (absolute(&report.path), absolute(&report.keyring));
    let stanza = |suite: &crate::publish::SuiteReport| {
        format!(
            "Types: deb\nURIs: file:{uri}\nSuites: {}\nComponents: {}\nSigned-By: {keyring}\n",
            suite.suite,
            suite.components.join(" ")
        )
    };
    report.suites.iter().map(stanza).collect::<Vec<_>>().join("\n")
}

fn absolute(path: &Path) -> String {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).display().to_string()
}
