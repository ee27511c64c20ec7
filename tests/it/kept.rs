//! What is kept rots, and what is carried out: the operator's side of `scrub`, healing, and the outbound medium.

use std::fs;

use crate::line::{Line, flip};

#[test]
fn rotten_package_is_named_set_aside_and_brought_again_by_the_same_medium() {
    let line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    assert!(line.import("scrub", &[]).done().contains("Everything is as it was accepted."));
    let store = line.path("isolated/store/sha256");
    let is_deb = |path: &&String| fs::read(store.join(path)).unwrap().starts_with(b"!<arch>");
    let rotten = line.files("isolated/store/sha256").into_iter().rfind(|path| is_deb(&path)).unwrap();
    let digest = rotten.rsplit('/').next().unwrap();
    flip(&store.join(&rotten));
    let said = line.import("scrub", &[]);
    eprintln!("{said}");
    let text = said.failed(1, &["Carried by patches/1", "sealift-import receive --dir isolated MEDIUM"]);
    assert!(text.contains(&format!("damaged, set aside: sha256:{digest}")), "{text}");
    line.import("promote", &["--channel", "production", "1"]).done();
    line.import("publish", &[]).failed(1, &["does not have the content", "What was published before stays."]);
    let json = line.import("scrub", &["--json"]);
    assert!(json.code == 1 && json.stdout.contains("\"not in the store\""), "{json}");
    let said = line.import("receive", &["media"]).done();
    assert!(said.contains("Brought 1 blob again that the store had lost."), "{said}");
    line.import("scrub", &[]).done();
    line.import("publish", &[]).done();
    line.import("ledger verify", &[]).done();
}

#[test]
fn outbound_medium_carries_the_receipt_and_nothing_else() {
    let line = Line::with_bundle();
    line.import("receive", &["media"]).done();
    // The stick that the bundle came on would carry it out again, and whatever else is there.
    let lines = fs::read_to_string(line.path("isolated/ledger.jsonl")).unwrap();
    line.import("receipt", &["--to", "media"])
        .failed(1, &["holds more than what may leave: SEALIFT", "Nothing was changed."]);
    assert_eq!(fs::read_to_string(line.path("isolated/ledger.jsonl")).unwrap(), lines);
    assert_eq!(fs::read_dir(line.path("media")).unwrap().count(), 1);
    fs::create_dir(line.path("out")).unwrap();
    let said = line.import("receipt", &["--to", "out"]);
    eprintln!("{said}");
    let said = said.done();
    assert!(said.contains("out holds 1 file: receipt.txt"), "{said}");
    assert_eq!(line.files("out"), ["receipt.txt"]);
    let receipt = fs::read(line.path("out/receipt.txt")).unwrap();
    let digest = sealift_model::Digest::of(&receipt).to_hex();
    assert!(fs::read_to_string(line.path("isolated/ledger.jsonl")).unwrap().contains(&digest));
    line.mirror("receipt import", &["out/receipt.txt"]).failed(10, &["plant-a"]);
}
