//! What a waiting bundle still lacks, by the medium that has it.

use std::collections::{BTreeMap, BTreeSet};

use sealift_bundle::manifest::{BundleRef, FileEntry, FileRole, Stored};
use sealift_bundle::volumes::{SetPurpose, VolumeSet, Where};
use sealift_model::{Digest, RelPath};
use sealift_term::{bytes, counted};
use serde::Serialize;

use super::{Holdings, Waiting};
use crate::scan::ClosedBy;

/// An amount of content that is missing.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Lack {
    /// Distinct contents.
    pub contents: u64,
    /// Those that are packages.
    pub packages: u64,
    /// Their bytes, as media carry them.
    pub bytes: u64,
    /// The first file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first: Option<RelPath>,
}

impl Lack {
    pub(super) fn add(&mut self, entry: &FileEntry, size: u64) {
        self.contents += 1;
        self.packages += u64::from(entry.role == FileRole::Package);
        self.bytes = self.bytes.saturating_add(size);
        self.first.get_or_insert_with(|| entry.path.clone());
    }

    /// Tells whether nothing is missing.
    pub fn is_none(&self) -> bool {
        self.contents == 0
    }

    /// Returns `41 packages, 2 other files, 3.1 GB`.
    pub fn describe(&self) -> String {
        let others = self.contents.saturating_sub(self.packages);
        let mut parts = Vec::new();
        if self.packages > 0 {
            parts.push(counted(self.packages, "package", "packages"));
        }
        if others > 0 {
            let (one, many) = if self.packages > 0 { ("other file", "other files") } else { ("file", "files") };
            parts.push(counted(others, one, many));
        }
        parts.push(bytes(self.bytes));
        parts.join(", ")
    }
}

/// A volume of which something is missing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MissingVolume {
    /// Id of the set.
    pub set: Digest,
    /// Its number.
    pub volume: u16,
    /// How many volumes the set has.
    pub volumes: u16,
    /// Whether nothing of it has come.
    pub all: bool,
    /// How much of it is missing.
    pub lack: Lack,
}

/// What a bundle waits for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// Content that the bundle lists and does not carry, and that is not here.
    pub base: Lack,
    /// That content, by digest.
    #[serde(skip)]
    pub contents: BTreeMap<Digest, u64>,
    /// The bundle that content was left to: a hint, any other that brings the content does as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub named_base: Option<BundleRef>,
    /// Content that the bundle carries and that has not come whole.
    pub carried: Lack,
    /// Which volumes have it, of each set of which something came.
    pub volumes: Vec<MissingVolume>,
    /// The blobs of it, by digest.
    #[serde(skip)]
    pub blobs: BTreeMap<Digest, u64>,
    /// Scanners that have not passed all of it yet.
    pub verdicts: Vec<ClosedBy>,
}

impl Missing {
    /// Compares a manifest with what is here. `withheld` is content that nobody wants here.
    pub fn of(waiting: &Waiting, holdings: &Holdings, withheld: &BTreeSet<Digest>) -> Self {
        let mut missing = Self { named_base: waiting.manifest.base, ..Self::default() };
        let mut seen = BTreeSet::new();
        for entry in &waiting.manifest.files {
            if !seen.insert(entry.sha256) || withheld.contains(&entry.sha256) || holdings.has(entry) {
                continue;
            }
            match entry.stored {
                None => {
                    missing.base.add(entry, entry.size);
                    missing.contents.insert(entry.sha256, entry.size);
                }
                Some(stored) => missing.add_carried(entry, stored),
            }
        }
        let sets = waiting.sets.iter().filter(|set| set.purpose() == SetPurpose::Volumes);
        missing.volumes = sets.flat_map(|set| missing.by_volume(waiting, set, holdings)).collect();
        missing
    }

    /// Returns which volumes of a set have what is missing.
    fn by_volume(&self, waiting: &Waiting, set: &VolumeSet, holdings: &Holdings) -> Vec<MissingVolume> {
        let mut lacks: BTreeMap<u16, Lack> = BTreeMap::new();
        let blobs = waiting.manifest.blobs();
        for (digest, size) in &self.blobs {
            let Some(entry) = blobs.get(digest) else { continue };
            match set.find(digest) {
                Where::Whole(volume) => lacks.entry(volume).or_default().add(entry, *size),
                Where::Split(parts) => {
                    for part in parts.iter().filter(|part| !holdings.has_blob(&part.sha256, part.size)) {
                        lacks.entry(part.volume).or_default().add(entry, part.size);
                    }
                }
                Where::Absent => {}
            }
        }
        let of = |(volume, lack): (u16, Lack)| {
            let all = set.data().filter(|piece| piece.volume == volume).count() as u64 == lack.contents;
            MissingVolume { set: set.id(), volume, volumes: set.volumes(), all, lack }
        };
        lacks.into_iter().map(of).collect()
    }

    fn add_carried(&mut self, entry: &FileEntry, stored: Stored) {
        self.carried.add(entry, stored.size);
        self.blobs.insert(stored.sha256, stored.size);
    }

    /// Tells whether all content is here, whatever the scanners say.
    pub fn has_all_content(&self) -> bool {
        self.base.is_none() && self.carried.is_none()
    }

    /// Tells whether nothing is missing at all.
    pub fn is_none(&self) -> bool {
        self.has_all_content() && self.verdicts.is_empty()
    }

    /// Says what is missing, a line each.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for volume in &self.volumes {
            let some = if volume.all { "" } else { " (in part)" };
            lines.push(format!("volume {} of {}{some}: {}", volume.volume, volume.volumes, volume.lack.describe()));
        }
        if !self.carried.is_none() && self.volumes.is_empty() {
            lines.push(format!("content that has not come whole: {}", self.carried.describe()));
        }
        if !self.base.is_none() {
            let base = self.named_base.map_or_else(String::new, |base| {
                format!("; bundle {} of this stream has it (id {})", base.sequence, base.manifest)
            });
            lines.push(format!("content of earlier bundles: {}{base}", self.base.describe()));
        }
        lines.extend(self.scanner_lines());
        lines
    }

    fn scanner_lines(&self) -> Vec<String> {
        let silent = self.verdicts.iter().filter(|by| by.unknown > 0).map(|by| by.scanner.as_str());
        let silent = silent.collect::<Vec<_>>().join(", ");
        let mut lines = if silent.is_empty() { Vec::new() } else { vec![format!("the verdict of: {silent}")] };
        lines.extend(self.verdicts.iter().filter(|by| by.infected > 0).map(|by| {
            let contents = counted(by.infected, "content", "contents");
            format!("a person's decision: {} found something in {contents}", by.scanner)
        }));
        lines
    }
}
