//! The client workflow around the trusted set: what is kept, what is asked for, in the order of the specification.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use sealift_fs::Mode;
use sealift_model::Timestamp;
use sealift_trust::metadata::{Body, DelegatingTargets, MetaInfo, TargetFile, percent_encoded};
use sealift_trust::trusted_set::{MOST_ROOTS, Need, Search, Step};
use sealift_trust::{Previous, Profile, Refusal, Root, Signed, Snapshot, TimestampMeta, TufSet};

use crate::http::Base;

/// The largest target that is fetched.
const TARGET_LIMIT: u64 = 64 << 20;

/// Puts a first root into a directory, if it is one.
pub fn init(dir: &Path, root: &Path, now: Timestamp) -> anyhow::Result<()> {
    let root = sealift_fs::read_capped(root, Root::LIMIT as u64)?;
    TufSet::for_tuf(&root, Previous::default(), now)?;
    sealift_fs::create_dir_all(dir, Mode::Public)?;
    Ok(sealift_fs::replace(&dir.join("root.json"), &root, Mode::Public)?)
}

/// A client whose metadata is up to date.
pub struct Client<'a> {
    store: Store,
    metadata: &'a Base,
    set: TufSet,
}

impl<'a> Client<'a> {
    /// Brings the top-level metadata in `dir` up to date (5.2 to 5.6.6).
    pub fn refresh(dir: &Path, metadata: &'a Base, now: Timestamp) -> anyhow::Result<Self> {
        let store = Store(dir.to_owned());
        let root = store.read("root", Root::LIMIT)?.context("there is no root.json; use init first")?;
        let timestamp = store.read("timestamp", TimestampMeta::LIMIT)?;
        let snapshot = store.read("snapshot", Snapshot::LIMIT)?;
        let previous = Previous { timestamp: timestamp.as_deref(), snapshot: snapshot.as_deref() };
        let set = TufSet::for_tuf(&root, previous, now)?;
        let mut client = Self { store, metadata, set };
        client.update_root()?;
        client.update_timestamp(timestamp.as_deref())?;
        client.update_snapshot(snapshot.as_deref())?;
        client.update_targets()?;
        Ok(client)
    }

    fn update_root(&mut self) -> anyhow::Result<()> {
        // 5.3.3, 5.3.9
        for _ in 0..MOST_ROOTS {
            let version = self.set.root().version().saturating_add(1);
            let Some(bytes) = self.metadata.get(&[&format!("{version}.root.json")], Root::LIMIT as u64)? else { break };
            self.set.update_root(&bytes)?;
            // 5.3.8
            self.store.write("root", &bytes)?;
        }
        Ok(())
    }

    fn update_timestamp(&mut self, stored: Option<&[u8]>) -> anyhow::Result<()> {
        // 5.4.1
        let bytes = self.fetch("timestamp.json", TimestampMeta::LIMIT as u64)?;
        match (self.set.update_timestamp(&bytes).map(drop), stored) {
            // 5.4.3.1: another document of the stored version is left aside, and the stored one stays.
            (Err(Refusal::Equivocation { .. }), Some(stored)) => Ok(self.set.update_timestamp(stored).map(drop)?),
            (Err(refusal), _) => Err(refusal.into()),
            // The same document, perhaps with other signatures.
            (Ok(()), Some(stored)) if self.is_trusted(stored) => Ok(()),
            // 5.4.5
            (Ok(()), _) => self.store.write("timestamp", &bytes),
        }
    }

    /// Tells whether what is stored says what is trusted now, and counts under the trusted root.
    fn is_trusted(&self, stored: &[u8]) -> bool {
        let trusted = self.set.timestamp().map(Signed::covered);
        Signed::<TimestampMeta>::parse_as(stored, Profile::Tuf)
            .is_ok_and(|stored| trusted == Some(stored.covered()) && stored.check_threshold(self.set.root()).is_ok())
    }

    fn update_snapshot(&mut self, stored: Option<&[u8]>) -> anyhow::Result<()> {
        if stored.is_some_and(|stored| self.set.update_snapshot(stored).is_ok()) {
            return Ok(());
        }
        // 5.5.1
        let named = self.set.timestamp().context("timestamp metadata comes first")?.body().snapshot();
        let bytes = self.fetch(&self.file_name("snapshot", named.version()), limit::<Snapshot>(named))?;
        self.set.update_snapshot(&bytes)?;
        // 5.5.7
        self.store.write("snapshot", &bytes)
    }

    fn update_targets(&mut self) -> anyhow::Result<()> {
        let stored = self.store.read("targets", DelegatingTargets::LIMIT)?;
        if stored.is_some_and(|stored| self.set.update_targets(&stored).is_ok()) {
            return Ok(());
        }
        // 5.6.1
        let named = self.set.snapshot().context("snapshot metadata comes first")?.body().targets();
        let bytes = self.fetch(&self.file_name("targets", named.version()), limit::<DelegatingTargets>(named))?;
        self.set.update_targets(&bytes)?;
        // 5.6.6
        self.store.write("targets", &bytes)
    }

    /// Finds a target (5.6.7), fetches it if it is not there already (5.7) and puts it into `dir`.
    pub fn download(&mut self, name: &str, targets: &Base, dir: &Path) -> anyhow::Result<()> {
        let target = self.find(name)?.with_context(|| format!("no role that may describes the target {name}"))?;
        // A path is data: the file's name is the encoded path.
        let file = dir.join(percent_encoded(name));
        if sealift_fs::read_capped(&file, TARGET_LIMIT).is_ok_and(|bytes| target.check_bytes(&bytes).is_ok()) {
            return Ok(());
        }
        let segments = self.target_segments(name, &target)?;
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let bytes = targets.get(&segments, target.length.min(TARGET_LIMIT))?;
        let bytes = bytes.with_context(|| format!("the target {name} is not there"))?;
        // 5.7.3
        target.check_bytes(&bytes)?;
        sealift_fs::create_dir_all(dir, Mode::Public)?;
        Ok(sealift_fs::replace(&file, &bytes, Mode::Public)?)
    }

    fn find(&mut self, name: &str) -> anyhow::Result<Option<TargetFile>> {
        let mut search = Search::new(name);
        loop {
            match search.step(&self.set)? {
                Step::Found(target) => return Ok(Some(target.clone())),
                Step::Absent => return Ok(None),
                Step::Needs(need) => self.update_delegated(&need)?,
            }
        }
    }

    fn update_delegated(&mut self, need: &Need) -> anyhow::Result<()> {
        let name = need.role().encoded();
        let stored = self.store.read(&name, DelegatingTargets::LIMIT)?;
        // Judged anew: its delegator, or the delegator's keys, may be others than when it was stored.
        if stored.is_some_and(|stored| self.set.update_delegated(need, &stored).is_ok()) {
            return Ok(());
        }
        let bytes = self.fetch(&self.file_name(need.role().as_str(), need.version()), need.limit())?;
        self.set.update_delegated(need, &bytes)?;
        self.store.write(&name, &bytes)
    }

    fn target_segments(&self, name: &str, target: &TargetFile) -> anyhow::Result<Vec<String>> {
        let mut segments: Vec<String> = name.split('/').map(str::to_owned).collect();
        let file = segments.pop().unwrap_or_default();
        if !self.set.root().body().consistent_snapshot() {
            segments.push(file);
            return Ok(segments);
        }
        let Some(prefix) = target.hashes.prefix() else { bail!("no known hash of the target {name} was signed") };
        segments.push(format!("{prefix}.{file}"));
        Ok(segments)
    }

    /// Returns the name a document is served under (5.5.1, 5.6.1).
    fn file_name(&self, role: &str, version: u64) -> String {
        if self.set.root().body().consistent_snapshot() {
            format!("{version}.{role}.json")
        } else {
            format!("{role}.json")
        }
    }

    fn fetch(&self, name: &str, limit: u64) -> anyhow::Result<Vec<u8>> {
        self.metadata.get(&[name], limit)?.with_context(|| format!("{name} is not there"))
    }
}

fn limit<T: Body>(named: &MetaInfo) -> u64 {
    named.length().unwrap_or(u64::MAX).min(T::LIMIT as u64)
}

/// The directory of trusted metadata: documents byte for byte, each replaced at once.
struct Store(PathBuf);

impl Store {
    /// Reads the document of a role, `name` being one encoded segment; `None` if there is none.
    fn read(&self, name: &str, limit: usize) -> anyhow::Result<Option<Vec<u8>>> {
        match sealift_fs::read_capped(&self.0.join(format!("{name}.json")), limit as u64) {
            Err(error) if error.is_not_found() => Ok(None),
            other => Ok(Some(other?)),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        Ok(sealift_fs::replace(&self.0.join(format!("{name}.json")), bytes, Mode::Public)?)
    }
}
