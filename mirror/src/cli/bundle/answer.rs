//! What `bundle build` and `bundle seal` answer, for people and for programs.

use std::fmt::Write as _;
use std::path::Path;

use sealift_bundle::write::WriteReport;
use sealift_model::{Digest, Sequence, StreamId};
use sealift_term::{Table, bytes};
use serde::Serialize;

use super::counted;

use crate::build::{Action, BuildError, BuildPlan, Changes, Narrowed, PackageChange, Waiting};
use crate::selection::Unresolved;
use crate::state::State;
use crate::stream::StreamDir;

/// A plan.
#[derive(Debug, Serialize)]
pub(super) struct PlanAnswer<'p> {
    action: &'static str,
    stream: &'p StreamId,
    sequence: u64,
    kind: sealift_bundle::manifest::BundleKind,
    #[serde(skip_serializing_if = "Option::is_none")]
    base: Option<u64>,
    reason: String,
    valid_from: Vec<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compared_with: Option<u64>,
    #[serde(flatten)]
    changes: &'p Changes,
    carried_blobs: u64,
    carried_bytes: u64,
    content_bytes: u64,
    unresolved: &'p [Unresolved],
    unmatched: &'p [String],
    #[serde(flatten)]
    narrowed: &'p Narrowed,
    withdrawn: &'p [String],
    sites_left_out: Vec<String>,
    discards: Vec<u64>,
}

impl<'p> PlanAnswer<'p> {
    pub(super) fn of(plan: &'p BuildPlan) -> Self {
        let manifest = &plan.manifest;
        Self {
            action: match plan.action {
                Action::Build => "build",
                Action::Resume => "resume",
                Action::Nothing => "nothing",
            },
            stream: &manifest.stream,
            sequence: manifest.sequence.get(),
            kind: manifest.kind,
            base: manifest.base.map(|base| base.sequence.get()),
            reason: plan.reason.to_string(),
            valid_from: plan.valid_from.iter().map(|sequence| sequence.get()).collect(),
            compared_with: plan.against.map(Sequence::get),
            changes: &plan.changes,
            carried_blobs: manifest.totals.blobs,
            carried_bytes: manifest.totals.stored_bytes,
            content_bytes: manifest.totals.bytes,
            unresolved: &plan.unresolved,
            unmatched: &plan.unmatched,
            narrowed: &plan.narrowed,
            withdrawn: &plan.withdrawn,
            sites_left_out: plan.left_out.iter().map(ToString::to_string).collect(),
            discards: plan.discards.iter().map(|sequence| sequence.get()).collect(),
        }
    }

    pub(super) fn human(&self) -> String {
        if self.action == "nothing" {
            let nothing = format!("Nothing new in stream {} since bundle {}.\n", self.stream, self.sequence);
            return nothing + &self.unmatched();
        }
        let mut text = self.head();
        if self.narrowed.need.is_none() {
            text += &self.changes();
        }
        let (carried, whole) = (bytes(self.carried_bytes), bytes(self.content_bytes));
        let blobs = counted(usize::try_from(self.carried_blobs).unwrap_or(usize::MAX), "blob");
        let _ = writeln!(text, "To carry: {carried} in {blobs}, of {whole} in all.");
        text += &super::narrow::human(self.narrowed);
        text += &super::unresolved(self.unresolved);
        text += &self.unmatched();
        for package in self.withdrawn {
            let _ = writeln!(text, "Withdrawn, and left out: {}.", sealift_model::escape::printable(package));
        }
        for site in &self.sites_left_out {
            let _ =
                writeln!(text, "Site {site} acknowledged no bundle of this stream: it needs a complete one (--full).");
        }
        for sequence in &self.discards {
            let _ = writeln!(text, "The draft of bundle {sequence} has other content and is discarded.");
        }
        text
    }

    fn changes(&self) -> String {
        let Changes { added, updated, removed, unchanged } = self.changes;
        let lists = [("Added", added), ("Updated", updated), ("Removed", removed)];
        let text: Vec<String> = lists.into_iter().map(|(name, list)| section(name, list)).collect();
        format!("{}Unchanged: {}.\n", text.concat(), counted(*unchanged, "package"))
    }

    // Also where nothing is new: a misspelt rule is a likely reason.
    fn unmatched(&self) -> String {
        self.unmatched.iter().fold(String::new(), |text, rule| text + &format!("Rule {rule} matches nothing.\n"))
    }

    fn head(&self) -> String {
        let kind = match self.base {
            Some(base) => format!("incremental over bundle {base}"),
            None => "complete".to_owned(),
        };
        let mut text = format!("Stream {}, bundle {}: {kind}, {}.\n", self.stream, self.sequence, self.reason);
        if self.valid_from.len() > 1 {
            let states: Vec<String> = self.valid_from.iter().map(ToString::to_string).collect();
            let _ = writeln!(text, "Valid from any of these bundles: {}.", states.join(", "));
        }
        if self.action == "resume" {
            text += "A draft with this content is there already; it is taken up again.\n";
        }
        let _ = match self.compared_with.filter(|_| self.narrowed.need.is_none()) {
            None if self.narrowed.need.is_some() => Ok(()),
            Some(sequence) => writeln!(text, "Compared with bundle {sequence}:"),
            None => writeln!(text, "This is the stream's first bundle."),
        };
        text
    }
}

fn section(name: &str, list: &[PackageChange]) -> String {
    if list.is_empty() {
        return String::new();
    }
    let mut table = Table::new(&["", "PACKAGE", "ARCH", "VERSION", "SIZE", "WHY"]).right(4);
    for change in list {
        let version = match (&change.old, &change.new) {
            (Some(old), Some(new)) => format!("{old} → {new}"),
            (old, new) => old.as_ref().or(new.as_ref()).cloned().unwrap_or_default(),
        };
        let size = if change.new.is_some() { bytes(change.size) } else { String::new() };
        let why = change.why.clone().unwrap_or_default();
        table.row([String::new(), change.package.clone(), change.architecture.clone(), version, size, why]);
    }
    format!("{name}: {}.\n{table}", counted(list.len(), "package"))
}

/// How a bundle stands now.
#[derive(Debug, Serialize)]
pub(super) struct BundleAnswer {
    status: &'static str,
    stream: StreamId,
    sequence: u64,
    bundle: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blobs_written: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    awaiting: Option<Awaiting>,
    next: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Awaiting {
    file: String,
    have: usize,
    need: usize,
    may_sign: Vec<Digest>,
    redrafted: bool,
}

impl BundleAnswer {
    fn of(state: &State, (stream, sequence): (&StreamId, Sequence), status: &'static str) -> Result<Self, BuildError> {
        let record = StreamDir::of(state.dir(), stream).record(sequence)?;
        Ok(Self {
            status,
            stream: stream.clone(),
            sequence: sequence.get(),
            bundle: record.manifest.tagged(),
            path: None,
            blobs_written: None,
            awaiting: None,
            next: Vec::new(),
        })
    }

    fn seal_command(&self, to: &str) -> String {
        format!("sealift-mirror bundle seal --stream {} {} --to {to}", self.stream, self.sequence)
    }

    pub(super) fn nothing(state: &State, stream: &StreamId, sequence: Sequence) -> Result<Self, BuildError> {
        let answer = Self::of(state, (stream, sequence), "nothing")?;
        let next = vec![answer.seal_command("DIR")];
        Ok(Self { next, ..answer })
    }

    pub(super) fn sealed(state: &State, bundle: (&StreamId, Sequence)) -> Result<Self, BuildError> {
        let answer = Self::of(state, bundle, "sealed")?;
        let next = vec![answer.seal_command("DIR")];
        Ok(Self { next, ..answer })
    }

    pub(super) fn written(
        state: &State,
        bundle: (&StreamId, Sequence),
        report: &WriteReport,
    ) -> Result<Self, BuildError> {
        let path = report.path.display().to_string();
        let next = vec![format!("sealift-bundle verify {path} --root ROOT.json")];
        let blobs_written = Some(report.blobs_written);
        Ok(Self { path: Some(path), blobs_written, next, ..Self::of(state, bundle, "sealed")? })
    }

    pub(super) fn waiting(
        state: &State,
        bundle: (&StreamId, Sequence),
        waiting: &Waiting,
        (keys, to): (&Path, Option<&Path>),
    ) -> Result<Self, BuildError> {
        let answer = Self::of(state, bundle, "awaiting signatures")?;
        let file = waiting.file.display().to_string();
        let root = keys.join("root.json").display().to_string();
        let to = to.map_or_else(|| "DIR".to_owned(), |to| to.display().to_string());
        let next = vec![format!("sealift-keys sign {file} --key KEYFILE --root {root}"), answer.seal_command(&to)];
        let awaiting = Awaiting {
            file,
            have: waiting.have,
            need: waiting.need,
            may_sign: waiting.may_sign.clone(),
            redrafted: waiting.redrafted,
        };
        Ok(Self { awaiting: Some(awaiting), next, ..answer })
    }

    pub(super) fn human(&self) -> String {
        let name = format!("bundle {} of stream {}", self.sequence, self.stream);
        let mut text = match (&self.awaiting, &self.path, self.status) {
            (Some(awaiting), ..) => return self.human_waiting(awaiting),
            (None, Some(path), _) => format!("Wrote {name} to {path}.\n"),
            (None, None, "nothing") => {
                return format!(
                    "Nothing new since {name}; nothing was built.\nIt is written to another medium by: {}\n",
                    self.next.join("\n")
                );
            }
            (None, None, _) => format!("Sealed {name}.\n"),
        };
        let _ = writeln!(text, "bundle: {}", self.bundle);
        for next in &self.next {
            let _ = writeln!(text, "Next: {next}");
        }
        text
    }

    fn human_waiting(&self, awaiting: &Awaiting) -> String {
        let mut text = format!(
            "Bundle {} of stream {} awaits signatures: {} of {} by targets keys are there.\n",
            self.sequence, self.stream, awaiting.have, awaiting.need
        );
        if awaiting.redrafted {
            text += "Another bundle was sealed meanwhile, so the document is a new one; earlier signatures are void.\n";
        }
        text += "These keys may sign:\n";
        for key in &awaiting.may_sign {
            let _ = writeln!(text, "  {key}");
        }
        if let [sign, seal] = self.next.as_slice() {
            let _ = writeln!(text, "Each holder types, where the key is:\n  {sign}");
            let _ = writeln!(text, "Then, here:\n  {seal}");
        }
        text
    }
}
