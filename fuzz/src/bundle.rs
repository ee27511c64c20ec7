//! Manifest, single file and compressed blobs: each has one form, so reading and writing again gives the same bytes.

use std::io::Read as _;
use std::sync::OnceLock;

use sealift_bundle::blob::decode;
use sealift_bundle::manifest::{Encoding, Stored};
use sealift_bundle::parity::judge;
use sealift_bundle::source::Container;
use sealift_bundle::volumes::VolumeSet;
use sealift_bundle::{Manifest, Source as _};
use sealift_model::Digest;

use crate::scratch;

/// Most content asked of a blob.
const MOST: u64 = 1 << 20;

/// Target `manifest`.
pub fn manifest(data: &[u8]) {
    let Ok(manifest) = Manifest::parse(data) else { return };
    assert_eq!(manifest.to_bytes().as_deref(), Ok(data), "a manifest with a second spelling");
    for entry in &manifest.files {
        assert_eq!(manifest.file(&entry.path), Some(entry), "an entry that is not found by its path");
    }
    assert_eq!(Manifest::compute_totals(&manifest.files), manifest.totals);
}

/// What the volume sets of the seeds are about.
const CUT: &[u8] = include_bytes!("../../tests/vectors/volumes/manifest.json");

/// Target `volume_set`: what is accepted has one spelling, and no volume has a blob that nobody knows the place of.
pub fn volume_set(data: &[u8]) {
    static MANIFEST: OnceLock<Manifest> = OnceLock::new();
    let manifest = MANIFEST.get_or_init(|| Manifest::parse(CUT).expect("the vector is a good manifest"));
    let id = Digest::of(CUT);
    let Ok(set) = VolumeSet::parse(data, id, manifest) else { return };
    assert_eq!(set.id(), Digest::of(data));
    let (again, payload) = VolumeSet::new(set.to_new(), id, manifest).expect("what was read can be written");
    assert_eq!((again, payload.as_slice()), (set.clone(), data), "a volume set with a second spelling");
    for volume in 1..=set.volumes().min(20) {
        let _ = set.blobs_of(volume);
    }
    // Nothing is there: whatever the sizes say, this takes little time and memory.
    let judged = judge(&set, &|_| false);
    assert!(judged.possible.is_empty(), "of nothing, something is rebuilt");
}

/// Target `container`: what is accepted is what this writer, which is not the one under test, makes of the same entries.
pub fn container(data: &[u8]) {
    let Ok(container) = Container::open(&scratch::write(data)) else { return };
    let mut again = Vec::new();
    for (place, size) in container.places() {
        let path = place.path();
        again.extend_from_slice(&header(path.as_str(), size));
        let content = container.read(&path, MOST).expect("an entry that is listed can be read");
        assert_eq!(content.len() as u64, size);
        again.extend_from_slice(&content);
        again.resize(again.len().next_multiple_of(512), 0);
    }
    again.resize(again.len() + 1024, 0);
    assert_eq!(again, data, "an archive with a second spelling");
}

/// The one header of format/medium §2.
fn header(path: &str, size: u64) -> [u8; 512] {
    let mut block = [0_u8; 512];
    let (prefix, name) = split(path);
    let mut put = |at: usize, text: &[u8]| block[at..at + text.len()].copy_from_slice(text);
    put(0, name.as_bytes());
    put(100, b"0000644\0");
    put(108, b"0000000\0");
    put(116, b"0000000\0");
    put(124, format!("{size:011o}\0").as_bytes());
    put(136, b"00000000000\0");
    put(148, b"        ");
    put(156, b"0");
    put(257, b"ustar\x0000");
    put(345, prefix.as_bytes());
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:07o}\0").as_bytes());
    block
}

/// A name over 100 bytes is cut at its last slash.
fn split(path: &str) -> (&str, &str) {
    if path.len() <= 100 { ("", path) } else { path.rsplit_once('/').expect("a long path has directories") }
}

/// Target `zstd_blob`: four bytes of declared size, then the frame.
pub fn zstd_blob(data: &[u8]) {
    let Some((size, frame)) = data.split_first_chunk::<4>() else { return };
    let size = u64::from(u32::from_le_bytes(*size)).min(MOST);
    let stored = Stored { encoding: Encoding::Zstd, sha256: Digest::of(frame), size: frame.len() as u64 };
    let Ok(reader) = decode(stored, size, frame) else { return };
    let mut content = Vec::new();
    let read = reader.take(MOST + 1).read_to_end(&mut content);
    assert!(content.len() as u64 <= size, "more content than declared");
    if read.is_err() {
        return;
    }
    assert_eq!(content.len() as u64, size, "less content than declared");
    assert_eq!(zstd::decode_all(frame).ok(), Some(content), "another reader sees other content");
}
