use std::fs;

use super::*;

const STICK: &str =
    "36 28 8:17 / /media/my\\040stick rw,nosuid,nodev,noexec,relatime shared:1 - vfat /dev/sdb1 ro,fmask=0022";

fn ground(options: &str) -> Ground {
    let line = STICK.replace("rw,nosuid,nodev,noexec,relatime", options);
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mounts"), format!("27 1 254:0 / / rw - ext4 /dev/vda rw\n{line}\n")).unwrap();
    let mount = table::read(&dir.path().join("mounts")).unwrap().find(36);
    Ground { mount, own: false, device: None }
}

fn missing(ground: &Ground, policy: &MountPolicy) -> Vec<String> {
    match judge(ground, policy, Path::new("/media/x")) {
        Ok(()) => Vec::new(),
        Err(Refusal::Mount { missing, .. }) => missing,
        Err(other) => panic!("{other}"),
    }
}

#[test]
fn a_line_of_the_table_is_read_as_the_kernel_writes_it() {
    let mount = ground("rw,nosuid,nodev,noexec,relatime").mount.unwrap();
    assert_eq!(mount.point, Path::new("/media/my stick"));
    assert_eq!((mount.filesystem.as_str(), mount.source.as_str()), ("vfat", "/dev/sdb1"));
    assert_eq!(mount.options, ["rw", "nosuid", "nodev", "noexec", "relatime", "ro"]);
    assert_eq!(mount.device, "8:17");
}

#[test]
fn refuses_a_medium_mounted_without_nosuid_or_nodev() {
    let none = MountPolicy::default();
    assert_eq!(missing(&ground("rw,nosuid,nodev"), &none), [""; 0]);
    assert_eq!(missing(&ground("rw,nodev,noexec"), &none), ["nosuid"]);
    assert_eq!(missing(&ground("rw,nosuid"), &none), ["nodev"]);
    assert_eq!(missing(&ground("rw"), &none), ["nosuid", "nodev"]);
    assert_eq!(missing(&Ground::default(), &none), ["nosuid", "nodev"], "a mount that nothing is known of");
}

#[test]
fn the_configuration_can_ask_for_more_and_not_for_less() {
    let strict = MountPolicy { require: vec!["noexec".into(), "ro".into()], own: Vec::new() };
    assert_eq!(missing(&ground("rw,nosuid,nodev,noexec"), &strict), [""; 0], "the file system itself is read-only");
    assert_eq!(missing(&ground("rw,nodev"), &strict), ["nosuid", "noexec"]);
}

#[test]
fn nothing_is_asked_of_this_machines_own_disk() {
    let dir = tempfile::tempdir().unwrap();
    let (medium, repository) = (dir.path().join("medium"), dir.path().join("state"));
    fs::create_dir(&medium).unwrap();
    fs::create_dir(&repository).unwrap();
    let policy = MountPolicy::default();
    let found = look(&Places::default(), &policy, &medium, &repository).unwrap();
    assert!(found.own, "{found:?}");
    judge(&found, &policy, &medium).unwrap();
    // Another file system that every machine has.
    let foreign = look(&Places::default(), &policy, Path::new("/proc"), &repository).unwrap();
    assert!(!foreign.own, "{foreign:?}");
    let named = MountPolicy { own: vec!["/proc".into()], ..policy };
    assert!(look(&Places::default(), &named, Path::new("/proc"), &repository).unwrap().own);
}

#[test]
fn a_medium_that_is_not_there_is_a_fault() {
    let dir = tempfile::tempdir().unwrap();
    let error = look(&Places::default(), &MountPolicy::default(), &dir.path().join("gone"), dir.path()).unwrap_err();
    assert!(error.is_not_found());
}

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
    let device = device::identify(&stick(dir.path(), "60A44C3FAE22\n"), "8:17").unwrap();
    assert_eq!(device.serial.as_deref(), Some("60A44C3FAE22"));
    assert_eq!(device.model.as_deref(), Some("Example Stick 3000"));
    assert_eq!(device.bytes, Some(31_914_983_424));
    assert_eq!((device.label.as_deref(), device.uuid.as_deref()), (Some("SEALIFT"), Some("1A2B-3C4D")));
    assert!(device.describe().contains("serial 60A44C3FAE22, size 31914983424, label SEALIFT"));
    assert_eq!(device::identify(&stick(tempfile::tempdir().unwrap().path(), ""), "0:35"), None);
    assert_eq!(device::identify(&Places::default(), "../../x:1"), None);
}

#[test]
fn two_sticks_with_one_label_are_told_apart_by_serial_number() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let one = device::identify(&stick(one.path(), "A1"), "8:17").unwrap();
    let other = device::identify(&stick(other.path(), "B2"), "8:17").unwrap();
    assert_eq!(one.label, other.label);
    assert_ne!(one.describe(), other.describe());
}

#[test]
fn what_a_device_says_reaches_nobody_raw_or_at_length() {
    let dir = tempfile::tempdir().unwrap();
    let places = stick(dir.path(), &format!("\u{1b}[2J{}", "x".repeat(5000)));
    let serial = device::identify(&places, "8:17").unwrap().serial.unwrap();
    assert!(!serial.contains('\u{1b}') && serial.len() < 200, "{serial}");
}
