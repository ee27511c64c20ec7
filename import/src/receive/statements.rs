//! Statements by people that were handed over beside the medium, and what they allow (format/statements).
//!
//! Each counts once: a clock override when it is used, a freshness waiver when what it is about is in the repository.
//! What was used is among the floors, so it cannot be forgotten without that being noticed. No statement makes up for a
//! signature of a role, and nothing here is allowed by an option.

use std::path::{Path, PathBuf};

use sealift_bundle::layout;
use sealift_bundle::source::{Source, SourceError};
use sealift_model::{Digest, PersonId, Sequence, StreamId, Timestamp};
use sealift_trust::people::MAX_ENVELOPE;
use sealift_trust::policy::{Verdict, judge};
use sealift_trust::statement::{PersonStatement, StatementKind};
use sealift_trust::{Envelope, EvidenceRefusal, People, Role, Root, Signed};
use serde::Serialize;

use super::Stop;
use crate::floors::{Floors, Used};
use crate::index::BundleRow;
use crate::ledger::{EventKind, EventSubject};
use crate::refusal::Refusal;
use crate::repository::{Repository, StateError, Writer};

/// Most statements handed over in one go.
const MOST: usize = 64;

/// The time that everything of one run is judged by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Time {
    /// For expiry: never before what was signed already.
    pub(super) now: Timestamp,
    /// For what is dated ahead: the system's clock, or what people vouch for in its place.
    pub(super) clock: Timestamp,
}

/// A statement that allowed something.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waiver {
    /// Until when.
    pub until: Timestamp,
    /// Who signed.
    pub people: Vec<PersonId>,
    /// Digests of what they signed.
    pub statements: Vec<Digest>,
}

impl Waiver {
    /// Returns a half-sentence for people.
    pub fn describe(&self) -> String {
        format!("expiry waived until {} by {} ({})", self.until, names(&self.people), digests(&self.statements))
    }

    /// Adds what is used up by it to the floors.
    pub(super) fn mark(&self, floors: &mut Floors, manifest: Digest) {
        for payload in &self.statements {
            floors.used.insert(*payload, Used { subject: manifest, until: Some(self.until) });
        }
    }
}

fn names(people: &[PersonId]) -> String {
    people.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn digests(statements: &[Digest]) -> String {
    statements.iter().map(|digest| digest.tagged()).collect::<Vec<_>>().join(", ")
}

/// What was handed over.
#[derive(Debug, Clone, Default)]
pub(super) struct Handed {
    envelopes: Vec<Envelope>,
}

impl Handed {
    /// Reads the files; each must be an envelope.
    pub(super) fn read(paths: &[PathBuf]) -> Result<Self, Stop> {
        let read = |path: &PathBuf| read_envelope(path);
        Ok(Self { envelopes: paths.iter().take(MOST).map(read).collect::<Result<_, _>>()? })
    }

    /// Returns these and what lies beside the manifest of a bundle. What is not short enough, or no envelope, is no
    /// statement by people; the evidence is judged whole elsewhere.
    pub(super) fn and_on(
        &self,
        source: &dyn Source,
        (stream, sequence): (&StreamId, Sequence),
    ) -> Result<Self, SourceError> {
        let mut envelopes = self.envelopes.clone();
        for file in layout::list_evidence(source, stream, sequence)? {
            let Ok(path) = layout::evidence_path(stream, sequence, &file) else { continue };
            match source.read(&path, limit()) {
                Ok(bytes) => envelopes.extend(Envelope::parse(&bytes).ok()),
                Err(SourceError::Refused(_)) => {}
                Err(fault) => return Err(fault),
            }
        }
        Ok(Self { envelopes })
    }

    /// Returns these and what was handed over before and is kept in `dir`, with a bundle that waits.
    pub(super) fn and_kept(&self, dir: &Path) -> Result<Self, Stop> {
        let names = match sealift_fs::list_dir(dir) {
            Err(error) if error.is_not_found() => Vec::new(),
            other => other?,
        };
        let mut envelopes = self.envelopes.clone();
        for name in names.iter().take(MOST) {
            envelopes.extend(read_envelope(&dir.join(name)).ok());
        }
        Ok(Self { envelopes })
    }

    /// Returns the files of what is about one bundle, to be kept while it waits.
    pub(super) fn concerning(&self, people: &People, manifest: Digest) -> Vec<Vec<u8>> {
        let waivers: Vec<Digest> = self
            .said(people)
            .iter()
            .filter(|(_, s)| s.is_about(StatementKind::WaiveExpiry, manifest))
            .map(|(payload, _)| *payload)
            .collect();
        let waiving = self.envelopes.iter().filter(|e| waivers.contains(&e.payload_digest())).cloned();
        self.about_content(people, manifest).into_iter().chain(waiving).map(|e| e.to_bytes()).collect()
    }

    /// Returns those that were not used up.
    pub(super) fn unused(&self, people: &People, floors: &Floors) -> Vec<Envelope> {
        let fresh = |envelope: &&Envelope| {
            let opened = people.open(envelope);
            opened.is_none_or(|opened| !floors.used.contains_key(&Digest::of(opened.payload)))
        };
        self.envelopes.iter().filter(fresh).cloned().collect()
    }

    /// Returns what each statement that a person signed says, with the digest of its payload.
    fn said(&self, people: &People) -> Vec<(Digest, PersonStatement)> {
        let open = |envelope| {
            let opened = people.open(envelope)?;
            let statement = PersonStatement::parse(opened.payload).ok().flatten()?;
            Some((Digest::of(opened.payload), statement))
        };
        self.envelopes.iter().filter_map(open).collect()
    }

    /// Returns approvals and scans of a bundle that people signed, and the countersignatures of them.
    pub(super) fn about_content(&self, people: &People, manifest: Digest) -> Vec<Envelope> {
        let said = self.said(people);
        let about = |s: &PersonStatement| {
            let kinds = [StatementKind::Approve, StatementKind::Scan];
            kinds.into_iter().any(|kind| s.is_about(kind, manifest))
        };
        let content: Vec<Digest> = said.iter().filter(|(_, s)| about(s)).map(|(payload, _)| *payload).collect();
        let lifts = |s: &PersonStatement| s.kind() == StatementKind::Countersign && content.contains(&s.subject.sha256);
        let wanted: Vec<Digest> =
            said.iter().filter(|(p, s)| content.contains(p) || lifts(s)).map(|(payload, _)| *payload).collect();
        self.envelopes.iter().filter(|e| wanted.contains(&e.payload_digest())).cloned().collect()
    }

    fn has_about(&self, people: &People, kind: StatementKind, subject: Digest) -> bool {
        self.said(people).iter().any(|(_, statement)| statement.is_about(kind, subject))
    }

    /// Judges whether the expiry of a bundle is waived at `now` by what was handed over and not used before.
    ///
    /// `None` if nothing is said about it at all.
    pub(super) fn waiver(
        &self,
        manifest: Digest,
        name: &str,
        root: &Root,
        (floors, now): (&Floors, Timestamp),
    ) -> Result<Option<Waiver>, Refusal> {
        let kind = StatementKind::WaiveExpiry;
        if !self.has_about(root.people(), kind, manifest) {
            return Ok(None);
        }
        let verdict = judge(kind, manifest, &self.unused(root.people(), floors), root, now);
        let verdict = verdict.map_err(|source| not_enough(&format!("freshness waiver of bundle {name}"), source))?;
        let Verdict { people, payloads, granted, .. } = verdict;
        Ok(granted.map(|until| Waiver { until, people, statements: payloads }))
    }
}

fn not_enough(what: &str, source: EvidenceRefusal) -> Refusal {
    Refusal::Statement { what: what.to_owned(), source }
}

fn limit() -> u64 {
    u64::try_from(MAX_ENVELOPE).unwrap_or(u64::MAX)
}

fn read_envelope(path: &Path) -> Result<Envelope, Stop> {
    let bytes = sealift_fs::read_capped(path, limit())?;
    let what = sealift_model::escape::printable(&path.display().to_string());
    Ok(Envelope::parse(&bytes).map_err(|source| not_enough(&what, source))?)
}

/// Returns the time to judge by; uses up a clock override if the clock is behind and people vouch for another time.
pub(super) fn time(writer: &mut Writer, handed: &Handed) -> Result<Time, Stop> {
    let clock = writer.caller().clock;
    if let Some(now) = writer.floors().now(clock) {
        return Ok(Time { now, clock });
    }
    let floor = writer.floors().signed_time;
    let behind = Refusal::Clock { clock, floor };
    let root = trusted_root(writer)?;
    let kind = StatementKind::OverrideClock;
    let state = crate::trust::state_digest(writer)?;
    if !handed.has_about(root.people(), kind, state) {
        return Err(behind.into());
    }
    let verdict = judge(kind, state, &handed.unused(root.people(), writer.floors()), &root, floor);
    let verdict = verdict.map_err(|source| not_enough("clock override", source))?;
    let Some(granted) = verdict.granted else { return Err(behind.into()) };
    use_override(writer, &verdict, state, granted)?;
    Ok(Time { now: granted.max(floor), clock: granted })
}

/// Marks an override as used before anything rests on it: at the next failure the time would be another.
fn use_override(writer: &mut Writer, verdict: &Verdict, state: Digest, time: Timestamp) -> Result<(), StateError> {
    let mut floors = writer.floors().clone();
    for payload in &verdict.payloads {
        floors.used.insert(*payload, Used { subject: state, until: None });
    }
    let (people, statements) = (names(&verdict.people), digests(&verdict.payloads));
    let detail = format!("clock {} taken for {time} or later, by {people} ({statements})", writer.caller().clock);
    let event = writer.event(EventKind::ClockOverridden, EventSubject::default(), &detail);
    writer.commit_floors(floors, &event, |_| Ok(()))
}

/// Returns the root that is trusted now.
fn trusted_root(repository: &Repository) -> Result<Root, StateError> {
    let named = repository.floors().root;
    let bytes = repository.document(Role::Root, named)?;
    let damaged = |_| StateError::Document {
        role: Role::Root,
        version: named.version,
        expected: named.sha256,
        found: named.sha256,
    };
    let root = Signed::<Root>::parse(&bytes).map_err(damaged)?;
    Ok(root.body().clone())
}

/// A waiver for a bundle that is in the repository already.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Waived {
    /// `stream/sequence`.
    pub name: String,
    /// What allows it.
    pub waiver: Waiver,
}

/// Takes waivers for bundles that were accepted before, so that they can be promoted and published past their date.
pub(super) fn take_late_waivers(writer: &mut Writer, handed: &Handed, now: Timestamp) -> Result<Vec<Waived>, Stop> {
    let root = trusted_root(writer)?;
    let mut taken = Vec::new();
    for (payload, statement) in handed.said(root.people()) {
        let subject = statement.subject.sha256;
        if statement.kind() != StatementKind::WaiveExpiry || writer.floors().used.contains_key(&payload) {
            continue;
        }
        let Some(row) = writer.index().bundle_by_id(subject)? else { continue };
        let waiver = handed.waiver(subject, &row.name(), &root, (writer.floors(), now))?;
        if let Some(waiver) = waiver {
            record_waiver(writer, &row, &waiver)?;
            taken.push(Waived { name: row.name(), waiver });
        }
    }
    Ok(taken)
}

fn record_waiver(writer: &mut Writer, row: &BundleRow, waiver: &Waiver) -> Result<(), StateError> {
    let mut floors = writer.floors().clone();
    waiver.mark(&mut floors, row.manifest);
    let subject = EventSubject {
        bundle: Some(row.manifest),
        sequence: Some(row.sequence),
        stream: Some(row.stream.clone()),
        ..EventSubject::default()
    };
    let event = writer.event(EventKind::Waived, subject, &waiver.describe());
    writer.commit_floors(floors, &event, |_| Ok(()))
}
