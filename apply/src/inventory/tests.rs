use super::*;

const GOOD: &str = r#"[site]
name = "plant-a"
keyring = "key.asc"

[[group]]
name = "web"
repository = "file:pub/production"
suites = ["bookworm-security"]
components = ["main"]
hosts = ["web1", "db1"]

[[host]]
name = "web1"
root = "roots/web1"
enter = "chrootless"

[[host]]
name = "db1"
ssh = "root@db1.example.org"
ssh_options = ["Port=2222"]
"#;

fn read(text: &str) -> Result<Inventory, InventoryError> {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join(FILE), text).unwrap();
    Inventory::read(dir.path())
}

#[test]
fn paths_are_relative_to_the_file() {
    let inventory = Inventory::parse(GOOD, Path::new("/state")).unwrap();
    assert_eq!(inventory.keyring, Path::new("/state/key.asc"));
    assert_eq!(inventory.site_keys, Path::new("/state/site"));
    assert_eq!(inventory.groups[0].repository.uri, "file:/state/pub/production");
    assert!(matches!(&inventory.hosts[0].way, Way::Chrootless(path) if path == Path::new("/state/roots/web1")));
    assert!(matches!(&inventory.hosts[1].way, Way::Ssh(_, options) if options.len() == 1));
}

#[test]
fn complaints_name_line_and_column() {
    for (from, to, at, words) in [
        ("keyring =", "keyrnig =", "line 3, column 1", "keyrnig"),
        ("\"plant-a\"", "\"Plant A\"", "line 2, column 8", "not a valid name"),
        ("\"web1\", \"db1\"", "\"web1\", \"db2\"", "line 10, column 18", "did you mean `db1`?"),
        ("\"web1\", \"db1\"", "\"web1\", \"web1\"", "line 10, column 18", "twice"),
        ("name = \"db1\"", "name = \"web1\"", "line 18, column 8", "twice"),
        ("ssh = \"root@db1.example.org\"", "ssh = \"-oProxyCommand=x\"", "line 19, column 7", "destination"),
        ("root = \"roots/web1\"", "root = \"a b\"", "line 14, column 8", "spaces"),
        ("\"file:pub/production\"", "\"ftp://x\"", "line 7, column 14", "begins with"),
        ("[\"main\"]", "[\"main contrib\"]", "line 9, column 14", "at least one name"),
        ("ssh = \"root@db1.example.org\"", "", "line 18, column 8", "either `root` or `ssh`"),
        ("[\"main\"]", "[\"main\"", "line 10", "expected"),
    ] {
        let bad = GOOD.replacen(from, to, 1);
        assert_ne!(bad, GOOD);
        let message = read(&bad).unwrap_err().to_string();
        assert!(message.contains(at) && message.contains(words), "{message}");
    }
}

#[test]
fn unknown_names_come_with_the_known_ones() {
    let inventory = read(GOOD).unwrap();
    let error = inventory.group("wbe").unwrap_err();
    assert!(matches!(&error, InventoryError::UnknownGroup { meant: Some(m), .. } if m == "web"));
    assert_eq!(error.to_string(), "there is no group `wbe`; the inventory has web");
    assert!(matches!(inventory.host("printer"), Err(InventoryError::UnknownHost { meant: None, .. })));
}
