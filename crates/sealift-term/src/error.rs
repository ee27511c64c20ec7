//! What a command failed with, ready to be shown.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::process::ExitCode;

use sealift_model::escape::printable;

/// The exit codes of every tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Something failed; nothing or something named was done.
    Failed = 1,
    /// The command line or a configuration file is wrong.
    Usage = 2,
    /// Done in part: some hosts or blobs failed, details in the output.
    Partial = 3,
    /// Refused: signature, threshold, digest or form.
    RefusedSignature = 10,
    /// Refused: rollback, expiry or missing base.
    RefusedOrder = 11,
    /// Refused: no approval or outside the window.
    RefusedPolicy = 12,
    /// Another process holds the lock.
    Locked = 20,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// A failure as the operator sees it: what happened, why, what was (not) changed, what to type next.
#[derive(Debug)]
pub struct CommandError {
    /// The exit code.
    pub exit: Exit,
    /// What happened, to what.
    pub message: String,
    /// Why, outermost first.
    pub causes: Vec<String>,
    /// What to do next, a line each.
    pub hints: Vec<String>,
    /// What was (not) changed. "Nothing was changed." unless said otherwise.
    pub state: String,
}

impl CommandError {
    /// Makes a failure without causes.
    pub fn new(exit: Exit, message: impl Display) -> Self {
        Self {
            exit,
            message: printable(&message.to_string()),
            causes: Vec::new(),
            hints: Vec::new(),
            state: "Nothing was changed.".into(),
        }
    }

    /// Makes a failure from an error and its chain of sources.
    pub fn from_error(exit: Exit, error: &(dyn Error + 'static)) -> Self {
        Self::new(exit, error).caused_by_sources_of(error)
    }

    /// Makes a failure with its own message, and `error` with its chain as causes.
    pub fn with_cause(exit: Exit, message: impl Display, error: &(dyn Error + 'static)) -> Self {
        let mut failure = Self::new(exit, message);
        failure.causes.push(printable(&error.to_string()));
        failure.caused_by_sources_of(error)
    }

    fn caused_by_sources_of(mut self, error: &(dyn Error + 'static)) -> Self {
        self = self.with_disk_hint(error);
        let mut source = error.source();
        while let Some(cause) = source {
            self = self.with_disk_hint(cause);
            let text = printable(&cause.to_string());
            // Transparent wrappers repeat their source.
            if self.causes.last() != Some(&text) && self.message != text {
                self.causes.push(text);
            }
            source = cause.source();
        }
        self
    }

    fn with_disk_hint(self, error: &(dyn Error + 'static)) -> Self {
        match error.downcast_ref().and_then(disk_hint) {
            Some(hint) => self.hint(hint),
            None => self,
        }
    }

    /// Adds a line that says what to do next, unless it is there already.
    #[must_use]
    pub fn hint(mut self, hint: impl Display) -> Self {
        let hint = printable(&hint.to_string());
        if !self.hints.contains(&hint) {
            self.hints.push(hint);
        }
        self
    }

    /// Says what was (not) changed.
    #[must_use]
    pub fn state(mut self, state: impl Display) -> Self {
        self.state = printable(&state.to_string());
        self
    }

    /// Returns the text shown on stderr, without the final line break.
    pub fn render(&self) -> String {
        let mut lines = vec![format!("Error: {}", self.message)];
        lines.extend(self.causes.iter().map(|cause| format!("  Caused by: {cause}")));
        lines.extend(self.hints.iter().map(|hint| format!("Hint: {hint}")));
        if !self.state.is_empty() {
            lines.push(self.state.clone());
        }
        lines.join("\n")
    }
}

/// Linux's number for an error of the device.
const EIO: i32 = 5;

/// What helps against a disk's failure is the same wherever it is met.
fn disk_hint(error: &io::Error) -> Option<&'static str> {
    // std has no kind for it.
    if error.raw_os_error() == Some(EIO) {
        return Some("the device itself failed: try again, or use another one");
    }
    match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            Some("the disk is full: make room and run the same command again")
        }
        ErrorKind::ReadOnlyFilesystem => Some("the file system is mounted read-only"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_and_read_only_disks_have_one_hint_wherever_they_are_met() {
        let full = || io::Error::from(ErrorKind::StorageFull);
        let text = "the disk is full: make room and run the same command again";
        assert_eq!(CommandError::from_error(Exit::Failed, &full()).hints, [text]);
        assert_eq!(CommandError::with_cause(Exit::Failed, "could not", &full()).hint(text).hints, [text]);
        assert!(CommandError::from_error(Exit::Failed, &io::Error::other(full())).hints.is_empty());
    }

    #[test]
    fn says_what_why_next_and_what_was_not_changed() {
        let io = std::io::Error::other("bad\u{1b}[2Jname");
        let error = CommandError::with_cause(Exit::RefusedSignature, "refused bundle 3", &io).hint("look elsewhere");
        let text =
            "Error: refused bundle 3\n  Caused by: bad\\u{1b}[2Jname\nHint: look elsewhere\nNothing was changed.";
        assert_eq!(error.render(), text);
    }
}
