//! Asks a host for its state, with one script in one go, and believes only what has the expected form.
//!
//! The script prints marked sections; [`parse`] refuses unknown or repeated ones, missing ones and malformed lines.
//! What stands before the first or after the last mark (a login banner) is not ours and is ignored.

use std::collections::BTreeMap;
use std::time::Duration;

use sealift_model::escape::printable;

use crate::host::{Command, Host, HostError};
use crate::state::{HostState, Kernel, OsRelease, Reboot, Services, packages_digest};

mod conffiles;
mod packages;
mod ports;

const SCRIPT: &str = include_str!("facts/facts.sh");
const TIMEOUT: Duration = Duration::from_mins(3);
/// Most lines of one section.
const MOST_LINES: usize = 200_000;

const SECTIONS: [&str; 18] = [
    "architecture",
    "boot-id",
    "conffiles",
    "conffiles-md5",
    "conffiles-sha256",
    "kernel-running",
    "kernels",
    "machine-id",
    "os-release",
    "packages",
    "reboot",
    "reboot-packages",
    "services-failed",
    "services-running",
    "tcp",
    "tcp6",
    "udp",
    "udp6",
];

/// Why a host's state is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FactsError {
    /// The host could not be asked.
    #[error(transparent)]
    Host(#[from] HostError),
    /// It did not answer to the end.
    #[error("the host did not finish telling its state (exit code {code:?}): {last}")]
    Unfinished {
        /// What the script ended with.
        code: Option<i32>,
        /// The last thing it said, made printable.
        last: String,
    },
    /// A line that is not of the expected form.
    #[error("section `{section}` of the host's answer has the line `{line}`, expected {expected}")]
    Line {
        /// The section.
        section: &'static str,
        /// The line, made printable and cut.
        line: String,
        /// What should stand there.
        expected: &'static str,
    },
    /// A section that must be there.
    #[error("the host's answer has no section `{0}`, or it is empty")]
    Missing(&'static str),
    /// A section that must not be there, or twice, or is too long.
    #[error("the host's answer has a section `{0}` that is unknown, repeated or too long")]
    Section(String),
    /// dpkg could not say what is installed.
    #[error("dpkg-query failed on the host (exit code {0})")]
    Dpkg(String),
}

/// Asks `host` for its state.
pub fn gather(host: &dyn Host) -> Result<HostState, FactsError> {
    let root = host.path("");
    let output = host.run(&Command::new(["sh", "-c", SCRIPT, "sh", root.as_str()], TIMEOUT))?;
    let mut state = parse(&output.lines, &root).map_err(|error| match error {
        FactsError::Missing("end") => FactsError::Unfinished {
            code: output.code,
            last: output.lines.last().map(|line| printable(line)).unwrap_or_default(),
        },
        other => other,
    })?;
    if host.is_root_directory() {
        state.shared = vec!["boot_id".into(), "kernel.running".into(), "ports".into()];
    }
    Ok(state)
}

type Sections<'a> = BTreeMap<&'a str, Vec<&'a str>>;

/// Reads the script's answer; `root` is the directory it was given.
pub fn parse(lines: &[String], root: &str) -> Result<HostState, FactsError> {
    let sections = split(lines)?;
    let packages = packages::parse(required(&sections, "packages")?)?;
    let releases = sections.get("os-release").map(|lines| os_release(lines)).unwrap_or_default();
    Ok(HostState {
        architecture: word(&sections, "architecture")?.ok_or(FactsError::Missing("architecture"))?,
        boot_id: word(&sections, "boot-id")?,
        conffiles: conffiles::parse(&sections, root)?,
        kernel: Kernel {
            newest: newest(sections.get("kernels").map(Vec::as_slice).unwrap_or_default()),
            running: word(&sections, "kernel-running")?.ok_or(FactsError::Missing("kernel-running"))?,
        },
        machine_id: word(&sections, "machine-id")?,
        os: releases,
        packages_count: packages.len() as u64,
        packages_digest: packages_digest(&packages),
        packages,
        ports: ports::parse(&sections)?,
        reboot: Reboot { packages: names(&sections, "reboot-packages"), required: sections.contains_key("reboot") },
        services: sections.contains_key("services-running").then(|| Services {
            failed: names(&sections, "services-failed"),
            running: names(&sections, "services-running"),
        }),
        shared: Vec::new(),
    })
}

fn split(lines: &[String]) -> Result<Sections<'_>, FactsError> {
    let mut sections = Sections::new();
    let mut current: Option<&str> = None;
    let mut lines = lines.iter().map(|l| l.trim_end_matches('\r')).skip_while(|line| *line != "@facts 1");
    if lines.next().is_none() {
        return Err(FactsError::Missing("end"));
    }
    for line in lines {
        if line == "@end" {
            return Ok(sections);
        }
        if let Some(name) = line.strip_prefix('@') {
            let known = SECTIONS.contains(&name) && sections.insert(name, Vec::new()).is_none();
            if !known {
                return Err(FactsError::Section(cut(name)));
            }
            current = Some(name);
        } else if let Some(text) = line.strip_prefix('|') {
            let section = current.and_then(|name| sections.get_mut(name));
            match section {
                Some(lines) if lines.len() < MOST_LINES => lines.push(text),
                _ => return Err(FactsError::Section(cut(current.unwrap_or_default()))),
            }
        } else if !line.is_empty() {
            return Err(FactsError::Line { section: "-", line: cut(line), expected: "`@` or `|`" });
        }
    }
    Err(FactsError::Missing("end"))
}

fn cut(text: &str) -> String {
    printable(&text.chars().take(120).collect::<String>())
}

fn required<'a>(sections: &'a Sections<'_>, name: &'static str) -> Result<&'a [&'a str], FactsError> {
    sections.get(name).map(Vec::as_slice).ok_or(FactsError::Missing(name))
}

/// Returns a section of one word; `None` if it is empty or not there.
fn word(sections: &Sections<'_>, name: &'static str) -> Result<Option<String>, FactsError> {
    let lines = sections.get(name).map(Vec::as_slice).unwrap_or_default();
    let Some(line) = lines.first().map(|line| line.trim()).filter(|line| !line.is_empty()) else {
        return Ok(None);
    };
    let good = lines.len() == 1 && line.len() <= 128 && line.bytes().all(|b| b.is_ascii_graphic());
    if good {
        Ok(Some(line.to_owned()))
    } else {
        Err(FactsError::Line { section: name, line: cut(line), expected: "one word" })
    }
}

fn names(sections: &Sections<'_>, name: &str) -> Vec<String> {
    let lines = sections.get(name).map(Vec::as_slice).unwrap_or_default();
    let mut names: Vec<_> = lines.iter().map(|l| l.trim()).filter(|l| !l.is_empty()).map(cut).collect();
    names.sort();
    names.dedup();
    names
}

fn newest(kernels: &[&str]) -> Option<String> {
    kernels.iter().max_by(|a, b| sealift_pkg::version::compare(a, b)).map(|newest| cut(newest))
}

fn os_release(lines: &[&str]) -> OsRelease {
    let value = |key: &str| {
        let raw = lines.iter().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?.trim();
        let text = raw.strip_prefix('"').and_then(|r| r.strip_suffix('"')).unwrap_or(raw);
        (!text.is_empty()).then(|| cut(text))
    };
    OsRelease {
        id: value("ID"),
        pretty_name: value("PRETTY_NAME"),
        version_codename: value("VERSION_CODENAME"),
        version_id: value("VERSION_ID"),
    }
}

#[cfg(test)]
mod tests;
