use super::desk::Desk;

/// Writes a version 2 of the root without signatures.
fn draft(desk: &Desk) {
    let text = std::fs::read(desk.path("trust/root.json")).unwrap();
    let mut root: serde_json::Value = serde_json::from_slice(&text).unwrap();
    root["signed"]["version"] = 2.into();
    root["signatures"] = serde_json::json!([]);
    std::fs::write(desk.path("2.root.json"), root.to_string()).unwrap();
}

fn sign(desk: &Desk, key: &str) -> super::desk::Ran {
    let passphrase = ["--passphrase-file", "passphrase", "--root", "trust/root.json"];
    desk.run(&[&["sign", "2.root.json", "--key", key][..], &passphrase].concat())
}

#[test]
fn signatures_are_collected_one_holder_at_a_time() {
    let desk = Desk::with_trust(&["--root", "2-of-2"]);
    draft(&desk);
    let first = sign(&desk, "trust/keys/root-2.key");
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(first.stdout.contains("1 of 2 signatures"), "{}", first.stdout);
    assert!(first.stdout.contains("Still missing"), "{}", first.stdout);
    let again = sign(&desk, "trust/keys/root-2.key");
    assert!(
        again.stdout.contains("Added no signature") && again.stdout.contains("had signed it before"),
        "{}",
        again.stdout
    );
    let second = sign(&desk, "trust/keys/root-1.key");
    assert!(second.stdout.contains("complete"), "{}", second.stdout);

    let read = |name: &str| std::fs::read(desk.path(name)).unwrap();
    let now = sealift_model::Timestamp::from_unix(0);
    let mut set = sealift_trust::TrustedSet::new(&read("trust/root.json"), now).unwrap();
    assert_eq!(set.update_root(&read("2.root.json")).unwrap().version(), 2);
}

#[test]
fn refuses_keys_that_do_not_count() {
    let desk = Desk::with_trust(&[]);
    draft(&desk);
    let before = std::fs::read(desk.path("2.root.json")).unwrap();
    sign(&desk, "trust/keys/targets-1.key").refused(10, "does not name key");
    std::fs::write(desk.path("passphrase"), "insecure-other\n").unwrap();
    sign(&desk, "trust/keys/root-1.key").refused(1, "wrong passphrase");
    std::fs::write(desk.path("2.root.json"), "{}").unwrap();
    sign(&desk, "trust/keys/root-1.key").refused(10, "2.root.json");
    std::fs::write(desk.path("2.root.json"), &before).unwrap();
    sign(&desk, "trust/root.json").refused(1, "not a sealift key file");
    assert_eq!(std::fs::read(desk.path("2.root.json")).unwrap(), before);
}
