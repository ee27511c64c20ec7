//! Which target paths a delegation covers: shell patterns, or prefixes of the path's digest.

use sealift_model::Digest;

/// The most characters of a pattern; matching takes time in proportion to it.
const MOST_CHARACTERS: usize = 1024;

/// What a delegation covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Paths {
    /// Patterns as in a shell, segment by segment: `*` and `?` do not match `/`.
    Patterns(Vec<String>),
    /// Prefixes of the SHA-256 of the path, in hexadecimal digits.
    HashPrefixes(Vec<String>),
}

impl Paths {
    /// Tells whether the delegation covers this path.
    pub fn cover(&self, path: &str) -> bool {
        match self {
            Self::Patterns(patterns) => patterns.iter().any(|pattern| matches(pattern, path)),
            Self::HashPrefixes(prefixes) => {
                let digits = Digest::of(path.as_bytes()).to_hex();
                prefixes.iter().any(|prefix| digits.starts_with(prefix))
            }
        }
    }
}

/// Tells whether every reader understands the pattern the same way.
pub(super) fn is_plain(pattern: &str) -> bool {
    // The reference implementation reads `[…]` as a set of characters; the specification has only `*` and `?`.
    pattern.len() <= MOST_CHARACTERS && !pattern.contains('[')
}

fn matches(pattern: &str, path: &str) -> bool {
    let (mut patterns, mut segments) = (pattern.split('/'), path.split('/'));
    loop {
        match (patterns.next(), segments.next()) {
            (None, None) => return true,
            (Some(pattern), Some(segment)) if segment_matches(pattern, segment) => {}
            _ => return false,
        }
    }
}

/// Matches one segment without recursion: after a mismatch, the last `*` takes one character more.
fn segment_matches(pattern: &str, segment: &str) -> bool {
    let (mut pattern, mut rest) = (pattern.chars(), segment.chars());
    let mut last_star = None;
    loop {
        let at = rest.clone();
        match (pattern.next(), rest.next()) {
            (None, None) => return true,
            (Some('*'), _) => {
                last_star = Some((pattern.clone(), at.clone()));
                rest = at;
            }
            (Some('?'), Some(_)) => {}
            (Some(wanted), Some(found)) if wanted == found => {}
            _ => {
                let Some((after, taken)) = &mut last_star else { return false };
                if taken.next().is_none() {
                    return false;
                }
                (pattern, rest) = (after.clone(), taken.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_segment_by_segment() {
        for (pattern, path) in [
            ("*", "a"),
            ("*", ""),
            ("a/*/c", "a/bb/c"),
            ("*.tgz", "x.tgz"),
            ("a?c", "abc"),
            ("a*b*c", "axxbyybzc"),
            ("**", "ab"),
            ("?", "é"),
            ("a/*", "a/"),
            ("*", ".hidden"),
            ("a*", "a"),
            ("*a*a*a", "aaa"),
        ] {
            assert!(matches(pattern, path), "{pattern} {path}");
        }
        for (pattern, path) in [
            ("*", "a/b"),
            ("a/*", "a"),
            ("a/*", "a/b/c"),
            ("a/*", "/a/b"),
            ("*.tgz", "x.tgz.asc"),
            ("a?c", "a/c"),
            ("a?c", "ac"),
            ("", "a"),
            ("A", "a"),
            ("*a*a*a", "aa"),
            ("a*b", "ab/b"),
            ("../*", "a/b"),
        ] {
            assert!(!matches(pattern, path), "{pattern} {path}");
        }
    }

    #[test]
    fn a_pattern_of_stars_takes_no_longer_than_its_length_and_the_paths() {
        let stars = "*a".repeat(500);
        assert!(!matches(&stars, &"a".repeat(499)));
        assert!(!matches(&stars, &("a".repeat(1000) + "b")));
    }

    #[test]
    fn prefixes_are_compared_with_the_digest_of_the_path() {
        let digits = Digest::of(b"a/b").to_hex();
        for length in [0, 1, 8, 64] {
            assert!(Paths::HashPrefixes(vec!["x".into(), digits[..length].to_owned()]).cover("a/b"));
        }
        assert!(!Paths::HashPrefixes(vec![digits[..8].to_owned()]).cover("a/c"));
        assert!(!Paths::HashPrefixes(vec![digits.to_uppercase()]).cover("a/b"));
        assert!(!Paths::HashPrefixes(vec![]).cover("a/b"));
    }
}
