//! Holds docs/hostile-tests.md to the tree: every number once, and everything named exists.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use sealift_model::escape::printable;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The rows of the table: number, and what shows it.
fn rows() -> Vec<(u32, Vec<String>)> {
    let text = fs::read_to_string(root().join("docs/hostile-tests.md")).unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| ")?.split(" | ");
        let number = cells.next()?.parse().ok()?;
        let shown = cells.last().unwrap().trim_end_matches(" |");
        Some((number, shown.split(", ").map(|name| name.trim_matches('`').to_owned()).collect()))
    };
    text.lines().filter_map(row).collect()
}

/// Whether `path` exists, or for `path::name` whether that file has a function of the name.
fn exists(shown: &str) -> bool {
    match shown.split_once("::") {
        None => root().join(shown).is_file(),
        Some((path, name)) => {
            fs::read_to_string(root().join(path)).is_ok_and(|source| source.contains(&format!("fn {name}(")))
        }
    }
}

#[test]
fn every_number_is_there_once() {
    let numbers: Vec<u32> = rows().into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, (1..=109).collect::<Vec<_>>());
}

#[test]
fn everything_named_exists() {
    let missing: BTreeSet<String> = rows()
        .into_iter()
        .flat_map(|(number, shown)| shown.into_iter().map(move |name| (number, name)))
        .filter(|(_, name)| !exists(name))
        .map(|(number, name)| format!("{number}: {}", printable(&name)))
        .collect();
    assert!(missing.is_empty(), "{missing:#?}");
}

/// A table that is believed whatever stands in it would show nothing.
#[test]
fn names_that_do_not_exist_are_noticed() {
    assert!(exists("tests/it/hostile_table.rs::everything_named_exists"));
    assert!(!exists("tests/it/hostile_table.rs::everything"));
    assert!(!exists("tests/vectors/trust/nothing.txt"));
}
