//! Faults that only a real machine has: full disks, read-only file systems, files that may not be read, bad sectors.
//!
//! Needs root, and mounts in namespaces of its own only ([`namespace`]); no network beyond loopback. The stories are told
//! with the journeys' own line. One module a kind of fault.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "the whole binary is tests; clippy exempts only #[test] functions"
)]

mod bad_sectors;
mod clamd;
mod disk;
mod full;
mod hostile_medium;
#[path = "../it/line.rs"]
#[allow(dead_code, reason = "shared with the journeys, which use all of it")]
mod line;
mod lying;
mod mounts;
mod namespace;
mod paper;
mod read_only;
mod unreadable;

/// A file that is not named above would be compiled by nobody and pass for ever.
#[test]
fn no_file_of_this_directory_is_forgotten() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("real");
    let main = std::fs::read_to_string(dir.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(&dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || main.contains(&format!("\nmod {module};\n")), "{name} is in no test");
    }
}
