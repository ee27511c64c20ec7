use super::*;

#[test]
fn orders_as_dpkg_does() {
    let less = [
        ("0.9+ds0-3", "0.9+ds-4"),
        ("1.0~rc1-1", "1.0-1"),
        ("1.0~~", "1.0~"),
        ("1.0~", "1.0"),
        ("1.0", "1.0a"),
        ("1.0a", "1.0+"),
        ("1.0+", "1.0.1"),
        ("9", "10"),
        ("1.9", "1.10"),
        ("2", "1:1"),
        ("1:9", "2:0"),
        ("1.0-1", "1.0-1+deb12u1"),
        ("1.0-1~deb12u1", "1.0-1"),
        ("1.0-9", "1.0-10"),
        ("1.0", "1.0-0.1"),
        ("2024.01", "20240101"),
        ("1-2-3", "1-3-1"),
        ("99999999999999999999999", "100000000000000000000000"),
    ];
    for (a, b) in less {
        assert_eq!(compare(a, b), Ordering::Less, "{a} < {b}");
        assert_eq!(compare(b, a), Ordering::Greater, "{b} > {a}");
    }
}

#[test]
fn different_texts_can_be_the_same_version() {
    for (a, b) in [("1.1.1+dfsg0-1", "1.1.1+dfsg-1"), ("1.0", "1.00"), ("0:1", "1"), ("1.0-0", "1.0"), ("1.01", "1.1")]
    {
        assert_eq!(compare(a, b), Ordering::Equal, "{a} = {b}");
        let (a, b) = (Version::new(a).unwrap(), Version::new(b).unwrap());
        assert_ne!(a, b);
        assert_ne!(a.cmp(&b), Ordering::Equal, "as keys they stay apart");
    }
}

#[test]
fn refuses_what_is_not_a_version() {
    let long = "1".repeat(LONGEST + 1);
    for bad in
        ["", ":1", "a:1", "1:", "-1", "1-", "1 2", "1_2", "1/2", "1.0\n", "12345678901:1", "1\u{1b}", long.as_str()]
    {
        assert!(Version::new(bad).is_err(), "{bad:?}");
    }
}
