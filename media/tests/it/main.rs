//! The tool as people use it: one binary, a module a subject.
#![allow(clippy::unwrap_used, reason = "the whole binary is tests; clippy exempts only #[test] functions")]

mod chains;
mod desk;
mod forged;
mod life;
mod paper;

/// A file that is not named above would be compiled by nobody and pass for ever.
#[test]
fn no_file_of_this_directory_is_forgotten() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it");
    let main = std::fs::read_to_string(dir.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(&dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || main.contains(&format!("\nmod {module};\n")), "{name} is in no test");
    }
}
