//! Assembles CHANGELOG.md from the fragments in changelog/unreleased, so that two branches never edit the same line.
//!
//! A fragment's first line begins with the kind of change; the rest of the file belongs to the same entry.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, bail, ensure};

use crate::workspace;

/// Kinds of change, in the order in which they are told.
const KINDS: [&str; 4] = ["Security", "Added", "Changed", "Fixed"];
const HEADING: &str = "## Unreleased";

/// Writes the unreleased part; `check` only reads, `release` closes it under a version.
pub fn run(check: bool, release: Option<&str>) -> anyhow::Result<()> {
    let fragments = fragments()?;
    let mut entries: BTreeMap<usize, Vec<String>> = BTreeMap::new();
    for path in &fragments {
        let text = fs::read_to_string(path).with_context(|| format!("could not read {}", path.display()))?;
        let (kind, entry) = parse(&text).with_context(|| format!("fragment {}", path.display()))?;
        entries.entry(kind).or_default().push(entry);
    }
    if check {
        println!("changelog: {} fragments, each of a known kind", fragments.len());
        return Ok(());
    }
    let path = workspace::root().join("CHANGELOG.md");
    let old = fs::read_to_string(&path).context("could not read CHANGELOG.md")?;
    fs::write(&path, assemble(&old, &entries, release)?)?;
    if release.is_some() {
        fragments.iter().try_for_each(fs::remove_file)?;
    }
    println!("changelog: wrote {} entries", fragments.len());
    Ok(())
}

fn fragments() -> anyhow::Result<Vec<PathBuf>> {
    let dir = workspace::root().join("changelog/unreleased");
    let mut paths = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("could not list {}", dir.display()))? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "md") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn parse(text: &str) -> anyhow::Result<(usize, String)> {
    let (kind, rest) = text.split_once(':').context("the first line has no kind")?;
    let kind =
        KINDS.iter().position(|known| *known == kind).with_context(|| format!("`{kind}` is not one of {KINDS:?}"))?;
    let lines: Vec<&str> = rest.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    ensure!(!lines.is_empty(), "says nothing");
    Ok((kind, lines.join(" ")))
}

fn assemble(old: &str, entries: &BTreeMap<usize, Vec<String>>, release: Option<&str>) -> anyhow::Result<String> {
    let Some((head, rest)) = old.split_once(HEADING) else { bail!("CHANGELOG.md has no `{HEADING}`") };
    let released = rest.find("\n## ").map_or("", |at| rest.get(at + 1..).unwrap_or_default());
    let mut out = format!("{head}{HEADING}\n\n");
    if let Some(version) = release {
        write!(out, "## {version}\n\n")?;
    }
    for (kind, texts) in entries {
        write!(out, "### {}\n\n", KINDS.get(*kind).unwrap_or(&"Changed"))?;
        for text in texts {
            let mut chars = text.chars();
            let first = chars.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
            writeln!(out, "- {first}{}", chars.as_str())?;
        }
        out.push('\n');
    }
    out.push_str(released);
    Ok(out.trim_end().to_owned() + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_fragment_of_unknown_kind() {
        assert!(parse("Improved: everything").is_err());
        assert!(parse("Added:\n").is_err());
    }

    #[test]
    fn writing_twice_gives_the_same_text() {
        let entries = BTreeMap::from([(1, vec!["first thing.".to_owned()])]);
        let once = assemble("# Changelog\n\n## Unreleased\n\n## 0.1.0\n\n- old\n", &entries, None).unwrap();
        assert_eq!(once, "# Changelog\n\n## Unreleased\n\n### Added\n\n- First thing.\n\n## 0.1.0\n\n- old\n");
        assert_eq!(assemble(&once, &entries, None).unwrap(), once);
    }

    #[test]
    fn release_closes_the_unreleased_part() {
        let entries = BTreeMap::from([(3, vec!["bug.".to_owned()])]);
        let text = assemble("# Changelog\n\n## Unreleased\n", &entries, Some("0.2.0")).unwrap();
        assert_eq!(text, "# Changelog\n\n## Unreleased\n\n## 0.2.0\n\n### Fixed\n\n- Bug.\n");
    }
}
