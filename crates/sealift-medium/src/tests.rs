use std::fs;

use super::*;

/// A disk on a USB stick, as sysfs and udev show it.
fn stick(dir: &Path, serial: &str) -> Places {
    let usb = dir.join("devices/usb1/1-2");
    let disk = usb.join("1-2:1.0/host6/target6/6:0:0:0/block/sdb");
    fs::create_dir_all(disk.join("device")).unwrap();
    fs::create_dir_all(disk.join("sdb1")).unwrap();
    fs::write(usb.join("idVendor"), "0951\n").unwrap();
    fs::write(usb.join("serial"), serial).unwrap();
    fs::write(disk.join("device/vendor"), "Example \n").unwrap();
    fs::write(disk.join("device/model"), "Stick 3000\n").unwrap();
    fs::write(disk.join("sdb1/partition"), "1\n").unwrap();
    fs::write(disk.join("sdb1/size"), "62333952\n").unwrap();
    let (devices, udev) = (dir.join("dev/block"), dir.join("udev"));
    fs::create_dir_all(&devices).unwrap();
    fs::create_dir_all(&udev).unwrap();
    std::os::unix::fs::symlink(disk.join("sdb1"), devices.join("8:17")).unwrap();
    fs::write(udev.join("b8:17"), "S:disk/by-label/SEALIFT\nE:ID_FS_LABEL=SEALIFT\nE:ID_FS_UUID=1A2B-3C4D\n").unwrap();
    Places { mounts: "/proc/self/mountinfo".into(), devices, udev }
}

#[test]
fn serial_size_and_label_of_a_stick_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let device = identify(&stick(dir.path(), "60A44C3FAE22\n"), "8:17").unwrap();
    assert_eq!(device.serial.as_deref(), Some("60A44C3FAE22"));
    assert_eq!(device.model.as_deref(), Some("Example Stick 3000"));
    assert_eq!(device.bytes, Some(31_914_983_424));
    assert_eq!((device.label.as_deref(), device.uuid.as_deref()), (Some("SEALIFT"), Some("1A2B-3C4D")));
    assert!(device.describe().contains("serial 60A44C3FAE22, size 31914983424, label SEALIFT"));
    assert!(is_removable(&stick(dir.path().join("again").as_path(), "x"), "8:17"));
    assert_eq!(identify(&stick(tempfile::tempdir().unwrap().path(), ""), "0:35"), None);
    assert_eq!(identify(&Places::default(), "../../x:1"), None);
}

#[test]
fn two_sticks_with_one_label_are_told_apart_by_serial_number() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = identify(&stick(one.path(), "A1"), "8:17").unwrap();
    let other = identify(&stick(other.path(), "B2"), "8:17").unwrap();
    assert_eq!(one.label, other.label);
    assert_ne!(one.describe(), other.describe());
}

#[test]
fn what_a_device_says_reaches_nobody_raw_or_at_length() {
    let dir = tempfile::tempdir().unwrap();
    let places = stick(dir.path(), &format!("\u{1b}[2J{}", "x".repeat(5000)));
    let serial = identify(&places, "8:17").unwrap().serial.unwrap();
    assert!(!serial.contains('\u{1b}') && serial.len() < 200, "{serial}");
}

#[test]
fn a_disk_that_hangs_on_nothing_removable_is_none() {
    let dir = tempfile::tempdir().unwrap();
    let disk = dir.path().join("devices/virtio0/block/vda");
    fs::create_dir_all(&disk).unwrap();
    fs::write(disk.join("removable"), "0\n").unwrap();
    std::os::unix::fs::symlink(&disk, dir.path().join("254:0")).unwrap();
    let places = Places { devices: dir.path().to_owned(), ..Places::default() };
    assert!(!is_removable(&places, "254:0"));
    fs::write(disk.join("removable"), "1\n").unwrap();
    assert!(is_removable(&places, "254:0"));
}

#[test]
fn a_path_of_this_machine_has_a_mount() {
    let seen = look(&Places::default(), Path::new("/proc")).unwrap();
    assert_eq!(seen.mount.map(|mount| mount.filesystem).as_deref(), Some("proc"));
    assert!(look(&Places::default(), Path::new("/nonexistent")).unwrap_err().is_not_found());
}
