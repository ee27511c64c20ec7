//! Does what a plan says, host by host, and leaves a record before and after on each.
//!
//! Before anything is changed on a host, a fresh simulation must give exactly the plan; else the host is skipped. What
//! came of it is decided from the state afterwards ([`verdict`]). A host that fails does not keep the next from its
//! turn. Records are appended even when the work failed.

use std::time::Duration;

use sealift_fs::Lock;
use sealift_model::{Digest, GroupId, HostId, Progress, Timestamp};
use serde::Serialize;

use crate::apt::{Apt, AptError};
use crate::facts;
use crate::host::{Host, Output};
use crate::inventory::Inventory;
use crate::plan::{Action, Change, HostPlan, Plan};
use crate::planner::{self, Opener, PlannerError, chain};
use crate::record::{Outcome, Phase};
use crate::records::{Draft, Kept, RecordsError, RecordsWriter};
use crate::state::HostState;

mod resumed;
pub mod verdict;

/// How many of apt's last lines a report shows.
const LAST_LINES: usize = 12;

/// What a run needs from outside.
pub struct Session<'a> {
    /// The inventory as it is now.
    pub inventory: &'a Inventory,
    /// Where records go.
    pub records: &'a RecordsWriter<'a>,
    /// Proof that nobody else runs here.
    pub lock: &'a Lock,
    /// Opens the way to a host.
    pub open: Opener<'a>,
    /// Tells the time.
    pub clock: &'a dyn Fn() -> Timestamp,
    /// Tells how far it is.
    pub progress: &'a dyn Progress,
}

/// How a run is done.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Only these hosts of the plan; all if empty.
    pub hosts: Vec<String>,
    /// How long apt may take on a host.
    pub timeout: Duration,
    /// Who runs it.
    pub actor: String,
    /// Name and version of the tool.
    pub tool: String,
}

/// What came of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RunReport {
    /// The plan's id.
    pub plan: Digest,
    /// The plan's group.
    pub group: GroupId,
    /// The run's name, as in its records.
    pub run: String,
    /// Each host.
    pub hosts: Vec<HostReport>,
}

/// What came of a run on one host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HostReport {
    /// The host.
    pub host: HostId,
    /// What came of it.
    pub outcome: Outcome,
    /// Why, where that needs saying.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Packages that are not as planned.
    pub failed_packages: Vec<String>,
    /// The last lines apt said, if it failed.
    pub last_lines: Vec<String>,
    /// How many changes were planned.
    pub changes: usize,
    /// Number of the record before, if there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// Number of the record after.
    pub after: u64,
}

/// Why a plan may not be run here.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunRefusal {
    /// Another site's plan.
    #[error("the plan is for site `{plan}`, this is `{here}`")]
    Site {
        /// The plan's site.
        plan: String,
        /// This site.
        here: String,
    },
    /// The group's repository is another now.
    #[error("group `{0}` has another repository now than when the plan was made")]
    Repository(String),
    /// A host left the group.
    #[error("host `{host}` is not in group `{group}` any more")]
    Member {
        /// The host.
        host: String,
        /// The group.
        group: String,
    },
}

/// Why a run could not be done, or not to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RunnerError {
    /// Refused before anything was changed.
    #[error(transparent)]
    Refused(#[from] RunRefusal),
    /// The keyring or inventory.
    #[error(transparent)]
    Planner(#[from] PlannerError),
    /// A host that the plan does not have.
    #[error("the plan has no host `{host}`; it has {known}")]
    NotPlanned {
        /// What was asked for.
        host: String,
        /// The plan's hosts.
        known: String,
    },
    /// A record could not be written. The run ends here: nothing is changed without one.
    #[error("the state record of host `{host}` cannot be written")]
    Records {
        /// The host.
        host: String,
        /// The fault.
        #[source]
        source: RecordsError,
    },
}

/// Runs a plan whose signature was checked.
pub fn run(session: &Session<'_>, id: Digest, plan: &Plan, options: &RunOptions) -> Result<RunReport, RunnerError> {
    check(session.inventory, plan, &options.hosts)?;
    let keyring = planner::keyring(session.inventory)?;
    let first = session.records.next_sequence().map_err(|source| RunnerError::Records { host: "-".into(), source })?;
    let name = format!("{}-{first}", id.short());
    let mut report = RunReport { plan: id, group: plan.group.clone(), run: name.clone(), hosts: Vec::new() };
    let asked = |host: &HostPlan| options.hosts.is_empty() || options.hosts.iter().any(|h| h == host.host.as_str());
    for host_plan in plan.hosts.iter().filter(|host| asked(host)) {
        session.progress.phase(&format!("Running on {}", host_plan.host), None);
        let turn = Turn { session, options, plan, host_plan, keyring: &keyring, id, run: &name };
        let done = turn.take()?;
        let detail = done.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        session.progress.done(&format!("{}: {}{detail}", done.host, done.outcome));
        report.hosts.push(done);
    }
    Ok(report)
}

fn check(inventory: &Inventory, plan: &Plan, only: &[String]) -> Result<(), RunnerError> {
    if plan.site != inventory.site {
        let refusal = RunRefusal::Site { plan: plan.site.to_string(), here: inventory.site.to_string() };
        return Err(refusal.into());
    }
    let group = inventory.group(plan.group.as_str()).map_err(PlannerError::from)?;
    if group.repository != plan.repository {
        return Err(RunRefusal::Repository(group.name.to_string()).into());
    }
    if let Some(gone) = plan.hosts.iter().find(|host| !group.hosts.contains(&host.host)) {
        let (host, group) = (gone.host.to_string(), group.name.to_string());
        return Err(RunRefusal::Member { host, group }.into());
    }
    let known: Vec<&str> = plan.hosts.iter().map(|host| host.host.as_str()).collect();
    match only.iter().find(|name| !known.contains(&name.as_str())) {
        Some(name) => {
            let host = sealift_model::escape::printable(name);
            Err(RunnerError::NotPlanned { host, known: known.join(", ") })
        }
        None => Ok(()),
    }
}

/// One host's turn in a run.
struct Turn<'a> {
    session: &'a Session<'a>,
    options: &'a RunOptions,
    plan: &'a Plan,
    host_plan: &'a HostPlan,
    keyring: &'a [u8],
    id: Digest,
    run: &'a str,
}

/// What happened between the two records.
#[derive(Default)]
struct Work {
    skipped: Option<String>,
    output: Option<Output>,
    log: Vec<String>,
}

impl Turn<'_> {
    fn take(&self) -> Result<HostReport, RunnerError> {
        let started = (self.session.clock)();
        let config = self.session.inventory.host(self.host_plan.host.as_str()).map_err(PlannerError::from)?;
        let host = (self.session.open)(config, &self.plan.repository);
        let before = match facts::gather(host.as_ref()) {
            Ok(state) => state,
            Err(error) => {
                let outcome = if planner::is_unreachable(&error) { Outcome::Unreachable } else { Outcome::Skipped };
                return self.ended(started, None, (outcome, Some(chain(&error))), None, Work::default());
            }
        };
        let left = self.left_unfinished()?;
        let found = left.as_ref().map(|left| resumed::found(left, &before));
        if let Some(found) = &found {
            self.session.progress.done(&format!("{}: {found}", self.host_plan.host));
        }
        let number = self.append(Phase::Before, started, Some(before.clone()), None, Vec::new())?;
        let changes = &self.host_plan.changes;
        if !changes.is_empty() && verdict::not_as_planned(changes, &before).is_empty() {
            // So that a plan can be run again for the hosts that were missing the first time.
            let verdict = (Outcome::Unchanged, joined(found, Some("already as planned".to_owned())));
            return self.ended(started, Some(number), verdict, Some(before), Work::default());
        }
        let work = self.work(host.as_ref(), &before);
        let ((outcome, reason), after) = self.judge(host.as_ref(), &before, &work);
        self.ended(started, Some(number), (outcome, joined(found, reason)), after, work)
    }

    fn left_unfinished(&self) -> Result<Option<Kept>, RunnerError> {
        let host = &self.host_plan.host;
        let left = self.session.records.records().left_unfinished(host);
        left.map_err(|source| RunnerError::Records { host: host.to_string(), source })
    }

    /// Does the work, if everything is as planned.
    fn work(&self, host: &dyn Host, before: &HostState) -> Work {
        let mut work = Work::default();
        if !self.host_plan.problems.is_empty() {
            let problems = self.host_plan.problems.join("; ");
            work.skipped = Some(format!("the plan has no way for this host: {problems}"));
            return work;
        }
        let apt = match self.checked(host, before) {
            Ok(apt) => apt,
            Err(reason) => {
                work.skipped = Some(reason);
                return work;
            }
        };
        if self.host_plan.changes.is_empty() {
            return work;
        }
        self.install(&apt, &mut work);
        work
    }

    /// Checks that apt would still do exactly what is planned; says what is different.
    fn checked<'h>(&'h self, host: &'h dyn Host, before: &HostState) -> Result<Apt<'h>, String> {
        let planned = &self.host_plan.changes;
        let compare = |simulated: &[Change]| match difference(planned, simulated) {
            Some(difference) => Err(format!("a fresh simulation differs from the plan: {difference}")),
            None => Ok(()),
        };
        let words = |error: AptError| chain(&error);
        let apt = Apt::prepare(host, &self.plan.repository, self.keyring).map_err(words)?;
        apt.update().map_err(words)?;
        let fresh = apt.simulate(&self.plan.request, before).map_err(words)?;
        if !fresh.unfinished.is_empty() {
            return Err(planner::half_done(&fresh.unfinished));
        }
        compare(&fresh.changes)?;
        if !planned.is_empty() {
            compare(&apt.simulate_exact(planned, before).map_err(words)?.changes)?;
        }
        Ok(apt)
    }

    fn install(&self, apt: &Apt<'_>, work: &mut Work) {
        let automatic = match apt.automatic() {
            Ok(names) => names,
            Err(error) => {
                work.skipped = Some(chain(&error));
                return;
            }
        };
        match apt.install(&self.host_plan.changes, self.options.timeout) {
            Ok(output) => {
                work.log.clone_from(&output.lines);
                work.output = Some(output);
            }
            Err(error) => {
                work.log.push(format!("sealift: {}", chain(&error)));
                work.output = Some(Output::default());
            }
        }
        let names = to_mark(&self.host_plan.changes, &self.plan.request, &automatic);
        if !names.is_empty() {
            note(work, "apt-mark auto", apt.mark_automatic(&names));
        }
        note(work, "apt-get clean", apt.clean());
    }

    fn judge(
        &self,
        host: &dyn Host,
        before: &HostState,
        work: &Work,
    ) -> ((Outcome, Option<String>), Option<HostState>) {
        let after = facts::gather(host);
        if let Some(reason) = &work.skipped {
            return ((Outcome::Skipped, Some(reason.clone())), after.ok());
        }
        match after {
            Ok(after) => {
                let verdict = verdict::decide(&self.host_plan.changes, before, &after, work.output.as_ref());
                (verdict, Some(after))
            }
            Err(error) => {
                let reason = format!("the state afterwards is not known: {}", chain(&error));
                ((Outcome::Failed, Some(reason)), None)
            }
        }
    }

    fn ended(
        &self,
        started: Timestamp,
        before: Option<u64>,
        verdict: (Outcome, Option<String>),
        state: Option<HostState>,
        work: Work,
    ) -> Result<HostReport, RunnerError> {
        let failed = verdict.0 == Outcome::Failed;
        let failed_packages = match &state {
            Some(state) if failed => verdict::not_as_planned(&self.host_plan.changes, state),
            _ => Vec::new(),
        };
        let start = work.log.len().saturating_sub(LAST_LINES);
        let last = work.log.get(start..).filter(|_| failed).unwrap_or_default();
        let last_lines = last.iter().map(|line| sealift_model::escape::printable(line)).collect();
        let after = self.append(Phase::After, started, state, Some(verdict.clone()), work.log)?;
        Ok(HostReport {
            host: self.host_plan.host.clone(),
            outcome: verdict.0,
            reason: verdict.1,
            failed_packages,
            last_lines,
            changes: self.host_plan.changes.len(),
            before,
            after,
        })
    }

    fn append(
        &self,
        phase: Phase,
        started: Timestamp,
        state: Option<HostState>,
        outcome: Option<(Outcome, Option<String>)>,
        log: Vec<String>,
    ) -> Result<u64, RunnerError> {
        let draft = Draft {
            actor: self.options.actor.clone(),
            tool: self.options.tool.clone(),
            plan: self.id,
            run: self.run.to_owned(),
            host: self.host_plan.host.clone(),
            phase,
            started,
            finished: (self.session.clock)(),
            state,
            outcome,
            log,
        };
        let kept = self.session.records.append(self.session.lock, draft);
        let host = || self.host_plan.host.to_string();
        kept.map(|kept| kept.record.sequence).map_err(|source| RunnerError::Records { host: host(), source })
    }
}

/// Puts what a run found before why it ended as it did.
fn joined(found: Option<String>, reason: Option<String>) -> Option<String> {
    match (found, reason) {
        (Some(found), Some(reason)) => Some(format!("{found}; {reason}")),
        (found, reason) => found.or(reason),
    }
}

/// Keeps what an afterthought said if it did not go well; it does not decide the outcome.
fn note(work: &mut Work, what: &str, result: Result<Output, AptError>) {
    match result {
        Ok(output) if output.success() => {}
        Ok(output) => work.log.extend(output.lines.iter().map(|line| format!("{what}: {line}"))),
        Err(error) => work.log.push(format!("{what}: {}", chain(&error))),
    }
}

/// Naming a package to apt-get marks it as wanted by a person. Those that were automatic, and new ones nobody asked for
/// by name, get their mark back.
fn to_mark(changes: &[Change], request: &[String], automatic: &[String]) -> Vec<String> {
    let was = |c: &Change| automatic.contains(&c.package) || automatic.contains(&c.qualified());
    changes
        .iter()
        .filter(|c| match c.action {
            Action::Install => !request.contains(&c.package),
            Action::Remove => false,
            Action::Upgrade | Action::Reinstall | Action::Downgrade => was(c),
        })
        .map(Change::qualified)
        .collect()
}

/// Says how two lists of changes differ; `None` if they are equal, digests included.
fn difference(planned: &[Change], simulated: &[Change]) -> Option<String> {
    let same = |a: &Change, b: &Change| a.package == b.package && a.architecture == b.architecture;
    for change in planned {
        match simulated.iter().find(|other| same(change, other)) {
            None => return Some(format!("planned is `{change}`, which apt would not do now")),
            Some(other) if other == change => {}
            Some(other) if other.to_string() == change.to_string() => {
                return Some(format!("`{change}` would now install another file of the same version"));
            }
            Some(other) => return Some(format!("planned is `{change}`, apt would now do `{other}`")),
        }
    }
    let more = simulated.iter().find(|other| !planned.iter().any(|change| same(change, other)));
    more.map(|other| format!("apt would now also do `{other}`"))
}

#[cfg(test)]
mod tests;
