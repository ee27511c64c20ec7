use std::fs;

use sealift_model::Timestamp;

use super::*;

const STATUS: &str = "Package: dpkg\nStatus: install ok installed\nVersion: 1.21\nArchitecture: arm64\n\n";

fn key() -> String {
    let key = sealift_site::RepositoryKey::generate("insecure-test-upstream", Timestamp::from_unix(1_700_000_000));
    String::from_utf8(key.unwrap().public_armored().unwrap()).unwrap()
}

fn machine(lists: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for dir in ["etc/apt/sources.list.d", "var/lib/dpkg"] {
        fs::create_dir_all(root.path().join(dir)).unwrap();
    }
    fs::write(root.path().join("var/lib/dpkg/status"), STATUS).unwrap();
    fs::write(root.path().join("etc/apt/key.asc"), key()).unwrap();
    for (name, text) in lists {
        fs::write(root.path().join("etc/apt").join(name), text).unwrap();
    }
    root
}

fn propose_all(root: &Path, signed_by: Option<&Path>) -> Proposal {
    propose(&AptQuery { root, signed_by, config: &Config::default() }).unwrap()
}

#[test]
fn names_are_read_as_people_would_give_them() {
    for (uri, suite, name) in [
        ("https://example.org/debian", "bookworm", "debian-bookworm"),
        ("https://example.org/debian-security", "bookworm-security", "debian-bookworm-security"),
        ("https://example.org", "stable", "upstream-stable"),
        ("https://example.org/linux/Debian", "bookworm", "debian-bookworm"),
        ("file:///srv/x_y", "a/updates", "x_y-a-updates"),
    ] {
        assert_eq!(proposed_name(uri, suite), name);
    }
}

#[test]
fn each_source_with_its_own_key_becomes_an_upstream() {
    let root = machine(&[(
        "sources.list",
        "deb [signed-by=/etc/apt/key.asc] https://example.org/debian bookworm main\n\
         deb [signed-by=/etc/apt/key.asc] https://example.org/debian bookworm contrib\n\
         deb [arch=amd64,i386 signed-by=/etc/apt/key.asc] https://example.net/debian bookworm main\n",
    )]);
    let proposal = propose_all(root.path(), None);
    let short: Vec<_> = proposal.upstreams.iter().map(|u| (u.name.as_str(), u.components.len())).collect();
    assert_eq!(short, [("debian-bookworm", 2), ("debian-bookworm-2", 1)], "{:?}", proposal.skipped);
    assert_eq!(proposal.upstreams[0].architectures, ["arm64"], "the machine's own");
    assert_eq!(proposal.upstreams[1].architectures, ["amd64", "i386"]);
    assert_eq!(proposal.upstreams[0].signed_by, root.path().join("etc/apt/key.asc"));
}

#[test]
fn global_keyrings_are_not_trusted_silently() {
    let root = machine(&[("sources.list", "deb https://example.org/debian bookworm main\n")]);
    let proposal = propose_all(root.path(), None);
    assert!(proposal.upstreams.is_empty());
    assert_eq!(proposal.skipped[0].0, "/etc/apt/sources.list:1");
    assert!(proposal.skipped[0].1.contains("names no keys"), "{:?}", proposal.skipped);
    let key = root.path().join("etc/apt/key.asc");
    assert_eq!(propose_all(root.path(), Some(&key)).upstreams.len(), 1, "said explicitly, it is taken");
}

#[test]
fn inline_keys_are_kept_beside_the_configuration() {
    let key = key();
    let folded = key.lines().map(|l| if l.is_empty() { " .".into() } else { format!(" {l}") }).collect::<Vec<_>>();
    let text = format!(
        "Types: deb\nURIs: https://example.org/x\nSuites: s\nComponents: c\nSigned-By:\n{}\n",
        folded.join("\n")
    );
    let root = machine(&[("sources.list.d/x.sources", &text)]);
    let proposal = propose_all(root.path(), None);
    assert_eq!(proposal.upstreams[0].signed_by, Path::new("keyrings/x-s.asc"), "{:?}", proposal.skipped);
    assert_eq!(proposal.keyrings[0].1.trim_end(), key.trim_end());
}

#[test]
fn what_is_left_out_is_told() {
    let root = machine(&[(
        "sources.list",
        "deb-src https://example.org/debian bookworm main\n\
         deb https://example.org/flat ./\n\
         deb [signed-by=/etc/apt/none.gpg] https://example.org/a s main\n\
         deb [signed-by=ABCDEF] https://example.org/b s main\n\
         deb [signed-by=/etc/apt/key.asc] https://user:insecure-test-secret@example.org/c s main\n\
         deb [signed-by=/etc/apt/key.asc] https://example.org/d ../s main\n",
    )]);
    let proposal = propose_all(root.path(), None);
    assert!(proposal.upstreams.is_empty());
    assert_eq!(proposal.skipped.len(), 6, "{:?}", proposal.skipped);
    assert!(!format!("{:?}", proposal.skipped).contains("secret"));
}
