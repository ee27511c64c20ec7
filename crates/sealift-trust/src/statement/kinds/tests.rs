use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn issued() -> Timestamp {
    at("2026-11-22T16:00:00Z")
}

fn about(said: Said) -> PersonStatement {
    PersonStatement { subject: Subject { name: "manifest.json".into(), sha256: Digest::of(b"m") }, said }
}

fn samples() -> Vec<PersonStatement> {
    let remark = |note: Option<&str>| Remark { issued: issued(), note: note.map(str::to_owned) };
    let scan =
        Scan { findings: 2, issued: issued(), note: None, result: ScanResult::Pass, scanner: "clamscan 1.4".into() };
    let until = at("2026-12-01T00:00:00Z");
    [
        Said::Approve(remark(None)),
        Said::Approve(remark(Some("CHG-17"))),
        Said::Scan(scan),
        Said::WaiveExpiry(FreshnessWaiver { issued: issued(), reason: "no medium in time".into(), until }),
        Said::OverrideClock(ClockOverride { reason: "the clock's battery is empty".into(), time: issued() }),
        Said::Countersign(remark(None)),
    ]
    .map(about)
    .to_vec()
}

fn text(statement: &PersonStatement) -> String {
    String::from_utf8(statement.to_bytes().unwrap()).unwrap()
}

#[track_caller]
fn refused(payload: &str) {
    let parsed = PersonStatement::parse(payload.as_bytes());
    assert!(matches!(parsed, Err(EvidenceRefusal::Malformed { .. })), "{payload}: {parsed:?}");
}

#[test]
fn every_kind_reads_back() {
    for sample in samples() {
        let bytes = sample.to_bytes().unwrap();
        assert_eq!(PersonStatement::parse(&bytes).unwrap(), Some(sample.clone()));
        assert_eq!(StatementKind::of_predicate_type(sample.kind().predicate_type()), Some(sample.kind()));
    }
}

#[test]
fn a_predicate_type_of_others_is_none_of_ours() {
    let other = text(&samples()[0]).replace("sealift/approval/v1", "sealift/approval/v2");
    assert_eq!(PersonStatement::parse(other.as_bytes()), Ok(None));
}

#[test]
fn refuses_duplicate_keys_at_every_level() {
    let good = text(&samples()[1]);
    for (from, to) in [
        ("{\"_type\"", "{\"_type\":\"x\",\"_type\""),
        ("{\"issued\"", "{\"issued\":\"2026-11-22T16:00:00Z\",\"issued\""),
        ("{\"digest\"", "{\"digest\":{},\"digest\""),
        ("{\"sha256\"", "{\"sha256\":\"00\",\"sha256\""),
    ] {
        assert!(good.contains(from), "{from}");
        refused(&good.replacen(from, to, 1));
    }
}

#[test]
fn refuses_numbers_that_are_no_small_integers() {
    let good = text(&samples()[2]);
    for number in ["2.0", "2e0", "-1", "4294967296", "9007199254740993", "18446744073709551616", "\"2\"", "null", "02"]
    {
        refused(&good.replacen("\"findings\":2", &format!("\"findings\":{number}"), 1));
    }
}

#[test]
fn refuses_every_other_spelling_of_one_statement() {
    for sample in samples() {
        let good = text(&sample);
        refused(&good.replacen(':', ": ", 1));
        refused(&format!("{good}\n"));
        refused(&format!(" {good}"));
        refused(&format!("\u{feff}{good}"));
        refused(&format!("{good}{good}"));
        refused(&format!("{good}\0"));
        refused(&good.replacen("manifest", "\\u006danifest", 1));
        refused(&good.replacen("\"_type\":\"https://in-toto.io/Statement/v1\",", "", 1).replacen(
            '}',
            "},\"_type\":\"https://in-toto.io/Statement/v1\"",
            1,
        ));
    }
}

#[test]
fn refuses_bytes_that_are_no_text() {
    let good = text(&samples()[1]);
    let mut bytes = good.clone().into_bytes();
    let at = good.find("CHG").unwrap();
    bytes[at] = 0xff;
    assert!(PersonStatement::parse(&bytes).is_err());
    refused(&good.replacen("CHG-17", "\\ud800", 1));
}

#[test]
fn refuses_unknown_and_missing_fields() {
    let good = text(&samples()[3]);
    refused(&good.replacen("\"until\"", "\"until_\"", 1));
    refused(&good.replacen("\"reason\":\"no medium in time\",", "", 1));
    refused(&good.replacen("\"reason\"", "\"also\":1,\"reason\"", 1));
    refused(&good.replacen("\"subject\"", "\"more\":1,\"subject\"", 1));
    refused(&good.replacen("\"name\"", "\"more\":1,\"name\"", 1));
    refused(&good.replacen("\"sha256\"", "\"sha1\":\"00\",\"sha256\"", 1));
    refused(&good.replacen("2026-12-01T00:00:00Z", "2026-12-01", 1));
    refused(&text(&samples()[0]).replacen('}', ",\"note\":null}", 1));
    refused(&text(&samples()[2]).replacen("\"pass\"", "\"perhaps\"", 1));
    refused(&text(&samples()[0]).replacen("{\"issued\":\"2026-11-22T16:00:00Z\"}", "[]", 1));
}

#[test]
fn refuses_several_subjects_and_none() {
    let good = text(&samples()[0]);
    let start = good.find("\"subject\":[").unwrap() + "\"subject\":[".len();
    let subject = good[start..good.len() - 2].to_owned();
    refused(&good.replacen(&subject, &format!("{subject},{subject}"), 1));
    refused(&good.replacen(&subject, "", 1));
}

#[test]
fn refuses_texts_that_a_terminal_would_not_show_as_they_are() {
    for note in ["", "\u{202e}evil", "a\u{200b}b", &"x".repeat(MAX_TEXT + 1)] {
        let statement = about(Said::Approve(Remark { issued: issued(), note: Some(note.into()) }));
        assert!(statement.to_bytes().is_err(), "{note:?}");
    }
    // Control characters have no spelling in our encoding at all; a signer of another make could still try.
    refused(&text(&samples()[1]).replacen("CHG-17", "\\u001b[2J", 1));
    refused(&text(&samples()[1]).replacen("CHG-17", "\u{1b}[2J", 1));
    let mut named = samples()[0].clone();
    named.subject.name = "manifest\u{202e}.json".into();
    assert!(named.to_bytes().is_err());
}

#[test]
fn refuses_depth_and_length_at_once() {
    let deep = "[".repeat(10_000);
    refused(&text(&samples()[0]).replacen("{\"issued\":\"2026-11-22T16:00:00Z\"}", &deep, 1));
    let many = format!("[{}0]", "0,".repeat(1_000_000));
    refused(&text(&samples()[0]).replacen("{\"issued\":\"2026-11-22T16:00:00Z\"}", &many, 1));
}
