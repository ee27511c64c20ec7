//! Why something from a medium was not accepted, or something accepted is not promoted or published.
//!
//! Decisions only, each with a stable word; an unreadable medium or a full disk is a fault and somebody else's error.

use sealift_bundle::chain::ChainRefusal;
use sealift_bundle::manifest::{BundleRef, ManifestError};
use sealift_bundle::source::SourceRefusal;
use sealift_bundle::volumes::VolumeRefusal;
use sealift_model::{Digest, RelPath, Sequence, Timestamp};
use sealift_trust::{EvidenceRefusal, ExitClass};

/// A decision against something.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The system's clock is behind what was signed.
    #[error("the clock of this machine says {clock}, but content signed at {floor} was accepted already")]
    Clock {
        /// The system's time.
        clock: Timestamp,
        /// The latest signed time.
        floor: Timestamp,
    },
    /// A file system from outside, mounted so that its programs and devices could be used.
    #[error("the medium is mounted at {point} without {}", missing.join(" and "))]
    Mount {
        /// Where it is mounted.
        point: String,
        /// The options it lacks.
        missing: Vec<String>,
    },
    /// The medium breaks a rule of the format.
    #[error("the medium breaks a rule of its format")]
    Medium(#[source] Box<SourceRefusal>),
    /// The trust metadata.
    #[error("the trust metadata is refused")]
    Metadata(#[source] Box<sealift_trust::Refusal>),
    /// The trusted targets metadata does not list the bundle.
    #[error("bundle {name} is not listed in targets metadata version {targets}")]
    NotListed {
        /// `stream/sequence`.
        name: String,
        /// The version asked.
        targets: u64,
    },
    /// The bundle came under metadata that was replaced, and the newer metadata no longer lists it.
    #[error(
        "bundle {name} came with older trust metadata, and the newer targets metadata version {targets}, trusted \
         already, does not list it"
    )]
    Superseded {
        /// `stream/sequence`.
        name: String,
        /// The version asked.
        targets: u64,
    },
    /// A bundle that is not newer than what was accepted.
    #[error("bundle {name} is older than bundle {floor} of this stream, which was accepted before")]
    Rollback {
        /// `stream/sequence`.
        name: String,
        /// The sequence accepted.
        floor: Sequence,
    },
    /// Another manifest under the number of an accepted bundle.
    #[error("bundle {name} has the id {found}, but {known} was accepted under this number")]
    Equivocation {
        /// `stream/sequence`.
        name: String,
        /// The id accepted.
        known: Digest,
        /// The id found.
        found: Digest,
    },
    /// The manifest is not the signed one.
    #[error(
        "the manifest of bundle {name} has the digest {found} and {found_length} bytes, {expected} and {length} were signed"
    )]
    ManifestDigest {
        /// `stream/sequence`.
        name: String,
        /// The digest signed.
        expected: Digest,
        /// The length signed.
        length: u64,
        /// The digest found.
        found: Digest,
        /// The length found.
        found_length: u64,
    },
    /// The manifest breaks a rule.
    #[error("the manifest of bundle {name} is refused")]
    Manifest {
        /// `stream/sequence`.
        name: String,
        /// Which rule.
        #[source]
        source: ManifestError,
    },
    /// The manifest is of another bundle.
    #[error("the manifest of bundle {name} is that of bundle {found}")]
    OtherBundle {
        /// `stream/sequence` of the path.
        name: String,
        /// `stream/sequence` of the manifest.
        found: String,
    },
    /// Content that the bundle leaves to earlier ones is not here.
    #[error(
        "bundle {name} leaves {contents} to earlier bundles, and that content is not here: {first}{}",
        base.as_ref().map_or_else(String::new, |base| format!("; bundle {} of this stream has it (id {})", base.sequence, base.manifest))
    )]
    Gap {
        /// `stream/sequence`.
        name: String,
        /// How much is missing, for people.
        contents: String,
        /// The first file of it.
        first: RelPath,
        /// The bundle named as its base.
        base: Option<BundleRef>,
        /// Whether that was accepted here, so that the store has lost what it brought.
        lost: bool,
    },
    /// What says which volume of a bundle a medium is, is not to be believed.
    #[error("the volume set of bundle {name} is refused")]
    Volumes {
        /// `stream/sequence`.
        name: String,
        /// Why.
        #[source]
        source: Box<VolumeRefusal>,
    },
    /// Another manifest waits under this number.
    #[error("bundle {name} has the id {found}, but {waits} waits under this number")]
    OtherWaits {
        /// `stream/sequence`.
        name: String,
        /// The id that waits.
        waits: Digest,
        /// The id found.
        found: Digest,
    },
    /// A late bundle whose upstream is newer than in the bundle after it.
    #[error(
        "bundle {name} came late and carries the Release file of {upstream} of {date}, but the bundle after it has one of {after}"
    )]
    UpstreamAhead {
        /// `stream/sequence`.
        name: String,
        /// Upstream and suite.
        upstream: String,
        /// Its date.
        date: Timestamp,
        /// The date in the bundle after it.
        after: Timestamp,
    },
    /// Past its date.
    #[error("bundle {name} expired at {not_after} (it is {now})")]
    Expired {
        /// `stream/sequence`.
        name: String,
        /// Its date.
        not_after: Timestamp,
        /// The time it was compared with.
        now: Timestamp,
    },
    /// An upstream's Release file older than one accepted before.
    #[error(
        "bundle {name} carries the Release file of {upstream} of {date}, but one of {floor} was accepted before in this stream"
    )]
    UpstreamRollback {
        /// `stream/sequence`.
        name: String,
        /// Upstream and suite.
        upstream: String,
        /// Its date.
        date: Timestamp,
        /// The date accepted before.
        floor: Timestamp,
    },
    /// Built later than now.
    #[error("bundle {name} was built at {created}, more than a day after the time of this machine, {now}")]
    FromTheFuture {
        /// `stream/sequence`.
        name: String,
        /// When it says it was built.
        created: Timestamp,
        /// The time it was compared with.
        now: Timestamp,
    },
    /// Lists content that was withdrawn.
    #[error("bundle {name} lists {path}, whose content was withdrawn by a bundle accepted before")]
    Withdrawn {
        /// `stream/sequence`.
        name: String,
        /// The file.
        path: RelPath,
    },
    /// Evidence that is not to be believed.
    #[error("evidence {file} of bundle {name} is refused")]
    Evidence {
        /// `stream/sequence`.
        name: String,
        /// The evidence file.
        file: String,
        /// Why.
        #[source]
        source: EvidenceRefusal,
    },
    /// A statement by people that was handed over and does not allow what it is for.
    #[error("the {what} is refused")]
    Statement {
        /// Which.
        what: String,
        /// Why.
        #[source]
        source: EvidenceRefusal,
    },
    /// Too few people agree, or one found something.
    #[error("bundle {name} may not be imported: people must agree to it")]
    People {
        /// `stream/sequence`.
        name: String,
        /// Who is missing.
        #[source]
        source: EvidenceRefusal,
    },
    /// No build provenance.
    #[error("bundle {name} carries no build provenance by an evidence key of the root of trust")]
    NoProvenance {
        /// `stream/sequence`.
        name: String,
    },
    /// A carried blob is not what the manifest lists.
    #[error("the blob of {path} (bundle {name}) is not what the manifest lists: {reason}")]
    Blob {
        /// `stream/sequence`.
        name: String,
        /// The file.
        path: RelPath,
        /// How it differs.
        reason: String,
    },
    /// The upstream's own signatures and digests do not hold.
    #[error("the upstream chain of bundle {name} does not hold")]
    Chain {
        /// `stream/sequence`.
        name: String,
        /// Where it breaks.
        #[source]
        source: Box<ChainRefusal>,
    },
    /// Two upstreams offer different content under one name.
    #[error("{package} is offered as {first} and as {second}, with different content")]
    Conflict {
        /// Name, version and architecture.
        package: String,
        /// One file.
        first: String,
        /// The other.
        second: String,
    },
}

impl Refusal {
    /// Returns the class that picks the exit code.
    pub fn exit_class(&self) -> ExitClass {
        match self {
            Self::Metadata(refusal) => refusal.exit_class(),
            Self::Medium(refusal) => match &**refusal {
                SourceRefusal::Metadata(refusal) => refusal.exit_class(),
                _ => ExitClass::Signature,
            },
            Self::Statement { source, .. } | Self::People { source, .. } => source.exit_class(),
            Self::Clock { .. }
            | Self::Superseded { .. }
            | Self::Rollback { .. }
            | Self::Equivocation { .. }
            | Self::Gap { .. }
            | Self::OtherWaits { .. }
            | Self::UpstreamAhead { .. }
            | Self::Expired { .. }
            | Self::UpstreamRollback { .. }
            | Self::FromTheFuture { .. }
            | Self::Withdrawn { .. } => ExitClass::Order,
            Self::Mount { .. } => ExitClass::Policy,
            _ => ExitClass::Signature,
        }
    }

    /// Returns the stable word for the ledger and `--json`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Clock { .. } => "clock",
            Self::Mount { .. } => "mount",
            Self::Medium(refusal) => refusal.code(),
            Self::Metadata(refusal) => refusal.code(),
            Self::NotListed { .. } => "not-listed",
            Self::Superseded { .. } | Self::Rollback { .. } => "rollback",
            Self::Equivocation { .. } | Self::OtherWaits { .. } => "equivocation",
            Self::ManifestDigest { .. } => "manifest-digest",
            Self::Manifest { .. } | Self::OtherBundle { .. } => "manifest",
            Self::Gap { .. } => "gap",
            Self::Volumes { source, .. } => source.code(),
            Self::Expired { .. } => "bundle-expired",
            Self::UpstreamRollback { .. } | Self::UpstreamAhead { .. } => "upstream-rollback",
            Self::FromTheFuture { .. } => "from-the-future",
            Self::Withdrawn { .. } => "withdrawn",
            Self::Evidence { source, .. } | Self::Statement { source, .. } | Self::People { source, .. } => {
                source.code()
            }
            Self::NoProvenance { .. } => "no-provenance",
            Self::Blob { .. } => "blob",
            Self::Chain { source, .. } => source.code(),
            Self::Conflict { .. } => "conflict",
        }
    }

    /// Returns what to do next, where there is something.
    pub fn hint(&self) -> Option<String> {
        Some(match self {
            Self::Clock { .. } => "Set the clock of this machine (`date -u` shows it), then try again. If it cannot be set: \
                                   `sealift-import trust status` shows the state that people can sign a clock override \
                                   for; hand that over with `receive --statement FILE`."
                .into(),
            Self::Mount { point, missing } => format!(
                "Mount it anew with what is missing, as root: mount -o remount,{} {point}   If it is a disk of this \
                 machine, name {point} under `own` in [medium] of import.toml; --allow-mount reads it this once, and the \
                 ledger says so.",
                missing.join(",")
            ),
            Self::FromTheFuture { .. } => "Check the clock of this machine and that of the connected side.".into(),
            Self::Gap { lost: true, .. } => "That bundle was accepted here, so the store has lost what it brought: run \
                                             `sealift-import scrub`, then receive a medium that it names."
                .into(),
            Self::Gap { base, .. } => {
                let first = base.map_or_else(String::new, |b| format!("Receive bundle {} of this stream; ", b.sequence));
                format!(
                    "{first}or ask for what is missing: `sealift-import request --to DIR`. Or have the connected side build a \
                     complete bundle (`sealift-mirror bundle build --full`). This one waits and is accepted by itself."
                )
            }
            Self::Volumes { source, .. } if matches!(**source, VolumeRefusal::Mixed { .. }) => {
                "Receive the volumes of each set from a directory or medium of their own.".into()
            }
            Self::OtherWaits { name, .. } => {
                format!("If the one that waits is not wanted any more: sealift-import discard {name} --reason TEXT")
            }
            Self::Rollback { .. } | Self::Superseded { .. } => {
                "Ask for a newer medium; `sealift-import bundles` lists what is held.".into()
            }
            Self::Metadata(refusal) if refusal.code() == "threshold" => {
                "Was this medium made under the root that this repository trusts? Compare `sealift-keys fingerprint \
                 ROOT.json` there with the fingerprint in line 1 of `sealift-import ledger show --last 0`."
                    .into()
            }
            Self::Metadata(refusal) if refusal.code() == "revoked" => {
                "Ask the connected side for a new medium, and how this one came about: whoever made it has no newer keys."
                    .into()
            }
            Self::Metadata(refusal) if !matches!(**refusal, sealift_trust::Refusal::Expired { .. }) => return None,
            Self::Expired { .. } | Self::Metadata(_) => {
                "Ask the connected side for a fresh bundle; check the clock of this machine with `date -u`. Where the root \
                 of trust names people who may waive an expiry, hand over what they signed: `receive --statement FILE`."
                    .into()
            }
            Self::Blob { .. } => {
                "Receive another copy of the medium, or ask for what is damaged: `sealift-import request --to DIR`. \
                 `sealift-import waiting` shows what is missing; what came whole waits and need not come again."
                    .into()
            }
            Self::People { source: EvidenceRefusal::ScanFailed { .. }, .. } => {
                "Ask those who scanned it what they found, and the connected side for a bundle without it.".into()
            }
            Self::People { name, .. } => format!(
                "Have those missing approve bundle {name} (`sealift-keys approve`, or `scan`); then receive the same medium \
                 again with `--statement FILE` for each file they made."
            ),
            Self::Conflict { .. } => "Take the package from one upstream only, in mirror.toml.".into(),
            _ => return None,
        })
    }
}

impl From<SourceRefusal> for Refusal {
    fn from(refusal: SourceRefusal) -> Self {
        Self::Medium(Box::new(refusal))
    }
}

impl From<sealift_trust::Refusal> for Refusal {
    fn from(refusal: sealift_trust::Refusal) -> Self {
        Self::Metadata(Box::new(refusal))
    }
}
