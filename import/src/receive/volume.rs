//! Which part of a bundle a medium is: the volume sets beside its manifest (format/volumes).

use sealift_bundle::layout::{manifest_path, volume_path};
use sealift_bundle::source::Source;
use sealift_bundle::volumes::{self, SetPurpose, VolumeRefusal, VolumeSet};
use sealift_model::RelPath;

use super::Stop;
use super::belief::Belief;
use super::candidate::{Candidate, unnamed};
use crate::refusal::Refusal;

/// The volumes of one set that a medium is.
#[derive(Debug, Clone)]
pub(super) struct Part {
    /// The set, signed by an evidence key.
    pub(super) set: VolumeSet,
    /// The envelope it came in.
    pub(super) envelope: Vec<u8>,
    /// Which of its volumes.
    pub(super) numbers: Vec<u16>,
}

impl Part {
    /// Reads what the medium says it is; `None` for a medium that claims to be the whole bundle.
    ///
    /// All files must have the same bytes: volumes of two sets of one bundle lie on two media.
    pub(super) fn read(source: &dyn Source, belief: &Belief, candidate: &Candidate) -> Result<Option<Self>, Stop> {
        let (stream, sequence) = (&candidate.manifest.stream, candidate.manifest.sequence);
        let numbers = numbers(source, candidate)?;
        let refused = |source| Refusal::Volumes { name: candidate.name(), source: Box::new(source) };
        let mut envelope: Option<Vec<u8>> = None;
        for number in &numbers {
            let path = volume_path(stream, sequence, *number).map_err(|e| unnamed(&e))?;
            let bytes = source.read(&path, volumes::MAX_BYTES)?;
            if envelope.as_ref().is_some_and(|first| *first != bytes) {
                let mixed = VolumeRefusal::Mixed { stream: stream.clone(), sequence };
                return Err(refused(mixed).into());
            }
            envelope = Some(bytes);
        }
        let Some(envelope) = envelope else { return Ok(None) };
        let root = belief.set.root().body();
        let set = VolumeSet::open(&envelope, root, candidate.id, &candidate.manifest).map_err(refused)?;
        if let Some(volume) = numbers.iter().find(|number| **number > set.volumes()) {
            return Err(refused(VolumeRefusal::Number { volume: *volume, volumes: set.volumes() }).into());
        }
        Ok(Some(Self { set, envelope, numbers }))
    }

    /// Returns `volume 2 of 5` or `repair medium`.
    pub(super) fn describe(&self) -> String {
        if self.set.purpose() == SetPurpose::Repair {
            return "repair medium".into();
        }
        let numbers: Vec<String> = self.numbers.iter().map(u16::to_string).collect();
        let word = if self.numbers.len() == 1 { "volume" } else { "volumes" };
        format!("{word} {} of {}", numbers.join(", "), self.set.volumes())
    }
}

/// Tells whether a medium says that it has a part of a bundle only. Nothing is believed yet.
pub(super) fn is_part(source: &dyn Source, candidate: &Candidate) -> Result<bool, Stop> {
    Ok(!numbers(source, candidate)?.is_empty())
}

fn numbers(source: &dyn Source, candidate: &Candidate) -> Result<Vec<u16>, Stop> {
    let path = manifest_path(&candidate.manifest.stream, candidate.manifest.sequence).map_err(|e| unnamed(&e))?;
    let Some(dir) = path.as_str().strip_suffix("/manifest.json").and_then(|dir| RelPath::new(dir).ok()) else {
        return Ok(Vec::new());
    };
    let mut numbers: Vec<u16> = source.list(&dir)?.iter().filter_map(|(name, _)| volumes::number_in(name)).collect();
    numbers.sort_unstable();
    Ok(numbers)
}
