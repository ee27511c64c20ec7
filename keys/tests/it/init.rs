use super::desk::Desk;

#[test]
fn makes_a_root_of_trust_and_says_when_it_is_for_a_first_look() {
    let desk = Desk::new();
    let ran = desk.run(&["init", "trust", "--passphrase-file", "passphrase"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("first look"), "{}", ran.stderr);
    assert!(ran.stdout.contains("trust/keys/evidence-1.key"), "{}", ran.stdout);
    assert_eq!(desk.names(), ["passphrase", "trust"]);
    let root = std::fs::read(desk.path("trust/root.json")).unwrap();
    let now = sealift_model::Timestamp::from_unix(0);
    sealift_trust::TrustedSet::new(&root, now).unwrap();

    let shown = desk.run(&["show", "trust/root.json", "--json"]);
    let shown: serde_json::Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["sha256"], sealift_model::Digest::of(&root).to_hex());
    assert_eq!(shown["roles"].as_array().unwrap().len(), 4);
    let fingerprint = desk.run(&["fingerprint", "trust/root.json"]).stdout;
    assert_eq!(fingerprint.trim_end().replace(' ', ""), shown["sha256"].as_str().unwrap());
}

#[test]
fn refuses_to_touch_what_is_there() {
    let desk = Desk::with_trust(&[]);
    let before = std::fs::read(desk.path("trust/root.json")).unwrap();
    desk.run(&["init", "trust", "--passphrase-file", "passphrase"]).refused(1, "trust exists and is not empty");
    assert_eq!(std::fs::read(desk.path("trust/root.json")).unwrap(), before);
}

#[test]
fn a_passphrase_is_never_asked_for_without_a_terminal() {
    let desk = Desk::new();
    desk.run(&["init", "trust"]).refused(2, "--passphrase-file");
    sealift_fs::write_new(&desk.path("empty"), b"\n", sealift_fs::Mode::Private).unwrap();
    desk.run(&["init", "trust", "--passphrase-file", "empty"]).refused(2, "passphrase is empty");
    desk.run(&["init", "trust", "--passphrase-file", "absent"]).refused(1, "cannot open absent");
    assert_eq!(desk.names(), ["empty", "passphrase"]);
}

#[test]
fn refuses_quorums_that_cannot_be_met() {
    let desk = Desk::new();
    for quorum in ["3-of-2", "0-of-1", "two-of-three", "1-of-99"] {
        let ran = desk.run(&["init", "trust", "--passphrase-file", "passphrase", "--root", quorum]);
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        assert!(ran.stderr.contains(quorum), "{}", ran.stderr);
    }
    assert_eq!(desk.names(), ["passphrase"]);
}

#[test]
fn refuses_a_root_with_a_flipped_byte() {
    let desk = Desk::with_trust(&[]);
    let text = std::fs::read_to_string(desk.path("trust/root.json")).unwrap();
    std::fs::write(desk.path("bad.json"), text.replacen("\"version\":1", "\"version\":2", 1)).unwrap();
    for verb in ["show", "fingerprint"] {
        desk.run(&[verb, "bad.json"]).refused(10, "0 of 1 required signatures");
    }
}

#[test]
fn refuses_a_passphrase_file_that_others_can_read() {
    let desk = Desk::new();
    let path = desk.path("passphrase");
    std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
    let output = desk.run(&["init", "trust", "--passphrase-file", "passphrase"]);
    assert_eq!(output.code, 1, "{}", output.stderr);
    assert!(output.stderr.contains("make it private: chmod 600 passphrase"), "{}", output.stderr);
    assert_eq!(desk.names(), ["passphrase"]);
}
