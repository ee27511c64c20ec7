//! What of a damaged set can be rebuilt. **Reads no piece**; time and memory grow with the number of lost pieces only.

use std::collections::{BTreeMap, BTreeSet};

use sealift_model::Digest;

use super::row::Layout;
use crate::volumes::{Piece, VolumeSet};

/// Which lost pieces parity makes good.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// Lost pieces that can be rebuilt, by volume and place.
    pub possible: Vec<Piece>,
    /// Lost pieces with too much lost beside them.
    pub hopeless: Vec<Piece>,
}

/// Judges every piece of the set for which `there` says no. Without parity all of them are hopeless.
pub fn judge(set: &VolumeSet, there: &dyn Fn(&Digest) -> bool) -> Judgement {
    let Some(parity) = set.parity() else {
        let hopeless = set.pieces().filter(|piece| !there(&piece.sha256)).collect();
        return Judgement { possible: Vec::new(), hopeless };
    };
    let shard = u64::from(parity.shard);
    let rows = Layout::of_set(set);
    let lost: Vec<Lost> = (1..).zip(&rows).flat_map(|(volume, row)| lost_of(volume, row, shard, there)).collect();
    let beyond = beyond(&lost, usize::from(parity.volumes));
    let mut judged = Judgement::default();
    let mut seen = BTreeSet::new();
    for lost in lost {
        // One piece may stand twice in a row of parity.
        if seen.insert((lost.piece.volume, lost.piece.sha256)) {
            let last =
                beyond.partition_point(|(from, _)| *from <= lost.last).checked_sub(1).and_then(|at| beyond.get(at));
            let hopeless = last.is_some_and(|(_, to)| lost.first <= *to);
            if hopeless { judged.hopeless.push(lost.piece) } else { judged.possible.push(lost.piece) }
        }
    }
    judged
}

/// A lost piece and the stripes it reaches into.
struct Lost {
    piece: Piece,
    first: u64,
    last: u64,
}

fn lost_of(volume: u16, row: &Layout, shard: u64, there: &dyn Fn(&Digest) -> bool) -> Vec<Lost> {
    let lost = row.pieces.iter().filter(|(_, digest, size)| *size > 0 && !there(digest));
    let stripes = |(start, sha256, size): &(u64, Digest, u64)| Lost {
        piece: Piece { sha256: *sha256, size: *size, volume },
        first: start / shard,
        last: start.saturating_add(*size).saturating_sub(1) / shard,
    };
    lost.map(stripes).collect()
}

/// Returns the ranges of stripes of which more rows are erased than there is parity.
fn beyond(lost: &[Lost], parity: usize) -> Vec<(u64, u64)> {
    let mut changes: BTreeMap<u64, i64> = BTreeMap::new();
    let mut reach: BTreeMap<u16, u64> = BTreeMap::new();
    // In the order of each row, so that a row counts once in a stripe where two of its pieces meet.
    for Lost { piece, first, last } in lost {
        let from = reach.get(&piece.volume).map_or(*first, |end| (*first).max(*end));
        let end = last.saturating_add(1);
        if from < end {
            *changes.entry(from).or_default() += 1;
            *changes.entry(end).or_default() -= 1;
            reach.insert(piece.volume, end);
        }
    }
    let limit = i64::try_from(parity).unwrap_or(i64::MAX);
    let (mut erased, mut since, mut found) = (0_i64, None, Vec::new());
    for (stripe, change) in changes {
        erased += change;
        match (erased > limit, since) {
            (true, None) => since = Some(stripe),
            (false, Some(from)) => {
                found.push((from, stripe.saturating_sub(1)));
                since = None;
            }
            _ => {}
        }
    }
    found
}
