//! Appends to the records of a state directory: the only place that needs the private statement key.

use std::path::Path;

use sealift_fs::{Lock, Mode, PathError};
use sealift_model::escape::printable;
use sealift_model::{Digest, HostId, Timestamp};
use sealift_site::StatementKey;

use super::refusal::RecordsError;
use super::{Kept, NONE_BEFORE, Records, index};
use crate::record::{self, Outcome, Phase, Record, RecordForm};
use crate::seal;
use crate::state::HostState;

/// The records of a state directory, to be continued.
pub struct RecordsWriter<'a> {
    records: Records<'a>,
    key: &'a StatementKey,
}

/// What a record says besides its place in the chain.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Who runs it.
    pub actor: String,
    /// Name and version of the tool.
    pub tool: String,
    /// The plan's id.
    pub plan: Digest,
    /// The run's name.
    pub run: String,
    /// The host.
    pub host: HostId,
    /// Before or after.
    pub phase: Phase,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub finished: Timestamp,
    /// The host's state.
    pub state: Option<HostState>,
    /// What came of it, and why; only after.
    pub outcome: Option<(Outcome, Option<String>)>,
    /// What was said; only after.
    pub log: Vec<String>,
}

impl<'a> RecordsWriter<'a> {
    /// Opens the records of the state directory `state`.
    pub fn open(state: &Path, key: &'a StatementKey) -> Self {
        Self { records: Records::open(state, key.public()), key }
    }

    /// Returns the records as anybody may read them.
    pub fn records(&self) -> &Records<'a> {
        &self.records
    }

    /// Returns the number the next record will have.
    pub fn next_sequence(&self) -> Result<u64, RecordsError> {
        Ok(self.records.names()?.last().map_or(1, |last| last.sequence + 1))
    }

    /// Signs and appends a record.
    pub fn append(&self, _lock: &Lock, draft: Draft) -> Result<Kept, RecordsError> {
        let dir = &self.records.dir;
        sealift_fs::create_dir_all(dir, Mode::Public)?;
        let last = self.records.names()?.pop();
        let previous = match &last {
            Some(name) => self.records.checked(name)?.digest,
            None => NONE_BEFORE,
        };
        let sequence = last.map_or(1, |name| name.sequence + 1);
        sweep(dir, sequence)?;
        let record = chained(draft, sequence, previous, self.key);
        let bytes = record.to_bytes()?;
        let stem = record.stem();
        let envelope =
            seal::sign(self.key, &format!("{stem}.json"), record::PREDICATE, &bytes).map_err(RecordForm::Json)?;
        sealift_fs::replace(&dir.join(format!("{stem}.dsse.json")), &envelope, Mode::Public)?;
        sealift_fs::write_new(&dir.join(format!("{stem}.json")), &bytes, Mode::Public)?;
        let kept = Kept { record, digest: Digest::of(&bytes) };
        if let Some(path) = &self.records.index {
            // The record is there. An index that could not take it is made anew when it is next asked.
            let _ = index::add(path, &[index::Summary::of(&kept)]);
        }
        Ok(kept)
    }
}

/// Takes away what a run left that was ended while it wrote record `sequence`, which may not have been of the same host or
/// phase: half a file, an envelope without its record. The lock says that nobody else is writing.
fn sweep(dir: &Path, sequence: u64) -> Result<(), PathError> {
    let number = format!("{sequence:06}-");
    let left = |name: &String| name.starts_with(".tmp-") || name.starts_with(&number) && name.ends_with(".dsse.json");
    for name in sealift_fs::list_dir(dir)?.iter().filter(|name| left(name)) {
        sealift_fs::remove_file(&dir.join(name))?;
    }
    Ok(())
}

fn chained(draft: Draft, sequence: u64, previous: Digest, key: &StatementKey) -> Record {
    let after = draft.phase == Phase::After;
    let (outcome, reason) = draft.outcome.map_or((None, None), |(outcome, reason)| (Some(outcome), reason));
    Record {
        actor: printable(&draft.actor),
        finished: draft.finished,
        host: draft.host,
        log: after.then(|| draft.log.iter().take(record::LOG_LINES).map(|line| printable(line)).collect()),
        outcome,
        phase: draft.phase,
        plan: draft.plan,
        previous,
        reason: reason.map(|text| printable(&text)),
        run: draft.run,
        schema: record::SCHEMA.into(),
        sequence,
        site: key.site().clone(),
        started: draft.started,
        state: draft.state,
        tool: draft.tool,
    }
}
