//! `receipt`: what this site holds, signed, to be carried back over the gap (format/receipt).

pub use sealift_site::outbound;

use sealift_fs::PathError;
use sealift_model::Digest;
use sealift_site::{SiteKeyError, SiteKeys};
use sealift_trust::receipt::{Agreed, Waived};
use sealift_trust::{Held, Receipt, StatementKind};

use crate::index::IndexError;
use crate::ledger::{EventKind, EventSubject};
use crate::repository::{Repository, StateError, Writer};

/// Why no receipt was written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReceiptError {
    /// The clock of this machine is behind what was signed.
    #[error(transparent)]
    Refused(#[from] Box<crate::refusal::Refusal>),
    /// The site's keys.
    #[error("the site's keys cannot be used")]
    Keys(#[from] SiteKeyError),
    /// The state directory.
    #[error(transparent)]
    State(#[from] StateError),
}

/// Writes that a receipt is made into the ledger and returns the receipt, which names the head from before that line.
pub fn receipt(writer: &mut Writer) -> Result<String, ReceiptError> {
    let issued = crate::receive::current_time(writer).map_err(Box::new)?;
    let keys = SiteKeys::open(&writer.layout().site())?;
    let head = writer.verify_ledger(|_| ())?;
    let held = |(stream, held): (&sealift_model::StreamId, &sealift_bundle::manifest::BundleRef)| Held {
        stream: stream.clone(),
        sequence: held.sequence,
        manifest: held.manifest,
    };
    let holds: Vec<Held> = writer.floors().streams.iter().map(held).collect();
    let (site, agreed, waived) = (writer.config().site.clone(), agreed(writer, &holds)?, waived(writer, &holds));
    let receipt = Receipt { site, issued, ledger_head: head.digest, holds, agreed, waived };
    let text = keys.statement.sign_receipt(&receipt);
    let streams: Vec<String> = receipt.holds.iter().map(|h| format!("{}/{}", h.stream, h.sequence)).collect();
    let holds = if streams.is_empty() { "nothing".to_owned() } else { streams.join(" ") };
    let detail = format!("holds {holds}; {}", Digest::of(text.as_bytes()).tagged());
    let event = writer.event(EventKind::Receipt, EventSubject::default(), &detail);
    writer.record(&event)?;
    Ok(text)
}

/// Returns who agreed to what is held.
fn agreed(repository: &Repository, holds: &[Held]) -> Result<Vec<Agreed>, PathError> {
    let mut all = Vec::new();
    for held in holds {
        let agreement = crate::receive::agreement(repository, &held.stream, held.sequence)?;
        let of = |kind, people| Agreed { stream: held.stream.clone(), kind, people };
        let both = [of(StatementKind::Approve, agreement.approved), of(StatementKind::Scan, agreement.scanned)];
        all.extend(both.into_iter().filter(|agreed| !agreed.people.is_empty()));
    }
    Ok(all)
}

/// Returns the waivers that were used up for what is held.
fn waived(repository: &Repository, holds: &[Held]) -> Vec<Waived> {
    let used = &repository.floors().used;
    let of = |held: &Held| {
        let about = used.iter().filter(|(_, used)| used.subject == held.manifest);
        let waived = |until, statement| Waived { stream: held.stream.clone(), until, statement };
        about.filter_map(|(payload, used)| Some(waived(used.until?, *payload))).collect::<Vec<_>>()
    };
    let mut all: Vec<Waived> = holds.iter().flat_map(of).collect();
    all.sort_unstable();
    all
}

impl From<PathError> for ReceiptError {
    fn from(error: PathError) -> Self {
        Self::State(error.into())
    }
}

impl From<IndexError> for ReceiptError {
    fn from(error: IndexError) -> Self {
        Self::State(error.into())
    }
}
