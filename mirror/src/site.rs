//! The isolated sites: what they say they hold, by receipts carried back over the gap, and what was made for them.
//!
//! A receipt is kept, byte for byte, as `sites/<site>/receipts/<digest>.txt` once its signature by the key configured
//! for that site is good and it is newer than what the site said before. Receipts decide which base a bundle may build
//! upon; a forged or stale one would make bundles that a site cannot use, so kept ones are verified again on every
//! reading.

use std::path::{Path, PathBuf};

use sealift_fs::{Lock, Mode, PathError};
use sealift_model::{Digest, Sequence, SiteId, StreamId, Timestamp};
use sealift_trust::receipt::LIMIT;
use sealift_trust::{Held, Receipt, ReceiptRefusal};

use crate::config::{Config, SiteConfig};
use crate::stream::{StreamDir, StreamError};

pub mod add;
pub mod code;
pub mod possible;
pub mod sent;

pub use code::KeptCode;
pub use possible::{Possible, possible};
pub use sent::{Sent, SentError};

/// A receipt that was accepted, with its digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptReceipt {
    /// Digest of its bytes.
    pub digest: Digest,
    /// What it says.
    pub receipt: Receipt,
}

/// What became of a receipt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Imported {
    /// It is kept now.
    New(Receipt),
    /// It was kept before; nothing was changed.
    Known(Receipt),
}

/// Why a receipt was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SiteRefusal {
    /// The site is not configured.
    #[error("the receipt is by site `{0}`, which mirror.toml does not know")]
    UnknownSite(SiteId),
    /// Nothing is accepted from a site without a key.
    #[error("site `{0}` has no receipt_key in mirror.toml, so nothing that it signed is accepted")]
    NoKey(SiteId),
    /// The receipt itself is no good.
    #[error("the receipt is not one that this mirror can believe")]
    Receipt(#[from] ReceiptRefusal),
    /// Not newer than the one before.
    #[error("the receipt of site `{site}` was issued {issued}, but one issued {last} was accepted before")]
    Older {
        /// The site.
        site: SiteId,
        /// When this one was issued.
        issued: Timestamp,
        /// When the last accepted one was.
        last: Timestamp,
    },
    /// A code that no site would write of any bundle of ours.
    #[error("the code, of bundle {sequence} on {issued}, fits no site of mirror.toml and no bundle of this mirror")]
    UnknownCode {
        /// The number it names.
        sequence: Sequence,
        /// The day it names.
        issued: Timestamp,
    },
    /// A code of a day that has not come.
    #[error("the code of site `{site}` is of {issued}, which is after now, {now}")]
    FutureCode {
        /// The site.
        site: SiteId,
        /// The day it names.
        issued: Timestamp,
        /// The time here.
        now: Timestamp,
    },
    /// A code that says less than the site said before.
    #[error("by the code site `{site}` holds bundle {sequence} of stream `{stream}`, but it held {held} before")]
    Less {
        /// The site.
        site: SiteId,
        /// The stream.
        stream: StreamId,
        /// What the code says.
        sequence: Sequence,
        /// What the site said before.
        held: Sequence,
    },
    /// It names another manifest than ours under one of our numbers.
    #[error("the receipt of site `{site}` holds another bundle {sequence} of stream `{stream}` than this mirror built")]
    OtherBundle {
        /// The site.
        site: SiteId,
        /// The stream.
        stream: StreamId,
        /// The number.
        sequence: Sequence,
    },
}

/// Why a receipt was not imported or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SiteError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// A bundle the receipt names cannot be read.
    #[error(transparent)]
    Stream(#[from] StreamError),
    /// A record of what was made for a site.
    #[error(transparent)]
    Sent(#[from] SentError),
    /// It was refused.
    #[error(transparent)]
    Refused(#[from] SiteRefusal),
    /// A receipt kept from earlier is not what was accepted, or the site's key was changed in `mirror.toml` since.
    #[error("{} does not verify with the key of site `{site}`", .file.display())]
    Kept {
        /// The file.
        file: PathBuf,
        /// The site.
        site: SiteId,
        /// Why.
        source: Box<ReceiptRefusal>,
    },
}

/// Checks a receipt and keeps it.
pub fn import(_writer: &Lock, state: &Path, config: &Config, bytes: &[u8]) -> Result<Imported, SiteError> {
    // Read unpinned first, only to learn which site it names; the verdict is the pinned reading's.
    let named = Receipt::parse_verified(bytes, None).map_err(SiteRefusal::from)?.receipt.site;
    let site = config.site(&named).ok_or(SiteRefusal::UnknownSite(named))?;
    let key = site.receipt_key.ok_or_else(|| SiteRefusal::NoKey(site.name.clone()))?;
    let receipt = Receipt::parse_verified(bytes, Some(&key)).map_err(SiteRefusal::from)?.receipt;
    let digest = Digest::of(bytes);
    if let Some(last) = latest(state, site)? {
        if last.digest == digest {
            return Ok(Imported::Known(receipt));
        }
        if receipt.issued <= last.receipt.issued {
            let (issued, last) = (receipt.issued, last.receipt.issued);
            return Err(SiteRefusal::Older { site: site.name.clone(), issued, last }.into());
        }
    }
    for held in &receipt.holds {
        check_held(state, &site.name, held)?;
    }
    let dir = receipts_dir(state, &site.name);
    sealift_fs::create_dir_all(&dir, Mode::Public)?;
    sealift_fs::replace(&dir.join(format!("{digest}.txt")), bytes, Mode::Public)?;
    Ok(Imported::New(receipt))
}

/// Refuses a receipt that disagrees with this mirror about a bundle both know.
fn check_held(state: &Path, site: &SiteId, held: &Held) -> Result<(), SiteError> {
    match StreamDir::of(state, &held.stream).record(held.sequence) {
        Ok(record) if record.manifest != held.manifest => {
            Err(SiteRefusal::OtherBundle { site: site.clone(), stream: held.stream.clone(), sequence: held.sequence }
                .into())
        }
        // A bundle this mirror does not know (its state was made anew) only cannot be a base.
        Ok(_) | Err(StreamError::Unknown { .. }) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Returns the newest receipt of a site; `None` if it sent none yet, or has no key any more.
pub fn latest(state: &Path, site: &SiteConfig) -> Result<Option<KeptReceipt>, SiteError> {
    let Some(key) = site.receipt_key else { return Ok(None) };
    let dir = receipts_dir(state, &site.name);
    let names = match sealift_fs::list_dir(&dir) {
        Err(error) if error.is_not_found() => return Ok(None),
        other => other?,
    };
    let mut newest: Option<KeptReceipt> = None;
    // Half a receipt that a cut run left is none; importing it again finishes it.
    for name in names.iter().filter(|name| name.strip_suffix(".txt").is_some_and(|stem| !stem.starts_with(".tmp-"))) {
        let file = dir.join(name);
        let bytes = sealift_fs::read_capped(&file, LIMIT as u64)?;
        let verified = Receipt::parse_verified(&bytes, Some(&key)).map_err(|source| SiteError::Kept {
            file,
            site: site.name.clone(),
            source: Box::new(source),
        })?;
        if newest.as_ref().is_none_or(|kept| kept.receipt.issued < verified.receipt.issued) {
            newest = Some(KeptReceipt { digest: Digest::of(&bytes), receipt: verified.receipt });
        }
    }
    Ok(newest)
}

/// Returns what a site acknowledged last of a stream: by its newest receipt, or by a later code where those are believed.
///
/// What a site signed on a later day stands against any code: it may have lost what it once held.
pub fn acknowledgement(state: &Path, site: &SiteConfig, stream: &StreamId) -> Result<Option<Held>, SiteError> {
    let (mut issued, mut signed) = (None, None);
    if let Some(KeptReceipt { receipt, .. }) = latest(state, site)? {
        issued = Some(receipt.issued);
        signed = receipt.holds.into_iter().find(|held| held.stream == *stream);
    }
    if !site.believe_codes {
        return Ok(signed);
    }
    let later = |code: &KeptCode| issued.is_none_or(|issued| !code.is_before(issued));
    let typed = code::newest(state, &site.name, stream)?.filter(later).map(|code| code.held());
    Ok(match (signed, typed) {
        (Some(signed), Some(typed)) if typed.sequence > signed.sequence => Some(typed),
        (None, typed) => typed,
        (signed, _) => signed,
    })
}

/// What the sites say of one stream.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Acknowledged {
    /// Sites that hold a bundle of the stream, and which.
    pub held: Vec<(SiteId, Held)>,
    /// Sites that hold none, or sent no receipt yet.
    pub without: Vec<SiteId>,
}

/// Returns what each configured site holds of a stream by its newest receipt.
pub fn acknowledged(state: &Path, config: &Config, stream: &StreamId) -> Result<Acknowledged, SiteError> {
    let mut answer = Acknowledged::default();
    for site in &config.sites {
        match acknowledgement(state, site, stream)? {
            Some(held) => answer.held.push((site.name.clone(), held)),
            None => answer.without.push(site.name.clone()),
        }
    }
    Ok(answer)
}

fn receipts_dir(state: &Path, site: &SiteId) -> PathBuf {
    state.join("sites").join(site.as_str()).join("receipts")
}
