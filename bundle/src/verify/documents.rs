//! The signed documents of one bundle: its manifest, its evidence, and which volumes of it lie here.

use std::collections::BTreeMap;

use sealift_model::{Digest, RelPath};
use sealift_trust::{EvidenceRefusal, TrustedSet};

use super::{VerifyError, VerifyRefusal};
use crate::evidence::{Agreement, EvidenceFault, EvidenceReport, EvidenceSet};
use crate::layout::{BundleNames, MAX_EVIDENCE_BYTES, evidence_path, manifest_path, volume_path};
use crate::manifest::{MAX_BYTES, Manifest};
use crate::source::{Source, SourceRefusal};
use crate::volumes::{self, Piece, VolumeRefusal, VolumeSet};

/// A bundle's documents after they were verified.
#[derive(Debug, Clone)]
pub struct Documents {
    /// The bundle id.
    pub id: Digest,
    /// The manifest.
    pub manifest: Manifest,
    /// What the evidence says.
    pub evidence: Vec<EvidenceReport>,
    /// Whether enough people agree, by the policy of the root.
    pub agreement: Result<Agreement, EvidenceRefusal>,
    /// The volumes of it that lie here; `None` of a bundle that is not cut.
    pub volumes: Option<Volumes>,
}

/// Which volumes of a bundle lie on a medium.
#[derive(Debug, Clone)]
pub struct Volumes {
    /// The set they are of.
    pub set: VolumeSet,
    /// Their numbers, sorted; at least one.
    pub here: Vec<u16>,
}

impl Volumes {
    /// Returns what lies in `blobs/` of these volumes, with sizes.
    pub fn blobs(&self) -> BTreeMap<Digest, u64> {
        let here = |piece: &Piece| self.here.binary_search(&piece.volume).is_ok();
        self.set.pieces().filter(here).map(|piece| (piece.sha256, piece.size)).collect()
    }
}

/// Reads manifest and evidence of one bundle and verifies them against trusted metadata (format/manifest §4 steps 1 to 3).
pub fn read_documents(
    source: &dyn Source,
    names: &BundleNames,
    trusted: &TrustedSet,
) -> Result<Documents, VerifyError> {
    let path = manifest_path(&names.stream, names.sequence).map_err(|_| unsafe_name(names))?;
    let (id, manifest) = read_manifest(source, &path, trusted)?;
    if manifest.stream != names.stream || manifest.sequence != names.sequence {
        let (stream, sequence) = (manifest.stream, manifest.sequence);
        return Err(VerifyRefusal::Misplaced { path, stream, sequence }.into());
    }
    if manifest.not_after <= trusted.now() {
        return Err(VerifyRefusal::Expired {
            stream: manifest.stream,
            sequence: manifest.sequence,
            not_after: manifest.not_after,
            now: trusted.now(),
        }
        .into());
    }
    let evidence = read_evidence(source, names, trusted, id)?;
    let agreement = evidence.agreement(trusted.now());
    let evidence = evidence.into_reports();
    let volumes = read_volumes(source, names, trusted, (id, &manifest))?;
    Ok(Documents { id, manifest, evidence, agreement, volumes })
}

/// Reads the volume sets beside a verified manifest and verifies them (format/volumes §1 to §3).
pub fn read_volumes(
    source: &dyn Source,
    names: &BundleNames,
    trusted: &TrustedSet,
    (id, manifest): (Digest, &Manifest),
) -> Result<Option<Volumes>, VerifyError> {
    let mut first: Option<Vec<u8>> = None;
    for number in &names.volumes {
        let path = volume_path(&names.stream, names.sequence, *number).map_err(|_| unsafe_name(names))?;
        let bytes = source.read(&path, volumes::MAX_BYTES)?;
        if first.as_ref().is_some_and(|first| *first != bytes) {
            let refusal = VolumeRefusal::Mixed { stream: names.stream.clone(), sequence: names.sequence };
            return Err(VerifyRefusal::Volumes { path, source: refusal }.into());
        }
        first = Some(bytes);
    }
    let (Some(bytes), Some(last)) = (first, names.volumes.last()) else { return Ok(None) };
    let path = volume_path(&names.stream, names.sequence, *last).map_err(|_| unsafe_name(names))?;
    let set = VolumeSet::open(&bytes, trusted.root().body(), id, manifest);
    let refused = |source| VerifyRefusal::Volumes { path: path.clone(), source };
    let set = set.map_err(refused)?;
    if *last > set.volumes() {
        return Err(refused(VolumeRefusal::Number { volume: *last, volumes: set.volumes() }).into());
    }
    Ok(Some(Volumes { set, here: names.volumes.clone() }))
}

fn read_manifest(source: &dyn Source, path: &RelPath, trusted: &TrustedSet) -> Result<(Digest, Manifest), VerifyError> {
    let signed = trusted.target(path).ok_or_else(|| VerifyRefusal::NotListed(path.clone()))?;
    // The signed length bounds what is read, and the format bounds that.
    let bytes = source.read(path, signed.length.min(MAX_BYTES))?;
    let found = Digest::of(&bytes);
    if bytes.len() as u64 != signed.length || found != signed.sha256 {
        return Err(VerifyRefusal::ManifestBytes {
            path: path.clone(),
            length: signed.length,
            found_length: bytes.len() as u64,
            expected: signed.sha256,
            found,
        }
        .into());
    }
    let manifest = Manifest::parse(&bytes);
    let manifest = manifest.map_err(|source| VerifyRefusal::Manifest { path: path.clone(), source })?;
    Ok((found, manifest))
}

fn read_evidence<'t>(
    source: &dyn Source,
    names: &BundleNames,
    trusted: &'t TrustedSet,
    id: Digest,
) -> Result<EvidenceSet<'t>, VerifyError> {
    let mut set = EvidenceSet::new(trusted.root().body(), id);
    let path = |name: &str| evidence_path(&names.stream, names.sequence, name).map_err(|_| unsafe_name(names));
    for name in &names.evidence {
        let path = path(name)?;
        let bytes = source.read(&path, MAX_EVIDENCE_BYTES)?;
        set.add(name, &bytes).map_err(|source| VerifyRefusal::Evidence { path, source })?;
    }
    match set.check_whole() {
        Ok(()) => Ok(set),
        Err(EvidenceFault::File { name, source }) => Err(VerifyRefusal::Evidence { path: path(&name)?, source }.into()),
        Err(EvidenceFault::NoProvenance) => {
            Err(VerifyRefusal::NoProvenance { stream: names.stream.clone(), sequence: names.sequence }.into())
        }
    }
}

fn unsafe_name(names: &BundleNames) -> VerifyError {
    VerifyError::Layout(SourceRefusal::Foreign(format!("bundles/{}/{}", names.stream, names.sequence)))
}
