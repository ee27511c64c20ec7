//! `[scan]` and `[[scanner]]` of `import.toml`.

use std::path::PathBuf;
use std::time::Duration;

use sealift_model::StreamId;
use serde::Deserialize;

/// Largest content that a `clamd` of any supported version takes with its own settings.
const CLAMD_BYTES: u64 = 25 << 20;
const COMMAND_BYTES: u64 = 64 << 30;
/// Stands in `argv` for the directory with the content.
pub(crate) const PLACE: &str = "{path}";

/// What is asked of verdicts.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ScanConfig {
    /// Days that a verdict counts.
    pub max_age_days: u64,
}

impl Default for ScanConfig {
    fn default() -> Self {
        Self { max_age_days: 7 }
    }
}

/// How a scanner is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ScannerKind {
    /// A `clamd` on a Unix socket.
    Clamd,
    /// A program of the operator's choice.
    Command,
    /// A station apart, whose results come as a file.
    Kiosk,
}

/// A scanner that has to be asked.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Scanner {
    /// Its name, in verdicts.
    pub name: String,
    /// How it is asked.
    pub kind: ScannerKind,
    /// `clamd`: its socket.
    pub socket: Option<PathBuf>,
    /// `command`: program and arguments.
    #[serde(default)]
    pub argv: Vec<String>,
    /// `command`: program and arguments whose first line of output names engine and signatures.
    #[serde(default)]
    pub version: Vec<String>,
    /// `command`: exit codes that mean nothing was found.
    #[serde(default = "clean_codes")]
    pub clean: Vec<i32>,
    /// `command`: exit codes that mean something was found.
    #[serde(default = "infected_codes")]
    pub infected: Vec<i32>,
    /// Largest file it is given, in bytes; a larger one has no verdict.
    pub max_bytes: Option<u64>,
    /// How long one answer may take.
    #[serde(default = "two_minutes")]
    pub timeout_seconds: u64,
    /// The signatures it has, where it does not say so itself.
    pub signatures: Option<String>,
    /// Days its signatures may be old, where it dates them.
    pub max_signature_days: Option<u64>,
}

fn clean_codes() -> Vec<i32> {
    vec![0]
}

fn infected_codes() -> Vec<i32> {
    vec![1]
}

fn two_minutes() -> u64 {
    120
}

impl Scanner {
    /// Returns how long one answer may take.
    pub fn timeout(&self) -> Duration {
        Duration::from_secs(self.timeout_seconds)
    }

    /// Returns the largest file it is given, in bytes.
    pub fn most(&self) -> u64 {
        let default = if self.kind == ScannerKind::Clamd { CLAMD_BYTES } else { COMMAND_BYTES };
        self.max_bytes.unwrap_or(default)
    }

    /// Tells whether it can be asked from here.
    pub fn is_live(&self) -> bool {
        self.kind != ScannerKind::Kiosk
    }

    fn check(&self) -> Result<(), String> {
        // The grammar of names is the one everywhere.
        if StreamId::new(&self.name).is_err() {
            let name = sealift_model::escape::printable(&self.name);
            return Err(format!("scanner.name: `{name}` is no name of small letters, digits and dashes"));
        }
        let wrong = |reason: &str| Err(format!("scanner {}: {reason}", self.name));
        let absolute = |argv: &[String]| argv.first().is_some_and(|program| program.starts_with('/'));
        match self.kind {
            ScannerKind::Clamd if !self.socket.as_ref().is_some_and(|s| s.is_absolute()) => {
                return wrong("`socket` must be the absolute path of clamd's socket (LocalSocket in clamd.conf)");
            }
            ScannerKind::Clamd if !self.argv.is_empty() => return wrong("`argv` is for commands"),
            ScannerKind::Command if !absolute(&self.argv) => return wrong("`argv` must begin with an absolute path"),
            ScannerKind::Command if !self.argv.iter().any(|a| a.contains(PLACE)) => {
                return wrong("`argv` must name {path}, the directory with the content");
            }
            ScannerKind::Command if !absolute(&self.version) && self.signatures.is_none() => {
                return wrong("`version` must be a command that names engine and signatures, or `signatures` a text");
            }
            ScannerKind::Command if self.clean.iter().any(|code| self.infected.contains(code)) => {
                return wrong("an exit code cannot mean both `clean` and `infected`");
            }
            ScannerKind::Command if self.clean.is_empty() => return wrong("`clean` must name an exit code"),
            ScannerKind::Kiosk if self.socket.is_some() || !self.argv.is_empty() => {
                return wrong("a kiosk has neither `socket` nor `argv`: its results come by `scan import`");
            }
            _ => {}
        }
        if !(1..=86_400).contains(&self.timeout_seconds) {
            return wrong("`timeout_seconds` must be 1 to 86400");
        }
        if self.signatures.as_ref().is_some_and(|text| text.is_empty() || text.len() > 200) {
            return wrong("`signatures` must have 1 to 200 bytes");
        }
        Ok(())
    }
}

/// Checks what the configuration says of scanners.
///
/// # Errors
/// A sentence that names the scanner and the key.
pub(crate) fn check(scan: &ScanConfig, scanners: &[Scanner]) -> Result<(), String> {
    if !(1..=3650).contains(&scan.max_age_days) {
        return Err("scan.max_age_days must be 1 to 3650".into());
    }
    for (at, scanner) in scanners.iter().enumerate() {
        scanner.check()?;
        if scanners.iter().take(at).any(|other| other.name == scanner.name) {
            return Err(format!("scanner {}: the name stands twice", scanner.name));
        }
    }
    Ok(())
}
