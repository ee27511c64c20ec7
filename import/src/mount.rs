//! What a medium lies on: how it is mounted, and on which device.
//!
//! The verification of a bundle does not care; the machine does. A file system from outside that is mounted without
//! `nosuid` and `nodev` gives every user of this machine the programs and devices that somebody put there (decision 0016).
//! This module looks and judges; it never mounts, and nothing it reads has any part in the decision about a bundle.

use std::path::{Path, PathBuf};

use sealift_fs::PathError;
use sealift_medium::{Table, mount_id};
use sealift_model::escape::printable;
use serde::Serialize;

pub use sealift_medium::{Device, Mount, Places};

use crate::refusal::Refusal;

/// Options without which no medium is read, whatever the configuration says.
const ALWAYS: [&str; 2] = ["nosuid", "nodev"];

/// What a medium lies on.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Ground {
    /// How it is mounted; absent where the system does not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mount: Option<Mount>,
    /// Whether that is a file system of this machine's own: that of the repository, of `/`, or one named in `import.toml`.
    pub own: bool,
    /// The device, where there is one and it says something of itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<Device>,
}

/// What may be asked of a medium's mount beyond [`ALWAYS`], and of which file systems nothing is asked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MountPolicy {
    /// More options that must be set, such as `noexec`.
    pub require: Vec<String>,
    /// Mount points of this machine's own disks.
    pub own: Vec<PathBuf>,
}

/// Looks at what `medium` lies on. `repository` is the state directory.
pub fn look(places: &Places, policy: &MountPolicy, medium: &Path, repository: &Path) -> Result<Ground, PathError> {
    let (id, ours, root) = (mount_id(medium)?, mount_id(repository)?, mount_id(Path::new("/"))?);
    let table = Table::read(&places.mounts)?;
    let at = |id: Option<u64>| id.and_then(|id| table.find(id));
    // In a chroot the table does not show what lies outside, the repository's own mount among it.
    let Some(mount) = at(id) else { return Ok(Ground { own: id.is_some() && id == ours, ..Ground::default() }) };
    let same = |other: Option<Mount>| other.is_some_and(|other| other.device == mount.device);
    let own = policy.own.contains(&mount.point) || same(at(ours)) || same(at(root));
    let device = sealift_medium::identify(places, &mount.device);
    Ok(Ground { mount: Some(mount), own, device })
}

/// Refuses a medium whose file system is not this machine's own and is mounted without the options it must have.
///
/// A mount about which the system says nothing is refused as well: it is not known to be harmless.
pub fn judge(ground: &Ground, policy: &MountPolicy, medium: &Path) -> Result<(), Refusal> {
    if ground.own {
        return Ok(());
    }
    let set = ground.mount.as_ref().map(|mount| mount.options.as_slice()).unwrap_or_default();
    let required = ALWAYS.into_iter().chain(policy.require.iter().map(String::as_str));
    let missing: Vec<String> = required.filter(|o| !set.iter().any(|have| have == o)).map(str::to_owned).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let point = ground.mount.as_ref().map_or(medium, |mount| &mount.point);
    Err(Refusal::Mount { point: printable(&point.to_string_lossy()), missing })
}

impl Ground {
    /// Returns one line for people and for the ledger.
    pub fn describe(&self) -> String {
        let mut parts = Vec::new();
        match &self.mount {
            Some(mount) if self.own => parts.push(format!("on this machine's own {}", mount.filesystem)),
            Some(mount) => parts.push(mount.describe()),
            None if self.own => parts.push("on this machine's own disk".into()),
            None => parts.push("mount unknown".into()),
        }
        if let Some(device) = self.device.as_ref().filter(|_| !self.own) {
            parts.push(device.describe());
        }
        parts.join("; ")
    }
}

#[cfg(test)]
mod tests;
