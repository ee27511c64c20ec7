//! The isolated repository as its users see it, on bundles made in this process.

#![allow(clippy::unwrap_used, reason = "a test stops where something is not as it should be")]

mod cli;
mod clocks;
mod confined;
mod crash;
mod damage;
mod fixture;
mod hostile;
mod live;
mod people;
mod publishing;
mod readers;
mod receiving;
mod refusing;
mod scrubbing;
mod state;
mod succession;
mod swapped;
mod upstream;
mod volumes;
mod waiting;

#[test]
fn every_file_of_this_directory_is_a_module() {
    let here = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    for entry in std::fs::read_dir(here).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.strip_suffix(".rs").unwrap();
        assert!(module == "main" || include_str!("main.rs").contains(&format!("mod {module};")), "{name}");
    }
}
