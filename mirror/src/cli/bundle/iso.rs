//! ISO 9660 images of volumes, made by xorriso where it is installed.
//!
//! The same volume gives the same image: times and identifiers come from the bundle, not from the clock. An image is a
//! file to be burnt; what it holds is verified like any medium once it is on a disc.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sealift_bundle::manifest::Manifest;
use sealift_model::escape::printable_bytes;
use sealift_term::{CommandError, Exit};

const PROGRAM: &str = "xorriso";

/// Refuses before anything is written if there is no xorriso.
pub(super) fn check() -> Result<(), CommandError> {
    let found = Command::new(PROGRAM).arg("-version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    if found.is_ok_and(|status| status.success()) {
        return Ok(());
    }
    Err(CommandError::new(Exit::Failed, "--iso needs xorriso, which is not installed here")
        .hint("install it (apt-get install xorriso), or write directories with --to and make images of them yourself")
        .state("Nothing was written."))
}

/// Makes the image of the directory that holds `SEALIFT`; it appears whole or not at all.
pub(super) fn make(dir: &Path, image: &Path, manifest: &Manifest, volume: (u16, u16)) -> Result<(), CommandError> {
    let partial = partial(image);
    let seconds = manifest.created.unix();
    let output = Command::new(PROGRAM)
        .env("SOURCE_DATE_EPOCH", seconds.to_string())
        .args(["-as", "mkisofs", "-quiet", "-iso-level", "3", "-J", "-joliet-long", "-r", "-V"])
        .arg(label(manifest, volume))
        .arg("--set_all_file_dates")
        .arg(format!("={seconds}"))
        .arg("-o")
        .arg(&partial)
        .arg(dir)
        .stdin(Stdio::null())
        .output()
        .map_err(|e| CommandError::with_cause(Exit::Failed, "cannot run xorriso", &e))?;
    if !output.status.success() {
        let _ = sealift_fs::remove_file(&partial);
        let last = output.stderr.rsplit(|b| *b == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
        return Err(CommandError::new(Exit::Failed, format!("xorriso failed: {}", printable_bytes(last)))
            .hint("is there room for the image? the command can be run again"));
    }
    let failed = |e| CommandError::from_error(Exit::Failed, &e);
    sealift_fs::sync_filesystem(image.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new(".")))
        .map_err(failed)?;
    sealift_fs::rename(&partial, image).map_err(failed)
}

fn partial(image: &Path) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(".partial");
    name.into()
}

/// At most 16 characters are shown everywhere, of capitals, digits and `_`.
fn label(manifest: &Manifest, (number, of): (u16, u16)) -> String {
    let end = format!("_{}_{number}OF{of}", manifest.sequence);
    let stream: String = manifest.stream.as_str().chars().take(32_usize.saturating_sub(end.len())).collect();
    let stream = stream.to_ascii_uppercase().replace(|c: char| !c.is_ascii_alphanumeric(), "_");
    format!("{stream}{end}")
}
