//! `sealift-bundle repair`.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_confine::Allowance;
use sealift_fs::{Mode, read_capped};
use sealift_model::Digest;
use sealift_term::{CommandError, Exit, Term, bytes, counted};
use serde::Serialize;

use super::{confine, error};
use crate::repair::{Found, RepairError, RepairRequest, look};
use crate::volumes::Where;

const MAX_ROOT_BYTES: u64 = 512_000;
/// Lost files that are named one by one; `--json` has them all.
const NAMED: usize = 20;

/// Rebuild lost and damaged volumes of a bundle from the others
///
/// Needs volumes of parity, and as many volumes as hold data. Verifies what is at hand as `verify` does, takes every blob that is
/// not as signed for lost, and writes whole volumes anew. Needs no key.
#[derive(Debug, Args)]
pub(super) struct RepairArgs {
    /// The volumes at hand: directories that hold SEALIFT, damaged ones included
    #[arg(required = true, value_name = "DIR")]
    from: Vec<PathBuf>,
    /// The root of trust; it must have come by another way than the media
    #[arg(long, value_name = "ROOT.json")]
    root: PathBuf,
    /// Where to write: volume-1, volume-2 … are made below it
    #[arg(long, value_name = "DIR", required_unless_present = "plan")]
    to: Option<PathBuf>,
    /// Write this volume only [default: all that are lost or damaged]
    #[arg(long, value_name = "K")]
    volume: Option<u16>,
    /// Only tell what is lost, and what of it can be rebuilt
    #[arg(long)]
    plan: bool,
}

#[derive(Debug, Serialize)]
struct Answer {
    stream: String,
    sequence: u64,
    volumes: u16,
    parity_volumes: u16,
    damaged: Vec<Digest>,
    incomplete: Vec<u16>,
    written: Vec<Written>,
    not_rebuilt: Vec<u16>,
    lost_for_good: Vec<LostFile>,
}

#[derive(Debug, Serialize)]
struct Written {
    volume: u16,
    path: String,
}

/// A file of the bundle that cannot be had from these volumes.
#[derive(Debug, Serialize)]
struct LostFile {
    path: String,
    size: u64,
}

pub(super) fn run(args: &RepairArgs, term: Term) -> Result<ExitCode, CommandError> {
    let root = read_capped(&args.root, MAX_ROOT_BYTES).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    let mut allowance = Allowance::nothing();
    if let Some(to) = args.to.as_ref().filter(|_| !args.plan) {
        // Made before anything is read: only a directory that is there can be the one that stays writable.
        sealift_fs::create_dir_all(to, Mode::Public).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
        allowance = allowance.writing_below(to);
    }
    confine::to(&allowance, term)?;
    let request = RepairRequest { from: &args.from, root: &root, now: sealift_term::now() };
    let progress = term.progress();
    let found = look(&request, progress.as_ref()).map_err(|e| error::repair(&e))?;
    drop(progress);
    let mut answer = Answer::of(&found);
    if let Some(to) = args.to.as_ref().filter(|_| !args.plan) {
        let wanted = args.volume.map_or_else(|| found.incomplete(), |volume| BTreeSet::from([volume]));
        answer.write(&found, wanted, to, term)?;
    }
    let exit = match (answer.not_rebuilt.is_empty(), answer.written.is_empty()) {
        (true, _) => ExitCode::SUCCESS,
        (false, true) => Exit::Failed.into(),
        (false, false) => Exit::Partial.into(),
    };
    term.answer(&answer, Answer::human);
    Ok(exit)
}

impl Answer {
    fn of(found: &Found) -> Self {
        let set = &found.set;
        let hopeless: BTreeSet<Digest> = found.lost.hopeless.iter().map(|piece| piece.sha256).collect();
        let lost = |blob: &Digest| match set.find(blob) {
            Where::Whole(_) => hopeless.contains(blob),
            Where::Split(parts) => parts.iter().any(|part| hopeless.contains(&part.sha256)),
            Where::Absent => false,
        };
        let files = found.manifest.files.iter().filter(|entry| entry.stored.is_some_and(|s| lost(&s.sha256)));
        Self {
            stream: found.manifest.stream.to_string(),
            sequence: found.manifest.sequence.get(),
            volumes: set.volumes(),
            parity_volumes: set.volumes().saturating_sub(set.data_volumes()),
            damaged: found.damaged.iter().map(|piece| piece.sha256).collect(),
            incomplete: found.incomplete().into_iter().collect(),
            written: Vec::new(),
            not_rebuilt: Vec::new(),
            lost_for_good: files.map(|e| LostFile { path: e.path.to_string(), size: e.size }).collect(),
        }
    }

    /// Writes what can be rebuilt; that a volume cannot is no reason to leave out the next.
    fn write(&mut self, found: &Found, volumes: BTreeSet<u16>, to: &Path, term: Term) -> Result<(), CommandError> {
        for volume in volumes {
            let progress = term.progress();
            let written = found.write(volume, &to.join(format!("volume-{volume}")), progress.as_ref());
            drop(progress);
            match written {
                Ok(report) => self.written.push(Written { volume, path: report.path.display().to_string() }),
                Err(e @ RepairError::TooMuchLost { .. }) => {
                    term.warn(&format!("{e}."));
                    self.not_rebuilt.push(volume);
                }
                Err(e) => return Err(error::repair(&e)),
            }
        }
        Ok(())
    }

    fn human(&self) -> String {
        let mut text = format!(
            "Bundle {} of stream {}, {} volumes, {} of them parity.\n",
            self.sequence, self.stream, self.volumes, self.parity_volumes
        );
        if !self.damaged.is_empty() {
            let _ = writeln!(text, "Damaged: {}.", counted(self.damaged.len() as u64, "blob", "blobs"));
        }
        if self.incomplete.is_empty() {
            text += "Nothing is lost: every volume is whole.\n";
            return text;
        }
        let numbers: Vec<String> = self.incomplete.iter().map(u16::to_string).collect();
        let _ = writeln!(text, "Not whole: volume {}.", numbers.join(", "));
        for written in &self.written {
            let _ = writeln!(text, "Wrote volume {} to {}.", written.volume, written.path);
        }
        if !self.lost_for_good.is_empty() {
            let size = self.lost_for_good.iter().fold(0, |sum: u64, file| sum.saturating_add(file.size));
            let files = counted(self.lost_for_good.len() as u64, "file", "files");
            let _ = writeln!(text, "Cannot be rebuilt: {files}, {}:", bytes(size));
            for file in self.lost_for_good.iter().take(NAMED) {
                let _ = writeln!(text, "  {}", file.path);
            }
            text += "Next: receive what is there; sealift-import request then asks the mirror for the rest.\n";
        }
        if let Some(first) = self.written.first() {
            let _ = writeln!(text, "Next: sealift-bundle verify {} --root ROOT.json", first.path);
        }
        text
    }
}
