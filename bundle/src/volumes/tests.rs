use super::*;

#[test]
fn only_one_spelling_of_a_volume_file_has_a_number() {
    assert_eq!(number_in("volume-1.dsse.json"), Some(1));
    assert_eq!(number_in(&file_name(999)), Some(999));
    for bad in [
        "volume-0.dsse.json",
        "volume-01.dsse.json",
        "volume-+1.dsse.json",
        "volume-1000.dsse.json",
        "volume-.dsse.json",
    ] {
        assert_eq!(number_in(bad), None, "{bad}");
    }
}
