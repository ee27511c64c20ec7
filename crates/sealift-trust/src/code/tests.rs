use super::*;

fn held(sequence: u64) -> Held {
    let sequence = Sequence::new(sequence).unwrap();
    Held { stream: "patches".parse().unwrap(), sequence, manifest: Digest::of(b"patches/42") }
}

fn site(name: &str) -> SiteId {
    SiteId::new(name).unwrap()
}

fn issued() -> Timestamp {
    "2026-11-22T16:00:00Z".parse().unwrap()
}

fn code() -> ReceiptCode {
    ReceiptCode::of(&site("plant-a"), &held(42), issued()).unwrap()
}

#[test]
fn a_code_reads_back_as_people_type_it() {
    let text = code().to_string();
    assert_eq!((text.len(), text.matches('-').count()), (LENGTH + 3, 3), "{text}");
    let forgiven = text.replace('0', "o").replace('1', "l").replace('-', " ").to_lowercase();
    for typed in
        [text.clone(), text.to_lowercase(), text.replace('-', ""), forgiven.clone(), forgiven.replace('l', "I")]
    {
        assert_eq!(ReceiptCode::parse(&typed), Ok(code()), "{typed}");
    }
    assert_eq!(code().sequence().get(), 42);
    assert_eq!(code().issued().to_string(), "2026-11-22T00:00:00Z");
}

#[test]
fn finds_every_wrong_character_and_every_two_exchanged() {
    let digits = code().digits();
    let text = |digits: &[u8]| digits.iter().map(|digit| char::from(DIGITS[usize::from(*digit)])).collect::<String>();
    assert!(ReceiptCode::parse(&text(&digits)).is_ok());
    for at in 0..LENGTH {
        for wrong in (0..32).filter(|wrong| *wrong != digits[at]) {
            let mut bad = digits.clone();
            bad[at] = wrong;
            assert_eq!(ReceiptCode::parse(&text(&bad)), Err(CodeRefusal::Check), "{at} {wrong}");
        }
        for other in (0..at).filter(|other| digits[*other] != digits[at]) {
            let mut bad = digits.clone();
            bad.swap(at, other);
            assert_eq!(ReceiptCode::parse(&text(&bad)), Err(CodeRefusal::Check), "{at} and {other}");
        }
    }
}

#[test]
fn any_two_codes_differ_in_at_least_four_characters() {
    // The code is linear: the distance is the least weight of one that is not all zeros. All of three wrong characters:
    let zero = vec![0_u8; LENGTH];
    assert!(check::holds(&zero));
    for a in 0..LENGTH {
        for b in 0..a {
            for c in 0..b {
                // By linearity the first can be fixed.
                for (second, third) in (0..32).flat_map(|x| (0..32).map(move |y| (x, y))) {
                    let mut bad = zero.clone();
                    (bad[a], bad[b], bad[c]) = (1, second, third);
                    assert!(!check::holds(&bad), "{a} {b} {c}");
                }
            }
        }
    }
}

#[test]
fn refuses_what_is_no_code_and_says_where() {
    let text = code().to_string();
    for (typed, refusal) in [
        (String::new(), CodeRefusal::Length(0)),
        (text[..text.len() - 1].to_owned(), CodeRefusal::Length(LENGTH - 1)),
        (format!("{text}0"), CodeRefusal::Length(LENGTH + 1)),
        ("0".repeat(100_000), CodeRefusal::Length(2 * LENGTH)),
        (text.replacen('1', "U", 1), CodeRefusal::Character(1)),
        (format!("{}é{}", &text[..7], &text[8..]), CodeRefusal::Character(7)),
        ("0".repeat(LENGTH), CodeRefusal::Version),
    ] {
        assert_eq!(ReceiptCode::parse(&typed), Err(refusal), "{typed}");
    }
}

#[test]
fn a_code_is_of_one_site_stream_bundle_and_day() {
    assert!(code().is_of(&site("plant-a"), &held(42)));
    assert!(!code().is_of(&site("plant-b"), &held(42)));
    assert!(!code().is_of(&site("plant-a"), &held(43)));
    assert!(!code().is_of(&site("plant-a"), &Held { stream: "apps".parse().unwrap(), ..held(42) }));
    assert!(!code().is_of(&site("plant-a"), &Held { manifest: Digest::of(b"another"), ..held(42) }));
    let next_day = ReceiptCode::of(&site("plant-a"), &held(42), issued().plus_days(1)).unwrap();
    assert_ne!(next_day.state, code().state);
}

#[test]
fn what_does_not_fit_has_no_code() {
    let of = |sequence, issued| ReceiptCode::of(&site("plant-a"), &held(sequence), issued);
    assert!(of((1 << 25) - 1, issued()).is_ok());
    assert!(matches!(of(1 << 25, issued()), Err(CodeError::Sequence(_))));
    for time in ["2019-12-31T23:59:59Z", "2109-09-19T00:00:00Z"] {
        assert!(matches!(of(1, time.parse().unwrap()), Err(CodeError::Day(_))), "{time}");
    }
    assert!(of(1, "2109-09-18T23:59:59Z".parse().unwrap()).is_ok());
}
