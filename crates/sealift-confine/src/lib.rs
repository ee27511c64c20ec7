//! Gives up rights before foreign bytes are read.
//!
//! A tool that looks at a medium writes in one place or nowhere, starts no program and speaks to nobody. [`confine`] lets
//! the kernel hold it to that, so that a fault in a parser is not the end of the isolated side. Landlock takes away
//! writing and executing by path; seccomp takes away programs, sockets and the ways around both. Nothing of it can be
//! taken back.
//!
//! It holds for the calling thread and every thread started after it: call it before any other thread runs. What a
//! kernel does not offer is missing in [`Confined`] and nowhere an error; whoever calls says so to the operator.

mod files;
mod syscalls;

use std::path::{Path, PathBuf};

use sealift_fs::PathError;
use serde::Serialize;

/// What a confined process may still write. Reading stays as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allowance {
    writable: Vec<PathBuf>,
    emptied: Option<PathBuf>,
}

impl Allowance {
    /// Writing nowhere.
    pub fn nothing() -> Self {
        Self::default()
    }

    /// Writing below this directory, which must exist.
    #[must_use]
    pub fn writing_below(mut self, dir: &Path) -> Self {
        self.writable.push(dir.to_owned());
        self
    }

    /// Removing empty directories below this one, which must exist: for a target that is taken back after a failure.
    #[must_use]
    pub fn removing_dirs_below(mut self, dir: &Path) -> Self {
        self.emptied = Some(dir.to_owned());
        self
    }

    fn is_nothing(&self) -> bool {
        self.writable.is_empty() && self.emptied.is_none()
    }
}

/// How well the kernel holds a process to one rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Grade {
    /// Not at all.
    NotOffered,
    /// With gaps that an older kernel leaves.
    Partial,
    /// Wholly.
    Enforced,
}

/// What the kernel holds this process to from now on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Confined {
    /// No writing beyond the [`Allowance`].
    pub writes: Grade,
    /// No other program is started.
    pub programs: Grade,
    /// No socket is made.
    pub sockets: Grade,
}

impl Confined {
    /// Tells whether nothing is missing.
    pub fn is_whole(self) -> bool {
        [self.writes, self.programs, self.sockets].iter().all(|grade| *grade == Grade::Enforced)
    }

    /// Says in one line what is missing; `None` if nothing is.
    pub fn missing(self) -> Option<String> {
        let rules = [(self.writes, "writes"), (self.programs, "programs"), (self.sockets, "sockets")];
        let of = |wanted: Grade| {
            let named: Vec<&str> = rules.iter().filter(|(grade, _)| *grade == wanted).map(|(_, name)| *name).collect();
            (!named.is_empty()).then(|| named.join(", "))
        };
        let lacking = of(Grade::NotOffered).map(|names| format!("not held back by this kernel: {names}"));
        let partly = of(Grade::Partial).map(|names| format!("held back only in part: {names}"));
        let parts: Vec<String> = [lacking, partly].into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("Confinement is not whole ({}).", parts.join("; ")))
    }
}

/// Why a process could not be confined although the kernel offers it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConfineError {
    /// A directory that stays writable cannot be opened.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The kernel refused the rules for files.
    #[error("the kernel refused the rules for files")]
    Files(#[source] landlock::RulesetError),
    /// The rules for system calls cannot be made.
    #[error("the rules for system calls cannot be made")]
    Rules(#[source] seccompiler::BackendError),
    /// Threads run already, and would not be held to anything.
    #[error("{0} other threads run already and would stay unconfined")]
    Threads(usize),
}

/// Confines the calling thread and all it starts to reading and to what `allowance` names.
///
/// Nothing is changed on the disk. Fails if other threads run already, or if a directory of the allowance is not there.
pub fn confine(allowance: &Allowance) -> Result<Confined, ConfineError> {
    let threads = sealift_fs::list_dir(Path::new("/proc/self/task")).map_or(1, |names| names.len());
    if threads > 1 {
        return Err(ConfineError::Threads(threads - 1));
    }
    confine_thread(allowance)
}

/// Confines the calling thread and all it starts; other threads stay as they are. For tests and helpers.
pub fn confine_thread(allowance: &Allowance) -> Result<Confined, ConfineError> {
    let files = files::restrict(allowance)?;
    let calls = syscalls::restrict(allowance.is_nothing())?;
    Ok(Confined {
        writes: files,
        // Either of them suffices: nothing is executed that has no path, and nothing is executed at all.
        programs: files.max(calls),
        sockets: calls,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn says_what_is_missing_and_nothing_when_nothing_is() {
        let whole = Confined { writes: Grade::Enforced, programs: Grade::Enforced, sockets: Grade::Enforced };
        assert!(whole.is_whole());
        assert_eq!(whole.missing(), None);
        let old = Confined { writes: Grade::Partial, programs: Grade::Enforced, sockets: Grade::NotOffered };
        assert!(!old.is_whole());
        assert_eq!(
            old.missing().unwrap(),
            "Confinement is not whole (not held back by this kernel: sockets; held back only in part: writes)."
        );
    }
}
