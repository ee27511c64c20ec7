use super::*;

const GOOD: &str = r#"
[mirror]
keys = "../keys"

[[upstream]]
name = "debian"
uri = "https://example.org/debian"
suite = "bookworm"
components = ["main", "contrib"]
architectures = ["amd64"]
signed_by = "/usr/share/keyrings/debian-archive-keyring.gpg"

[[stream]]
name = "deb12"
upstreams = ["debian"]
packages = ["jq", "linux-image-*"]
"#;

fn message(text: &str) -> String {
    Config::parse(text, Path::new("mirror.toml")).unwrap_err().to_string()
}

#[test]
fn defaults_are_the_documented_ones() {
    let config = Config::parse(GOOD, Path::new("mirror.toml")).unwrap();
    let stream = &config.streams[0];
    assert_eq!((stream.newest.get(), stream.closure, stream.recommends, stream.strict), (1, true, false, false));
    assert_eq!((config.expiry.bundle.get(), config.expiry.timestamp.get()), (90, 30));
    assert_eq!(config.upstreams[0].components, ["contrib", "main"], "sorted, as documents need them");
    assert!(Config::parse("", Path::new("mirror.toml")).unwrap().upstreams.is_empty());
}

#[test]
fn every_fault_comes_with_line_and_column() {
    for (from, to, expected) in [
        ("suite =", "siute =", "mirror.toml:8:1: unknown field `siute`"),
        ("\"bookworm\"", "\"bookworm/\"", "mirror.toml:8:9: flat repositories"),
        ("\"bookworm\"", "\"../x\"", "mirror.toml:8:9: `../x` is not a suite"),
        ("[\"main\", \"contrib\"]", "[]", "mirror.toml:9:14: name at least one component"),
        ("\"contrib\"", "\"main\"", "mirror.toml:9:14: `main` is listed twice"),
        (
            "https://example.org/debian",
            "ftp://example.org/debian",
            "mirror.toml:7:7: the scheme `ftp` is not supported",
        ),
        ("[\"debian\"]", "[\"debian\", \"security\"]", "mirror.toml:15:24: stream `deb12` names the unknown upstream"),
        ("packages =", "sections = []\n# packages =", "mirror.toml:14:8: stream `deb12` selects nothing"),
        ("[[stream]]", "[[stream]", "mirror.toml:13:10: "),
        ("[mirror]", "[expiry]\nbundle = 0\n[mirror]", "mirror.toml:3:10: use a number of days from 1 to 3650"),
        ("\"deb12\"", "\"Deb 12\"", "mirror.toml:14:8: `Deb 12` is not a valid name"),
        ("\"jq\"", "\"jq\"]\nnewest = 0\nsections = [\"x\"", "mirror.toml:17:10: use a number of versions from 1"),
    ] {
        let text = GOOD.replacen(from, to, 1);
        assert_ne!(text, GOOD, "{from}");
        let message = message(&text);
        assert!(message.starts_with(expected), "{message}\n  expected {expected}");
    }
}

#[test]
fn the_line_itself_is_kept_for_the_operator() {
    let Err(ConfigError::Invalid { text, .. }) = Config::parse("\n  suit = 1\u{7f}\n", Path::new("m")) else {
        panic!("accepted an unknown key");
    };
    assert_eq!(text, "  suit = 1\\u{7f}");
}

#[test]
fn two_upstreams_of_one_name_are_refused() {
    let second = GOOD.split("[[stream]]").next().unwrap().split("[[upstream]]").nth(1).unwrap();
    let message = message(&format!("{GOOD}\n[[upstream]]{second}"));
    assert!(message.ends_with("there are two upstreams named `debian`"), "{message}");
}

#[test]
fn receipt_keys_have_one_spelling() {
    let site = |key: &str| format!("[[site]]\nname = \"plant-a\"\nreceipt_key = \"{key}\"\n");
    assert!(Config::parse(&site(&"ab".repeat(32)), Path::new("m")).is_ok());
    for bad in ["AB".repeat(32), "ab".repeat(31), String::new()] {
        assert!(message(&site(&bad)).contains("64 lower-case"), "{bad}");
    }
}
