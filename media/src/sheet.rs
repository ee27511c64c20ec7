//! Paper: the label of a medium, and the sheet that both people of a hand-over sign by hand (format/media-register §8).
//!
//! One HTML file each, without scripts and without anything from elsewhere, made to be printed. The QR code holds the
//! digest of a record, so that paper in a binder keeps what the register said on that day.

use std::fmt::Write as _;

use sealift_model::Digest;

use crate::record::{Event, Stored};
use crate::register::Held;
use crate::roster::Roster;
use crate::state::Medium;

mod html;
mod qr;

use html::{escape, page, table};

/// Why there is nothing to print.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SheetError {
    /// No hand-over.
    #[error("medium {0} was never handed over")]
    NoHandOver(sealift_model::MediumId),
    /// Text that no QR code holds.
    #[error("the text does not fit into a QR code")]
    Qr,
}

/// Returns what a code on paper says about a record.
pub fn code_text(stored: &Stored) -> String {
    format!("sealift custody {} {} {}", stored.link.chain, stored.link.record.number, stored.digest.tagged())
}

/// Returns the label of a medium as HTML, 100 mm wide.
pub fn label(medium: &Medium, held: &Held, roster: &Roster) -> Result<String, SheetError> {
    let first = held.records().first().ok_or(SheetError::Qr)?;
    let details = &medium.details;
    let marking = escape(details.classification.as_str());
    let mut rows = vec![
        ("Label", details.label.to_string()),
        ("Kind", kind(medium)),
        ("Serial", shown(details.serial.as_ref())),
        ("Owner", shown(medium.owner.as_ref())),
        ("Register", roster.name.to_string()),
        ("Registered", first.link.record.time.to_string()),
    ];
    if let Some(seal) = &medium.seal {
        rows.push(("Seal", seal.to_string()));
    }
    rows.extend(medium.loads.iter().map(|load| ("Carries", format!("{load} ({}…)", load.bundle.short()))));
    let mut body = format!("<section class=\"label\"><p class=\"marking\">{marking}</p>\n");
    let _ = writeln!(body, "<div class=\"row\"><div class=\"facts\"><h1>{}</h1>", escape(medium.id.as_str()));
    body.push_str(&table(&rows));
    let _ = writeln!(body, "</div><div class=\"code\">{}</div></div>", qr::svg(&code_text(first))?);
    let _ = writeln!(body, "<p class=\"digest\">{}</p>", grouped(first.digest));
    let _ = writeln!(body, "<p class=\"marking\">{marking}</p></section>");
    Ok(page(&format!("Label of medium {}", medium.id), &body))
}

/// Returns the sheet of the last hand-over as HTML, one page A4.
pub fn handover(medium: &Medium, held: &Held, roster: &Roster) -> Result<String, SheetError> {
    let records = held.records();
    let is_handover = |stored: &&Stored| matches!(stored.link.record.event, Event::HandedOver { .. });
    let stored = records.iter().rfind(is_handover).ok_or_else(|| SheetError::NoHandOver(medium.id.clone()))?;
    // As it was then: the seal may be open by now, and the content gone.
    let then = held.until(stored.link.record.number, roster);
    let medium = then.as_ref().unwrap_or(medium);
    let marking = escape(medium.details.classification.as_str());
    let mut body = format!("<section class=\"sheet\"><p class=\"marking\">{marking}</p>\n");
    let _ = writeln!(
        body,
        "<div class=\"row\"><div class=\"facts\"><h1>Hand-over of medium {}</h1>",
        escape(medium.id.as_str())
    );
    body.push_str(&table(&handover_rows(medium, stored, roster)));
    let _ = writeln!(body, "</div><div class=\"code\">{}</div></div>", qr::svg(&code_text(stored))?);
    let _ = writeln!(body, "<h2>Digest of the signed record</h2><p class=\"digest\">{}</p>", grouped(stored.digest));
    body.push_str(&content(medium));
    body.push_str(&signatures(stored, after(records, stored)));
    let _ = writeln!(body, "<p class=\"marking\">{marking}</p></section>");
    Ok(page(&format!("Hand-over of medium {}", medium.id), &body))
}

fn handover_rows(medium: &Medium, stored: &Stored, roster: &Roster) -> Vec<(&'static str, String)> {
    let record = &stored.link.record;
    let details = &medium.details;
    vec![
        ("Label", details.label.to_string()),
        ("Kind", kind(medium)),
        ("Serial", shown(details.serial.as_ref())),
        ("Owner", shown(medium.owner.as_ref())),
        ("Seal", shown(medium.seal.as_ref())),
        ("Place", record.place.to_string()),
        ("Purpose", record.purpose.to_string()),
        ("Authorised by", shown(record.authority.as_ref())),
        ("Time", record.time.to_string()),
        ("Record", format!("{} of {}", record.number, stored.link.chain)),
        ("Register", format!("{} ({}…)", roster.name, roster.id().short())),
    ]
}

fn content(medium: &Medium) -> String {
    if medium.loads.is_empty() {
        return "<h2>Content</h2><p>Nothing is recorded as written to it.</p>\n".to_owned();
    }
    let rows: Vec<_> = medium.loads.iter().map(|load| (load.to_string(), load.bundle.tagged())).collect();
    let rows: Vec<(&str, String)> = rows.iter().map(|(name, id)| (name.as_str(), id.clone())).collect();
    format!("<h2>Content, by bundle id</h2><div class=\"content\">{}</div>", table(&rows))
}

fn signatures(stored: &Stored, next: Option<&Stored>) -> String {
    let record = &stored.link.record;
    let Event::HandedOver { from, to } = &record.event else { return String::new() };
    let second = next.filter(|next| matches!(next.link.record.event, Event::Countersigned {}));
    let mut out = String::from("<h2>Signatures by hand</h2><div class=\"signatures\">\n");
    for (role, person) in [("Handed over by", from), ("Received by", to)] {
        let signed = if record.person == *person {
            format!("signed the record at {}", record.time)
        } else {
            second.map_or("has not countersigned the record".to_owned(), |next| {
                format!("countersigned at {}", next.link.record.time)
            })
        };
        let _ = writeln!(
            out,
            "<div><p>{role} <b>{}</b>, who {}</p><p class=\"line\">Name, signature</p>\
             <p class=\"line\">Date, time</p><p class=\"line\">Seal found, whole or broken</p></div>",
            escape(person.as_str()),
            escape(&signed)
        );
    }
    out.push_str("</div>\n");
    out
}

fn after<'r>(records: &'r [Stored], stored: &Stored) -> Option<&'r Stored> {
    records.iter().find(|next| next.link.previous == stored.digest)
}

fn kind(medium: &Medium) -> String {
    let once = if medium.details.write_once { ", written once" } else { "" };
    let capacity = medium.details.capacity.map(|c| format!(", {c} bytes")).unwrap_or_default();
    format!("{}{once}{capacity}", medium.details.form.as_str())
}

fn shown<T: ToString>(value: Option<&T>) -> String {
    value.map_or_else(|| "none".to_owned(), T::to_string)
}

/// A digest in groups of eight, for comparing by eye.
fn grouped(digest: Digest) -> String {
    let hex = digest.to_hex();
    hex.as_bytes().chunks(8).map(String::from_utf8_lossy).collect::<Vec<_>>().join(" ")
}
