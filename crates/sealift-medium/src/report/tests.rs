use serde_json::{Value, json};

use super::*;

fn report() -> Value {
    let hex = "a".repeat(64);
    json!({
        "bundle": { "manifest": hex, "sequence": 7, "stream": "patches" },
        "bytes_written": 4_697_620_480_u64,
        "device": { "bytes": 31_914_983_424_u64, "label": "SEALIFT", "model": "Example Stick 3000", "number": "8:17",
                    "serial": "60A44C3FAE22", "uuid": "1A2B-3C4D" },
        "files": 2114,
        "finished": "2026-11-22T10:14:55Z",
        "mount": { "device": "8:17", "filesystem": "vfat", "options": ["rw", "nosuid", "nodev"],
                   "point": "/media/stick", "source": "/dev/sdb1" },
        "path": "/media/stick",
        "read_back": { "bytes": 4_697_620_480_u64, "files": 2114, "linked": 0, "method": "direct" },
        "schema": SCHEMA,
        "started": "2026-11-22T10:02:00Z",
        "sums": hex,
        "volume": { "number": 2, "of": 5 },
    })
}

fn parse(document: &Value) -> Result<MediumReport, ReportError> {
    MediumReport::parse(&json::canonical(document).unwrap())
}

#[test]
fn a_report_is_read_as_it_was_written() {
    let report = parse(&report()).unwrap();
    assert_eq!(MediumReport::parse(&report.to_bytes().unwrap()).unwrap(), report);
    assert_eq!(report.device.unwrap().serial.as_deref(), Some("60A44C3FAE22"));
}

#[test]
fn what_the_machine_did_not_say_is_absent() {
    let mut bare = report();
    for field in ["device", "mount", "volume"] {
        bare.as_object_mut().unwrap().remove(field);
    }
    let bare = parse(&bare).unwrap();
    assert!(bare.device.is_none() && bare.mount.is_none() && bare.volume.is_none());
}

#[test]
fn refuses_a_report_in_another_spelling_or_with_a_field_more() {
    let bytes = json::canonical(&report()).unwrap();
    assert!(MediumReport::parse(&[b" ", &bytes[..]].concat()).is_err());
    assert!(MediumReport::parse(&[&bytes[..], b"\n"].concat()).is_err());
    let mut more = report();
    more["note"] = json!("all is well");
    assert!(parse(&more).is_err());
    let mut within = report();
    within["device"]["owner"] = json!("x");
    assert!(parse(&within).is_err());
}

#[test]
fn refuses_a_report_that_contradicts_itself() {
    let changes: [(&str, &str, Value); 7] = [
        ("/schema", "its schema", json!("sealift.write-report/2")),
        ("/finished", "ends before", json!("2026-11-22T09:00:00Z")),
        ("/volume/number", "none of its set", json!(0)),
        ("/volume/number", "none of its set", json!(6)),
        ("/read_back/method", "disagree", json!("none")),
        ("/read_back/files", "disagree", json!(0)),
        ("/path", "not a write report", json!("/media/\u{1b}[2J")),
    ];
    for (field, words, value) in changes {
        let mut changed = report();
        *changed.pointer_mut(field).unwrap() = value;
        let error = parse(&changed).unwrap_err().to_string();
        assert!(error.contains(words), "{field}: {error}");
    }
}

#[test]
fn refuses_a_report_beyond_its_limits() {
    let mut long = report();
    long["device"]["model"] = json!("x".repeat(MAX_TEXT + 1));
    assert!(parse(&long).is_err());
    let mut many = report();
    many["mount"]["options"] = json!(vec!["o"; MAX_OPTIONS + 1]);
    assert!(parse(&many).is_err());
    assert!(MediumReport::parse(&vec![b' '; usize::try_from(MAX_BYTES).unwrap() + 1]).is_err());
}
