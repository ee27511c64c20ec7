//! The register and the log of transfers as CSV, in the columns that auditors ask for (format/media-register §7).
//!
//! Every cell is quoted, and none can be taken for a formula: these files are opened in spreadsheets, and their text was
//! written by many people.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use sealift_model::Timestamp;

use crate::record::{Event, Goes, Load, Record, Stored};
use crate::register::{Held, Register};
use crate::state::Medium;

/// The columns of the register.
pub const REGISTER: [&str; 20] = [
    "control_number",
    "label",
    "classification",
    "media_type",
    "device_serial_number",
    "capacity_bytes",
    "write_once",
    "owner",
    "holder",
    "condition",
    "location",
    "seal_number",
    "content",
    "to_be_sanitised",
    "registered",
    "last_record",
    "last_record_time",
    "last_event",
    "last_sanitised",
    "record_sha256",
];

/// The columns of the log of transfers.
pub const TRANSFERS: [&str; 21] = [
    "date_time",
    "event",
    "direction",
    "transfer_agent",
    "second_person",
    "authorised_by",
    "requester",
    "content",
    "bundle_ids",
    "from",
    "to",
    "place",
    "system",
    "media_type",
    "control_number",
    "device_serial_number",
    "classification",
    "method",
    "purpose",
    "result",
    "record_sha256",
];

/// Returns the register as CSV: a line a medium.
pub fn register(register: &Register) -> String {
    let mut out = row(&REGISTER.map(str::to_owned));
    for (_, held) in register.media() {
        if let Some(medium) = &held.medium {
            out.push_str(&row(&of_medium(medium, held)));
        }
    }
    out
}

fn of_medium(medium: &Medium, held: &Held) -> [String; 20] {
    let details = &medium.details;
    let records = held.records();
    let sanitised = records.iter().rev().find(|stored| matches!(stored.link.record.event, Event::Sanitised { .. }));
    let last = records.last().map(|stored| stored.link.record.event.as_str());
    [
        medium.id.to_string(),
        details.label.to_string(),
        details.classification.to_string(),
        details.form.as_str().to_owned(),
        text(details.serial.as_ref()),
        text(details.capacity.as_ref()),
        yes(details.write_once),
        text(medium.owner.as_ref()),
        medium.holder.to_string(),
        medium.condition().to_owned(),
        medium.place.to_string(),
        text(medium.seal.as_ref()),
        listed(medium.loads.iter()),
        yes(medium.must_be_sanitised()),
        text(records.first().map(|stored| stored.link.record.time).as_ref()),
        medium.number.to_string(),
        medium.time.to_string(),
        last.unwrap_or_default().to_owned(),
        text(sanitised.map(|stored| stored.link.record.time).as_ref()),
        medium.head.to_hex(),
    ]
}

/// Returns the log of transfers as CSV: a line for everything that was written, handed over, received or imported, in the
/// order of time.
pub fn transfers(register: &Register) -> String {
    let mut rows: Vec<(Timestamp, String, u64, [String; 21])> = Vec::new();
    for (id, held) in register.media() {
        let Some(medium) = &held.medium else { continue };
        let records = held.records();
        let mut carried: BTreeSet<Load> = BTreeSet::new();
        for (index, stored) in records.iter().enumerate() {
            let record = &stored.link.record;
            match &record.event {
                Event::Written(writing) => carried.extend(writing.loads.iter().cloned()),
                Event::Sanitised { .. } => carried.clear(),
                _ => {}
            }
            if record.event.goes() != Goes::Stays {
                let before = index.checked_sub(1).and_then(|i| records.get(i));
                let named = record.event.loads().iter().cloned().collect();
                let content = if record.event.goes() == Goes::Along { &carried } else { &named };
                let around = Around { before, after: records.get(index + 1), content };
                let cells = of_transfer(medium, stored, &around);
                rows.push((record.time, id.to_string(), record.number, cells));
            }
        }
    }
    rows.sort();
    let mut out = row(&TRANSFERS.map(str::to_owned));
    for (_, _, _, cells) in &rows {
        out.push_str(&row(cells));
    }
    out
}

/// What stands around a record in its chain.
struct Around<'r> {
    before: Option<&'r Stored>,
    after: Option<&'r Stored>,
    /// What was written, read, or on the medium while it moved.
    content: &'r BTreeSet<Load>,
}

fn of_transfer(medium: &Medium, stored: &Stored, around: &Around) -> [String; 21] {
    let record = &stored.link.record;
    let details = &medium.details;
    let ids: BTreeSet<String> = around.content.iter().map(|load| load.bundle.tagged()).collect();
    let [from, to] = ends(medium, record, around.before);
    let [method, result] = how(medium, record, around.after);
    [
        record.time.to_string(),
        record.event.as_str().to_owned(),
        direction(&record.event).to_owned(),
        record.person.to_string(),
        second(record, around.after),
        text(record.authority.as_ref()),
        text(record.requester.as_ref()),
        listed(around.content.iter()),
        ids.into_iter().collect::<Vec<_>>().join(" "),
        from,
        to,
        record.place.to_string(),
        record.system.to_string(),
        details.form.as_str().to_owned(),
        medium.id.to_string(),
        text(record.event.serial().or(details.serial.as_ref())),
        details.classification.to_string(),
        method,
        record.purpose.to_string(),
        result,
        stored.digest.to_hex(),
    ]
}

fn direction(event: &Event) -> &'static str {
    match event.goes() {
        Goes::Out => "export to medium",
        Goes::In => "import from medium",
        Goes::Along | Goes::Stays => "movement",
    }
}

fn ends(medium: &Medium, record: &Record, before: Option<&Stored>) -> [String; 2] {
    let (id, system) = (medium.id.to_string(), record.system.to_string());
    match &record.event {
        Event::Written(_) => [system, id],
        Event::Imported { .. } => [id, system],
        Event::HandedOver { from, to } => [from.to_string(), to.to_string()],
        _ => [text(before.map(|stored| &stored.link.record.place)), record.place.to_string()],
    }
}

fn second(record: &Record, after: Option<&Stored>) -> String {
    match (&record.event, after.map(|stored| &stored.link.record)) {
        (Event::HandedOver { .. }, Some(next)) if matches!(next.event, Event::Countersigned {}) => {
            next.person.to_string()
        }
        _ => String::new(),
    }
}

fn how(medium: &Medium, record: &Record, after: Option<&Stored>) -> [String; 2] {
    let countersigned = after.map(|stored| &stored.link.record.event);
    let result = match (&record.event, countersigned) {
        (Event::Imported { result, .. }, _) => result.as_str(),
        (Event::HandedOver { .. }, Some(Event::Countersigned {})) => "both signed",
        (Event::HandedOver { .. }, Some(Event::Withdrawn {})) => "withdrawn",
        (Event::HandedOver { .. }, _) => "one signature",
        _ => "",
    };
    let method = match &record.event {
        Event::Written(writing) => writing.method.to_string(),
        Event::Imported { .. } => "sealift-import".to_owned(),
        Event::HandedOver { .. } => "by hand".to_owned(),
        Event::Received { seal: Some(seal), .. } => format!("seal {seal} found"),
        _ => "no seal found".to_owned(),
    };
    // A hand-over is one line; what was strange when it was completed stands at its second record.
    let second = after.filter(|next| matches!(next.link.record.event, Event::Countersigned {}));
    let numbers = [Some(record.number), second.map(|next| next.link.record.number)];
    let all = medium.old_remarks.iter().chain(&medium.remarks);
    let strange = all.filter(|remark| numbers.contains(&Some(remark.number)));
    let strange = strange.map(|remark| remark.what.to_string());
    let result: Vec<String> = std::iter::once(result.to_owned()).filter(|r| !r.is_empty()).chain(strange).collect();
    [method, result.join("; ")]
}

fn text<T: ToString>(value: Option<&T>) -> String {
    value.map(T::to_string).unwrap_or_default()
}

fn yes(value: bool) -> String {
    if value { "yes" } else { "no" }.to_owned()
}

fn listed<'a>(loads: impl Iterator<Item = &'a Load>) -> String {
    loads.map(Load::to_string).collect::<Vec<_>>().join("; ")
}

fn row(cells: &[String]) -> String {
    let mut out = cells.iter().map(|text| cell(text)).collect::<Vec<_>>().join(",");
    let _ = write!(out, "\r\n");
    out
}

/// Quotes a cell (RFC 4180). What a spreadsheet would compute gets an apostrophe before it, which spreadsheets show as
/// text.
fn cell(text: &str) -> String {
    const BEGIN: [char; 8] = ['=', '+', '-', '@', '＝', '＋', '－', '＠'];
    let shown = sealift_model::escape::printable(text);
    let formula = shown.trim_start().starts_with(BEGIN);
    format!("\"{}{}\"", if formula { "'" } else { "" }, shown.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_and_every_cell_is_one_cell() {
        for (text, expected) in [
            ("plain", "\"plain\""),
            ("=1+1", "\"'=1+1\""),
            (" @SUM(A1)", "\"' @SUM(A1)\""),
            ("+44 20", "\"'+44 20\""),
            ("－1", "\"'－1\""),
            ("a \"b\", c", "\"a \"\"b\"\", c\""),
            ("a\r\nb\t", "\"a\\u{d}\\u{a}b\\u{9}\""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
