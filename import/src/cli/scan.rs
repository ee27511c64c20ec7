//! `sealift-import scan`, and the process beside it that reaches the scanners.

use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use sealift_model::{Sequence, StreamId};
use sealift_term::{CommandError, Exit, Term, bytes, counted};
use serde::Serialize;

use super::{DirArgs, accept::place, confine};
use crate::config::Config;
use crate::layout::Layout;
use crate::scan::{Assistant, BundleScan, DecideError, Desk, Direct, Hands, ScanError, ScanReport, ScannerKind, kiosk};

/// As many contents are scanned at once.
const HANDS: usize = 2;
/// Most lines about one bundle.
const LINES: usize = 20;

/// Have scanners look at what waits, and accept what they all call clean
///
/// Packages are taken apart, and every file in them is scanned. What was scanned before by the same engine and signatures is
/// not scanned again, so a run that was interrupted goes on where it was. Without a bundle, everything that waits is scanned.
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(super) struct ScanArgs {
    #[command(subcommand)]
    verb: Option<ScanVerb>,
    #[command(flatten)]
    dir: DirArgs,
    /// Bundles, as STREAM/NUMBER
    #[arg(value_parser = place)]
    bundles: Vec<(StreamId, Sequence)>,
}

#[derive(Debug, Subcommand)]
enum ScanVerb {
    Import(ImportArgs),
    Verdicts(VerdictArgs),
}

/// Take the results of a scanning station apart, which import.toml has as kind = "kiosk"
///
/// The file has a first line with the columns sha256, verdict (clean or "infected: NAME"), engine, engine_version, signatures
/// and time. A line that cannot be understood stops the whole file.
#[derive(Debug, Args)]
struct ImportArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The results, as comma-separated values
    #[arg(long, value_name = "FILE")]
    csv: PathBuf,
    /// The station, as import.toml names it
    #[arg(long = "as", value_name = "NAME")]
    station: String,
}

/// Write what scanners said of a waiting bundle as comma-separated values, with the columns that `import` takes
#[derive(Debug, Args)]
struct VerdictArgs {
    #[command(flatten)]
    dir: DirArgs,
    /// The bundle, as STREAM/NUMBER
    #[arg(value_parser = place)]
    bundle: (StreamId, Sequence),
}

/// Reach scanners for another process. Started by `scan`
#[derive(Debug, Args)]
pub(super) struct AssistantArgs {
    /// State directory
    #[arg(long)]
    dir: PathBuf,
}

pub(super) fn assist(args: &AssistantArgs) -> Result<ExitCode, CommandError> {
    let layout = Layout::new(&args.dir);
    let failed = |e: &(dyn std::error::Error + 'static)| CommandError::from_error(Exit::Failed, e);
    let config = Config::load(&layout.config()).map_err(|e| failed(&e))?;
    let mut hands = Direct::new(&config.scanners);
    let served =
        crate::scan::serve(&mut hands, &layout.quarantine(), std::io::stdin().lock(), std::io::stdout().lock());
    served.map(|()| ExitCode::SUCCESS).map_err(|e| failed(&e))
}

pub(super) fn run(args: &ScanArgs, term: Term) -> Result<ExitCode, CommandError> {
    match &args.verb {
        Some(ScanVerb::Import(args)) => import(args, term),
        Some(ScanVerb::Verdicts(args)) => verdicts(args, term),
        None => waiting(args, term),
    }
}

fn waiting(args: &ScanArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write(term)?;
    let mut hands = start(&writer, term)?;
    let confined = confine::to_state(&args.dir.dir, term)?;
    let progress = term.progress();
    let report = crate::scan::scan(&mut writer, &args.bundles, &mut hands, &*progress).map_err(|e| error(&e))?;
    drop(progress);
    term.answer(&confine::Answer::new(&report, confined), |answer| human(answer.found));
    let repeated = args.dir.repeated();
    for bundle in report.bundles.iter().filter(|bundle| !bundle.scanned.gate.infected.is_empty()) {
        term.say(&format!(
            "A person decides about {0}: sealift-import accept{repeated} {0} --without-infected --reason TEXT, or \
             sealift-import discard{repeated} {0} --reason TEXT",
            bundle.name
        ));
    }
    if let Some(bundle) = report.bundles.iter().rfind(|bundle| bundle.accepted) {
        term.say(&format!("Next: sealift-import promote{repeated} --channel testing {}", bundle.name));
    }
    Ok(exit(&report))
}

/// Starts the processes that reach the scanners, before this one gives that up.
fn start(writer: &crate::Writer, term: Term) -> Result<Vec<Box<dyn Hands>>, CommandError> {
    if writer.config().scanners.iter().any(|scanner| scanner.kind == ScannerKind::Command) {
        term.warn("Commands that scan are not confined by sealift: they run as this user, with an empty environment.");
    }
    if !writer.config().scanners.iter().any(crate::scan::Scanner::is_live) {
        return Ok(Vec::new());
    }
    let failed = |e: std::io::Error| {
        CommandError::with_cause(Exit::Failed, "could not start the process that reaches the scanners", &e)
    };
    let program = std::env::current_exe().map_err(failed)?;
    let layout = writer.layout();
    let one =
        |_| Assistant::start(&program, layout.root(), &layout.quarantine()).map(|a| Box::new(a) as Box<dyn Hands>);
    (0..HANDS).map(one).collect::<Result<_, _>>().map_err(failed)
}

fn exit(report: &ScanReport) -> ExitCode {
    if report.bundles.iter().any(|bundle| !bundle.scanned.gate.infected.is_empty()) {
        return Exit::RefusedPolicy.into();
    }
    let waits = report.bundles.iter().any(|bundle| !bundle.accepted) || !report.unreadable.is_empty();
    if waits { Exit::Partial.into() } else { ExitCode::SUCCESS }
}

fn human(report: &ScanReport) -> String {
    let mut out = String::new();
    for asked in &report.scanners {
        let said = match (&asked.engine, &asked.silent) {
            (Some(engine), _) => format!("{} {}, signatures {}", engine.name, engine.version, engine.signatures),
            (None, Some(reason)) => format!("NO VERDICT: {reason}"),
            (None, None) => "its results come by `scan import`".into(),
        };
        let _ = writeln!(out, "Scanner {}: {said}.", asked.scanner);
    }
    for bundle in &report.bundles {
        describe(bundle, &mut out);
    }
    for (name, reason) in &report.unreadable {
        let _ = writeln!(out, "Bundle {name} cannot be read: {reason}.");
    }
    if report.bundles.is_empty() && report.unreadable.is_empty() {
        let _ = writeln!(out, "Nothing waits. Nothing was changed.");
    }
    out
}

fn describe(bundle: &BundleScan, out: &mut String) {
    let scanned = &bundle.scanned;
    let given = counted(scanned.given, "verdict", "verdicts");
    let contents = counted(scanned.contents, "content", "contents");
    let _ = writeln!(out, "Bundle {}: {contents} here, {given} given now ({}).", bundle.name, bytes(scanned.bytes));
    for infected in scanned.gate.infected.iter().take(LINES) {
        let _ = writeln!(out, "  INFECTED {}", infected.describe());
    }
    for unknown in scanned.unknown.iter().take(LINES) {
        let _ = writeln!(out, "  no verdict on {} by {}: {}", unknown.path, unknown.scanner, unknown.reason);
    }
    for blocked in &scanned.gate.unknown {
        let contents = counted(blocked.contents, "content", "contents");
        let _ = writeln!(out, "  {contents} without a verdict of {}, the first is {}", blocked.scanner, blocked.first);
    }
    for line in &bundle.waits_for {
        let _ = writeln!(out, "  waits for {line}");
    }
    if bundle.accepted {
        let people = if bundle.people.is_empty() { String::new() } else { format!(" People: {}.", bundle.people) };
        let _ = writeln!(out, "  Every scanner called all of it clean. Accepted.{people}");
    } else {
        let _ = writeln!(out, "  Not accepted; it goes on waiting in the quarantine.");
    }
}

/// What was taken of a station's results.
#[derive(Debug, Serialize)]
struct Imported {
    station: String,
    verdicts: u64,
    infected: u64,
}

fn import(args: &ImportArgs, term: Term) -> Result<ExitCode, CommandError> {
    let mut writer = args.dir.write(term)?;
    confine::to_state(&args.dir.dir, term)?;
    let imported = crate::scan::take_results(&mut writer, &args.csv, &args.station).map_err(|e| error(&e))?;
    let imported = Imported { station: args.station.clone(), verdicts: imported.0, infected: imported.1 };
    term.answer(&imported, |i| {
        let verdicts = counted(i.verdicts, "verdict", "verdicts");
        format!("Took {verdicts} of {}, {} of them infected, and signed them.\n", i.station, i.infected)
    });
    term.say(&format!("Next: sealift-import scan{}", args.dir.repeated()));
    Ok(ExitCode::SUCCESS)
}

fn verdicts(args: &VerdictArgs, term: Term) -> Result<ExitCode, CommandError> {
    let writer = args.dir.write(term)?;
    let (stream, sequence) = (&args.bundle.0, args.bundle.1);
    if !crate::waiting::is_waiting(&writer, stream, sequence) {
        return Err(error(&DecideError::Unknown(format!("{stream}/{sequence}"))));
    }
    let waiting = crate::waiting::load(&writer, stream, sequence);
    let waiting = waiting.map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
    let desk = Desk::open(&writer, None).map_err(|e| error(&e.into()))?;
    term.raw(kiosk::table(&desk.said(&writer, &waiting)).as_bytes());
    Ok(ExitCode::SUCCESS)
}

/// Shows why nothing was scanned or accepted.
pub(super) fn error(error: &DecideError) -> CommandError {
    let kept = "Nothing was accepted. Verdicts that were given are kept.";
    match error {
        DecideError::Unknown(_) => CommandError::from_error(Exit::Failed, error)
            .hint("`sealift-import waiting` lists what waits, `sealift-import bundles` what was accepted."),
        DecideError::NothingFound(_) => CommandError::from_error(Exit::Failed, error)
            .hint("`sealift-import scan` scans what waits and accepts what is clean.")
            .state("Nothing was changed."),
        DecideError::NotAPackage { bundle, .. } => CommandError::from_error(Exit::RefusedPolicy, error)
            .hint(format!("Give it up: sealift-import discard {bundle} --reason TEXT"))
            .state("Nothing was changed."),
        DecideError::NotScanned { .. } => CommandError::from_error(Exit::RefusedPolicy, error)
            .hint("What no scanner has looked at is not accepted. Run `sealift-import scan` until only findings are left.")
            .state("Nothing was changed."),
        DecideError::Receive(error) => super::error::receive(error),
        DecideError::State(error) | DecideError::Scan(ScanError::State(error)) => super::error::state(error),
        DecideError::Scan(ScanError::NoScanner) => CommandError::from_error(Exit::Usage, error)
            .hint("Name one as [[scanner]] in import.toml. Without any, `receive` accepts what it verified."),
        DecideError::Scan(ScanError::NoKiosk(_)) => CommandError::from_error(Exit::Usage, error)
            .hint("Name the station as [[scanner]] with kind = \"kiosk\" in import.toml."),
        DecideError::Scan(ScanError::Verdicts(verdicts)) if verdicts.is_refusal() => CommandError::from_error(Exit::RefusedOrder, error)
            .hint(super::error::VERDICTS)
            .state(kept),
        DecideError::Scan(ScanError::Results { .. }) => CommandError::from_error(Exit::Failed, error)
            .hint("Correct the station's file; a verdict is never guessed.")
            .state("Nothing was changed."),
        DecideError::Scan(_) => CommandError::from_error(Exit::Failed, error).state(kept),
    }
}
