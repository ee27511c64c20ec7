//! Digests in `--json` answers carry their algorithm; in signed documents they do not.

use sealift_model::Digest;
use serde::Serializer;

/// Writes `sha256:<hex>`.
pub(crate) fn tagged<S: Serializer>(digest: &Digest, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("sha256:{digest}"))
}
