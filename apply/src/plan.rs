//! The plan document: what will be done on which host, down to the digest of each package (format/plan).
//!
//! Only values and their rules. Making one is [`planner`](crate::planner)'s work, doing it is [`runner`](crate::runner)'s.

use std::fmt;

use sealift_model::json::{self, JsonError};
use sealift_model::{Digest, GroupId, HostId, SiteId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::inventory::Repository;

/// The version of the format.
pub const SCHEMA: &str = "sealift.plan/1";
/// Type of the statement that signs a plan.
pub const PREDICATE: &str = "https://example.org/sealift/plan/v1";
/// Largest plan that is read.
pub const LIMIT: u64 = 256 << 20;

/// A plan.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// When it was made.
    pub created: Timestamp,
    /// For which group.
    pub group: GroupId,
    /// Its hosts, sorted by name.
    pub hosts: Vec<HostPlan>,
    /// Where the packages come from.
    pub repository: Repository,
    /// The packages asked for, sorted; empty for all upgrades.
    pub request: Vec<String>,
    /// [`SCHEMA`].
    pub schema: String,
    /// The site.
    pub site: SiteId,
}

/// What will be done on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostPlan {
    /// The changes, sorted by package and architecture.
    pub changes: Vec<Change>,
    /// Packages dpkg holds.
    pub held: Vec<String>,
    /// The host.
    pub host: HostId,
    /// Packages apt does not upgrade though it could.
    pub kept_back: Vec<String>,
    /// Why nothing may be done here.
    pub problems: Vec<String>,
    /// The signed Release files apt had accepted.
    pub release: Vec<ReleaseDigest>,
    /// Digest of the package list when the plan was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status_digest: Option<Digest>,
}

/// A Release file in apt's lists.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReleaseDigest {
    /// Its name there.
    pub file: String,
    /// Its digest.
    pub sha256: Digest,
}

/// What happens to a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Action {
    /// It was not there.
    Install,
    /// To a higher version.
    Upgrade,
    /// To the same version with other content.
    Reinstall,
    /// To a lower version.
    Downgrade,
    /// It goes.
    Remove,
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Install => "install",
            Self::Upgrade => "upgrade",
            Self::Reinstall => "reinstall",
            Self::Downgrade => "downgrade",
            Self::Remove => "remove",
        })
    }
}

/// One package's change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What happens.
    pub action: Action,
    /// The package's architecture.
    pub architecture: String,
    /// The version now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The package.
    pub package: String,
    /// Digest of the package file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<Digest>,
    /// Size of the package file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// The version afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

impl Change {
    /// Returns the argument by which apt does exactly this.
    pub fn argument(&self) -> String {
        let name = self.qualified();
        self.to.as_ref().map_or_else(|| format!("{name}-"), |to| format!("{name}={to}"))
    }

    /// Returns `name:architecture`, or the name alone for `all`, which is what apt and dpkg take.
    pub fn qualified(&self) -> String {
        if self.architecture == "all" {
            self.package.clone()
        } else {
            format!("{}:{}", self.package, self.architecture)
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.action, self.qualified())?;
        match (&self.from, &self.to) {
            (Some(from), Some(to)) => write!(f, " {from} → {to}"),
            (None, Some(to)) => write!(f, " {to}"),
            (Some(from), None) => write!(f, " {from}"),
            (None, None) => Ok(()),
        }
    }
}

/// What is wrong with a plan document.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanForm {
    /// Not canonical JSON of this shape.
    #[error("not a plan of the form {SCHEMA}")]
    Json(#[source] JsonError),
    /// Another version.
    #[error("a document of the form `{0}`, not {SCHEMA}")]
    Schema(String),
    /// A rule of the format is broken.
    #[error("a plan that breaks its format: {0}")]
    Rule(&'static str),
}

impl Plan {
    /// Returns the canonical encoding.
    pub fn to_bytes(&self) -> Result<Vec<u8>, PlanForm> {
        json::to_canonical(self).map_err(PlanForm::Json)
    }

    /// Reads a plan and checks its rules. Says nothing about who made it.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, PlanForm> {
        let plan: Self = json::from_canonical(bytes).map_err(PlanForm::Json)?;
        if plan.schema != SCHEMA {
            return Err(PlanForm::Schema(sealift_model::escape::printable(&plan.schema)));
        }
        if !plan.hosts.is_sorted_by(|a, b| a.host < b.host) || !plan.request.is_sorted_by(|a, b| a < b) {
            return Err(PlanForm::Rule("hosts or request are not sorted"));
        }
        for host in &plan.hosts {
            host.check().map_err(PlanForm::Rule)?;
        }
        Ok(plan)
    }

    /// Returns how many changes there are on all hosts.
    pub fn change_count(&self) -> usize {
        self.hosts.iter().map(|host| host.changes.len()).sum()
    }
}

impl HostPlan {
    fn check(&self) -> Result<(), &'static str> {
        let key = |change: &Change| (change.package.clone(), change.architecture.clone());
        if !self.changes.is_sorted_by(|a, b| key(a) < key(b)) {
            return Err("changes are not sorted");
        }
        if !self.problems.is_empty() && !self.changes.is_empty() {
            return Err("a host with problems has changes");
        }
        for change in &self.changes {
            check_change(change)?;
        }
        Ok(())
    }
}

fn check_change(change: &Change) -> Result<(), &'static str> {
    // They become arguments of apt: nothing that could be read as an option or as more than one package.
    if !is_package_name(&change.package) || !is_package_name(&change.architecture) {
        return Err("a package or architecture has a name that Debian does not allow");
    }
    let versions = [&change.from, &change.to];
    if versions.into_iter().flatten().any(|v| sealift_pkg::Version::new(v).is_err()) {
        return Err("a version is not one");
    }
    let shape = (change.from.is_some(), change.to.is_some(), change.sha256.is_some() && change.size.is_some());
    let good = match change.action {
        Action::Install => shape == (false, true, true),
        Action::Upgrade | Action::Reinstall | Action::Downgrade => shape == (true, true, true),
        Action::Remove => shape == (true, false, false) && change.sha256.is_none() && change.size.is_none(),
    };
    if good { Ok(()) } else { Err("a change has versions or digests that do not fit its action") }
}

/// Tells whether Debian allows the name; `-` at the end would make apt remove the package instead.
pub fn is_package_name(name: &str) -> bool {
    let good = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'+' | b'-' | b'.');
    name.len() <= 255
        && name.bytes().all(good)
        && name.bytes().next().is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit())
        && !name.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Plan {
        let change = Change {
            action: Action::Upgrade,
            architecture: "amd64".into(),
            from: Some("1".into()),
            package: "jq".into(),
            sha256: Some(Digest::of(b"x")),
            size: Some(1),
            to: Some("1:2~x".into()),
        };
        let host = HostPlan {
            changes: vec![change],
            held: Vec::new(),
            host: HostId::new("web1").unwrap(),
            kept_back: Vec::new(),
            problems: Vec::new(),
            release: Vec::new(),
            status_digest: None,
        };
        Plan {
            created: Timestamp::from_unix(0),
            group: GroupId::new("web").unwrap(),
            hosts: vec![host],
            repository: Repository { components: vec!["main".into()], suites: vec!["s".into()], uri: "file:/r".into() },
            request: Vec::new(),
            schema: SCHEMA.into(),
            site: SiteId::new("plant-a").unwrap(),
        }
    }

    #[test]
    fn a_plan_reads_back() {
        let plan = sample();
        assert_eq!(Plan::from_bytes(&plan.to_bytes().unwrap()).unwrap(), plan);
        assert_eq!(plan.hosts[0].changes[0].argument(), "jq:amd64=1:2~x");
        assert_eq!(plan.hosts[0].changes[0].to_string(), "upgrade jq:amd64 1 → 1:2~x");
    }

    #[test]
    fn refuses_changes_that_would_be_more_than_one_argument() {
        let change = |edit: &dyn Fn(&mut Change)| {
            let mut plan = sample();
            edit(&mut plan.hosts[0].changes[0]);
            Plan::from_bytes(&plan.to_bytes().unwrap()).is_err()
        };
        for name in ["-o", "jq-", "a b", "", "Jq", "jq=1", "jq/x", "jq:i386"] {
            assert!(change(&|c| c.package = name.into()), "{name}");
            assert!(change(&|c| c.architecture = name.into()), "{name}");
        }
        assert!(change(&|c| c.to = Some("1 -o x".into())));
        assert!(change(&|c| c.sha256 = None));
        assert!(change(&|c| c.from = None));
        assert!(change(&|c| c.action = Action::Remove));
    }

    #[test]
    fn refuses_problems_beside_changes_and_other_versions_of_the_format() {
        let mut plan = sample();
        plan.hosts[0].problems.push("broken".into());
        assert!(Plan::from_bytes(&plan.to_bytes().unwrap()).is_err());
        let mut plan = sample();
        plan.schema = "sealift.plan/2".into();
        assert!(matches!(Plan::from_bytes(&plan.to_bytes().unwrap()), Err(PlanForm::Schema(_))));
    }
}
