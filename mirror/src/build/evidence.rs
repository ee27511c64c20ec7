//! Build provenance: what a bundle was made from and by what, as an in-toto statement (format/evidence).
//!
//! Holds nothing that changes from one run to the next; the same inputs give the same statement.

use sealift_bundle::evidence::PROVENANCE;
use sealift_bundle::manifest::{BundleKind, FileEntry, Manifest, UpstreamEntry};
use sealift_model::Digest;
use sealift_trust::{Statement, Subject};
use serde_json::{Value, json};

use super::narrow::Narrowed;
use crate::config::StreamConfig;

const BUILD_TYPE: &str = "https://example.org/sealift/build/v1";
const BUILDER: &str = "https://example.org/sealift/mirror";

/// File name of the provenance among a bundle's evidence.
pub(super) const FILE: &str = "build.dsse.json";

/// Returns the statement about a manifest whose bytes have the digest `id`.
pub(super) fn provenance(manifest: &Manifest, id: Digest, stream: &StreamConfig, narrowed: &Narrowed) -> Statement {
    let kind = match manifest.kind {
        BundleKind::Complete => "complete",
        BundleKind::Incremental => "incremental",
    };
    let mut parameters = json!({
        "kind": kind,
        "selection": stream,
        "sequence": manifest.sequence,
        "stream": manifest.stream,
    });
    if let Some(base) = manifest.base {
        parameters["base"] = json!(base);
    }
    narrowed.describe(&mut parameters);
    let materials: Vec<Value> = manifest.upstreams.iter().flat_map(|u| materials(manifest, u)).collect();
    Statement {
        subjects: vec![Subject { name: "manifest.json".into(), sha256: id }],
        predicate_type: PROVENANCE.into(),
        predicate: json!({
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": parameters,
                "internalParameters": {},
                "resolvedDependencies": materials,
            },
            "runDetails": {
                "builder": { "id": BUILDER, "version": { "sealift-mirror": env!("CARGO_PKG_VERSION") } },
                "metadata": { "startedOn": manifest.created },
            },
        }),
    }
}

/// The upstream's signed files and the snapshot made of them.
fn materials(manifest: &Manifest, upstream: &UpstreamEntry) -> Vec<Value> {
    let signed = [Some(&upstream.release.path), upstream.release.signature_path.as_ref()];
    let entry = |file: &FileEntry| {
        let below = file.path.as_str().split_once('/').map_or("", |(_, path)| path);
        let uri = format!("{}/{below}", upstream.uri.trim_end_matches('/'));
        json!({ "digest": { "sha256": file.sha256 }, "name": file.path, "uri": uri })
    };
    let mut found: Vec<Value> =
        signed.into_iter().flatten().filter_map(|path| manifest.file(path)).map(entry).collect();
    found.push(json!({
        "digest": { "sha256": upstream.snapshot },
        "name": format!("snapshot of {}", upstream.name),
    }));
    found
}
