//! The rules of a volume set (format/volumes §3 and §5). Sizes are foreign: every sum is checked.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    MAX_PARITY_BLOB, MAX_PARTS, MAX_SHARD, MAX_VOLUMES, MAX_WITH_PARITY, Parity, Piece, SHARD_UNIT, SetPurpose, Split,
    VolumeRefusal, VolumeSet,
};

pub(super) fn rule(holds: bool, text: impl FnOnce() -> String) -> Result<(), VolumeRefusal> {
    if holds { Ok(()) } else { Err(VolumeRefusal::Rule(text())) }
}

pub(super) fn check(set: &VolumeSet) -> Result<(), VolumeRefusal> {
    rule((1..=MAX_VOLUMES).contains(&set.volumes), || format!("it has {} volumes", set.volumes))?;
    if let Some(parity) = &set.parity {
        check_parity_head(set, parity)?;
    }
    let data = set.data_volumes();
    rule(set.assigned.values().all(|(_, volume)| *volume <= data), || "a blob lies on a volume without data".into())?;
    check_split(set, data)?;
    match set.purpose {
        SetPurpose::Volumes => check_whole(set)?,
        SetPurpose::Repair => check_repair(set)?,
    }
    check_sizes(set)?;
    set.parity.as_ref().map_or(Ok(()), |parity| check_parity(set, parity))
}

fn check_split(set: &VolumeSet, data: u16) -> Result<(), VolumeRefusal> {
    rule(set.split.is_sorted_by(|a, b| a.blob < b.blob), || "split blobs must be sorted and unique".into())?;
    let parts = set.split.iter().fold(0_usize, |sum, split| sum.saturating_add(split.parts.len()));
    rule(parts <= MAX_PARTS, || format!("it has {parts} parts"))?;
    for Split { blob, parts } in &set.split {
        let Some((size, volume)) = set.assigned.get(blob) else {
            return Err(VolumeRefusal::Rule(format!("the manifest does not carry the split blob {blob}")));
        };
        rule(*volume == 0, || format!("blob {blob} is whole on a volume and split as well"))?;
        rule(parts.len() >= 2, || format!("blob {blob} is split into {} parts", parts.len()))?;
        let on_data = parts.iter().all(|part| part.size > 0 && (1..=data).contains(&part.volume));
        rule(on_data, || format!("a part of blob {blob} is empty or on a volume without data"))?;
        rule(total(parts.iter()) == Some(*size), || format!("the parts of blob {blob} are not as long as the blob"))?;
    }
    Ok(())
}

fn check_whole(set: &VolumeSet) -> Result<(), VolumeRefusal> {
    let split: BTreeSet<_> = set.split.iter().map(|split| split.blob).collect();
    let lost = set.assigned.iter().find(|(blob, (_, volume))| *volume == 0 && !split.contains(*blob));
    lost.map_or(Ok(()), |(blob, _)| Err(VolumeRefusal::Rule(format!("blob {blob} lies on no volume"))))
}

fn check_repair(set: &VolumeSet) -> Result<(), VolumeRefusal> {
    let plain = set.volumes == 1 && set.split.is_empty() && set.parity.is_none();
    rule(plain, || "a repair medium is one volume of whole blobs".into())?;
    rule(set.assigned.values().any(|(_, volume)| *volume > 0), || "a repair medium without a blob".into())
}

/// One name cannot be two files.
fn check_sizes(set: &VolumeSet) -> Result<(), VolumeRefusal> {
    let mut sizes: BTreeMap<_, u64> = set.assigned.iter().map(|(blob, (size, _))| (*blob, *size)).collect();
    for piece in set.pieces() {
        let size = *sizes.entry(piece.sha256).or_insert(piece.size);
        rule(size == piece.size, || format!("blob {} has two sizes", piece.sha256))?;
    }
    Ok(())
}

fn check_parity_head(set: &VolumeSet, parity: &Parity) -> Result<(), VolumeRefusal> {
    let room = parity.volumes > 0 && parity.volumes < set.volumes && set.volumes <= MAX_WITH_PARITY;
    rule(room, || format!("{} of {} volumes are parity", parity.volumes, set.volumes))?;
    let shard = (SHARD_UNIT..=MAX_SHARD).contains(&parity.shard) && parity.shard.is_multiple_of(SHARD_UNIT);
    rule(shard, || format!("shards of {} bytes", parity.shard))
}

fn check_parity(set: &VolumeSet, parity: &Parity) -> Result<(), VolumeRefusal> {
    let shard = u64::from(parity.shard);
    let (first, last) = (set.data_volumes().saturating_add(1), set.volumes);
    for Piece { sha256, size, volume } in &parity.blobs {
        let fits = (shard..=MAX_PARITY_BLOB).contains(size) && size.is_multiple_of(shard);
        rule(fits && (first..=last).contains(volume), || format!("the parity {sha256} has a wrong size or volume"))?;
    }
    rule(parity.blobs.is_sorted_by_key(|piece| piece.volume), || "parity must be sorted by volume".into())?;
    let expected = longest_row(set).and_then(|row| row.div_ceil(shard).checked_mul(shard));
    for volume in first..=last {
        let row = total(parity.blobs.iter().filter(|piece| piece.volume == volume));
        rule(row.is_some() && row == expected, || format!("the parity of volume {volume} has a wrong length"))?;
    }
    Ok(())
}

/// Returns the length of the longest row of data; `None` if it cannot be counted.
fn longest_row(set: &VolumeSet) -> Option<u64> {
    let mut rows: BTreeMap<u16, u64> = BTreeMap::new();
    let distinct: BTreeMap<_, _> = set.data().map(|piece| ((piece.volume, piece.sha256), piece.size)).collect();
    for ((volume, _), size) in distinct {
        let row = rows.entry(volume).or_default();
        *row = row.checked_add(size)?;
    }
    Some(rows.into_values().max().unwrap_or(0))
}

fn total<'a>(pieces: impl Iterator<Item = &'a Piece>) -> Option<u64> {
    pieces.map(|piece| piece.size).try_fold(0_u64, u64::checked_add)
}
