//! A bundle on several discs, received over days in whatever order they come.

use std::fs;

use serde_json::Value;

use crate::line::{Line, Said, flip};

/// The largest size at which the first bundle takes three discs.
fn size(line: &Line) -> &'static str {
    let volumes = |size: &str| {
        let said = line.mirror("bundle write", &["--stream", "patches", "--volume-size", size, "--plan", "--json"]);
        serde_json::from_str::<Value>(&said.stdout).ok().and_then(|plan| plan["volumes"].as_u64())
    };
    let sizes = ["90KB", "86KB", "84KB", "82KB", "80KB", "78KB", "76KB", "74KB", "72KB", "70KB", "66KB", "62KB"];
    sizes.into_iter().find(|size| volumes(size) >= Some(3)).unwrap()
}

/// Writes the first bundle over discs too small for it, and returns how many there are.
fn discs(line: &Line, more: &[&str]) -> usize {
    let place = ["--stream", "patches", "--volume-size", size(line), "--to", "discs", "--json"];
    let signing = ["--keys", "keys", "--passphrase-file", "passphrase"];
    let said = line.mirror("bundle write", &[&place[..], &signing, more].concat());
    assert_eq!(said.code, 0, "{said}");
    let answer: Value = serde_json::from_str(&said.stdout).unwrap();
    usize::try_from(answer["volumes"].as_u64().unwrap()).unwrap()
}

fn disc(number: usize) -> String {
    format!("discs/volume-{number}")
}

fn receive(line: &Line, number: usize) -> Said {
    line.import("receive", &[&disc(number)])
}

/// Publishes the bundle; hosts are offered what it brought.
fn publish(line: &Line) {
    line.import("promote", &["--channel", "testing", "1"]).done();
    line.import("publish", &["--verify"]).done();
    let pool = line.files("isolated/published/testing");
    assert!(pool.iter().any(|path| path.ends_with("beacon_1.0-1+sec1_all.deb")), "{pool:?}");
}

/// Asserts that it was done in part, and that it names each of `words`.
#[track_caller]
fn in_part(said: &Said, words: &[&str]) -> String {
    assert_eq!(said.code, 3, "{said}");
    let text = said.to_string();
    for word in words {
        assert!(text.contains(word), "no `{word}` in\n{text}");
    }
    text
}

#[test]
fn discs_come_in_any_order_and_each_receive_says_what_is_missing() {
    let line = Line::with_bundle();
    let discs = discs(&line, &[]);
    assert!(discs >= 3, "{discs}");
    line.copy("discs", "before");
    for number in (2..=discs).rev() {
        let said = in_part(&receive(&line, number), &[&format!("volume {number} of {discs}"), "It waits for"]);
        assert!(said.contains(&format!("volume 1 of {discs}: ")), "{said}");
        assert_eq!(said.contains(&format!("volume {} of {discs}: ", number - 1)), number > 1, "{said}");
        assert!(!said.contains(&format!("  volume {number} of {discs}: ")), "what came is not missing: {said}");
        let waiting: Value = serde_json::from_str(&line.import("waiting", &["--json"]).stdout).unwrap();
        assert_eq!(waiting[0]["name"], "patches/1");
        assert_eq!(waiting[0]["missing"]["volumes"].as_array().unwrap().len(), number - 1);
    }
    assert!(line.import("status", &[]).done().contains("Bundle patches/1 waits for"));
    let again = in_part(&receive(&line, 2), &["It waits for"]);
    assert!(!again.contains("came"), "{again}");
    assert!(receive(&line, 1).done().contains("Accepted bundle patches/1"));
    assert!(line.import("waiting", &[]).done().contains("No bundle waits."));
    publish(&line);
    for file in line.files("before") {
        let of = |dir: &str| fs::read(line.path(dir).join(&file)).unwrap();
        assert_eq!(of("before"), of("discs"), "{file} was changed on the medium");
    }
}

#[test]
fn a_disc_that_is_lost_is_rebuilt_from_parity() {
    let line = Line::with_bundle();
    let discs = discs(&line, &["--parity", "1%"]);
    fs::remove_dir_all(line.path(&disc(2))).unwrap();
    let left: Vec<usize> = [discs, 1].into_iter().chain(3..discs).collect();
    let (last, before) = left.split_last().unwrap();
    for number in before {
        in_part(&receive(&line, *number), &[&format!("volume 2 of {discs}")]);
    }
    let said = receive(&line, *last).done();
    assert!(said.contains("Accepted bundle patches/1"), "{said}");
    publish(&line);
}

#[test]
fn a_scratched_disc_brings_everything_else_and_another_copy_the_rest() {
    let line = Line::with_bundle();
    let discs = discs(&line, &[]);
    line.copy(&disc(1), "copy");
    let blobs = line.files(&format!("{}/SEALIFT/blobs/sha256", disc(1)));
    flip(&line.path(&format!("{}/SEALIFT/blobs/sha256/{}", disc(1), blobs[0])));
    let said = in_part(&receive(&line, 1), &["damaged on this medium: ", &blobs[0]]);
    assert_eq!(said.contains(&format!("volume 1 of {discs} (in part)")), blobs.len() > 1, "{said}");
    for number in 2..=discs {
        in_part(&receive(&line, number), &[&format!("volume 1 of {discs}")]);
    }
    assert!(line.import("receive", &["copy"]).done().contains("Accepted bundle patches/1"));
}

#[test]
fn what_waits_can_be_given_up_and_received_again() {
    let line = Line::with_bundle();
    discs(&line, &[]);
    in_part(&receive(&line, 1), &[]);
    line.import("discard", &["patches/1", "--reason", "the set was written anew"]).done();
    assert!(line.import("waiting", &[]).done().contains("No bundle waits."));
    assert!(line.import("ledger show", &[]).done().contains("the set was written anew"));
    line.import("discard", &["patches/1", "--reason", "again"]).refused(1, &["no bundle patches/1 waits"]);
    line.import("receive", &["media"]).done();
}
