//! Private keys and passphrases: where they may lie, and where they never show up.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::process::{Command, Stdio};

use sealift_keys::{KdfParams, Passphrase, SecretKey, key_file};
use sealift_trust::Purpose;

use super::desk::Desk;

fn desk() -> Desk {
    let desk = Desk::new();
    let passphrase = Passphrase::from_file(&desk.path("passphrase")).unwrap();
    let secret = SecretKey::from_seed(Purpose::Targets, &[7; 32]);
    let cost = KdfParams { m_kib: 64, t: 1, p: 1 };
    key_file::write(&desk.path("a.key"), &secret, &passphrase, cost).unwrap();
    let targets =
        sealift_keys::metadata::targets(1, sealift_term::now().plus_days(9), &std::collections::BTreeMap::new());
    let to_sign = sealift_keys::metadata::bytes_to_sign(&targets.unwrap()).unwrap();
    std::fs::write(desk.path("to-sign"), to_sign).unwrap();
    desk
}

const SIGN: [&str; 6] = ["sign", "to-sign", "-o", "a.sig", "--passphrase-file", "passphrase"];

#[test]
fn refuses_key_files_that_are_open_to_others_or_links() {
    let desk = desk();
    symlink(desk.path("a.key"), desk.path("link.key")).unwrap();
    desk.run(&[&SIGN[..], &["--key", "link.key"]].concat()).refused(1, "a link is not followed");
    for mode in [0o644, 0o640, 0o604, 0o660, 0o601] {
        std::fs::set_permissions(desk.path("a.key"), std::fs::Permissions::from_mode(mode)).unwrap();
        desk.run(&[&SIGN[..], &["--key", "a.key"]].concat()).refused(1, "make it private: chmod 600");
    }
    assert!(!desk.path("a.sig").exists());
}

#[test]
fn refuses_key_file_of_another_user() {
    let desk = desk();
    let chown = Command::new("chown").arg("65534").arg(desk.path("a.key")).stderr(Stdio::null()).status();
    // Only root can give a file away; everybody else reads a file of root's instead.
    let (key, what) = match chown {
        Ok(status) if status.success() => ("a.key".to_owned(), "belongs to user 65534"),
        _ => ("/etc/hostname".to_owned(), "belongs to user 0"),
    };
    desk.run(&[&SIGN[..], &["--key", &key]].concat()).refused(1, what);
}

#[test]
fn wrong_passphrase_and_damage_have_one_message_without_key_bytes() {
    let desk = desk();
    let key = std::fs::read_to_string(desk.path("a.key")).unwrap();
    std::fs::write(desk.path("passphrase"), "insecure-other\n").unwrap();
    let wrong = desk.run(&[&SIGN[..], &["--key", "a.key"]].concat());
    wrong.refused(1, "a.key: wrong passphrase, or the file is damaged");
    let document: serde_json::Value = serde_json::from_str(&key).unwrap();
    let ciphertext = document["ciphertext"].as_str().unwrap();
    let last = if ciphertext.ends_with('0') { "1" } else { "0" };
    let damaged = format!("{}{last}", &ciphertext[..ciphertext.len() - 1]);
    std::fs::write(desk.path("a.key"), key.replace(ciphertext, &damaged)).unwrap();
    std::fs::write(desk.path("passphrase"), "insecure-test\n").unwrap();
    let damage = desk.run(&[&SIGN[..], &["--key", "a.key"]].concat());
    assert_eq!(wrong.stderr, damage.stderr);
    for field in ["ciphertext", "nonce"] {
        assert!(!wrong.stderr.contains(document[field].as_str().unwrap()), "{}", wrong.stderr);
    }
}

#[test]
fn resealed_key_is_the_same_key_under_the_new_passphrase_alone() {
    let desk = desk();
    sealift_fs::write_new(&desk.path("new"), b"insecure-new\n", sealift_fs::Mode::Private).unwrap();
    let reseal =
        |old: &str, new: &str| desk.run(&["reseal", "a.key", "--passphrase-file", old, "--new-passphrase-file", new]);
    let before = std::fs::read(desk.path("a.key")).unwrap();
    reseal("new", "new").refused(1, "wrong passphrase");
    assert_eq!(std::fs::read(desk.path("a.key")).unwrap(), before);
    assert_eq!(reseal("passphrase", "new").code, 0);
    desk.run(&["public", "a.key", "-o", "x.pub", "--passphrase-file", "passphrase"]).refused(1, "wrong passphrase");
    assert_eq!(desk.run(&["public", "a.key", "-o", "a.pub", "--passphrase-file", "new"]).code, 0);
    let public = SecretKey::from_seed(Purpose::Targets, &[7; 32]).public().to_pem();
    assert_eq!(std::fs::read_to_string(desk.path("a.pub")).unwrap(), public);
    let mode = std::fs::metadata(desk.path("a.key")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn refuses_key_file_that_asks_for_a_tebibyte_before_it_is_spent() {
    let desk = desk();
    let key = std::fs::read_to_string(desk.path("a.key")).unwrap();
    // 2^30 KiB are 1 TiB.
    let bad = key.replace("\"m_kib\":64", "\"m_kib\":1073741824");
    assert_ne!(bad, key);
    std::fs::write(desk.path("a.key"), bad).unwrap();
    let start = std::time::Instant::now();
    desk.run(&[&SIGN[..], &["--key", "a.key"]].concat()).refused(1, "asks for more memory or time");
    assert!(start.elapsed().as_secs() < 5);
}

#[test]
fn no_verb_takes_a_passphrase_as_argument_or_from_the_environment() {
    let desk = desk();
    for flag in ["--passphrase", "--password", "--pin"] {
        let ran = desk.run(&[&SIGN[..4], &["--key", "a.key", flag, "insecure-test"]].concat());
        assert_eq!(ran.code, 2, "{}", ran.stderr);
    }
    let help = desk.run(&["sign", "--help"]).stdout;
    assert!(help.contains("--passphrase-file") && !help.contains("[env:"), "{help}");
}

/// While the tool works, its command line and environment are looked at; the passphrase comes by a pipe.
#[cfg(target_os = "linux")]
#[test]
fn passphrase_shows_up_in_no_command_line_and_no_environment() {
    use std::io::{Read as _, Write as _};

    let desk = desk();
    let marker = "insecure-test-marker-in-no-proc-file";
    let mut command = Command::new(env!("CARGO_BIN_EXE_sealift-keys"));
    command.args(["generate", "--purpose", "root", "-o", "m.key", "--passphrase-fd", "0"]);
    command.current_dir(desk.path("")).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(marker.as_bytes()).unwrap();
    drop(stdin);
    let mut looks = 0;
    while child.try_wait().unwrap().is_none() {
        for file in ["cmdline", "environ"] {
            let mut bytes = Vec::new();
            let opened = std::fs::File::open(format!("/proc/{}/{file}", child.id()));
            // A process that is no longer there, or does not let itself be looked into, shows nothing.
            if opened.and_then(|mut f| f.read_to_end(&mut bytes)).is_ok() && !bytes.is_empty() {
                assert!(!bytes.windows(marker.len()).any(|w| w == marker.as_bytes()), "in {file}");
                looks += 1;
            }
        }
    }
    let mut answer = String::new();
    child.stdout.take().unwrap().read_to_string(&mut answer).unwrap();
    assert!(answer.contains("Made a key for root") && !answer.contains(marker), "{answer}");
    assert!(looks > 0, "the process was never seen");
    assert!(!std::fs::read_to_string(desk.path("m.key")).unwrap().contains(marker));
}
