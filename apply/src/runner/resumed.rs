//! Says what a run finds on a host where an earlier one left no end: ended in the middle, its outcome unknown.

use std::fmt::Write as _;

use crate::compare::compare;
use crate::records::Kept;
use crate::state::{HostState, PackageState};

/// Most packages that are named.
const MOST: usize = 8;

/// Says what has become of the packages since `left`, the record before of the run without an end.
pub fn found(left: &Kept, now: &HostState) -> String {
    let record = &left.record;
    let mut text = format!("run {} left no record after record {}", record.run, record.sequence);
    let Some(then) = &record.state else { return text };
    let changes = changes(then, now);
    if changes.is_empty() {
        text.push_str("; no package has changed since");
        return text;
    }
    let _ = write!(text, "; since then: {}", changes.iter().take(MOST).cloned().collect::<Vec<_>>().join(", "));
    if let Some(more) = changes.len().checked_sub(MOST).filter(|more| *more > 0) {
        let _ = write!(text, " and {more} more");
    }
    text
}

fn changes(then: &HostState, now: &HostState) -> Vec<String> {
    let difference = compare(then, now);
    // dpkg's whole words only where a package is not simply installed.
    let state = |state: &str| match state.rsplit(' ').next() {
        Some("installed") | None => String::new(),
        Some(status) => format!(" ({status})"),
    };
    let mut changes: Vec<String> = Vec::new();
    for change in &difference.changed {
        let after = state(&change.state_to);
        changes.push(if change.from == change.to {
            format!("{} {}{after}", change.name, change.to)
        } else {
            format!("{} {} → {}{after}", change.name, change.from, change.to)
        });
    }
    let one = |p: &PackageState, what: &str| format!("{} {} {what}{}", p.name, p.version, state(&p.state));
    changes.extend(difference.added.iter().map(|p| one(p, "new")));
    changes.extend(difference.removed.iter().map(|p| format!("{} removed", p.name)));
    changes
}
