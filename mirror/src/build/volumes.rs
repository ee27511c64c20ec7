//! Sealed bundles cut into volumes (format/volumes): planned, signed, kept, written.
//!
//! A cut is signed once and kept in `volumes/` of the bundle's directory, so that the volumes of one set can be written on
//! different days and without a key. Parity waits in `parity/` of the mirror until it is written; it can be made again.

use std::path::{Path, PathBuf};

use sealift_bundle::parity::{EncodeRequest, ParityError, encode};
use sealift_bundle::volumes::{
    CutError, CutPlan, CutRequest, NewSet, SetFiles, SetPurpose, VolumeRefusal, VolumeSet, name_parts, plan_volumes,
};
use sealift_bundle::write::{BlobProvider as _, VolumePart, WriteOptions, WriteReport};
use sealift_fs::{Lock, Store};
use sealift_keys::metadata;
use sealift_model::{Digest, Progress, Sequence, StreamId};

use super::write::{Sealed, load_sealed, write_from};
use super::{BuildError, Signing, seal};
use crate::state::State;
use crate::stream::StreamDir;

/// Larger files fit on no FAT, and not in one piece on discs of the older kind.
const LARGEST_FILE: u64 = u32::MAX as u64;
/// Directory of parity that waits to be written.
const PARITY: &str = "parity";

/// For what a bundle is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CutFor {
    /// Capacity of a medium in bytes.
    pub size: u64,
    /// Volumes of parity, in percent of those with data; 0 for none.
    pub parity_percent: u8,
}

impl CutFor {
    fn name(self) -> String {
        format!("{}-{}.dsse.json", self.size, self.parity_percent)
    }
}

/// A bundle that is cut and signed.
#[derive(Debug)]
pub struct Cut {
    /// Which volume holds what.
    pub set: VolumeSet,
    envelope: Vec<u8>,
    parity: Store,
}

/// Why a bundle was not cut.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CutFault {
    /// The media are too small, or too many.
    #[error(transparent)]
    Plan(#[from] CutError),
    /// Parity cannot be made.
    #[error("cannot make parity")]
    Parity(#[from] ParityError),
    /// A blob to be cut cannot be read.
    #[error("cannot cut blob {blob}")]
    Blob {
        /// The blob.
        blob: Digest,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A volume that the set does not have.
    #[error("there is no volume {number}: the bundle takes {volumes}")]
    NoVolume {
        /// The number asked for.
        number: u16,
        /// How many there are.
        volumes: u16,
    },
    /// Parity that was made again is not what was signed.
    #[error("the parity of the set cannot be made again: the store has other content")]
    ParityDiffers,
}

impl From<CutFault> for BuildError {
    fn from(fault: CutFault) -> Self {
        Self::Cut(Box::new(fault))
    }
}

/// Plans a cut. **Does not write to the disk.**
pub fn plan(state: &State, bundle: (&StreamId, Sequence), cut: CutFor) -> Result<CutPlan, BuildError> {
    Ok(plan_of(&load_sealed(state, bundle)?, cut)?)
}

fn plan_of(sealed: &Sealed, cut: CutFor) -> Result<CutPlan, CutFault> {
    let evidence = sealed.evidence.iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
    let metadata = sealed.metadata.files().iter().map(|(_, bytes)| bytes.len() as u64).sum::<u64>();
    Ok(plan_volumes(&CutRequest {
        manifest: &sealed.manifest,
        size: cut.size,
        documents: evidence.saturating_add(metadata).saturating_add(sealed.manifest_bytes.len() as u64),
        largest_file: LARGEST_FILE,
        parity_percent: Some(cut.parity_percent),
    })?)
}

/// Returns the cut that was made before, if it is signed by a key that the root names now.
pub fn kept(state: &State, bundle: (&StreamId, Sequence), cut: CutFor) -> Result<Option<Cut>, BuildError> {
    let sealed = load_sealed(state, bundle)?;
    let Some(envelope) = StreamDir::of(state.dir(), bundle.0).volume_set(bundle.1, &cut.name())? else {
        return Ok(None);
    };
    let opened = VolumeSet::open(&envelope, sealed.roots.newest().body(), sealed.record.manifest, &sealed.manifest);
    match opened {
        Ok(set) => Ok(Some(Cut { set, envelope, parity: parity_store(state)? })),
        // Its key may have been revoked since: it is made and signed again.
        Err(VolumeRefusal::Envelope(_)) => Ok(None),
        Err(refusal) => Err(refusal.into()),
    }
}

/// Cuts a sealed bundle, makes its parity, signs the set with the evidence keys at hand and keeps it.
pub fn cut(
    state: &State,
    writer: &Lock,
    bundle: (&StreamId, Sequence),
    (cut, signing): (CutFor, &Signing),
    progress: &dyn Progress,
) -> Result<Cut, BuildError> {
    let sealed = load_sealed(state, bundle)?;
    let plan = plan_of(&sealed, cut)?;
    let id = sealed.record.manifest;
    let parity_volumes = plan.parity;
    let new = new_set(state, plan)?;
    let (set, payload) = if parity_volumes == 0 {
        VolumeSet::new(new, id, &sealed.manifest)?
    } else {
        let (data, _) = VolumeSet::new(new.clone(), id, &sealed.manifest)?;
        let parity = make_parity(state, &data, parity_volumes, progress)?;
        let volumes = new.volumes.saturating_add(parity_volumes);
        VolumeSet::new(NewSet { volumes, parity: Some(parity), ..new }, id, &sealed.manifest)?
    };
    let envelope = metadata::sign_payload(&payload, seal::evidence_keys(signing))?;
    StreamDir::of(state.dir(), bundle.0).keep_volume_set(writer, bundle.1, &cut.name(), &envelope)?;
    Ok(Cut { set, envelope, parity: parity_store(state)? })
}

fn new_set(state: &State, plan: CutPlan) -> Result<NewSet, CutFault> {
    let split = plan.split.iter().map(|split| {
        let named = name_parts(split, &state.store().path(&split.blob), &mut |_| ());
        named.map_err(|source| CutFault::Blob { blob: split.blob, source })
    });
    let split = split.collect::<Result<_, _>>()?;
    let volumes = u16::try_from(plan.volumes.len()).unwrap_or(u16::MAX);
    Ok(NewSet { purpose: SetPurpose::Volumes, volumes, assigned: plan.assigned, split, parity: None })
}

fn make_parity(
    state: &State,
    data: &VolumeSet,
    volumes: u16,
    progress: &dyn Progress,
) -> Result<sealift_bundle::volumes::Parity, BuildError> {
    let files = SetFiles { set: data, blobs: state.store(), parity: None };
    let access = |digest: &Digest| Some(files.blob_at(digest));
    let store = parity_store(state)?;
    Ok(encode(&EncodeRequest { data, volumes, access: &access }, &store, progress).map_err(CutFault::from)?)
}

fn parity_store(state: &State) -> Result<Store, BuildError> {
    Ok(Store::open(&state.dir().join(PARITY))?)
}

/// Makes parity again that is not there any more.
pub fn restore_parity(
    state: &State,
    bundle: (&StreamId, Sequence),
    cut: &Cut,
    progress: &dyn Progress,
) -> Result<(), BuildError> {
    let Some(parity) = cut.set.parity() else { return Ok(()) };
    if parity.blobs.iter().all(|piece| cut.parity.has(&piece.sha256, piece.size)) {
        return Ok(());
    }
    let sealed = load_sealed(state, bundle)?;
    let (data, _) = VolumeSet::new(cut.set.without_parity(), sealed.record.manifest, &sealed.manifest)?;
    let made = make_parity(state, &data, parity.volumes, progress)?;
    if made == *parity { Ok(()) } else { Err(CutFault::ParityDiffers.into()) }
}

/// Writes one volume below `to`, and reads it back. One that is there already is read only.
pub fn write_volume(
    state: &State,
    writer: &Lock,
    bundle: (&StreamId, Sequence),
    (cut, number): (&Cut, u16),
    (to, options): (&Path, &WriteOptions<'_>),
    progress: &dyn Progress,
) -> Result<WriteReport, BuildError> {
    if !(1..=cut.set.volumes()).contains(&number) {
        return Err(CutFault::NoVolume { number, volumes: cut.set.volumes() }.into());
    }
    if number > cut.set.data_volumes() {
        restore_parity(state, bundle, cut, progress)?;
    }
    let blobs: Vec<(Digest, u64)> = cut.set.blobs_of(number).into_iter().collect();
    let volume = VolumePart { number: number.into(), envelope: &cut.envelope, blobs: &blobs };
    let options = WriteOptions { volume: Some(volume), ..*options };
    let files = SetFiles { set: &cut.set, blobs: state.store(), parity: Some(&cut.parity) };
    write_from(state, writer, bundle, &files, (to, &options), progress)
}

/// Removes parity that was written: it takes the room of its volumes, and can be made again.
pub fn drop_parity(cut: &Cut, _writer: &Lock) -> Result<(), BuildError> {
    for piece in cut.set.parity().into_iter().flat_map(|parity| &parity.blobs) {
        cut.parity.remove(&piece.sha256)?;
    }
    Ok(())
}

/// Returns where a volume goes below `to`.
pub fn volume_dir(to: &Path, number: u16) -> PathBuf {
    to.join(format!("volume-{number}"))
}
