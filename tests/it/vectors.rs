//! The formats' documents, their rules, and the vectors that show each rule: none without the other.
//!
//! A document joins by a last section `Vectors`: a table of its rules (`J4`) with the vectors and tests of each. From then on
//! every line of it with a MUST names a rule, and every vector of the directories it cites is cited.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

fn project() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// A document that has joined: its text before the table, and what the table cites for each rule.
struct Document {
    name: String,
    text: String,
    cited: BTreeMap<String, Vec<String>>,
}

fn documents() -> Vec<Document> {
    let mut found = Vec::new();
    for entry in fs::read_dir(project().join("docs/format")).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let heading = |line: &&str| line.starts_with("## ") && line.ends_with(" Vectors");
        let Some(heading) = text.lines().find(heading) else { continue };
        let (before, table) = text.split_once(heading).unwrap();
        let rows = table.lines().filter(|line| line.starts_with("| ") && line.contains('`'));
        let row = |line: &str| {
            let cells: Vec<&str> = line.split('|').map(str::trim).collect();
            (cells[1].to_owned(), cells[2].split('`').skip(1).step_by(2).map(str::to_owned).collect())
        };
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        found.push(Document { name, text: before.to_owned(), cited: rows.map(row).collect() });
    }
    found
}

/// Rules named in a line: `[J4]`.
fn rules(line: &str) -> BTreeSet<String> {
    let bracketed = line.split('[').skip(1).filter_map(|rest| rest.split_once(']')).map(|(inner, _)| inner);
    let is_rule = |text: &&str| {
        let letters = text.trim_end_matches(|c: char| c.is_ascii_digit());
        !letters.is_empty() && letters.len() < text.len() && letters.bytes().all(|b| b.is_ascii_uppercase())
    };
    bracketed.filter(is_rule).map(str::to_owned).collect()
}

/// Tells whether a name fits a pattern with `*` in it.
fn fits(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = name.strip_prefix(parts.next().unwrap_or_default()) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        let Some((_, after)) = rest.split_once(part) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

/// Every vector, as `directory/file`, with its verdict.
fn vectors() -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(project().join("tests/vectors")).unwrap() {
        let dir = entry.unwrap().path();
        let Some(name) = dir.file_name().map(|n| n.to_string_lossy().into_owned()).filter(|_| dir.is_dir()) else {
            continue;
        };
        for file in fs::read_dir(&dir).unwrap() {
            let file = file.unwrap().path();
            let Ok(text) = fs::read_to_string(&file) else { continue };
            let verdict = |part: &str| part.lines().find_map(|l| l.strip_prefix("expect: ")).map(str::to_owned);
            if file.file_name().is_some_and(|n| n == "cases.txt") {
                for paragraph in text.split("\n\n") {
                    let Some(of) = paragraph.lines().find_map(|l| l.strip_prefix("file: ")) else { continue };
                    found.insert(format!("{name}/{of}"), verdict(paragraph).expect(of));
                }
            } else if let Some(verdict) = verdict(&text) {
                found.insert(format!("{name}/{}", file.file_name().unwrap().to_string_lossy()), verdict);
            }
        }
    }
    found
}

#[test]
fn every_must_of_the_formats_names_a_rule_and_every_rule_is_shown() {
    let documents = documents();
    assert!(documents.len() >= 3, "json, manifest and medium have joined");
    for Document { name, text, cited } in &documents {
        for line in text.lines().filter(|line| line.contains("MUST")) {
            assert!(!rules(line).is_empty(), "docs/format/{name}: a MUST without a rule: {line}");
        }
        let named: BTreeSet<String> = text.lines().flat_map(rules).collect();
        let shown: BTreeSet<String> = cited.keys().cloned().collect();
        assert_eq!(named, shown, "docs/format/{name}: rules of the text, and rules of the table");
    }
}

#[test]
fn what_is_cited_is_there() {
    let vectors = vectors();
    for document in documents() {
        for (rule, citations) in &document.cited {
            assert!(!citations.is_empty(), "{} {rule}", document.name);
            for citation in citations {
                let there = match citation.split_once("::") {
                    Some((file, test)) => fs::read_to_string(project().join(file))
                        .is_ok_and(|source| source.contains(&format!("fn {test}("))),
                    None => vectors.keys().any(|name| fits(citation, name)),
                };
                assert!(there, "docs/format/{}, {rule}: there is no {citation}", document.name);
            }
        }
    }
}

#[test]
fn every_vector_of_a_cited_directory_is_cited() {
    let documents = documents();
    let citations: BTreeSet<&String> = documents.iter().flat_map(|d| d.cited.values().flatten()).collect();
    let directories: BTreeSet<&str> =
        citations.iter().filter(|c| !c.contains("::")).filter_map(|c| Some(c.split_once('/')?.0)).collect();
    let in_reach = |name: &&String| name.split_once('/').is_some_and(|(dir, _)| directories.contains(dir));
    let forgotten: Vec<_> = vectors()
        .into_keys()
        .filter(|name| in_reach(&name) && !citations.iter().any(|citation| fits(citation, name)))
        .collect();
    assert!(forgotten.is_empty(), "vectors that no rule cites:\n{}", forgotten.join("\n"));
}

#[test]
fn most_vectors_are_refusals_and_each_says_so() {
    let vectors = vectors();
    let refused = vectors.values().filter(|verdict| verdict.starts_with("refuse")).count();
    assert!(vectors.len() >= 120, "{}", vectors.len());
    assert!(refused * 2 > vectors.len(), "{refused} of {}", vectors.len());
    for (name, verdict) in &vectors {
        assert!(verdict == "accept" || verdict.starts_with("refuse"), "{name}: {verdict}");
    }
}

#[test]
fn patterns_fit_whole_names_only() {
    for (pattern, name, expected) in [
        ("a/b.json", "a/b.json", true),
        ("a/b.json", "a/b.jsonx", false),
        ("a/b-*.json", "a/b-c.json", true),
        ("a/b-*.json", "a/c-b-c.json", false),
        ("a/*-*", "a/b-c", true),
        ("a/*-*x", "a/b-c", false),
    ] {
        assert_eq!(fits(pattern, name), expected, "{pattern} {name}");
    }
}
