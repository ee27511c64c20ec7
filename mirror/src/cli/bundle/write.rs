//! `bundle write`: a sealed bundle onto one medium, or cut over several.

use std::io::{BufRead, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use sealift_fs::Lock;
use sealift_medium::Volume;
use sealift_model::{ByteSize, Sequence, SiteId, StreamId};
use sealift_term::{CommandError, Exit, Term, Titled, bytes};

use super::medium::MediumArgs;
use super::signing::SigningArgs;
use super::volumes::{VolumesAnswer, WrittenVolume};
use super::{iso, seal};
use crate::build::BuildError;
use crate::build::volumes::{self, Cut, CutFor};
use crate::cli::{Place, failure};
use crate::state::State;
use crate::stream::StreamDir;

/// Write a sealed bundle to a medium, or cut over several
///
/// Everything is read back past the page cache before it counts as written. A run that was cut, or a medium that was
/// pulled, is finished by the same command.
#[derive(Debug, Args)]
pub(in crate::cli) struct WriteArgs {
    /// The stream
    #[arg(long)]
    stream: StreamId,
    /// The bundle [default: the newest sealed bundle]
    #[arg(value_name = "SEQ")]
    sequence: Option<Sequence>,
    /// Cut the bundle for media of this size: cd, dvd, dvd-dl, bd, bd-dl, bdxl, or 4.7GB, 700MiB and the like
    #[arg(long, value_name = "SIZE", value_parser = size)]
    volume_size: Option<ByteSize>,
    /// Add volumes of parity, this many percent of the others, from which lost ones are rebuilt
    #[arg(long, value_name = "PERCENT", value_parser = percent, requires = "volume_size")]
    parity: Option<u8>,
    /// Where to write: one directory for each volume, or one below which volume-1, volume-2 … are made
    #[arg(long, value_name = "DIR", num_args = 1.., required_unless_present_any = ["plan", "iso"])]
    to: Vec<PathBuf>,
    /// Write only this volume, into the directory itself
    #[arg(long, value_name = "K", requires = "volume_size", requires = "to", conflicts_with = "change_media")]
    volume: Option<u16>,
    /// Write each volume into the same directory, and ask for the next medium in between
    #[arg(long, requires = "volume_size", requires = "to")]
    change_media: bool,
    /// Make ISO images PREFIX-volume-1.iso … with xorriso
    #[arg(long, value_name = "PREFIX", requires = "volume_size", conflicts_with_all = ["to", "plan"])]
    iso: Option<PathBuf>,
    /// Note the bundle as made for this site, which may hold it from now on
    #[arg(long = "for", value_name = "SITE")]
    site: Option<SiteId>,
    /// Only show how many volumes it takes, and what each holds
    #[arg(long, requires = "volume_size")]
    plan: bool,
    #[command(flatten)]
    medium: MediumArgs,
    #[command(flatten)]
    signing: SigningArgs,
}

fn size(text: &str) -> Result<ByteSize, String> {
    ByteSize::parse(text).map_err(|e| e.to_string())
}

fn percent(text: &str) -> Result<u8, String> {
    let number = text.strip_suffix('%').unwrap_or(text).parse::<u8>().ok().filter(|n| (1..=100).contains(n));
    number.ok_or_else(|| "give 1% to 100%".to_owned())
}

pub(super) fn run(args: &WriteArgs, place: &Place, term: Term) -> Result<ExitCode, CommandError> {
    let (state, writer) = place.open_locked()?;
    let sequence = match args.sequence {
        Some(sequence) => sequence,
        None => seal::newest_sealed(&state, &args.stream).map_err(|e| failure::build(&e))?,
    };
    let bundle = (&args.stream, sequence);
    if !args.plan {
        super::mark_for((&state, &writer), args.site.as_ref(), bundle)?;
    }
    let Some(size) = args.volume_size else {
        return match args.to.as_slice() {
            [to] => seal::write(&state, &writer, bundle, (to, &args.medium), term),
            _ => Err(CommandError::new(Exit::Usage, "a bundle that is not cut goes to one directory")
                .hint("give --volume-size to cut it")),
        };
    };
    let cut = CutFor { size: size.bytes(), parity_percent: args.parity.unwrap_or(0) };
    if args.plan {
        let plan = volumes::plan(&state, bundle, cut).map_err(|e| failure::build(&e))?;
        term.answer(&VolumesAnswer::planned(bundle, cut, &plan), VolumesAnswer::human);
        return Ok(ExitCode::SUCCESS);
    }
    if args.iso.is_some() {
        iso::check()?;
    }
    let made = prepared(args, (&state, &writer), bundle, cut, term)?;
    let job = Job { args, state: &state, writer: &writer, bundle, cut: &made, term };
    let written = job.run()?;
    term.answer(&VolumesAnswer::written(bundle, cut, &made.set, written), VolumesAnswer::human);
    Ok(ExitCode::SUCCESS)
}

/// Returns the cut made before, or makes and signs it.
fn prepared(
    args: &WriteArgs,
    (state, writer): (&State, &Lock),
    bundle: (&StreamId, Sequence),
    cut: CutFor,
    term: Term,
) -> Result<Cut, CommandError> {
    if let Some(kept) = volumes::kept(state, bundle, cut).map_err(|e| failure::build(&e))? {
        return Ok(kept);
    }
    // Asked for before parity is computed: a wrong passphrase should not cost minutes.
    volumes::plan(state, bundle, cut).map_err(|e| failure::build(&e))?;
    let signing = args.signing.open(state)?;
    let progress = term.progress();
    volumes::cut(state, writer, bundle, (cut, &signing), progress.as_ref()).map_err(|e| failure::build(&e))
}

struct Job<'a> {
    args: &'a WriteArgs,
    state: &'a State,
    writer: &'a Lock,
    bundle: (&'a StreamId, Sequence),
    cut: &'a Cut,
    term: Term,
}

impl Job<'_> {
    fn run(&self) -> Result<Vec<WrittenVolume>, CommandError> {
        let all = self.cut.set.volumes();
        if let Some(number) = self.args.volume {
            let [to] = self.args.to.as_slice() else { return Err(one_directory()) };
            return Ok(vec![self.write(number, to)?]);
        }
        let count = usize::from(all);
        let to_all = self.args.to.len() == count && count > 1;
        if self.args.iso.is_none() && !to_all && self.args.to.len() != 1 {
            return Err(CommandError::new(
                Exit::Usage,
                format!("the bundle takes {all} volumes, and {} directories are given", self.args.to.len()),
            )
            .hint("give one directory for each, or one below which they are all made")
            .state("Nothing was written."));
        }
        let mut written = Vec::new();
        for number in 1..=all {
            let place = self.args.to.get(if to_all { usize::from(number) - 1 } else { 0 });
            written.push(match (place, &self.args.iso) {
                (_, Some(prefix)) => self.image(number, prefix)?,
                (Some(to), None) if to_all => self.write(number, to)?,
                (Some(to), None) if self.args.change_media => self.write_changed(number, to)?,
                (Some(to), None) => {
                    sealift_fs::create_dir_all(to, sealift_fs::Mode::Public)
                        .map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
                    self.write(number, &volumes::volume_dir(to, number))?
                }
                (None, None) => return Err(one_directory()),
            });
        }
        volumes::drop_parity(self.cut, self.writer).map_err(|e| failure::build(&e))?;
        Ok(written)
    }

    /// Asks for media until one takes the volume: a bad disc, or one that was not changed, does not end the run.
    fn write_changed(&self, number: u16, to: &Path) -> Result<WrittenVolume, CommandError> {
        loop {
            self.ask_for(number, to)?;
            match self.write(number, to) {
                Ok(written) => return Ok(written),
                // Another medium does not help against what is wrong on this machine.
                Err(failure) if failure.exit != Exit::Failed => return Err(failure),
                Err(failure) => self.term.failed(&failure),
            }
        }
    }

    fn write(&self, number: u16, to: &Path) -> Result<WrittenVolume, CommandError> {
        let medium = self.medium_args(number);
        let target = medium.prepare(to, self.term)?;
        let options = target.options(None, medium.beside_other_files);
        let progress = self.term.progress();
        let titled = Titled::new(format!("Volume {number} of {}", self.cut.set.volumes()), progress.as_ref());
        let what = (self.cut, number);
        let report = volumes::write_volume(self.state, self.writer, self.bundle, what, (to, &options), &titled);
        drop(progress);
        let report = report.map_err(|e| self.failed(&e, number))?;
        let volume = Volume { number: number.into(), of: self.cut.set.volumes().into() };
        medium.finish(
            (self.state, self.writer),
            &target,
            (self.bundle.0, self.bundle.1, Some(volume)),
            &report,
            self.term,
        )?;
        let held = self.cut.set.blobs_of(number);
        self.term.say(&format!("Volume {number} of {} is written.", self.cut.set.volumes()));
        Ok(WrittenVolume::new(number, &held, &report.path))
    }

    fn failed(&self, error: &BuildError, number: u16) -> CommandError {
        let done = if number > 1 && self.args.volume.is_none() {
            format!("Volumes before {number} are written; volume {number} is not.")
        } else {
            format!("Volume {number} is not written.")
        };
        let mut failure = failure::build(error);
        if !matches!(error, BuildError::Cut(_)) {
            // The same command rather than one that writes the bundle uncut.
            failure.hints.retain(|hint| !hint.starts_with("then: "));
            if !self.args.change_media {
                failure =
                    failure.hint("then run the same command again: what is written is read back, not written twice");
            }
        }
        failure.state(done)
    }

    /// Reports of several media must not replace one another.
    fn medium_args(&self, number: u16) -> MediumArgs {
        let mut medium = self.args.medium.clone();
        if let Some(report) = medium.report.as_mut().filter(|_| self.args.volume.is_none()) {
            let mut name = report.as_os_str().to_owned();
            name.push(format!(".volume-{number}"));
            *report = name.into();
        }
        medium
    }

    fn image(&self, number: u16, prefix: &Path) -> Result<WrittenVolume, CommandError> {
        let named = |end: &str| {
            let mut name = prefix.as_os_str().to_owned();
            name.push(format!("-volume-{number}{end}"));
            PathBuf::from(name)
        };
        let (dir, image) = (named(".dir"), named(".iso"));
        let volume = self.write(number, &dir)?;
        let (manifest, _) = StreamDir::of(self.state.dir(), self.bundle.0)
            .record(self.bundle.1)
            .and_then(|record| StreamDir::of(self.state.dir(), self.bundle.0).manifest(&record))
            .map_err(|e| failure::build(&e.into()))?;
        iso::make(&dir, &image, &manifest, (number, self.cut.set.volumes()))?;
        sealift_fs::remove_tree(&dir).map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
        Ok(volume.at(&image))
    }

    fn ask_for(&self, number: u16, to: &Path) -> Result<(), CommandError> {
        let stdin = std::io::stdin();
        if !stdin.is_terminal() {
            return Err(CommandError::new(Exit::Usage, "--change-media asks for media, and there is no terminal")
                .hint("write one volume after the other: the same command with --volume 1, then --volume 2 …")
                .state("Nothing was written."));
        }
        let size: u64 = self.cut.set.blobs_of(number).values().sum();
        let (of, dir) = (self.cut.set.volumes(), to.display());
        self.term.ask(&format!(
            "Insert the medium for volume {number} of {of} ({}) at {dir}, and press Enter.",
            bytes(size)
        ));
        let mut line = String::new();
        let read = stdin.lock().read_line(&mut line);
        let read = read.map_err(|e| CommandError::with_cause(Exit::Failed, "cannot read from the terminal", &e))?;
        if read > 0 {
            return Ok(());
        }
        Err(CommandError::new(Exit::Failed, format!("ended before volume {number} was written"))
            .hint(format!("go on with --volume {number} in place of --change-media, then with the next number")))
    }
}

fn one_directory() -> CommandError {
    CommandError::new(Exit::Usage, "one volume goes to one directory").hint("give --to once")
}
