//! The sections with configuration files: what packages brought, and what is there now.

use std::collections::BTreeMap;

use sealift_model::Digest;
use sealift_model::escape::printable;

use super::{FactsError, Sections, cut};
use crate::state::Conffile;

/// Joins what dpkg recorded with the digests of the files; sorted by path.
pub fn parse(sections: &Sections<'_>, root: &str) -> Result<Vec<Conffile>, FactsError> {
    let sha256 = digests(sections, "conffiles-sha256", root)?;
    let md5 = digests(sections, "conffiles-md5", root)?;
    let mut found = BTreeMap::new();
    for line in sections.get("conffiles").map(Vec::as_slice).unwrap_or_default() {
        if let Some((path, recorded)) = recorded(line) {
            let digest = sha256.get(path).and_then(|hex| hex.parse::<Digest>().ok());
            let modified = md5.get(path).is_none_or(|actual| *actual != recorded);
            let path = printable(path);
            found.insert(path.clone(), Conffile { modified, path, sha256: digest });
        }
    }
    Ok(found.into_values().collect())
}

/// ` /etc/a b.conf <md5> [obsolete]`: paths may hold spaces, so the words are taken from the end.
fn recorded(line: &str) -> Option<(&str, &str)> {
    let mut rest = line.strip_prefix(' ')?;
    loop {
        let (head, word) = rest.rsplit_once(' ')?;
        match word {
            "obsolete" | "remove-on-upgrade" => rest = head,
            md5 => return head.starts_with('/').then_some((head, md5)),
        }
    }
}

/// Reads `digest *path` lines. Names with a line feed or backslash are escaped by the tool and left out: no package has
/// such a configuration file, and a host that pretends so only hides its own digest.
fn digests<'a>(
    sections: &'a Sections<'_>,
    name: &'static str,
    root: &str,
) -> Result<BTreeMap<&'a str, &'a str>, FactsError> {
    let mut digests = BTreeMap::new();
    for line in sections.get(name).map(Vec::as_slice).unwrap_or_default() {
        if line.is_empty() || line.starts_with('\\') {
            continue;
        }
        let error = || FactsError::Line { section: name, line: cut(line), expected: "`digest *path`" };
        let (digest, path) = line.split_once(" *").ok_or_else(error)?;
        digests.insert(path.strip_prefix(root).unwrap_or(path), digest);
    }
    Ok(digests)
}
