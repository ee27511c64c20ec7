//! What a selection depends on, as one digest: equal digests, equal selections.
//!
//! Parsing the indexes of a whole suite takes longer than asking whether they changed, so a sync that finds the same
//! digest does not parse them. It covers the streams' rules, the signed files and indexes of every upstream they select
//! from, and the version of this program, whose rules of selection may change.

use std::collections::BTreeMap;

use sealift_model::{Digest, UpstreamId, json};
use serde::Serialize;

use crate::config::{Config, StreamConfig};
use crate::snapshot::{Head, SnapshotFile};

#[derive(Serialize)]
struct Basis<'a> {
    heads: BTreeMap<&'a UpstreamId, Option<&'a [SnapshotFile]>>,
    streams: Vec<&'a StreamConfig>,
    tool: &'static str,
    upstream: &'a UpstreamId,
}

/// Returns the digest of what the selection from `upstream` depends on.
pub(super) fn selection(config: &Config, upstream: &UpstreamId, heads: &BTreeMap<UpstreamId, Head>) -> Digest {
    let streams: Vec<_> = config.streams.iter().filter(|stream| stream.upstreams.contains(upstream)).collect();
    let files = |name| (name, heads.get(name).map(|head| head.files.as_slice()));
    let basis = Basis {
        heads: streams.iter().flat_map(|stream| &stream.upstreams).chain([upstream]).map(files).collect(),
        streams,
        tool: concat!("sealift-mirror ", env!("CARGO_PKG_VERSION")),
        upstream,
    };
    let bytes =
        json::to_canonical(&basis).expect("names and patterns of a checked configuration hold no control characters");
    Digest::of(&bytes)
}
