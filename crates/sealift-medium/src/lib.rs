//! Media as this machine sees them: how they are mounted, on which device, what they take, whether they are as large as
//! they say; and the report of what was written to one.
//!
//! Looks and measures; never mounts, and decides nothing about bundles. What a device says of itself proves nothing: it
//! tells two media apart for people who look later.

mod device;
pub mod probe;
mod report;
mod table;

use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, StatxFlags};
use sealift_fs::PathError;

pub use device::{Device, identify, is_removable};
pub use report::{
    MAX_BYTES as MAX_REPORT_BYTES, MediumReport, Method, ReadBack, ReportError, ReportedBundle, SCHEMA, Volume,
};
pub use table::{Mount, Table};

/// Where the system keeps what is asked here; other places in tests.
#[derive(Debug, Clone)]
pub struct Places {
    /// The table of mounts.
    pub mounts: PathBuf,
    /// Block devices by number, as links.
    pub devices: PathBuf,
    /// What udev knows, a file a device.
    pub udev: PathBuf,
}

impl Default for Places {
    fn default() -> Self {
        Self { mounts: "/proc/self/mountinfo".into(), devices: "/sys/dev/block".into(), udev: "/run/udev/data".into() }
    }
}

/// What a path lies on; empty where the system does not say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seen {
    /// How it is mounted.
    pub mount: Option<Mount>,
    /// The device, where there is one.
    pub device: Option<Device>,
    /// Whether the device can be taken out: a stick, a card, a disc.
    pub removable: bool,
}

/// Looks at what `path` lies on.
pub fn look(places: &Places, path: &Path) -> Result<Seen, PathError> {
    let table = Table::read(&places.mounts)?;
    let Some(mount) = mount_id(path)?.and_then(|id| table.find(id)) else { return Ok(Seen::default()) };
    let device = identify(places, &mount.device);
    let removable = is_removable(places, &mount.device);
    Ok(Seen { mount: Some(mount), device, removable })
}

/// Returns the kernel's number of the mount that `path` is on; `None` from kernels before 5.8.
pub fn mount_id(path: &Path) -> Result<Option<u64>, PathError> {
    let found = rustix::fs::statx(CWD, path, AtFlags::empty(), StatxFlags::MNT_ID)
        .map_err(|e| PathError::new("look at", path, e.into()))?;
    let known = StatxFlags::from_bits_retain(found.stx_mask).contains(StatxFlags::MNT_ID);
    Ok(known.then_some(found.stx_mnt_id))
}

#[cfg(test)]
mod tests;
