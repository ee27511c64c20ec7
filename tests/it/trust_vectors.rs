//! The vectors of format/trust, evidence, receipt, key-file and ledger, which another implementation can run as well.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sealift_import::ledger::{Ledger, LedgerError};
use sealift_keys::{KeyFile, KeyFileError, Passphrase};
use sealift_model::Timestamp;
use sealift_trust::receipt::ReceiptRefusal;
use sealift_trust::{
    CodeRefusal, Envelope, EvidenceRefusal, Held, NeedList, NeedRefusal, Previous, PublicKey, Receipt, ReceiptCode,
    Refusal, Request, RequestRefusal, Statement, TrustedSet,
};

/// The fields of a case, `key: value` a line, in their order.
struct Case {
    name: String,
    fields: Vec<(String, Vec<u8>)>,
}

impl Case {
    /// Reads a paragraph; `…-base64` is decoded and loses that end.
    fn read(name: &str, text: &[u8]) -> Self {
        let field = |line: &[u8]| {
            let at = line.windows(2).position(|pair| pair == b": ").unwrap();
            let key = String::from_utf8(line[..at].to_vec()).unwrap();
            match key.strip_suffix("-base64") {
                Some(plain) => (plain.to_owned(), STANDARD.decode(&line[at + 2..]).unwrap()),
                None => (key, line[at + 2..].to_vec()),
            }
        };
        let text = text.strip_suffix(b"\n").unwrap_or(text);
        Self { name: name.to_owned(), fields: text.split(|byte| *byte == b'\n').map(field).collect() }
    }

    fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.fields.iter().filter(move |(name, _)| name == key).map(|(_, value)| value.as_slice())
    }

    fn get(&self, key: &str) -> Option<&[u8]> {
        self.fields.iter().find(|(name, _)| name == key).map(|(_, value)| value.as_slice())
    }

    fn text(&self, key: &str) -> &str {
        std::str::from_utf8(self.get(key).unwrap()).unwrap()
    }

    /// The word expected: `accept`, or the one after `refuse`.
    fn expected(&self) -> &str {
        let expect = self.text("expect");
        expect.strip_prefix("refuse ").unwrap_or(expect)
    }
}

fn directory(format: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors").join(format)
}

/// Every file of a directory, each a case with its verdict in it.
fn whole(format: &str) -> Vec<Case> {
    let files = fs::read_dir(directory(format)).unwrap().map(|entry| entry.unwrap().path());
    files.map(|path| Case::read(path.file_stem().unwrap().to_str().unwrap(), &fs::read(&path).unwrap())).collect()
}

/// Every case of a directory's list; a file that is in none fails the test.
fn listed(format: &str) -> Vec<Case> {
    let list = fs::read_to_string(directory(format).join("cases.txt")).unwrap();
    let case = |paragraph: &str| {
        let mut case = Case::read("", paragraph.as_bytes());
        case.name = case.text("file").to_owned();
        case
    };
    let cases: Vec<Case> = list.trim_end().split("\n\n").map(case).collect();
    assert_eq!(cases.len() + 1, fs::read_dir(directory(format)).unwrap().count(), "files without a case in {format}");
    cases
}

/// Compares all verdicts at once, so that one run shows every difference.
#[track_caller]
fn compare(cases: &[Case], least: usize, judge: impl Fn(&Case) -> Result<(), String>) {
    assert!(cases.len() >= least, "{} cases, {least} are expected", cases.len());
    let mut wrong = String::new();
    for case in cases {
        let found = judge(case).err().unwrap_or_else(|| "accept".into());
        if found.split(':').next() != Some(case.expected()) {
            writeln!(wrong, "{}: {} != {found}", case.name, case.expected()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "expected != found\n{wrong}");
}

#[test]
fn trust_metadata_is_accepted_and_refused_as_the_vectors_say() {
    let judge = |case: &Case| -> Result<(), Refusal> {
        let now: Timestamp = case.text("now").parse().unwrap();
        let known = Previous { timestamp: case.get("known-timestamp"), snapshot: case.get("known-snapshot") };
        let mut set = TrustedSet::with_previous(case.get("pinned").unwrap(), known, now)?;
        for root in case.all("root") {
            set.update_root(root)?;
        }
        // Absent where the pinned root decides: reaching this is then an acceptance.
        let Some(timestamp) = case.get("timestamp") else { return Ok(()) };
        set.update_timestamp(timestamp)?;
        set.update_snapshot(case.get("snapshot").unwrap())?;
        set.update_targets(case.get("targets").unwrap())?;
        Ok(())
    };
    compare(&whole("trust"), 100, |case| judge(case).map_err(|refusal| format!("{}: {refusal}", refusal.code())));
}

#[test]
fn evidence_is_accepted_and_refused_as_the_vectors_say() {
    let judge = |case: &Case| -> Result<(), EvidenceRefusal> {
        let key = |object: &[u8]| PublicKey::from_object(&serde_json::from_slice(object).unwrap()).unwrap();
        let keys: Vec<PublicKey> = case.all("key").map(key).collect();
        let threshold = case.text("threshold").parse().unwrap();
        let verified = Envelope::parse(case.get("envelope").unwrap())?.verify(&keys, threshold)?;
        let statement = Statement::parse(&verified.payload)?;
        statement.check_about("https://slsa.dev/provenance/v1", case.text("subject").parse().unwrap())
    };
    compare(&whole("evidence"), 25, |case| judge(case).map_err(|refusal| format!("{}: {refusal}", refusal.code())));
}

#[test]
fn receipts_are_accepted_and_refused_as_the_vectors_say() {
    let word = |refusal: ReceiptRefusal| match refusal {
        ReceiptRefusal::TooLarge => "limit",
        ReceiptRefusal::Line { .. } | ReceiptRefusal::NotCanonical => "form",
        ReceiptRefusal::Key(_) => "key",
        ReceiptRefusal::OtherKey { .. } => "other-key",
        ReceiptRefusal::Signature => "signature",
        _ => "unknown",
    };
    compare(&listed("receipt"), 20, |case| {
        let bytes = fs::read(directory("receipt").join(&case.name)).unwrap();
        let key = sealift_model::digest::unhex(case.text("key")).unwrap().try_into().unwrap();
        // A weak key is none that anybody pins.
        let pinned = (case.expected() != "key").then_some(&key);
        Receipt::parse_verified(&bytes, pinned).map(|_| ()).map_err(|refusal| word(refusal).to_owned())
    });
}

#[test]
fn requests_are_accepted_and_refused_as_the_vectors_say() {
    let word = |refusal: RequestRefusal| match refusal {
        RequestRefusal::Line { .. } | RequestRefusal::NotCanonical => "form",
        RequestRefusal::Key(_) => "key",
        RequestRefusal::OtherKey { .. } => "other-key",
        RequestRefusal::Signature => "signature",
        _ => "unknown",
    };
    compare(&listed("request"), 25, |case| {
        let bytes = fs::read(directory("request").join(&case.name)).unwrap();
        let key = sealift_model::digest::unhex(case.text("key")).unwrap().try_into().unwrap();
        let pinned = (case.expected() != "key").then_some(&key);
        Request::parse_verified(&bytes, pinned).map(|_| ()).map_err(|refusal| word(refusal).to_owned())
    });
}

#[test]
fn need_lists_are_accepted_and_refused_as_the_vectors_say() {
    let word = |refusal: NeedRefusal| match refusal {
        NeedRefusal::Line { .. } | NeedRefusal::NotCanonical => "form",
        NeedRefusal::Key(_) => "key",
        NeedRefusal::OtherKey { .. } => "other-key",
        NeedRefusal::Signature => "signature",
        _ => "unknown",
    };
    compare(&listed("need"), 40, |case| {
        let bytes = fs::read(directory("need").join(&case.name)).unwrap();
        let key = sealift_model::digest::unhex(case.text("key")).unwrap().try_into().unwrap();
        let pinned = if case.expected() == "key" { Vec::new() } else { vec![key] };
        NeedList::parse_verified(&bytes, &pinned).map(|_| ()).map_err(|refusal| word(refusal).to_owned())
    });
}

#[test]
fn codes_are_accepted_and_refused_as_the_vectors_say() {
    let word = |refusal: CodeRefusal| match refusal {
        CodeRefusal::Character(_) => "character",
        CodeRefusal::Length(_) => "length",
        CodeRefusal::Version => "version",
        CodeRefusal::Check => "check",
        CodeRefusal::Sequence => "sequence",
        _ => "unknown",
    };
    compare(&listed("code"), 20, |case| {
        let typed = fs::read_to_string(directory("code").join(&case.name)).unwrap();
        let code = ReceiptCode::parse(&typed).map_err(|refusal| word(refusal).to_owned())?;
        let held = Held {
            stream: case.text("stream").parse().unwrap(),
            sequence: case.text("sequence").parse().unwrap(),
            manifest: case.text("manifest").parse().unwrap(),
        };
        let is_of = code.is_of(&case.text("site").parse().unwrap(), &held);
        if is_of { Ok(()) } else { Err("state".to_owned()) }
    });
}

#[test]
fn key_files_are_accepted_and_refused_as_the_vectors_say() {
    let temp = tempfile::tempdir().unwrap();
    let private = |name: &str, bytes: &[u8]| {
        let path = temp.path().join(name);
        sealift_fs::replace(&path, bytes, sealift_fs::Mode::Private).unwrap();
        path
    };
    let word = |error: KeyFileError| match error {
        KeyFileError::Malformed { .. } => "form".to_owned(),
        KeyFileError::Cost { .. } => "limit".to_owned(),
        KeyFileError::Passphrase { .. } => "passphrase".to_owned(),
        other => format!("{other:?}"),
    };
    compare(&listed("key-file"), 25, |case| {
        let path = private(&case.name, &fs::read(directory("key-file").join(&case.name)).unwrap());
        let passphrase = private("passphrase", case.get("passphrase").unwrap());
        let opened = KeyFile::read(&path).and_then(|key| key.open(&Passphrase::from_file(&passphrase).unwrap()));
        opened.map(|_| ()).map_err(word)
    });
}

#[test]
fn ledgers_are_accepted_and_refused_as_the_vectors_say() {
    let word = |error: LedgerError| match error {
        LedgerError::Form { .. } => "form".to_owned(),
        LedgerError::Number { .. } => "number".to_owned(),
        LedgerError::Previous { .. } => "previous".to_owned(),
        other => format!("{other:?}"),
    };
    compare(&listed("ledger"), 15, |case| {
        let ledger = Ledger::new(&directory("ledger").join(&case.name));
        ledger.verify(|_| ()).map(|_| ()).map_err(word)
    });
}
