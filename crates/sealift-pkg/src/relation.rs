//! Relations between packages: `a (>= 1) [amd64] | b:any, c` (Debian Policy 7.1).
//!
//! Borrowed from the field's text; nothing is looked up here. Restrictions to architectures and build profiles are
//! applied while parsing, so what comes out holds on the given architecture.

use std::cmp::Ordering;
use std::fmt;

use sealift_model::escape::printable;

use crate::index::{is_architecture, is_package_name};
use crate::version::Version;

/// How a version is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operator {
    /// `<<`
    Earlier,
    /// `<=`
    EarlierOrEqual,
    /// `=`
    Equal,
    /// `>=`
    LaterOrEqual,
    /// `>>`
    Later,
}

/// One package of a relation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Alternative<'a> {
    /// The package or virtual package asked for.
    pub package: &'a str,
    /// What follows the colon: `any`, `native` or an architecture.
    pub qualifier: Option<&'a str>,
    /// The versions that will do; all if `None`.
    pub constraint: Option<(Operator, Version)>,
    /// The alternative as written.
    pub text: &'a str,
}

/// Alternatives of which one must hold, in order of preference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Relation<'a> {
    /// The alternatives, at least one.
    pub alternatives: Vec<Alternative<'a>>,
    /// The relation as written.
    pub text: &'a str,
}

/// Why a text is not a relation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a relation between packages")]
pub struct RelationError(String);

impl Operator {
    /// Tells whether `version` stands in this relation to `bound`.
    pub fn holds(self, version: &Version, bound: &Version) -> bool {
        let order = version.compare(bound);
        match self {
            Self::Earlier => order == Ordering::Less,
            Self::EarlierOrEqual => order != Ordering::Greater,
            Self::Equal => order == Ordering::Equal,
            Self::LaterOrEqual => order != Ordering::Less,
            Self::Later => order == Ordering::Greater,
        }
    }

    fn parse(text: &str) -> Option<(Self, &str)> {
        // `<` and `>` alone are the old spellings of `<=` and `>=`; dpkg still reads them so.
        [
            ("<<", Self::Earlier),
            ("<=", Self::EarlierOrEqual),
            (">>", Self::Later),
            (">=", Self::LaterOrEqual),
            ("=", Self::Equal),
            ("<", Self::EarlierOrEqual),
            (">", Self::LaterOrEqual),
        ]
        .into_iter()
        .find_map(|(sign, operator)| Some((operator, text.strip_prefix(sign)?.trim())))
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Earlier => "<<",
            Self::EarlierOrEqual => "<=",
            Self::Equal => "=",
            Self::LaterOrEqual => ">=",
            Self::Later => ">>",
        })
    }
}

impl Alternative<'_> {
    /// Tells whether a package of this name and `version` will do.
    pub fn accepts(&self, version: &Version) -> bool {
        self.constraint.as_ref().is_none_or(|(operator, bound)| operator.holds(version, bound))
    }

    /// Tells whether packages of `architecture` can be meant by the qualifier.
    pub fn on_architecture(&self, architecture: &str) -> bool {
        self.qualifier.is_none_or(|q| matches!(q, "any" | "native") || q == architecture)
    }
}

/// Parses a field of relations as it holds on `architecture`.
pub fn parse<'a>(field: &'a str, architecture: &str) -> Result<Vec<Relation<'a>>, RelationError> {
    let mut relations = Vec::new();
    // An empty item, as a trailing comma leaves, means nothing; dpkg accepts it too.
    for text in field.split(',').map(str::trim).filter(|text| !text.is_empty()) {
        let mut alternatives = Vec::new();
        for item in text.split('|') {
            alternatives.extend(alternative(item.trim(), architecture)?);
        }
        if !alternatives.is_empty() {
            relations.push(Relation { alternatives, text });
        }
    }
    Ok(relations)
}

fn alternative<'a>(text: &'a str, architecture: &str) -> Result<Option<Alternative<'a>>, RelationError> {
    read_alternative(text, architecture)
        .ok_or_else(|| RelationError(printable(&text.chars().take(120).collect::<String>())))
}

/// Outer `None`: malformed; inner `None`: does not apply on this architecture.
#[expect(clippy::option_option, reason = "two different answers, turned into Result by the one caller")]
fn read_alternative<'a>(text: &'a str, architecture: &str) -> Option<Option<Alternative<'a>>> {
    let end = text.find(|c: char| c.is_ascii_whitespace() || "([<".contains(c)).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let (package, qualifier) = match name.split_once(':') {
        Some((package, qualifier)) => (package, Some(qualifier).filter(|q| is_architecture(q)).map(Some)?),
        None => (name, None),
    };
    if !is_package_name(package) {
        return None;
    }
    let mut constraint = None;
    let mut applies = true;
    rest = rest.trim_start();
    if let Some(inner) = rest.strip_prefix('(') {
        let (bound, after) = inner.split_once(')')?;
        let (operator, version) = Operator::parse(bound.trim())?;
        constraint = Some((operator, Version::new(version).ok()?));
        rest = after.trim_start();
    }
    if let Some(inner) = rest.strip_prefix('[') {
        let (list, after) = inner.split_once(']')?;
        applies = on_list(list, architecture);
        rest = after.trim_start();
    }
    // Build profiles only stand in source packages; in a binary package they cannot hold.
    while let Some(inner) = rest.strip_prefix('<') {
        rest = inner.split_once('>')?.1.trim_start();
    }
    rest.is_empty().then(|| applies.then_some(Alternative { package, qualifier, constraint, text }))
}

/// `[amd64 i386]` names where it holds, `[!amd64]` where not; `linux-any` and `any` are wildcards.
fn on_list(list: &str, architecture: &str) -> bool {
    let matches = |name: &str| {
        name == architecture || matches!(name, "any" | "linux-any") || name == format!("any-{architecture}")
    };
    let negated = list.split_ascii_whitespace().any(|word| word.starts_with('!'));
    let named = list.split_ascii_whitespace().any(|word| matches(word.trim_start_matches('!')));
    named != negated
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(field: &str) -> Vec<String> {
        let one = |a: &Alternative<'_>| match &a.constraint {
            Some((operator, version)) => format!("{}{operator}{version}", a.package),
            None => a.package.to_owned(),
        };
        let relations = parse(field, "amd64").unwrap();
        relations.iter().map(|r| r.alternatives.iter().map(one).collect::<Vec<_>>().join("|")).collect()
    }

    #[test]
    fn reads_what_real_fields_hold() {
        assert_eq!(shown("a (>= 1) [amd64] | b:any, c"), ["a>=1|b", "c"]);
        assert_eq!(shown("libc6(>=2.34),\n x (<< 2:1~),"), ["libc6>=2.34", "x<<2:1~"]);
        assert_eq!(shown("a [i386], b [!amd64], c [!i386], d [linux-any] | e [any-i386]"), ["c", "d"]);
        assert_eq!(shown("a (> 1), b (< 1)"), ["a>=1", "b<=1"]);
        assert!(shown("").is_empty());
    }

    #[test]
    fn qualifiers_limit_the_architecture() {
        let relations = parse("python3:any, gcc:i386, x", "amd64").unwrap();
        let on = |i: usize| relations[i].alternatives[0].on_architecture("amd64");
        assert_eq!((on(0), on(1), on(2)), (true, false, true));
    }

    #[test]
    fn refuses_what_is_not_a_relation() {
        for bad in [
            "a (1)",
            "a (>= )",
            "a (>= 1",
            "a >= 1",
            "a b",
            "|a",
            "a |",
            "a [amd64",
            "../x",
            "a:",
            "a (>= 1) (<< 2)",
            "a\u{1b}",
        ] {
            assert!(parse(bad, "amd64").is_err(), "{bad:?}");
        }
    }
}
