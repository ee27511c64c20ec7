use super::*;

fn event(detail: &str) -> Event {
    Event {
        actor: "alice(1000)".into(),
        detail: detail.into(),
        event: EventKind::Accepted,
        subject: EventSubject { sequence: Sequence::new(3), stream: "deb12".parse().ok(), ..EventSubject::default() },
        time: Timestamp::from_unix(1_795_363_200),
        tool: "sealift-import 0.1.0".into(),
    }
}

fn written(count: usize) -> (tempfile::TempDir, Ledger) {
    let dir = tempfile::tempdir().unwrap();
    let ledger = Ledger::new(&dir.path().join("ledger.jsonl"));
    for n in 0..count {
        ledger.append(event(&format!("event {n}"))).unwrap();
    }
    (dir, ledger)
}

fn text(ledger: &Ledger) -> String {
    std::fs::read_to_string(&ledger.path).unwrap()
}

#[test]
fn lines_are_chained_and_the_head_is_the_last_line() {
    let (_dir, ledger) = written(3);
    let mut seen = Vec::new();
    let head = ledger.verify(|line| seen.push(line.number)).unwrap();
    assert_eq!(seen, [1, 2, 3]);
    assert_eq!(head.digest, Digest::of(text(&ledger).lines().last().unwrap().as_bytes()));
    assert_eq!(ledger.last().unwrap().unwrap().1, head);
}

#[test]
fn every_flipped_byte_names_its_line_or_the_next() {
    let (_dir, ledger) = written(3);
    let good = text(&ledger).into_bytes();
    // The last line's own bytes are held by the head, not by the chain.
    let last = good.len() - good.split(|b| *b == b'\n').rfind(|l| !l.is_empty()).unwrap().len() - 1;
    let head = ledger.verify(|_| ()).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&ledger.path, &bad).unwrap();
        match ledger.verify(|_| ()) {
            Ok(other) => assert!(at >= last && other != head, "byte {at}"),
            Err(e) => assert!(e.is_damage(), "{e}"),
        }
    }
}

#[test]
fn refuses_dropped_swapped_and_repeated_lines() {
    let (_dir, ledger) = written(3);
    let good = text(&ledger);
    let lines: Vec<&str> = good.lines().collect();
    for bad in [[lines[1], lines[2]].join("\n"), [lines[0], lines[2]].join("\n"), [lines[0], lines[0]].join("\n")] {
        std::fs::write(&ledger.path, bad + "\n").unwrap();
        assert!(matches!(ledger.verify(|_| ()), Err(LedgerError::Number { .. } | LedgerError::Previous { .. })));
    }
}

#[test]
fn a_torn_last_line_is_cut_off_before_the_next() {
    let (_dir, ledger) = written(2);
    let before = ledger.verify(|_| ()).unwrap();
    sealift_fs::append(&ledger.path, b"{\"actor\":\"al").unwrap();
    assert_eq!(ledger.verify(|_| ()).unwrap(), before);
    ledger.append(event("after the crash")).unwrap();
    assert_eq!(ledger.verify(|_| ()).unwrap().number, 3);
    let (_dir, empty) = written(0);
    std::fs::write(&empty.path, "{\"act").unwrap();
    assert_eq!(empty.append(event("first")).unwrap().number, 1);
    assert_eq!(empty.verify(|_| ()).unwrap().number, 1);
}

#[test]
fn foreign_text_becomes_printable_and_short() {
    let (_dir, ledger) = written(0);
    let long = format!("bad\u{1b}[2J\n{}", "é".repeat(5000));
    ledger.append(event(&long)).unwrap();
    let (line, _) = ledger.last().unwrap().unwrap();
    assert!(line.detail.starts_with("bad\\u{1b}[2J\\u{a}é") && line.detail.len() <= DETAIL_LIMIT);
    assert!(line.records(&event(&long)));
    assert!(!line.records(&event("other")));
    ledger.verify(|_| ()).unwrap();
}
