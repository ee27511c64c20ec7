//! Which device a medium is, as the kernel and udev know it. Everything here was said by the device itself: it tells two
//! media apart for people who look at the ledger later, and proves nothing.

use std::path::{Path, PathBuf};

use sealift_model::escape::printable;
use serde::{Deserialize, Serialize};

use crate::Places;

/// A page: the kernel gives no more of an attribute.
const LIMIT: u64 = 64 << 10;
/// Longest text kept of any one thing a device says.
const TEXT_LIMIT: usize = 128;
/// How far above a disk its USB device is looked for.
const ABOVE: usize = 10;
const SECTOR_BYTES: u64 = 512;

/// What a device says of itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// Size of the partition or disk that is mounted, in bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// The image behind a loop device.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// Label of the file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Maker and model.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// Major and minor number, `8:17`.
    pub number: String,
    /// Serial number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// UUID of the file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
}

impl Device {
    /// Returns what is known for people.
    pub fn describe(&self) -> String {
        let mut parts = vec![format!("device {}", self.number)];
        let mut add = |name: &str, value: Option<&String>| parts.extend(value.map(|value| format!("{name} {value}")));
        add("model", self.model.as_ref());
        add("serial", self.serial.as_ref());
        add("size", self.bytes.map(|bytes| bytes.to_string()).as_ref());
        add("label", self.label.as_ref());
        add("uuid", self.uuid.as_ref());
        add("image", self.image.as_ref());
        parts.join(", ")
    }
}

/// Returns what there is to know of the block device `number`; `None` for file systems without one.
pub fn identify(places: &Places, number: &str) -> Option<Device> {
    let number = plain(number)?;
    let dir = real(&places.devices.join(&number))?;
    let disk = disk_of(&dir)?;
    let udev = Udev::read(&places.udev.join(format!("b{number}")));
    Some(Device {
        model: model(&disk).or_else(|| udev.get("ID_MODEL")),
        serial: serial(&disk).or_else(|| udev.get("ID_SERIAL_SHORT")).or_else(|| udev.get("ID_SERIAL")),
        bytes: attribute(&dir, "size").and_then(|text| text.parse::<u64>().ok()?.checked_mul(SECTOR_BYTES)),
        label: udev.get("ID_FS_LABEL"),
        uuid: udev.get("ID_FS_UUID"),
        image: attribute(&dir, "loop/backing_file"),
        number,
    })
}

/// Tells whether the block device `number` can be taken out, as far as the kernel knows: it says so itself, or hangs on USB,
/// or is an SD card.
pub fn is_removable(places: &Places, number: &str) -> bool {
    let Some(number) = plain(number) else { return false };
    let Some(dir) = real(&places.devices.join(number)) else { return false };
    let Some(disk) = disk_of(&dir) else { return false };
    let path = std::fs::canonicalize(&disk).unwrap_or(disk.clone());
    let hangs_on =
        |name: &str| path.components().any(|part| part.as_os_str().to_str().is_some_and(|part| part.starts_with(name)));
    attribute(&disk, "removable").as_deref() == Some("1") || hangs_on("usb") || hangs_on("mmcblk")
}

// The number is the kernel's, but it becomes part of a path.
fn plain(number: &str) -> Option<String> {
    let (major, minor) = number.split_once(':')?;
    let (major, minor): (u32, u32) = (major.parse().ok()?, minor.parse().ok()?);
    Some(format!("{major}:{minor}"))
}

fn disk_of(dir: &Path) -> Option<PathBuf> {
    if dir.join("partition").exists() { Some(dir.parent()?.to_owned()) } else { Some(dir.to_owned()) }
}

/// The links below `/sys/dev/block` lead to where the device hangs.
fn real(link: &Path) -> Option<PathBuf> {
    let target = sealift_fs::read_link(link).ok().flatten()?;
    Some(link.parent()?.join(target))
}

fn model(disk: &Path) -> Option<String> {
    let parts: Vec<String> =
        ["device/vendor", "device/model", "device/name"].iter().filter_map(|name| attribute(disk, name)).collect();
    (!parts.is_empty()).then(|| parts.join(" "))
}

/// A disk tells its serial number itself (virtio, NVMe, MMC), or the USB device above it does.
fn serial(disk: &Path) -> Option<String> {
    let own = ["serial", "device/serial", "device/wwid"].iter().find_map(|name| attribute(disk, name));
    own.or_else(|| {
        disk.ancestors().take(ABOVE).find(|dir| dir.join("idVendor").exists()).and_then(|usb| attribute(usb, "serial"))
    })
}

fn attribute(dir: &Path, name: &str) -> Option<String> {
    let bytes = sealift_fs::read_capped(&dir.join(name), LIMIT).ok()?;
    tidy(&String::from_utf8_lossy(&bytes))
}

fn tidy(text: &str) -> Option<String> {
    let text: String = text.trim().chars().take(TEXT_LIMIT).collect();
    (!text.is_empty()).then(|| printable(&text))
}

/// What udev wrote down of a device: lines like `E:ID_FS_LABEL=SEALIFT`.
struct Udev(String);

impl Udev {
    fn read(path: &Path) -> Self {
        Self(sealift_fs::read_capped(path, LIMIT).map(|b| String::from_utf8_lossy(&b).into_owned()).unwrap_or_default())
    }

    fn get(&self, name: &str) -> Option<String> {
        let value = |line: &str| line.strip_prefix("E:")?.strip_prefix(name)?.strip_prefix('=').map(str::to_owned);
        self.0.lines().find_map(value).and_then(|value| tidy(&value))
    }
}
