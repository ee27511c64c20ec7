//! `upstream add`, from options or from apt.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_fs::Mode;
use sealift_model::UpstreamId;
use sealift_pkg::openpgp::Fingerprint;
use sealift_term::{CommandError, Exit, Term};
use serde::Serialize;

use crate::cli::{Place, error};
use crate::config::{UpstreamConfig, Uri};
use crate::state::State;
use crate::upstream::add;
use crate::upstream::apt::{self, AptQuery, Proposal};

/// Add upstreams to mirror.toml, one by options or those that an apt follows
#[derive(Debug, Args)]
pub(crate) struct AddArgs {
    /// Name of the upstream here
    #[arg(long, required_unless_present = "from_apt")]
    name: Option<UpstreamId>,
    /// Address below which its dists and pool are (http, https or file)
    #[arg(long, required_unless_present = "from_apt")]
    uri: Option<String>,
    /// Suite, such as bookworm-security
    #[arg(long, required_unless_present = "from_apt")]
    suite: Option<String>,
    /// Component, such as main; repeat for more
    #[arg(long = "component", value_name = "COMPONENT", required_unless_present = "from_apt")]
    components: Vec<String>,
    /// Architecture, such as amd64; repeat for more
    #[arg(long = "arch", value_name = "ARCH", required_unless_present = "from_apt")]
    architectures: Vec<String>,
    /// Keyring whose keys alone may sign it; with --from-apt, for sources that name none
    #[arg(long, value_name = "KEYRING", required_unless_present = "from_apt")]
    signed_by: Option<PathBuf>,
    /// Add the upstreams that this machine's apt follows
    #[arg(long, conflicts_with_all = ["name", "uri", "suite", "components", "architectures"])]
    from_apt: bool,
    /// Root directory of the machine whose apt is meant
    #[arg(long, value_name = "DIR", default_value = "/", requires = "from_apt")]
    root: PathBuf,
    /// Print what would be added, add nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Added {
    dry_run: bool,
    added: Vec<AddedUpstream>,
    skipped: Vec<SkippedSource>,
}

#[derive(Debug, Serialize)]
struct AddedUpstream {
    name: UpstreamId,
    uri: String,
    suite: String,
    components: Vec<String>,
    architectures: Vec<String>,
    signed_by: String,
    fingerprints: Vec<String>,
}

#[derive(Debug, Serialize)]
struct SkippedSource {
    place: String,
    reason: String,
}

pub(super) fn run(args: AddArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let (state, writer) = place.open_locked()?;
    let dry_run = args.dry_run;
    let proposal = if args.from_apt { from_apt(&args, &state)? } else { from_options(args)? };
    let mut answer = Added { dry_run, added: Vec::new(), skipped: Vec::new() };
    for upstream in &proposal.upstreams {
        let inline = proposal.keyrings.iter().find(|(path, _)| *path == upstream.signed_by);
        let fingerprints = match inline {
            Some((_, text)) => add::fingerprints_of(text.as_bytes(), &upstream.signed_by),
            None => add::fingerprints(&state.resolve(&upstream.signed_by)),
        };
        answer.added.push(described(upstream, &fingerprints.map_err(|e| error::add(&e))?));
    }
    answer.skipped.extend(proposal.skipped.into_iter().map(|(place, reason)| SkippedSource { place, reason }));
    if !dry_run && !proposal.upstreams.is_empty() {
        for (path, text) in &proposal.keyrings {
            let file = state.resolve(path);
            sealift_fs::create_dir_all(&state.dir().join(apt::KEYRINGS), Mode::Public).map_err(|e| error::fs(&e))?;
            sealift_fs::replace(&file, text.as_bytes(), Mode::Public).map_err(|e| error::fs(&e))?;
        }
        add::append(state.dir(), &writer, &proposal.upstreams).map_err(|e| error::add(&e))?;
    }
    let next = !dry_run && !answer.added.is_empty();
    term.answer(&answer, shown);
    if next {
        term.say("Next: name it in a [[stream]] of mirror.toml, then sealift-mirror sync --metadata-only");
    }
    Ok(ExitCode::SUCCESS)
}

fn from_options(args: AddArgs) -> Result<Proposal, CommandError> {
    let (Some(name), Some(uri), Some(suite), Some(signed_by)) = (args.name, args.uri, args.suite, args.signed_by)
    else {
        return Err(CommandError::new(Exit::Usage, "name, uri, suite and signed-by are needed"));
    };
    let uri = Uri::new(&uri).map_err(|e| CommandError::with_cause(Exit::Usage, "--uri is not usable", &e))?;
    add::refuse_credentials(&uri).map_err(|e| error::add(&e))?;
    let signed_by = std::path::absolute(&signed_by)
        .map_err(|e| CommandError::with_cause(Exit::Failed, "the current directory is unknown", &e))?;
    let (mut components, mut architectures) = (args.components, args.architectures);
    components.sort();
    architectures.sort();
    let upstream = UpstreamConfig { name, uri, suite, components, architectures, signed_by };
    Ok(Proposal { upstreams: vec![upstream], ..Proposal::default() })
}

fn from_apt(args: &AddArgs, state: &State) -> Result<Proposal, CommandError> {
    let absolute = |path: &PathBuf| {
        std::path::absolute(path)
            .map_err(|e| CommandError::with_cause(Exit::Failed, "the current directory is unknown", &e))
    };
    let (root, signed_by) = (absolute(&args.root)?, args.signed_by.as_ref().map(absolute).transpose()?);
    let query = AptQuery { root: &root, signed_by: signed_by.as_deref(), config: state.config() };
    apt::propose(&query).map_err(|e| error::apt(&e))
}

fn described(upstream: &UpstreamConfig, fingerprints: &[Fingerprint]) -> AddedUpstream {
    AddedUpstream {
        name: upstream.name.clone(),
        uri: upstream.uri.to_string(),
        suite: upstream.suite.clone(),
        components: upstream.components.clone(),
        architectures: upstream.architectures.clone(),
        signed_by: upstream.signed_by.display().to_string(),
        fingerprints: fingerprints.iter().map(ToString::to_string).collect(),
    }
}

fn shown(answer: &Added) -> String {
    let mut lines = Vec::new();
    let verb = if answer.dry_run { "Would add" } else { "Added" };
    for one in &answer.added {
        let (components, architectures) = (one.components.join(" "), one.architectures.join(" "));
        lines.push(format!("{verb} {}: {} {} {components} [{architectures}]", one.name, one.uri, one.suite));
        lines.push(format!("  signed by {}", one.signed_by));
        lines.extend(one.fingerprints.iter().map(|fingerprint| format!("    {fingerprint}")));
    }
    for one in &answer.skipped {
        lines.push(format!("Skipped {}: {}.", one.place, one.reason));
    }
    if lines.is_empty() {
        lines.push("apt follows nothing.".into());
    }
    lines.join("\n")
}
