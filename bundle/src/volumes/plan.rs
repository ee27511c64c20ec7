//! Cuts a bundle for media of one size: which blob goes onto which volume.
//!
//! Blobs stay whole unless they are larger than a volume. What shows the upstream chain comes onto the first volume, the
//! rest by falling size onto the first volume with room. The same bundle and size always give the same cut.

use std::collections::{BTreeMap, BTreeSet};

use sealift_model::Digest;

use super::{MAX_PARTS, MAX_SHARD, MAX_VOLUMES, MAX_WITH_PARITY, SHARD_UNIT, carried};
use crate::manifest::{FileRole, Manifest, Stored};

/// What file systems of discs and sticks round a file up to.
const CLUSTER: u64 = 2048;
/// Directory entries of a file and its lines in the sums.
const PER_FILE: u64 = 1024;
/// Most that a file system takes for itself, as far as it does not grow with the files.
const MAX_FILE_SYSTEM: u64 = 4 * 1024 * 1024;
/// Files of a medium besides manifest, evidence and blobs.
const DOCUMENTS: u64 = 24;

/// What to cut, and for what.
#[derive(Debug, Clone, Copy)]
pub struct CutRequest<'a> {
    /// The bundle.
    pub manifest: &'a Manifest,
    /// Capacity of a medium in bytes.
    pub size: u64,
    /// Bytes of manifest, evidence and trust metadata, which every volume holds.
    pub documents: u64,
    /// Size in bytes of the largest file that the media take.
    pub largest_file: u64,
    /// Volumes of parity, in percent of those with data.
    pub parity_percent: Option<u8>,
}

/// A blob that is cut, with size and volume of each part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitPlan {
    /// The blob.
    pub blob: Digest,
    /// Its parts, in order.
    pub parts: Vec<(u64, u16)>,
}

/// How much one volume will hold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PlannedVolume {
    /// Blobs and parts.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// A cut of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CutPlan {
    /// The volume of each whole blob.
    pub assigned: BTreeMap<Digest, u16>,
    /// Blobs that are cut, by digest.
    pub split: Vec<SplitPlan>,
    /// Volumes with data.
    pub volumes: Vec<PlannedVolume>,
    /// How many volumes of parity come after them.
    pub parity: u16,
}

/// Why a bundle cannot be cut so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CutError {
    /// The documents alone take the whole medium.
    #[error("a volume of {size} bytes is too small: {taken} are taken by what every volume holds")]
    TooSmall {
        /// Capacity of a medium in bytes.
        size: u64,
        /// Taken by documents and file system.
        taken: u64,
    },
    /// More volumes or parts than a set has.
    #[error("the bundle would take more than {limit} {what}")]
    TooMany {
        /// Volumes, or parts.
        what: &'static str,
        /// How many a set has at most.
        limit: usize,
    },
}

/// Cuts a bundle. **Does not write to the disk.**
pub fn plan_volumes(request: &CutRequest<'_>) -> Result<CutPlan, CutError> {
    let blobs = carried(request.manifest);
    let room = room(request, &blobs)?;
    let first: BTreeSet<Digest> = chain_blobs(request.manifest);
    let largest = room.saturating_sub(CLUSTER + PER_FILE).min(request.largest_file).max(1);
    let mut filling = Filling { room, free: Vec::new(), from: 0, planned: Vec::new() };
    let mut plan = CutPlan { assigned: BTreeMap::new(), split: Vec::new(), volumes: Vec::new(), parity: 0 };
    let mut order: Vec<&Stored> = blobs.iter().collect();
    order.sort_by_key(|blob| (!first.contains(&blob.sha256), std::cmp::Reverse(blob.size), blob.sha256));
    let mut parts = 0_usize;
    for blob in order {
        if blob.size <= largest {
            plan.assigned.insert(blob.sha256, filling.place(blob.size)?);
            continue;
        }
        let sizes = part_sizes(blob.size, largest, &mut parts)?;
        let placed = sizes.into_iter().map(|size| Ok((size, filling.place(size)?)));
        plan.split.push(SplitPlan { blob: blob.sha256, parts: placed.collect::<Result<_, _>>()? });
    }
    plan.split.sort_by_key(|split| split.blob);
    if filling.planned.is_empty() {
        filling.planned.push(PlannedVolume::default());
    }
    plan.volumes = filling.planned;
    plan.parity = parity_volumes(plan.volumes.len(), request.parity_percent)?;
    Ok(plan)
}

/// Returns the bytes of a shard for rows of this length: small ones are cut finer, so that parity is not mostly padding.
pub fn shard_for(longest_row: u64) -> u32 {
    let wanted = (longest_row / 64).next_multiple_of(u64::from(SHARD_UNIT));
    u32::try_from(wanted).unwrap_or(MAX_SHARD).clamp(SHARD_UNIT, MAX_SHARD)
}

fn parity_volumes(data: usize, percent: Option<u8>) -> Result<u16, CutError> {
    let Some(percent) = percent.filter(|percent| *percent > 0) else { return Ok(0) };
    let parity = data.saturating_mul(usize::from(percent)).div_ceil(100).max(1);
    let limit = usize::from(MAX_WITH_PARITY);
    if data.saturating_add(parity) > limit {
        return Err(CutError::TooMany { what: "volumes with parity", limit });
    }
    u16::try_from(parity).map_err(|_| CutError::TooMany { what: "volumes with parity", limit })
}

fn part_sizes(size: u64, largest: u64, parts: &mut usize) -> Result<Vec<u64>, CutError> {
    let count = size.div_ceil(largest);
    *parts = usize::try_from(count).map_or(usize::MAX, |count| parts.saturating_add(count));
    if *parts > MAX_PARTS {
        return Err(CutError::TooMany { what: "parts", limit: MAX_PARTS });
    }
    Ok((0..count).map(|at| largest.min(size.saturating_sub(at.saturating_mul(largest)))).collect())
}

/// Returns what is left of a medium for blobs.
fn room(request: &CutRequest<'_>, blobs: &[Stored]) -> Result<u64, CutError> {
    let all = blobs.iter().fold(0_u64, |sum, blob| sum.saturating_add(blob.size));
    let file_system = (request.size / 32).min(MAX_FILE_SYSTEM);
    // The set names a volume for each blob, and each part and blob of parity.
    let set = 4096 + 8 * blobs.len() as u64 + 220 * (all / (16 * 1024 * 1024));
    let documents = request.documents.saturating_add(DOCUMENTS * CLUSTER);
    let parity = match request.parity_percent {
        Some(1..) => 2 * u64::from(shard_for(request.size)) + request.size / 4096,
        _ => 0,
    };
    let taken = file_system.saturating_add(set).saturating_add(documents).saturating_add(parity);
    match request.size.checked_sub(taken) {
        Some(room) if room > 2 * (CLUSTER + PER_FILE) => Ok(room),
        _ => Err(CutError::TooSmall { size: request.size, taken }),
    }
}

/// Keyrings, signed files and indexes: with them the first volume shows the upstream chain.
fn chain_blobs(manifest: &Manifest) -> BTreeSet<Digest> {
    let chain = manifest.files.iter().filter(|entry| entry.role != FileRole::Package);
    chain.filter_map(|entry| entry.stored.map(|stored| stored.sha256)).collect()
}

struct Filling {
    room: u64,
    free: Vec<u64>,
    /// Volumes before this one are full.
    from: usize,
    planned: Vec<PlannedVolume>,
}

impl Filling {
    /// Returns the number of the first volume with room, a new one if need be.
    fn place(&mut self, size: u64) -> Result<u16, CutError> {
        let cost = size.next_multiple_of(CLUSTER).saturating_add(PER_FILE);
        while self.free.get(self.from).is_some_and(|free| *free < CLUSTER + PER_FILE) {
            self.from += 1;
        }
        let found = (self.from..self.free.len()).find(|at| self.free.get(*at).is_some_and(|free| *free >= cost));
        let at = found.unwrap_or_else(|| {
            self.free.push(self.room);
            self.planned.push(PlannedVolume::default());
            self.free.len() - 1
        });
        if let (Some(free), Some(planned)) = (self.free.get_mut(at), self.planned.get_mut(at)) {
            *free = free.saturating_sub(cost);
            planned.blobs += 1;
            planned.bytes = planned.bytes.saturating_add(size);
        }
        let limit = usize::from(MAX_VOLUMES);
        let too_many = CutError::TooMany { what: "volumes", limit };
        u16::try_from(at + 1).ok().filter(|number| *number <= MAX_VOLUMES).ok_or(too_many)
    }
}
