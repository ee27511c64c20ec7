//! `trust status`: what this repository trusts, until when, and what it will not go back behind.
//!
//! The state digest names all of it: people who vouch for a time do so for one repository in one state. Changes nothing.

use sealift_model::{Digest, SiteId, Timestamp, json};
use sealift_site::site_keys::STATEMENT_PUBLIC;
use sealift_site::statement_key::read_public;
use serde::Serialize;

use crate::floors::Floors;
use crate::repository::{Repository, StateError};
use crate::status::{DocumentStatus, documents};

const SCHEMA: &str = "sealift.trust-state/1";
const DAY: u64 = 86_400;

/// What a state digest is taken over. Field order is the encoding's.
#[derive(Serialize)]
struct State<'a> {
    floors: &'a Floors,
    schema: &'static str,
    site: &'a SiteId,
    site_key: String,
}

/// Returns the digest that stands for this repository as it is now: its site, its key, its floors.
///
/// It changes whenever a floor does, also by the use of a statement.
pub fn state_digest(repository: &Repository) -> Result<Digest, StateError> {
    let key = read_public(&repository.layout().site().join(STATEMENT_PUBLIC))?;
    let state = State {
        floors: repository.floors(),
        schema: SCHEMA,
        site: &repository.config().site,
        site_key: key.id().to_hex(),
    };
    Ok(Digest::of(&json::to_canonical(&state)?))
}

/// How old the trust is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Freshness {
    /// When trust metadata was accepted last, by the system's clock; absent before the first bundle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refreshed: Option<Timestamp>,
    /// Whole days since then.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refreshed_days: Option<u64>,
    /// When the first of the trusted documents expires.
    pub expires: Timestamp,
    /// Whether that is past.
    pub expired: bool,
}

impl Freshness {
    /// Returns the sentence that every command says.
    pub fn describe(&self) -> String {
        let refreshed = match self.refreshed_days {
            None => "Trust was never refreshed since this repository was made".to_owned(),
            Some(0) => "Trust last refreshed today".to_owned(),
            Some(1) => "Trust last refreshed 1 day ago".to_owned(),
            Some(days) => format!("Trust last refreshed {days} days ago"),
        };
        let expires = self.expires;
        if self.expired {
            return format!(
                "{refreshed}; it expired at {expires}. Nothing newer than that is known here: what was revoked or fixed \
                 since then is not. Ask the connected side for a fresh medium."
            );
        }
        format!("{refreshed}; it expires {expires}.")
    }
}

/// Returns how old the trust is at `clock`.
pub fn freshness(repository: &Repository, clock: Timestamp) -> Result<Freshness, StateError> {
    let now = clock.max(repository.floors().signed_time);
    let refreshed = repository.index().refreshed()?;
    let expires = documents(repository, now)?.iter().map(|document| document.expires).min();
    let expires = expires.unwrap_or(now);
    Ok(Freshness {
        refreshed,
        refreshed_days: refreshed.map(|then| now.unix().saturating_sub(then.unix()) / DAY),
        expires,
        expired: now >= expires,
    })
}

/// What `trust status` shows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TrustStatus {
    /// The site.
    pub site: SiteId,
    /// Digest of the trusted root file.
    pub root: Digest,
    /// The trusted documents.
    pub documents: Vec<DocumentStatus>,
    /// How old they are.
    pub freshness: Freshness,
    /// The floors.
    pub floors: Floors,
    /// What a clock override has to name.
    pub state: Digest,
    /// Whether the system's clock is so far behind that nothing is decided by it.
    pub clock_behind: bool,
    /// Whether both copies of the floors say the same. Where they do not, nothing can be shown at all.
    pub copies_agree: bool,
}

/// Returns what is trusted at `clock`.
pub fn trust_status(repository: &Repository, clock: Timestamp) -> Result<TrustStatus, StateError> {
    let floors = repository.floors().clone();
    let now = clock.max(floors.signed_time);
    Ok(TrustStatus {
        site: repository.config().site.clone(),
        root: floors.root.sha256,
        documents: documents(repository, now)?,
        freshness: freshness(repository, clock)?,
        state: state_digest(repository)?,
        clock_behind: floors.now(clock).is_none(),
        copies_agree: true,
        floors,
    })
}
