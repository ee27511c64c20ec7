//! What `bundle write` answers about volumes, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;

use sealift_bundle::volumes::{CutPlan, VolumeSet};
use sealift_model::{Digest, Sequence, StreamId};
use sealift_term::{Table, bytes};
use serde::Serialize;

use crate::build::volumes::CutFor;

/// A cut, planned or written.
#[derive(Debug, Serialize)]
pub(super) struct VolumesAnswer {
    written: bool,
    stream: StreamId,
    sequence: u64,
    volume_size: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    set: Option<String>,
    volumes: u16,
    parity_volumes: u16,
    list: Vec<WrittenVolume>,
}

/// One volume. Of planned parity, how much it will be is not known.
#[derive(Debug, Serialize)]
pub(super) struct WrittenVolume {
    volume: u16,
    #[serde(skip_serializing_if = "Option::is_none")]
    blobs: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
}

impl WrittenVolume {
    pub(super) fn new(volume: u16, held: &BTreeMap<Digest, u64>, path: &Path) -> Self {
        Self {
            volume,
            blobs: Some(held.len() as u64),
            bytes: Some(held.values().sum()),
            path: Some(path.display().to_string()),
        }
    }

    pub(super) fn at(self, path: &Path) -> Self {
        Self { path: Some(path.display().to_string()), ..self }
    }
}

impl VolumesAnswer {
    pub(super) fn planned((stream, sequence): (&StreamId, Sequence), cut: CutFor, plan: &CutPlan) -> Self {
        let data = u16::try_from(plan.volumes.len()).unwrap_or(u16::MAX);
        let mut list: Vec<_> = (1..)
            .zip(&plan.volumes)
            .map(|(volume, held)| WrittenVolume {
                volume,
                blobs: Some(held.blobs),
                bytes: Some(held.bytes),
                path: None,
            })
            .collect();
        let volumes = data.saturating_add(plan.parity);
        list.extend((data.saturating_add(1)..=volumes).map(|volume| WrittenVolume {
            volume,
            blobs: None,
            bytes: None,
            path: None,
        }));
        Self {
            written: false,
            stream: stream.clone(),
            sequence: sequence.get(),
            volume_size: cut.size,
            set: None,
            volumes,
            parity_volumes: plan.parity,
            list,
        }
    }

    pub(super) fn written(
        (stream, sequence): (&StreamId, Sequence),
        cut: CutFor,
        set: &VolumeSet,
        list: Vec<WrittenVolume>,
    ) -> Self {
        Self {
            written: true,
            stream: stream.clone(),
            sequence: sequence.get(),
            volume_size: cut.size,
            set: Some(set.id().tagged()),
            volumes: set.volumes(),
            parity_volumes: set.volumes().saturating_sub(set.data_volumes()),
            list,
        }
    }

    pub(super) fn human(&self) -> String {
        let of = match (self.volumes, self.parity_volumes) {
            (1, _) => "1 volume".to_owned(),
            (n, 0) => format!("{n} volumes"),
            (n, parity) => format!("{n} volumes, {parity} of them parity"),
        };
        let verb = if self.written { "takes" } else { "would take" };
        let mut text = format!(
            "Bundle {} of stream {} {verb} {of}, on media of {} bytes.\n",
            self.sequence, self.stream, self.volume_size
        );
        let columns = ["VOLUME", "BLOBS", "BYTES", "WHERE"];
        let shown = if self.written { columns.len() } else { columns.len() - 1 };
        let mut table = Table::new(&columns[..shown]).right(1).right(2);
        for volume in &self.list {
            let parity = volume.volume > self.volumes.saturating_sub(self.parity_volumes);
            let number = if parity { format!("{} (parity)", volume.volume) } else { volume.volume.to_string() };
            let blobs = volume.blobs.map_or_else(String::new, |blobs| blobs.to_string());
            let size = volume.bytes.map_or_else(String::new, bytes);
            let path = volume.path.clone().unwrap_or_default();
            table.row([number, blobs, size, path].into_iter().take(shown));
        }
        let _ = write!(text, "{table}");
        if let Some(first) = self.list.iter().find_map(|volume| volume.path.as_ref()) {
            let _ = writeln!(text, "Next: sealift-bundle verify {first} --root ROOT.json");
        }
        text
    }
}
