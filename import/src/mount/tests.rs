use std::fs;

use super::*;

const STICK: &str =
    "36 28 8:17 / /media/my\\040stick rw,nosuid,nodev,noexec,relatime shared:1 - vfat /dev/sdb1 ro,fmask=0022";

fn ground(options: &str) -> Ground {
    let line = STICK.replace("rw,nosuid,nodev,noexec,relatime", options);
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("mounts"), format!("27 1 254:0 / / rw - ext4 /dev/vda rw\n{line}\n")).unwrap();
    let mount = Table::read(&dir.path().join("mounts")).unwrap().find(36);
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
