//! The section with dpkg's list of packages.

use super::{FactsError, cut};
use crate::state::PackageState;

const EXPECTED: &str = "name, architecture, version, `want flag status`, separated by tabs";

/// Reads the list, sorted by lines, without packages of which nothing is left.
pub fn parse(lines: &[&str]) -> Result<Vec<PackageState>, FactsError> {
    let (end, lines) = lines.split_last().ok_or(FactsError::Missing("packages"))?;
    if *end != "rc=0" {
        return Err(FactsError::Dpkg(cut(end.trim_start_matches("rc="))));
    }
    let mut packages = Vec::with_capacity(lines.len());
    for line in lines.iter().filter(|line| !line.is_empty()) {
        let error = || FactsError::Line { section: "packages", line: cut(line), expected: EXPECTED };
        let package = package(line).ok_or_else(error)?;
        if !package.state.ends_with(" not-installed") {
            packages.push(package);
        }
    }
    packages.sort_by_cached_key(PackageState::line);
    match packages.windows(2).find(|pair| matches!(pair, [a, b] if a.line() == b.line())) {
        Some(pair) => {
            let line = pair.first().map(|p| cut(&p.line())).unwrap_or_default();
            Err(FactsError::Line { section: "packages", line, expected: "each package once" })
        }
        None => Ok(packages),
    }
}

fn package(line: &str) -> Option<PackageState> {
    let fields: Vec<&str> = line.split('\t').collect();
    let &[name, architecture, version, state] = fields.as_slice() else { return None };
    let plain = |text: &str| text.len() <= 1024 && text.bytes().all(|b| b.is_ascii_graphic());
    let words = state.split(' ').count() == 3
        && state.split(' ').all(|w| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b == b'-'));
    let good = !name.is_empty() && [name, architecture, version].into_iter().all(plain) && words;
    good.then(|| PackageState {
        architecture: architecture.to_owned(),
        name: name.to_owned(),
        state: state.to_owned(),
        version: version.to_owned(),
    })
}
