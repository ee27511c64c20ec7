//! `publish`: writes the repository tree that a channel's hosts read, and switches to it in one step.
//!
//! Package files are hard links into the store; package indexes are the upstream's own paragraphs, of the packages that
//! the manifests list, with only the file name changed; the Release file is this site's and signed by this site's key.
//! A tree is never changed once hosts can see it, and no tree is shown that the ledger will not name. Upstream signatures were checked when the bundle was received and are
//! not asked again.

mod indexes;
mod live;
mod plan;
mod release;
mod trees;

use std::collections::BTreeMap;
use std::path::PathBuf;

use sealift_fs::{Mode, PathError, Store, StoreError, Tree};
use sealift_model::{ChannelId, Progress, RelPath, Timestamp};
use sealift_pkg::index::IndexError as PackageIndexError;
use sealift_site::{SiteKeyError, SiteKeys, TrustNote};
use serde::Serialize;

use crate::channel::{ChannelError, Judged, check_channel, judge_content};
use crate::index::Revision;
use crate::receive::{current_time, record_refusal};
use crate::refusal::Refusal;
use crate::repository::{StateError, Writer};

pub use live::Stray;
pub(crate) use live::{settle, shown_tree, strays};
use plan::Plan;

/// What to publish.
#[derive(Debug, Clone)]
pub struct PublishOptions {
    /// The channel.
    pub channel: ChannelId,
    /// Whether the digest of every package is computed again before it is linked; else only its size is looked at.
    pub verify: bool,
}

/// A published suite.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SuiteReport {
    /// Its name, as hosts write it.
    pub suite: String,
    /// Its components.
    pub components: Vec<String>,
    /// Its architectures.
    pub architectures: Vec<String>,
    /// Entries in its indexes.
    pub packages: u64,
}

/// What was published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublishReport {
    /// The channel.
    pub channel: ChannelId,
    /// What it holds.
    pub bundles: Vec<String>,
    /// The link hosts read through.
    pub path: PathBuf,
    /// The tree behind it.
    pub tree: PathBuf,
    /// The public key for hosts.
    pub keyring: PathBuf,
    /// Its suites.
    pub suites: Vec<SuiteReport>,
    /// Package files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// After this hosts refuse it.
    pub valid_until: Timestamp,
    /// Package files that are withheld (`accept --without-infected`).
    pub withheld: Vec<RelPath>,
}

/// Why nothing was published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// The channel.
    #[error(transparent)]
    Channel(#[from] ChannelError),
    /// Nothing was ever promoted to it.
    #[error("channel {0} holds no bundle")]
    Empty(ChannelId),
    /// A decision. It stands in the ledger.
    #[error("refused ({})", _0.code())]
    Refused(#[source] Box<Refusal>),
    /// An upstream whose layout cannot be published.
    #[error("{path} of bundle {bundle} has no place in a published repository: {reason}")]
    Layout {
        /// `stream/sequence`.
        bundle: String,
        /// The file, or the suite.
        path: String,
        /// Why.
        reason: String,
    },
    /// The store has lost or changed content.
    #[error("the store does not have the content of {path} any more")]
    Lost {
        /// The file.
        path: RelPath,
        /// Why, if it is there and wrong.
        #[source]
        source: Option<StoreError>,
    },
    /// An upstream's index cannot be read again.
    #[error("the upstream's index cannot be read")]
    Index(#[source] Box<PackageIndexError>),
    /// A paragraph cannot be republished.
    #[error("the entry of {package} cannot be published")]
    Stanza {
        /// The package.
        package: String,
        /// Why.
        #[source]
        source: sealift_pkg::packages::StanzaError,
    },
    /// The site's keys.
    #[error("the site's keys cannot be used")]
    Keys(#[from] SiteKeyError),
    /// A fault after hosts were given the new tree.
    #[error("channel {channel} was published, but that could not be recorded")]
    Live {
        /// The channel.
        channel: ChannelId,
        /// Why.
        #[source]
        source: StateError,
    },
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
}

impl From<PathError> for PublishError {
    fn from(error: PathError) -> Self {
        Self::State(error.into())
    }
}

impl From<crate::index::IndexError> for PublishError {
    fn from(error: crate::index::IndexError) -> Self {
        Self::State(error.into())
    }
}

/// Publishes what a channel holds now.
pub fn publish(
    writer: &mut Writer,
    options: &PublishOptions,
    progress: &dyn Progress,
) -> Result<PublishReport, PublishError> {
    check_channel(writer, &options.channel)?;
    let empty = || PublishError::Empty(options.channel.clone());
    let revision = writer.index().current(&options.channel)?.ok_or_else(empty)?;
    match publish_revision(writer, options, &revision, progress) {
        Err(PublishError::Refused(refusal)) => {
            record_refusal(writer, &refusal, None)?;
            Err(PublishError::Refused(refusal))
        }
        other => other,
    }
}

fn publish_revision(
    writer: &mut Writer,
    options: &PublishOptions,
    revision: &Revision,
    progress: &dyn Progress,
) -> Result<PublishReport, PublishError> {
    let channel = &options.channel;
    let now = current_time(writer).map_err(|refusal| PublishError::Refused(Box::new(refusal)))?;
    judge_content(writer, &revision.content).map_err(|judged| match judged {
        Judged::Refused(refusal) => PublishError::Refused(refusal),
        Judged::State(error) => error.into(),
    })?;
    let keys = SiteKeys::open(&writer.layout().site())?;
    let store = writer.store()?;
    let plan = Plan::make(writer, &store, &revision.content)?;
    let number = trees::next_number(writer.layout(), channel, writer.index().published(channel)?.tree)?;
    let root = trees::path(writer.layout(), channel, number);
    let valid_until = now.plus_days(writer.config().publish.valid_days);
    let signing = release::Signing { config: writer.config(), keys: &keys, date: now, valid_until };
    let suites = match build(&root, &plan, &store, options.verify, &signing, progress).and_then(|(mut tree, suites)| {
        trees::keep_previous(writer.layout(), channel, &mut tree)?;
        tree.finish()?;
        Ok(suites)
    }) {
        Ok(suites) => suites,
        Err(error) => {
            // The first error is the one to report; a leftover goes with the next publication.
            let _ = sealift_fs::remove_tree(&root);
            return Err(error);
        }
    };
    let keyring = keys.repository.public_armored()?;
    let bundles = live::show(writer, channel, (revision, number), &keyring, valid_until)?;
    tell_how_old(writer, &keys).map_err(|source| PublishError::Live { channel: channel.clone(), source })?;
    Ok(PublishReport {
        channel: channel.clone(),
        bundles,
        path: writer.layout().channel(channel),
        tree: root,
        keyring: writer.layout().keyring(),
        suites,
        files: plan.packages.len() as u64,
        bytes: plan.packages.values().map(|entry| entry.size).sum(),
        valid_until,
        withheld: plan.withheld.into_iter().collect(),
    })
}

/// Writes beside the trees how old the trust behind them is: whoever works on hosts sees nothing else of it.
fn tell_how_old(writer: &Writer, keys: &SiteKeys) -> Result<(), StateError> {
    let clock = writer.caller().clock;
    let freshness = crate::trust::freshness(writer, clock)?;
    let site = writer.config().site.clone();
    let note = TrustNote { expires: freshness.expires, issued: clock, refreshed: freshness.refreshed, site };
    let signed = note.sign(writer.floors().root.sha256, &keys.statement);
    Ok(sealift_fs::replace(&writer.layout().trust_note(), &signed, Mode::Public)?)
}

fn build(
    root: &std::path::Path,
    plan: &Plan,
    store: &Store,
    verify: bool,
    signing: &release::Signing<'_>,
    progress: &dyn Progress,
) -> Result<(Tree, Vec<SuiteReport>), PublishError> {
    let mut tree = Tree::begin(root)?;
    link_packages(&mut tree, plan, store, verify, progress)?;
    let mut seen = BTreeMap::new();
    let mut suites = Vec::new();
    for (name, suite) in &plan.suites {
        let written = indexes::write(&mut tree, name, suite, plan, store, &mut seen)?;
        release::write(&mut tree, name, suite, &written.files, signing)?;
        suites.push(SuiteReport {
            suite: name.clone(),
            components: suite.components(),
            architectures: suite.architectures(),
            packages: written.packages,
        });
    }
    let files = sealift_term::counted(plan.packages.len() as u64, "package file", "package files");
    progress
        .done(&format!("Linked {files} and wrote {}.", sealift_term::counted(suites.len() as u64, "suite", "suites")));
    Ok((tree, suites))
}

fn link_packages(
    tree: &mut Tree,
    plan: &Plan,
    store: &Store,
    verify: bool,
    progress: &dyn Progress,
) -> Result<(), PublishError> {
    let total = plan.packages.values().map(|entry| entry.size).sum();
    progress.phase("Linking packages", Some(total));
    for (path, entry) in &plan.packages {
        let lost = |source| PublishError::Lost { path: path.clone(), source };
        if !store.has(&entry.sha256, entry.size) {
            return Err(lost(None));
        }
        if verify {
            store.verify(&entry.sha256).map_err(|e| lost(Some(e)))?;
        }
        tree.link(&store.path(&entry.sha256), path)?;
        progress.advance(entry.size);
    }
    Ok(())
}
