//! Writes the seeds: `cargo run --example make-seeds -- seeds` in this directory.
//!
//! All keys are insecure-test keys. Only the OpenPGP key is new each time; its signatures are made anew with it.

use std::error::Error;
use std::fs;
use std::io::Write as _;
use std::path::Path;

use sealift_keys::{KdfParams, Passphrase, SecretKey, key_file};
use sealift_model::digest::hex;
use sealift_model::{Digest, Sequence, Timestamp, json};
use sealift_pkg::packages::ReleaseText;
use sealift_pkg::release::ReleaseFile;
use sealift_site::{RepositoryKey, StatementKey};
use sealift_trust::need::{Distribution, Have, NeedList};
use sealift_trust::statement::Remark;
use sealift_trust::{Held, PersonStatement, PublicKey, Purpose, Receipt, Said, Statement, Subject, dsse};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

type Done<T = ()> = Result<T, Box<dyn Error>>;

/// An ECDSA P-256 key, whose private half nobody kept.
const TOKEN: &str = "-----BEGIN PUBLIC KEY-----\n\
    MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEqvhWnoFGhg92AccHHCXHGcVLzmaK\n\
    fjwjyAPdC0ROtMorx2pOiskXY+kEPGzMjyMkw0RfMG6zP1b8SxvB4K6igQ==\n\
    -----END PUBLIC KEY-----\n";
const INDEX: &str = "Package: beacon\nVersion: 1:2.1~rc1-1+deb12u2\nArchitecture: amd64\nSource: lights (2.1)\n\
    Installed-Size: 20\nPre-Depends: libc6\nDepends: libbeacon1 (>= 1.0-1) | libbeacon-compat, x [!i386] <!nocheck>\n\
    Provides: light (= 2)\nConflicts: dark:any\nMulti-Arch: same\nEssential: no\nPriority: optional\nSection: net\n\
    Description: light signals\n that shine\n .\n far\nFilename: pool/main/b/beacon_2.1_amd64.deb\nSize: 1234\n\
    SHA256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\n";
const STATUS: &str = "Package: beacon\nStatus: hold ok installed\nArchitecture: all\nVersion: 1.0-1\n\
    Conffiles:\n /etc/beacon.conf d41d8cd98f00b204e9800998ecf8427e\nDescription: x\n";
const LIST: &str = "# a comment\ndeb [arch=amd64,arm64 signed-by=/usr/share/keyrings/a.gpg] https://example.org/debian \
    bookworm main contrib # more\ndeb-src http://example.org/debian bookworm main\ndeb cdrom:[x]/ stable main\n\
    deb http://example.org/flat ./\n";
const SOURCES: &str = "Types: deb deb-src\nURIs: https://example.org/debian http://example.org/b\n\
    Suites: bookworm bookworm-updates\nComponents: main\n contrib\nArchitectures: amd64\nEnabled: yes\n\
    Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc=\n -----END PGP PUBLIC KEY BLOCK-----\n\n\
    # second\nTypes: deb\nURIs: file:/srv\nSuites: ./\nEnabled: no\n";

fn main() -> Done {
    let dir = std::env::args().nth(1).ok_or("no directory given")?;
    let dir = Path::new(&dir);
    metadata(dir)?;
    evidence(dir)?;
    people(dir)?;
    keys(dir)?;
    debian(dir)?;
    put(
        dir,
        "json/all.json",
        br#"{"a":[1,-2,true,null,"q\"\\\u006e\u00e9\ud83d\ude00"],"b":{},"c":18446744073709551615}"#,
    )?;
    put(dir, "manifest/empty.json", br#"{"base":{"manifest":"00","sequence":1}}"#)?;
    let blob = |text: &[u8]| -> Done<Vec<u8>> {
        let mut frame = Vec::new();
        sealift_bundle::blob::encode(&mut &text[..], text.len() as u64, &mut frame)?;
        Ok([&u32::try_from(text.len())?.to_le_bytes()[..], &frame].concat())
    };
    put(dir, "zstd_blob/short", &blob(b"a")?)?;
    put(dir, "zstd_blob/text", &blob(INDEX.as_bytes())?)?;
    put(dir, "zstd_blob/run", &blob(&[7; 70_000])?)
}

fn put(dir: &Path, name: &str, bytes: &[u8]) -> Done {
    let path = dir.join(name);
    fs::create_dir_all(path.parent().ok_or("a seed has a directory")?)?;
    Ok(fs::write(path, bytes)?)
}

fn now() -> Timestamp {
    sealift_fuzz::now()
}

fn key(purpose: Purpose, number: u8) -> SecretKey {
    SecretKey::from_seed(purpose, &[number; 32])
}

fn table(keys: &[&SecretKey]) -> Value {
    Value::Object(keys.iter().map(|key| (key.id().to_hex(), key.public().to_object())).collect::<Map<_, _>>())
}

fn signed(kind: &str, more: Value, keys: &[&SecretKey]) -> Done<Vec<u8>> {
    let mut body = json!({
        "_type": kind, "spec_version": "1.0.34", "version": 3, "expires": now().plus_days(30),
    });
    let (Value::Object(body), Value::Object(more)) = (&mut body, more) else { return Err("not an object".into()) };
    body.extend(more);
    let covered = json::canonical(&Value::Object(body.clone()))?;
    let one = |key: &&SecretKey| json!({ "keyid": key.id(), "sig": hex(&key.sign(&covered)) });
    let signatures: Vec<Value> = keys.iter().map(one).collect();
    // Not the canonical form: that has line ends of PEM as they are, and is no JSON then.
    Ok(serde_json::to_vec(&json!({ "signatures": signatures, "signed": body }))?)
}

fn metadata(dir: &Path) -> Done {
    let (a, b) = (key(Purpose::Root, 1), key(Purpose::Root, 2));
    let (targets, snapshot) = (key(Purpose::Targets, 3), key(Purpose::Snapshot, 4));
    let (timestamp, evidence) = (key(Purpose::Timestamp, 5), key(Purpose::Evidence, 6));
    let (alice, bob) = (key(Purpose::Person, 8), key(Purpose::Person, 9));
    let may = |key: &SecretKey| json!({ "keys": table(&[key]), "may": ["approve", "scan", "waive"] });
    let token = PublicKey::from_pem(TOKEN.as_bytes())?;
    let mut keys = table(&[&a, &b, &targets, &snapshot, &timestamp]);
    keys[token.id().to_hex()] = token.to_object();
    let role = |keys: &[&SecretKey], threshold: u64| json!({ "keyids": keys.iter().map(|key| key.id()).collect::<Vec<_>>(), "threshold": threshold });
    let root = json!({
        "consistent_snapshot": true,
        "keys": keys,
        "roles": {
            "root": role(&[&a, &b], 2), "targets": role(&[&targets], 1),
            "snapshot": role(&[&snapshot], 1), "timestamp": role(&[&timestamp], 1),
        },
        "custom": { "sealift": {
            "evidence": { "keys": table(&[&evidence]) },
            "people": { "alice": may(&alice), "bob": may(&bob) },
            "policy": { "approve": 2, "scan": 2, "waive": 2 },
        } },
    });
    let mut role_of_root = root;
    let ids = &mut role_of_root["roles"]["root"]["keyids"];
    ids.as_array_mut().ok_or("a list")?.push(token.id().to_hex().into());
    let root = role_of_root;
    put(dir, "tuf_metadata/root.json", &signed("root", root, &[&a, &b])?)?;
    let target =
        json!({ "length": 1, "hashes": { "sha256": Digest::of(b"m") }, "custom": { "sealift": { "seq": 1 } } });
    let body = json!({ "targets": { "bundles/deb12/1/manifest.json": target } });
    let document = signed("targets", body, &[&targets])?;
    put(dir, "tuf_metadata/targets.json", &document)?;
    let roles = json!([
        role(&[&a], 1).with(json!({ "name": "deb12", "paths": ["bundles/*/?/*.json"], "terminating": true })),
        role(&[&b], 1).with(json!({ "name": "a/b", "path_hash_prefixes": ["0a", "f"], "terminating": false })),
    ]);
    let delegations = json!({ "keys": table(&[&a, &b]), "roles": roles });
    let body = json!({ "targets": {}, "delegations": delegations });
    put(dir, "tuf_metadata/delegating.json", &signed("targets", body, &[&targets])?)?;
    let named =
        |bytes: &[u8]| json!({ "version": 3, "length": bytes.len(), "hashes": { "sha256": Digest::of(bytes) } });
    let document = signed("snapshot", json!({ "meta": { "targets.json": named(&document) } }), &[&snapshot])?;
    put(dir, "tuf_metadata/snapshot.json", &document)?;
    let document = signed("timestamp", json!({ "meta": { "snapshot.json": named(&document) } }), &[&timestamp])?;
    put(dir, "tuf_metadata/timestamp.json", &document)
}

trait With {
    fn with(self, more: Value) -> Value;
}

impl With for Value {
    /// Adds the fields of another object.
    fn with(mut self, more: Value) -> Value {
        if let (Value::Object(fields), Value::Object(more)) = (&mut self, more) {
            fields.extend(more);
        }
        self
    }
}

fn people(dir: &Path) -> Done {
    let (alice, subject) =
        (key(Purpose::Person, 8), Subject { name: "manifest.json".into(), sha256: Digest::of(b"m") });
    let said = Said::Approve(Remark { issued: now(), note: Some("as agreed".into()) });
    let payload = PersonStatement { subject, said }.to_bytes()?;
    put(dir, "dsse/approval.json", &payload)?;
    let signature = alice.sign(&dsse::pae(&payload));
    put(dir, "dsse/approval.dsse.json", &dsse::envelope_bytes(&payload, &[(alice.id(), signature)]))
}

fn evidence(dir: &Path) -> Done {
    let site = "insecure-test-site".parse()?;
    let key = StatementKey::from_seed(&site, &[7; 32]);
    put(dir, "evidence-key.hex", format!("{}\n", key.public_hex()).as_bytes())?;
    let statement = Statement {
        subjects: vec![Subject { name: "manifest.json".into(), sha256: Digest::of(b"m") }],
        predicate_type: "https://slsa.dev/provenance/v1".into(),
        predicate: json!({ "buildDefinition": { "buildType": "https://example.org/b" }, "runDetails": {} }),
    };
    let payload = statement.to_bytes()?;
    put(dir, "dsse/statement.json", &payload)?;
    put(dir, "dsse/build.dsse.json", &key.sign_dsse(&payload))?;
    let held = |stream: &str| -> Done<Held> {
        let sequence = Sequence::new(7).ok_or("7 is a sequence")?;
        Ok(Held { stream: stream.parse()?, sequence, manifest: Digest::of(stream.as_bytes()) })
    };
    let holds = vec![held("deb12")?, held("deb12-security")?];
    let (agreed, waived) = (Vec::new(), Vec::new());
    let receipt = Receipt { site, issued: now(), ledger_head: Digest::of(b"h"), holds, agreed, waived };
    put(dir, "receipt/receipt.txt", key.sign_receipt(&receipt).as_bytes())?;
    needs(dir, &key)
}

fn needs(dir: &Path, key: &StatementKey) -> Done {
    let have = |package: &str, hosts| Have {
        package: package.into(),
        version: "1:2-3".into(),
        architecture: "all".into(),
        hosts,
    };
    let of = |codename: &str, label: Option<&str>| Distribution {
        codename: codename.into(),
        architecture: "amd64".into(),
        label: label.map(Into::into),
        hosts: 3,
        have: vec![have("bash", 2), have("libc6", 3)],
    };
    let distributions = vec![of("bookworm", None), of("trixie", Some("web"))];
    let list = NeedList { site: key.site().clone(), issued: now(), as_of: now(), left_out: 1, distributions };
    put(dir, "need_list/need.txt", key.sign_need(&list).as_bytes())?;
    let tracker = json!({ "a": { "CVE-2026-0001": { "releases": {
        "b": { "status": "resolved", "fixed_version": "2", "urgency": "high**", "repositories": { "b": "1" } },
        "c": { "status": "open", "urgency": "not yet assigned" },
    } } } });
    put(dir, "advisories/tracker.json", tracker.to_string().as_bytes())
}

fn keys(dir: &Path) -> Done {
    let path = dir.join("key_file/root.key");
    let _ = fs::remove_file(&path);
    fs::create_dir_all(dir.join("key_file"))?;
    let passphrase = Passphrase::new(Zeroizing::new(b"insecure-test-passphrase".to_vec()))?;
    Ok(key_file::write(&path, &key(Purpose::Root, 1), &passphrase, KdfParams { m_kib: 8, t: 1, p: 1 })?)
}

fn debian(dir: &Path) -> Done {
    let date = now().minus_seconds(3600);
    let upstream = RepositoryKey::generate("insecure-test-upstream", now().minus_seconds(9000))?;
    put(dir, "keyring/upstream.asc", &upstream.public_armored()?)?;
    let release = ReleaseText {
        origin: "Insecure Test".into(),
        label: "Insecure Test".into(),
        suite: "stable".into(),
        codename: "bookworm".into(),
        date,
        valid_until: Some(now().plus_days(7)),
        architectures: vec!["all".into(), "amd64".into()],
        components: vec!["main".into()],
        description: Some("- a dash".into()),
        files: vec![ReleaseFile {
            name: "main/binary-amd64/Packages.xz".parse()?,
            size: INDEX.len() as u64,
            sha256: Digest::of(INDEX.as_bytes()),
        }],
    };
    let text = release.render();
    put(dir, "release/Release", text.as_bytes())?;
    put(dir, "inrelease/InRelease", &upstream.sign_cleartext(&text, date)?)?;
    put(dir, "inrelease/Release.gpg", &upstream.sign_detached(text.as_bytes(), date)?)?;
    put(dir, "packages/Packages", INDEX.as_bytes())?;
    put(dir, "packages/status", STATUS.as_bytes())?;
    put(dir, "apt_sources/one-line", LIST.as_bytes())?;
    put(dir, "apt_sources/paragraphs", SOURCES.as_bytes())?;
    let zstd = zstd::encode_all(INDEX.as_bytes(), 3)?;
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(INDEX.as_bytes())?;
    put(dir, "compressed_index/xz", &[&[0], &xz.finish()?[..]].concat())?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(INDEX.as_bytes())?;
    put(dir, "compressed_index/gz", &[&[2], &gzip.finish()?[..]].concat())?;
    put(dir, "compressed_index/zst", &[&[1], &zstd[..]].concat())?;
    put(dir, "compressed_index/plain", &[&[3], INDEX.as_bytes()].concat())?;
    packages(dir)
}

/// Packages with each packing that is read, a long name, and a member that dpkg passes over.
fn packages(dir: &Path) -> Done {
    let long = format!("./usr/share/{}/x\0", "d".repeat(120));
    let control = tar(&[("./control", b'0', b"Package: a\nVersion: 1\n")]);
    let entries: [(&str, u8, &[u8]); 5] = [
        ("./", b'5', b""),
        ("./usr/bin/a", b'0', b"\x7fELF"),
        ("./usr/bin/b", b'2', b""),
        ("././@LongLink", b'L', long.as_bytes()),
        ("./usr/share/dd", b'0', b"content"),
    ];
    let data = tar(&entries);
    let mut xz = liblzma::write::XzEncoder::new(Vec::new(), 1);
    xz.write_all(&data)?;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&data)?;
    let zstd = zstd::encode_all(&data[..], 3)?;
    let forms = [("", data), (".xz", xz.finish()?), (".gz", gzip.finish()?), (".zst", zstd)];
    for (ending, data) in forms {
        let (name, data_name) = (format!("deb/data{ending}.deb"), format!("data.tar{ending}"));
        let members: [(&str, &[u8]); 4] =
            [("debian-binary", b"2.0\n"), ("_gpgorigin", b"x"), ("control.tar", &control), (&data_name, &data)];
        put(dir, &name, &ar(&members))?;
    }
    Ok(())
}

fn ar(members: &[(&str, &[u8])]) -> Vec<u8> {
    let mut out = b"!<arch>\n".to_vec();
    for (name, bytes) in members {
        out.extend(format!("{name:<16}{:<12}{:<6}{:<6}{:<8}{:<10}`\n", 0, 0, 0, 100_644, bytes.len()).bytes());
        out.extend(*bytes);
        out.resize(out.len().next_multiple_of(2), b'\n');
    }
    out
}

fn tar(entries: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut out = Vec::new();
    for (name, kind, content) in entries {
        let mut block = [0_u8; 512];
        block[..name.len()].copy_from_slice(name.as_bytes());
        block[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        block[148..156].copy_from_slice(b"        ");
        block[156] = *kind;
        block[257..265].copy_from_slice(b"ustar  \0");
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        out.extend(block);
        out.extend(*content);
        out.resize(out.len().next_multiple_of(512), 0);
    }
    out.resize(out.len() + 1024, 0);
    out
}
