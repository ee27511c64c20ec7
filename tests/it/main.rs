//! Journeys over the gap: whole stories, each through the real command lines, on the miniature upstream.
//!
//! No root, no network beyond loopback, nothing of the caller's environment. One module a story.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "the whole binary is tests; clippy exempts only #[test] functions"
)]

mod agreement;
mod ceremony;
mod channels;
mod custody;
mod deltas;
mod examples;
mod first_bundle;
mod flipped;
mod hostile_table;
mod incremental;
mod interrupted;
mod kept;
mod line;
mod lost_disc;
mod miniature;
mod mutated;
mod need;
mod out_of_order;
mod postinst;
mod receiving_volumes;
mod replay;
mod scan;
mod sites;
mod trust_vectors;
mod upstream;
mod vectors;
mod volumes;
mod wrong_root;

/// A file that is not named above would be compiled by nobody and pass for ever.
#[test]
fn no_file_of_this_directory_is_forgotten() {
    let dir = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("it");
    let main = std::fs::read_to_string(dir.join("main.rs")).unwrap();
    for entry in std::fs::read_dir(&dir).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let module = name.trim_end_matches(".rs");
        assert!(module == "main" || main.contains(&format!("\nmod {module};\n")), "{name} is in no journey");
    }
}
