//! The tool as its user meets it: exit codes, words, files.
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its desk should stop")]

mod desk;
mod init;
mod people;
mod root;
mod secrets;
mod sign;

/// A test file that nobody includes would pass for ever.
#[test]
fn every_file_here_is_part_of_the_suite() {
    let main = include_str!("main.rs");
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || main.contains(&format!("mod {module};")), "{name}");
    }
}
