//! What the Debian security tracker says of fixes: which version of a source package fixes what, and how urgent it is.
//!
//! Reads the tracker's one JSON document, `source → advisory → releases → release → {status, fixed_version, urgency}`,
//! and keeps what is fixed. It is nobody's signed word: it orders what is carried first, and decides nothing else.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;

use crate::version::Version;

/// Most bytes of a document. Debian's whole tracker is 70 MB.
pub const LIMIT: u64 = 512 << 20;

/// How urgent a fix is, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Low, or of no importance.
    Low,
    /// Nobody has judged it. Above low: most of what is not judged is no less than that.
    Unknown,
    /// Medium.
    Medium,
    /// High.
    High,
}

/// A fix of one source package in one release.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What is fixed, such as `CVE-2026-0001`.
    pub advisory: String,
    /// How urgent it is.
    pub severity: Severity,
    /// The first version of the source package that has the fix.
    pub version: Version,
}

/// All fixes, by source package and release.
#[derive(Debug, Clone, Default)]
pub struct Advisories {
    fixes: BTreeMap<String, BTreeMap<String, Vec<Fix>>>,
}

/// Why a document is not the tracker's.
#[derive(Debug, thiserror::Error)]
#[error("not the JSON document of the Debian security tracker")]
pub struct AdvisoryError(#[from] serde_json::Error);

#[derive(Deserialize)]
struct WireAdvisory {
    #[serde(default)]
    releases: HashMap<String, WireRelease>,
}

#[derive(Deserialize)]
struct WireRelease {
    status: String,
    fixed_version: Option<String>,
    urgency: Option<String>,
}

impl Advisories {
    /// Reads the tracker's document. Entries without a fix, or with a version that is none, are passed over.
    pub fn parse(bytes: &[u8]) -> Result<Self, AdvisoryError> {
        let wire: HashMap<String, HashMap<String, WireAdvisory>> = serde_json::from_slice(bytes)?;
        let mut all = Self::default();
        for (source, advisories) in wire {
            let releases = all.fixes.entry(source).or_default();
            for (advisory, WireAdvisory { releases: fixed }) in advisories {
                for (release, entry) in fixed {
                    if let Some(fix) = fix(&advisory, &entry) {
                        releases.entry(release).or_default().push(fix);
                    }
                }
            }
        }
        for fixes in all.fixes.values_mut().flat_map(BTreeMap::values_mut) {
            fixes.sort_by(|a, b| a.advisory.cmp(&b.advisory));
        }
        Ok(all)
    }

    /// Returns the fixes that `source` in version `to` has in `release`, and `from` has not.
    pub fn between<'a>(
        &'a self,
        source: &str,
        release: &str,
        (from, to): (Option<&'a Version>, &'a Version),
    ) -> impl Iterator<Item = &'a Fix> {
        let fixes = self.fixes.get(source).and_then(|releases| releases.get(release));
        let new = move |fix: &&Fix| {
            fix.version.compare(to).is_le() && from.is_none_or(|from| fix.version.compare(from).is_gt())
        };
        fixes.into_iter().flatten().filter(new)
    }

    /// Returns how many source packages it speaks of.
    pub fn len(&self) -> usize {
        self.fixes.len()
    }

    /// Tells whether it speaks of none.
    pub fn is_empty(&self) -> bool {
        self.fixes.is_empty()
    }
}

fn fix(advisory: &str, entry: &WireRelease) -> Option<Fix> {
    // Version 0 says that the release never had the fault.
    let version = entry.fixed_version.as_deref().filter(|version| entry.status == "resolved" && *version != "0")?;
    let severity = severity(entry.urgency.as_deref().unwrap_or_default());
    Some(Fix { advisory: advisory.to_owned(), severity, version: Version::new(version).ok()? })
}

/// The tracker marks some words with stars, for how they came about.
fn severity(urgency: &str) -> Severity {
    match urgency.trim_end_matches('*') {
        "high" => Severity::High,
        "medium" => Severity::Medium,
        "low" | "unimportant" => Severity::Low,
        _ => Severity::Unknown,
    }
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Unknown => "unknown",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACKER: &str = r#"{"openssl": {
        "CVE-2026-0001": {"scope": "remote", "description": "x", "releases": {
            "bookworm": {"status": "resolved", "repositories": {"bookworm": "3.0.9-1"}, "fixed_version": "3.0.11-1", "urgency": "high**"},
            "trixie": {"status": "open", "urgency": "not yet assigned"}}},
        "CVE-2026-0002": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "3.0.12-1", "urgency": "not yet assigned"}}},
        "CVE-2026-0003": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "0", "urgency": "high"}}},
        "CVE-2026-0004": {"releases": {"bookworm": {"status": "resolved", "fixed_version": "no version!", "urgency": "high"}}}},
        "bash": {}}"#;

    fn found(from: Option<&str>, to: &str) -> Vec<String> {
        let all = Advisories::parse(TRACKER.as_bytes()).unwrap();
        let (from, to) = (from.map(|v| Version::new(v).unwrap()), Version::new(to).unwrap());
        all.between("openssl", "bookworm", (from.as_ref(), &to))
            .map(|f| format!("{} {}", f.advisory, f.severity))
            .collect()
    }

    #[test]
    fn only_fixes_that_the_new_version_brings_count() {
        assert_eq!(found(Some("3.0.9-1"), "3.0.12-1"), ["CVE-2026-0001 high", "CVE-2026-0002 unknown"]);
        assert_eq!(found(Some("3.0.11-1"), "3.0.12-1"), ["CVE-2026-0002 unknown"]);
        assert_eq!(found(Some("3.0.12-1"), "3.0.13-1"), [""; 0]);
        assert_eq!(found(None, "3.0.11-1+b1"), ["CVE-2026-0001 high"]);
        let all = Advisories::parse(TRACKER.as_bytes()).unwrap();
        let to = Version::new("9").unwrap();
        assert_eq!(all.between("openssl", "trixie", (None, &to)).count(), 0, "still open");
        assert_eq!(all.between("nginx", "bookworm", (None, &to)).count(), 0);
    }

    #[test]
    fn what_nobody_judged_ranks_between_low_and_medium() {
        let rank = ["unimportant", "not yet assigned", "medium", "high"].map(severity);
        assert!(rank.is_sorted_by(|a, b| a < b), "{rank:?}");
        assert_eq!(severity("low**"), severity("low"));
        assert_eq!(severity("catastrophic"), Severity::Unknown);
    }

    #[test]
    fn refuses_what_is_not_the_trackers_document() {
        for bad in ["", "[]", "{\"a\": 1}", "{\"a\": {\"CVE\": {\"releases\": {\"b\": {}}}}}", "{}x"] {
            assert!(Advisories::parse(bad.as_bytes()).is_err(), "{bad}");
        }
        assert!(Advisories::parse(b"{}").unwrap().is_empty());
    }
}
