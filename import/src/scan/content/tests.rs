use std::sync::Mutex;

use super::*;

/// Finds what holds `evil`, says nothing where there is `dark`, and remembers the names it was given.
#[derive(Default)]
struct Fake {
    seen: Mutex<Vec<String>>,
}

impl Fake {
    fn say(bytes: &[u8]) -> Answer {
        let has = |what: &[u8]| bytes.windows(what.len()).any(|part| part == what);
        if has(b"evil") {
            Answer::Found("Test.Evil".into())
        } else if has(b"dark") {
            Answer::silent("gone")
        } else {
            Answer::Clean
        }
    }
}

impl Hands for Fake {
    fn engine(&mut self, _: usize) -> Result<String, String> {
        Ok("Fake".into())
    }

    fn stream(&mut self, _: usize, content: &mut dyn Read) -> io::Result<Answer> {
        let mut bytes = Vec::new();
        content.read_to_end(&mut bytes)?;
        Ok(Self::say(&bytes))
    }

    fn look(&mut self, _: usize, dir: &Path) -> Answer {
        let mut all = Vec::new();
        for part in ["content", "payload"] {
            for name in sealift_fs::list_dir(&dir.join(part)).unwrap_or_default() {
                all.extend(std::fs::read(dir.join(part).join(&name)).unwrap());
                self.seen.lock().unwrap().push(format!("{part}/{name}"));
            }
        }
        Self::say(&all)
    }
}

struct Bytes(Vec<u8>);

impl Content for Bytes {
    fn open(&self, _: &FileEntry) -> io::Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(self.0.as_slice()))
    }
}

fn tar(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, content) in files {
        let mut block = [0_u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        block[148..156].copy_from_slice(b"        ");
        block[156] = b'0';
        let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(block);
        out.extend(*content);
        out.resize(out.len().div_ceil(512) * 512, 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}

fn deb(data: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    let packed = {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut encoder, &tar(data)).unwrap();
        encoder.finish().unwrap()
    };
    let control = tar(&[("./control", b"Package: a\n")]);
    for (name, bytes) in [("debian-binary", b"2.0\n".to_vec()), ("control.tar", control), ("data.tar.gz", packed)] {
        out.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 644, bytes.len()).into_bytes());
        out.extend(&bytes);
        if bytes.len() % 2 == 1 {
            out.push(b'\n');
        }
    }
    out
}

fn entry(name: &str, role: &str, bytes: &[u8]) -> FileEntry {
    let text = format!(
        r#"{{"path":"debian/{name}","role":"{role}","sha256":"{}","size":{},"upstream":"debian"}}"#,
        Digest::of(bytes),
        bytes.len()
    );
    serde_json::from_str(&text).unwrap()
}

fn scanner(kind: ScannerKind, max_bytes: u64) -> Scanner {
    let base: Scanner = toml::from_str("name = \"s\"\nkind = \"kiosk\"").unwrap();
    Scanner { kind, max_bytes: Some(max_bytes), ..base }
}

fn examined(kind: ScannerKind, role: &str, bytes: &[u8]) -> Examined {
    let dir = tempfile::tempdir().unwrap();
    let (entry, content) = (entry("pool/a.deb", role, bytes), Bytes(bytes.to_vec()));
    let item = Item { entry: &entry, content: &content };
    let place = dir.path().join("scan-0");
    let said = examine(item, (0, &scanner(kind, 4096)), &mut Fake::default(), &place).unwrap();
    assert!(!place.exists(), "nothing is left behind");
    said
}

const LIVE: [ScannerKind; 2] = [ScannerKind::Clamd, ScannerKind::Command];

#[test]
fn what_lies_inside_a_package_is_found_and_named() {
    let bytes = deb(&[("./usr/bin/a", b"fine"), ("./usr/bin/b", b"so evil")]);
    assert!(!bytes.windows(4).any(|part| part == b"evil"), "the outside does not show it");
    let Examined::Whole { files, findings } = examined(LIVE[0], "package", &bytes) else { panic!("not looked at") };
    assert_eq!((files, findings.len()), (4, 1));
    assert_eq!((findings[0].inside.as_str(), findings[0].name.as_str()), ("data.tar/usr/bin/b", "Test.Evil"));
    let Examined::Whole { findings, .. } = examined(LIVE[1], "package", &bytes) else { panic!("not looked at") };
    assert_eq!(findings[0].name, "Test.Evil");
}

#[test]
fn a_package_under_another_role_is_looked_into_all_the_same() {
    let bytes = deb(&[("./usr/bin/b", b"so evil")]);
    for kind in LIVE {
        let Examined::Whole { findings, .. } = examined(kind, "index", &bytes) else { panic!("not looked at") };
        assert_eq!(findings.len(), 1, "its verdict would count where it is a package");
    }
}

#[test]
fn what_was_not_looked_at_whole_is_unknown() {
    let large = vec![b'x'; 5000];
    for (bytes, why) in [
        (deb(&[("./usr/bin/a", b"so dark")]), "gone"),
        (deb(&[("./usr/bin/a", &large)]), "has 5000 bytes"),
        (large.clone(), "it has 5000 bytes"),
        (b"!<arch>\ndebian-binary and no more".to_vec(), "cannot be looked into"),
        (b"not a package".to_vec(), "cannot be looked into"),
    ] {
        for kind in LIVE {
            match examined(kind, "package", &bytes) {
                Examined::Unknown(reason) => assert!(reason.contains(why), "{reason}"),
                whole @ Examined::Whole { .. } => panic!("{why}: {whole:?}"),
            }
        }
    }
}

#[test]
fn a_finding_stands_although_the_rest_was_not_looked_at() {
    let bytes = deb(&[("./a", b"so dark"), ("./b", b"so evil")]);
    assert!(matches!(examined(LIVE[0], "package", &bytes), Examined::Whole { findings, .. } if findings.len() == 1));
}

#[test]
fn bytes_that_are_not_the_content_get_no_verdict() {
    let dir = tempfile::tempdir().unwrap();
    let (entry, content) = (entry("InRelease", "release", b"signed"), Bytes(b"zigned".to_vec()));
    for kind in LIVE {
        let item = Item { entry: &entry, content: &content };
        let place = dir.path().join("scan-0");
        let error = examine(item, (0, &scanner(kind, 4096)), &mut Fake::default(), &place).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
        assert!(!place.exists());
    }
}

#[test]
fn names_in_front_of_a_command_are_plain() {
    assert_eq!(plain_name("usr/bin/$(reboot) -rf;.EXE"), "__reboot__-rf_.EXE");
    assert_eq!(plain_name(&format!("x/{}.so", "y".repeat(300))).len(), LONGEST_NAME);
    for odd in ["", "..", "a/..", "x/\u{1b}[0m"] {
        assert!(RelPath::new(&format!("payload/0000001-{}", plain_name(odd))).is_ok(), "{odd}");
    }
}
