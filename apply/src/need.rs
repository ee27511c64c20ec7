//! The need-list of hosts: what they have installed, merged, without their names (format/need-list).
//!
//! Hosts are asked like for a plan, or taken from the last state records; this module turns their states into the few
//! fields that may leave, and nothing else can get into it. Signing and writing are the caller's.

use std::collections::BTreeMap;

use sealift_model::escape::printable;
use sealift_model::{Digest, GroupId, HostId, SiteId, Timestamp};
use sealift_pkg::Version;
use sealift_site::StatementKey;
use sealift_trust::NeedList;
use sealift_trust::need::{self, Distribution, Have, LIMIT};

use crate::inventory::{HostConfig, Inventory};
use crate::records::{Records, RecordsError};
use crate::state::{HostState, OsRelease, PackageState};
use crate::{facts, planner};

/// Digits of a label that stands for a group's name.
const LABEL_DIGITS: usize = 12;

/// What is known of one host.
#[derive(Debug, Clone)]
pub struct Asked {
    /// The host.
    pub host: HostId,
    /// The group it is listed with, where groups are told apart.
    pub group: Option<GroupId>,
    /// Its state.
    pub state: HostState,
    /// When it was that.
    pub at: Timestamp,
}

/// A host that is not in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeftOut {
    /// The host.
    pub host: HostId,
    /// Why.
    pub reason: String,
}

/// How groups of hosts are told apart in the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Labels {
    /// Not at all: all hosts of a distribution are one.
    Merged,
    /// By digits that only the holder of the site's key can compute from the name.
    Pseudonyms,
    /// By their names.
    Names,
}

/// The hosts that a list is to be about, and what became of asking them.
#[derive(Debug, Default)]
pub struct Hosts {
    /// Those whose state is known.
    pub asked: Vec<Asked>,
    /// The others.
    pub left_out: Vec<LeftOut>,
}

/// A list that can be signed, and what it does not say.
#[derive(Debug)]
pub struct Made {
    /// The list.
    pub list: NeedList,
    /// Installed packages whose name or version a list cannot hold, made printable.
    pub unlisted: Vec<String>,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NeedError {
    /// Nothing is known of any host.
    #[error("nothing is known of any of the {0} hosts")]
    NoHost(usize),
    /// Longer than readers take.
    #[error("the need-list would be {0} bytes, and {LIMIT} is the most that is read")]
    TooLarge(usize),
    /// A state is younger than the list.
    #[error("host `{host}` was asked {at}, which is after now, {now}: the clock was set back")]
    Clock {
        /// The host.
        host: HostId,
        /// When its state was recorded.
        at: Timestamp,
        /// What the clock says.
        now: Timestamp,
    },
    /// The state records.
    #[error(transparent)]
    Records(#[from] RecordsError),
}

impl Hosts {
    /// Asks `hosts` what they have. A host that does not answer is left out, with the reason.
    pub fn ask(inventory: &Inventory, hosts: &[&HostConfig], clock: impl Fn() -> Timestamp) -> Self {
        let mut all = Self::default();
        for config in hosts {
            let at = clock();
            match facts::gather(config.open(None).as_ref()) {
                Ok(state) => all.take(inventory, config, state, at),
                Err(error) => all.leave_out(&config.name, planner::chain(&error)),
            }
        }
        all
    }

    /// Takes what the last state records say of `hosts`, without asking them.
    pub fn from_records(
        inventory: &Inventory,
        hosts: &[&HostConfig],
        records: &Records<'_>,
    ) -> Result<Self, RecordsError> {
        let mut all = Self::default();
        let mut newest: BTreeMap<String, Vec<i64>> = BTreeMap::new();
        for summary in records.list(None)? {
            newest.entry(summary.host).or_default().push(summary.sequence);
        }
        for config in hosts {
            let numbers = newest.get(config.name.as_str()).map(Vec::as_slice).unwrap_or_default();
            let mut found = None;
            // A record of a host that could not be asked has no state.
            for number in numbers.iter().rev() {
                let record = records.find(&number.to_string())?.record;
                if let Some(state) = record.state {
                    found = Some((state, record.finished));
                    break;
                }
            }
            match found {
                Some((state, at)) => all.take(inventory, config, state, at),
                None => all.leave_out(&config.name, "no state record tells what it has".into()),
            }
        }
        Ok(all)
    }

    fn take(&mut self, inventory: &Inventory, config: &HostConfig, state: HostState, at: Timestamp) {
        if !state.packages.iter().any(PackageState::is_installed) {
            return self.leave_out(&config.name, "it has no package installed".into());
        }
        let group = inventory.groups.iter().find(|group| group.hosts.contains(&config.name));
        let (host, group) = (config.name.clone(), group.map(|group| group.name.clone()));
        self.asked.push(Asked { host, group, state, at });
    }

    fn leave_out(&mut self, host: &HostId, reason: String) {
        self.left_out.push(LeftOut { host: host.clone(), reason });
    }

    /// Makes the list of these hosts, as of the time `now`.
    pub fn list(
        &self,
        site: &SiteId,
        now: Timestamp,
        (labels, key): (Labels, &StatementKey),
    ) -> Result<Made, NeedError> {
        let count = self.asked.len().saturating_add(self.left_out.len());
        let as_of = self.asked.iter().map(|asked| asked.at).min().ok_or(NeedError::NoHost(count))?;
        if let Some(late) = self.asked.iter().find(|asked| asked.at > now) {
            return Err(NeedError::Clock { host: late.host.clone(), at: late.at, now });
        }
        let mut unlisted = Vec::new();
        let label = |asked: &Asked| asked.group.as_ref().and_then(|group| label_of(group, labels, key));
        let each = self.asked.iter().map(|asked| distribution(&asked.state, label(asked), &mut unlisted));
        let distributions = need::merge(each.collect::<Vec<_>>().into_iter().filter(|one| !one.have.is_empty()));
        unlisted.sort();
        unlisted.dedup();
        let left_out = self.left_out.len() as u64;
        let list = NeedList { site: site.clone(), issued: now, as_of, left_out, distributions };
        match list.unsigned_text(key.public()).len().saturating_add(140) {
            _ if list.distributions.is_empty() => Err(NeedError::NoHost(count)),
            size if size > LIMIT => Err(NeedError::TooLarge(size)),
            _ => Ok(Made { list, unlisted }),
        }
    }
}

/// A name could be guessed from its digest alone, so the digest is of a signature that only this key makes.
fn label_of(group: &GroupId, labels: Labels, key: &StatementKey) -> Option<String> {
    match labels {
        Labels::Merged => None,
        Labels::Names => Some(group.to_string()),
        Labels::Pseudonyms => {
            let secret = key.sign(format!("sealift group label 1\n{}\n{group}\n", key.site()).as_bytes());
            let digits = Digest::of(&secret).to_hex();
            Some(format!("group-{}", digits.chars().take(LABEL_DIGITS).collect::<String>()))
        }
    }
}

fn distribution(state: &HostState, label: Option<String>, unlisted: &mut Vec<String>) -> Distribution {
    let mut have = Vec::new();
    for package in state.packages.iter().filter(|package| package.is_installed()) {
        let line = Have {
            package: package.name.clone(),
            version: package.version.clone(),
            architecture: package.architecture.clone(),
            hosts: 1,
        };
        if line.is_well_formed() && Version::new(&line.version).is_ok() {
            have.push(line);
        } else {
            unlisted.push(printable(&format!("{} {}", line.package, line.version)));
        }
    }
    let architecture = state.architecture.clone();
    Distribution { codename: codename(&state.os), architecture, label, hosts: 1, have }
}

/// Returns the codename of a host's system, or what comes closest.
fn codename(os: &OsRelease) -> String {
    let text = |part: &Option<String>| part.as_deref().unwrap_or_default().to_ascii_lowercase();
    let named = text(&os.version_codename);
    let numbered = format!("{}-{}", text(&os.id), text(&os.version_id));
    let found = [named, numbered.trim_matches('-').to_owned()].into_iter().find(|word| need::is_word(word));
    found.unwrap_or_else(|| "unknown".into())
}

#[cfg(test)]
mod tests;
