//! A bundle cut over several media: written, verified one by one, received in any order, rebuilt.

use std::fs;

use serde_json::Value;

use crate::line::{Line, Said, flip};

/// Small enough that the miniature takes several volumes.
const SIZE: &str = "80KB";

const SIGNING: [&str; 4] = ["--keys", "keys", "--passphrase-file", "passphrase"];

fn write(line: &Line, more: &[&str]) -> Said {
    let place = ["--stream", "patches", "--volume-size", SIZE];
    line.mirror("bundle write", &[&place[..], more].concat())
}

fn answer(line: &Line, more: &[&str]) -> Value {
    let said = write(line, &[more, &["--json"]].concat());
    assert_eq!(said.code, 0, "{said}");
    serde_json::from_str(&said.stdout).unwrap()
}

/// Writes all volumes with one of parity below `discs`, and returns how many there are.
fn discs(line: &Line) -> u64 {
    let written = answer(line, &[&["--parity", "1%", "--to", "discs"][..], &SIGNING].concat());
    assert_eq!(written["parity_volumes"], 1);
    let volumes = written["volumes"].as_u64().unwrap();
    assert!(volumes >= 4, "{written}");
    volumes
}

fn volume(number: u64) -> String {
    format!("discs/volume-{number}")
}

fn repair(line: &Line, volumes: &[String], more: &[&str]) -> Said {
    let mut arguments = vec!["repair", "--root", "keys/root.json"];
    arguments.extend(volumes.iter().map(String::as_str));
    line.run(env!("CARGO_BIN_EXE_t-sealift-bundle"), &[&arguments[..], more].concat())
}

fn blobs(line: &Line, volume: &str) -> Vec<String> {
    line.files(&format!("{volume}/SEALIFT/blobs/sha256"))
}

#[test]
fn every_volume_is_verified_alone_and_the_plan_said_what_it_holds() {
    let line = Line::with_bundle();
    let planned = answer(&line, &["--parity", "1%", "--plan"]);
    let volumes = discs(&line);
    assert_eq!(planned["volumes"], volumes);
    for number in 1..=volumes {
        let said = line.verify(&volume(number)).done();
        assert!(said.contains(&format!("volume {number} of {volumes}")), "{said}");
        let planned = &planned["list"][usize::try_from(number).unwrap() - 1];
        if number < volumes {
            assert_eq!(planned["blobs"], blobs(&line, &volume(number)).len());
        }
    }
}

#[test]
fn a_second_run_writes_nothing_and_needs_no_key() {
    let line = Line::with_bundle();
    let volumes = discs(&line);
    let before: Vec<_> = (1..=volumes).map(|n| line.files(&volume(n))).collect();
    write(&line, &["--parity", "1%", "--to", "discs"]).done();
    assert_eq!(before, (1..=volumes).map(|n| line.files(&volume(n))).collect::<Vec<_>>());
    // One by one, each to its own place: the volumes of the same set.
    for number in 1..=volumes {
        let (number, to) = (number.to_string(), format!("single-{number}"));
        write(&line, &["--parity", "1%", "--volume", &number, "--to", &to]).done();
        line.verify(&to).done();
        let set = format!("SEALIFT/bundles/patches/1/volume-{number}.dsse.json");
        let there = |dir: &str| fs::read(line.path(dir).join(&set)).unwrap();
        assert_eq!(there(&to), there(&format!("discs/volume-{number}")));
    }
}

#[test]
fn a_lost_volume_and_a_damaged_one_are_rebuilt_by_repair() {
    let line = Line::with_bundle();
    let volumes = discs(&line);
    let intact: Vec<String> = line.files(&volume(2));
    fs::rename(line.path(&volume(2)), line.path("lost")).unwrap();
    let others: Vec<String> = (1..=volumes).filter(|n| *n != 2).map(volume).collect();
    let said = repair(&line, &others, &["--to", "anew"]).done();
    assert!(said.contains("volume 2"), "{said}");
    assert_eq!(line.files("anew/volume-2"), intact);
    line.verify("anew/volume-2").done();
    // Of a damaged one only its blob is lost.
    let victim = &blobs(&line, &volume(1))[0];
    flip(&line.path(&format!("{}/SEALIFT/blobs/sha256/{victim}", volume(1))));
    let all: Vec<String> = others.iter().cloned().chain(["anew/volume-2".to_owned()]).collect();
    repair(&line, &all, &["--to", "anew"]).done();
    line.verify("anew/volume-1").done();
}

#[test]
fn repair_names_what_it_cannot_rebuild() {
    let line = Line::with_bundle();
    let volumes = discs(&line);
    let others: Vec<String> = (3..=volumes).map(volume).collect();
    let said = repair(&line, &others, &["--to", "anew"]).failed(1, &["volume 1", "cannot be rebuilt"]);
    assert!(said.contains("Cannot be rebuilt:") && said.contains("pool/"), "{said}");
    assert!(!line.path("anew/volume-1").exists());
}

#[test]
fn volumes_are_refused_where_they_cannot_be() {
    let line = Line::with_bundle();
    write(&line, &[&["--to", "a", "b"][..], &SIGNING].concat()).failed(2, &["volumes", "2 directories"]);
    write(&line, &[&["--volume", "99", "--to", "a"][..], &SIGNING].concat()).failed(2, &["no volume 99"]);
    let tiny = ["--stream", "patches", "--volume-size", "1KB", "--plan"];
    line.mirror("bundle write", &tiny).failed(2, &["too small"]);
    let at = |number| [&["--volume", number, "--to", "one"][..], &SIGNING].concat();
    write(&line, &at("1")).done();
    write(&line, &at("2"))
        .failed(1, &["holds volume 1 of bundles/patches/1 already", "was the medium changed?", "same command"]);
    line.mirror("bundle write", &["--stream", "patches", "--to", "one"])
        .failed(1, &["holds volume 1", "bundle write --stream"]);
    line.mirror("bundle write", &["--stream", "pitches", "--to", "two"]).failed(2, &["no stream `pitches`"]);
    let asked = [&["--to", "a", "--change-media"][..], &SIGNING].concat();
    write(&line, &asked).failed(2, &["--volume 1"]);
}

#[test]
fn images_are_the_same_every_time() {
    let line = Line::with_bundle();
    let make = |prefix: &str| write(&line, &[&["--iso", prefix][..], &SIGNING].concat());
    if !std::path::Path::new("/usr/bin/xorriso").exists() {
        make("one").failed(1, &["xorriso", "apt-get install"]);
        return;
    }
    make("one").done();
    make("two").done();
    let image = |prefix: &str| fs::read(line.path(&format!("{prefix}-volume-1.iso"))).unwrap();
    assert!(image("one") == image("two"), "two images of one volume differ");
}
