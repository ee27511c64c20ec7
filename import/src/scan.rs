//! The scan gate: content is accepted only after every configured scanner found nothing in it (format/scan).
//!
//! A package counts with each file inside it, because scanners do not look into packages. What a scanner says is kept as a
//! statement signed by this site, bound to the content's digest and to the engine and signatures that were asked. Silence
//! is no verdict: a scanner that is gone, cut short or too small for a content leaves it unknown, and unknown blocks.

mod assistant;
mod clamd;
mod command;
pub mod config;
mod content;
mod decide;
mod gate;
mod hands;
pub mod kiosk;
pub mod verdicts;
mod work;

pub use assistant::{Assistant, VERB as ASSISTANT, serve};
pub use config::{ScanConfig, Scanner, ScannerKind};
pub use content::{Examined, Item, examine};
pub use decide::{BundleScan, DecideError, ScanReport, WithheldReport, accept_without_infected, scan, take_results};
pub use gate::{Blocked, ClosedBy, Gate, Infected};
pub use hands::{Direct, Hands};
pub use verdicts::{Engine, Finding, Verdict, VerdictError, Verdicts};
pub(crate) use work::closed_by;
pub use work::{Asked, Desk, NoVerdict, ScanError, Scanned};

/// What a scanner said of one stream of bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It found nothing.
    Clean,
    /// It found something, and calls it so.
    Found(String),
    /// It said neither, and why, for people.
    Silent(String),
}

impl Answer {
    /// Makes a silence; what a scanner wrote is cut and made printable.
    pub(crate) fn silent(reason: impl std::fmt::Display) -> Self {
        Self::Silent(shown(&reason.to_string()))
    }
}

/// Most bytes of a scanner's own words that are kept.
const WORDS: usize = 300;

/// Returns what a scanner wrote on one line, printable and cut.
pub(crate) fn shown(text: &str) -> String {
    let line = sealift_model::escape::printable(text.trim());
    line.chars().take(WORDS).collect()
}
