//! Makes a plan: asks every host of a group what apt would do there against the published repository.
//!
//! A repository that apt does not accept ends the planning, for it concerns the whole group. A host that cannot be asked
//! or has no solution is put into the plan with its problem, so that the others need not wait for it. Only apt's lists
//! below our own directory are written on a host.

use sealift_fs::PathError;
use sealift_model::{Progress, Timestamp};

use crate::apt::{Apt, AptError};
use crate::facts::{self, FactsError};
use crate::host::{Host, HostError};
use crate::inventory::{Group, HostConfig, Inventory, InventoryError, Repository};
use crate::plan::{self, HostPlan, Plan};
use crate::state::HostState;

/// Largest keyring that is read.
pub const KEYRING_LIMIT: u64 = 4 << 20;

/// Opens the way to a host; tests open another.
pub type Opener<'a> = &'a dyn Fn(&HostConfig, &Repository) -> Box<dyn Host>;

/// What a plan is wanted for.
#[derive(Debug, Clone)]
pub struct Wanted<'a> {
    /// The group.
    pub group: &'a Group,
    /// Only these hosts of it; all if empty.
    pub hosts: Vec<&'a HostConfig>,
    /// The packages; empty for all upgrades.
    pub packages: Vec<String>,
    /// The time the plan carries.
    pub created: Timestamp,
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlannerError {
    /// A name that is not a package's.
    #[error("`{0}` is not a name of a package")]
    Package(String),
    /// A host outside the group.
    #[error("host `{host}` is not in group `{group}`, which has {members}")]
    NotInGroup {
        /// The host.
        host: String,
        /// The group.
        group: String,
        /// Its hosts.
        members: String,
    },
    /// The group is empty.
    #[error("group `{0}` has no hosts")]
    Empty(String),
    /// The keyring.
    #[error("the keyring the hosts are to trust cannot be read")]
    Keyring(#[source] PathError),
    /// apt on a host does not accept the repository.
    #[error("host `{host}` does not accept the repository {uri}")]
    Repository {
        /// The host.
        host: String,
        /// The repository, as the inventory has it.
        uri: String,
        /// apt's words.
        #[source]
        source: AptError,
    },
    /// The inventory.
    #[error(transparent)]
    Inventory(#[from] InventoryError),
}

/// Why one host has no plan.
#[derive(Debug, thiserror::Error)]
enum HostProblem {
    #[error(transparent)]
    Facts(#[from] FactsError),
    #[error(transparent)]
    Apt(#[from] AptError),
}

/// Returns the members of a group that are asked for, in the order of their names.
pub fn members<'a>(
    inventory: &'a Inventory,
    group: &Group,
    only: &[String],
) -> Result<Vec<&'a HostConfig>, PlannerError> {
    for name in only {
        let host = inventory.host(name)?;
        if !group.hosts.contains(&host.name) {
            let members: Vec<&str> = group.hosts.iter().map(sealift_model::HostId::as_str).collect();
            return Err(PlannerError::NotInGroup {
                host: host.name.to_string(),
                group: group.name.to_string(),
                members: members.join(", "),
            });
        }
    }
    let asked = |name: &str| only.is_empty() || only.iter().any(|o| o == name);
    let mut hosts = Vec::new();
    for name in group.hosts.iter().filter(|name| asked(name.as_str())) {
        hosts.push(inventory.host(name.as_str())?);
    }
    hosts.sort_by(|a, b| a.name.cmp(&b.name));
    if hosts.is_empty() { Err(PlannerError::Empty(group.name.to_string())) } else { Ok(hosts) }
}

/// Reads the keyring the inventory names.
pub fn keyring(inventory: &Inventory) -> Result<Vec<u8>, PlannerError> {
    sealift_fs::read_capped(&inventory.keyring, KEYRING_LIMIT).map_err(PlannerError::Keyring)
}

/// Makes the plan.
pub fn make(
    inventory: &Inventory,
    wanted: &Wanted<'_>,
    open: Opener<'_>,
    progress: &dyn Progress,
) -> Result<Plan, PlannerError> {
    let mut request = wanted.packages.clone();
    request.sort();
    request.dedup();
    if let Some(bad) = request.iter().find(|name| !plan::is_package_name(name)) {
        return Err(PlannerError::Package(sealift_model::escape::printable(bad)));
    }
    let keyring = keyring(inventory)?;
    let repository = &wanted.group.repository;
    let mut hosts = Vec::new();
    for config in &wanted.hosts {
        progress.phase(&format!("Planning {}", config.name), None);
        let host = open(config, repository);
        let mut plan = empty(config);
        match plan_host(host.as_ref(), repository, &keyring, &request, &mut plan) {
            Ok(()) => progress.done(&format!("{}: {}", config.name, summary(&plan))),
            Err(HostProblem::Apt(source @ AptError::Repository(_))) => {
                let (host, uri) = (config.name.to_string(), repository.uri.clone());
                return Err(PlannerError::Repository { host, uri, source });
            }
            Err(problem) => {
                plan.changes.clear();
                plan.problems.push(sealift_model::escape::printable(&chain(&problem)));
                progress.done(&format!("{}: {}", config.name, summary(&plan)));
            }
        }
        hosts.push(plan);
    }
    Ok(Plan {
        created: wanted.created,
        group: wanted.group.name.clone(),
        hosts,
        repository: repository.clone(),
        request,
        schema: plan::SCHEMA.into(),
        site: inventory.site.clone(),
    })
}

fn empty(config: &HostConfig) -> HostPlan {
    HostPlan {
        changes: Vec::new(),
        held: Vec::new(),
        host: config.name.clone(),
        kept_back: Vec::new(),
        problems: Vec::new(),
        release: Vec::new(),
        status_digest: None,
    }
}

fn summary(plan: &HostPlan) -> String {
    match (plan.problems.first(), plan.changes.len()) {
        (Some(problem), _) => problem.clone(),
        (None, 0) => "nothing to do".into(),
        (None, 1) => "1 change".into(),
        (None, count) => format!("{count} changes"),
    }
}

fn plan_host(
    host: &dyn Host,
    repository: &Repository,
    keyring: &[u8],
    request: &[String],
    plan: &mut HostPlan,
) -> Result<(), HostProblem> {
    let state = facts::gather(host)?;
    plan.status_digest = Some(state.packages_digest);
    plan.held = held(&state);
    let apt = Apt::prepare(host, repository, keyring)?;
    plan.release = apt.update()?;
    let simulation = apt.simulate(request, &state)?;
    plan.kept_back = simulation.kept_back;
    if simulation.unfinished.is_empty() {
        plan.changes = simulation.changes;
    } else {
        plan.problems.push(half_done(&simulation.unfinished));
    }
    Ok(())
}

/// Says which packages somebody left in the middle, and how that is ended.
pub(crate) fn half_done(names: &[String]) -> String {
    let names = names.join(", ");
    format!("left half-done by an earlier installation, finish it on the host by `dpkg --configure -a`: {names}")
}

fn held(state: &HostState) -> Vec<String> {
    let mut names: Vec<String> = state.packages.iter().filter(|p| p.is_held()).map(|p| p.name.clone()).collect();
    names.sort();
    names.dedup();
    names
}

/// Returns an error and its sources in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let more = cause.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        source = cause.source();
    }
    text
}

/// Tells whether the host did not answer at all.
pub(crate) fn is_unreachable(error: &FactsError) -> bool {
    matches!(error, FactsError::Host(HostError::Unreachable { .. }))
}
