//! apt's own source lists, both forms: `.sources` paragraphs and one-line `.list` files.
//!
//! Only read to propose upstreams (`sealift-mirror upstream add --from-apt`); nothing here is trusted. What sealift
//! cannot follow (flat repositories, `deb-src`, disabled entries, foreign schemes) comes out as [`Skipped`], by name, and
//! not as an error: a machine's list usually holds some.

use std::fmt;

use sealift_model::escape::printable;

use crate::deb822::{Deb822Error, Paragraph, Paragraphs};

/// One suite of one repository that apt follows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AptSource {
    /// The repository's address.
    pub uri: String,
    /// The suite.
    pub suite: String,
    /// Its components, at least one.
    pub components: Vec<String>,
    /// Architectures it is limited to; empty means the machine's own.
    pub architectures: Vec<String>,
    /// Keys it is limited to; empty means apt's global ones.
    pub signed_by: Vec<SignedBy>,
    /// Where it stands.
    pub place: Place,
}

/// How a source names its keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SignedBy {
    /// A keyring file.
    Keyring(String),
    /// A fingerprint in apt's global keyrings.
    Fingerprint(String),
    /// An armored key in the list itself.
    Inline(String),
}

/// A place in a source list, shown as `file:line`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The file as the caller named it.
    pub file: String,
    /// The line, counted from 1.
    pub line: u64,
}

/// An entry that sealift does not follow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Where it stands.
    pub place: Place,
    /// Why.
    pub reason: SkipReason,
}

/// Why an entry is not followed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SkipReason {
    /// `deb-src`.
    SourcePackages,
    /// `Enabled: no`.
    Disabled,
    /// A flat repository, without suites.
    Flat {
        /// Its address.
        uri: String,
        /// What stands for the suite, ending in `/`.
        suite: String,
    },
    /// Neither `http`, `https` nor `file`.
    Scheme {
        /// Its address.
        uri: String,
    },
    /// An option this crate does not read, such as `arch+=`.
    Option {
        /// The option.
        option: String,
    },
}

impl fmt::Display for SkipReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SourcePackages => f.write_str("source packages are not mirrored"),
            Self::Disabled => f.write_str("disabled"),
            Self::Flat { uri, suite } => write!(f, "flat repository {uri} {suite} is not supported"),
            Self::Scheme { uri } => write!(f, "{uri} is neither http, https nor file"),
            Self::Option { option } => write!(f, "option `{option}` is not supported"),
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// What a source list holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceList {
    /// Entries to follow.
    pub sources: Vec<AptSource>,
    /// Entries left out.
    pub skipped: Vec<Skipped>,
}

/// What is wrong with a source list.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SourcesError {
    /// Not a control file.
    #[error("malformed source list {file}")]
    Form {
        /// The file.
        file: String,
        /// The fault, with its line.
        #[source]
        source: Deb822Error,
    },
    /// An entry without a part that must be there.
    #[error("{place}: no {part}")]
    Missing {
        /// Where.
        place: Place,
        /// What is missing.
        part: &'static str,
    },
    /// A line that does not begin with `deb` or `deb-src`.
    #[error("{place}: `{word}` is not a source type")]
    Type {
        /// Where.
        place: Place,
        /// The word, made printable.
        word: String,
    },
    /// `[` without `]`.
    #[error("{place}: options are not closed by `]`")]
    Options {
        /// Where.
        place: Place,
    },
}

/// Tells whether apt reads a file of this name in `sources.list.d`; it passes over all others, and so must callers.
pub fn is_list_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.');
    let known = matches!(name.rsplit_once('.'), Some((stem, "list" | "sources")) if !stem.is_empty());
    known && !name.starts_with('.') && name.bytes().all(plain)
}

/// Parses a source list; names ending in `.sources` hold paragraphs, all others one entry a line.
pub fn parse(file: &str, text: &str) -> Result<SourceList, SourcesError> {
    let mut list = SourceList::default();
    if file.ends_with(".sources") {
        let mut paragraphs = Paragraphs::new(text.as_bytes()).with_comments();
        let form = |source| SourcesError::Form { file: file.to_owned(), source };
        while let Some(paragraph) = paragraphs.next().map_err(form)? {
            list.add_paragraph(file, &paragraph)?;
        }
    } else {
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.split('#').next().unwrap_or("").trim();
            if !text.is_empty() {
                list.add_line(Place { file: file.to_owned(), line }, text)?;
            }
        }
    }
    Ok(list)
}

/// An entry before its addresses and suites are multiplied.
#[derive(Default)]
struct Entry {
    types: Vec<String>,
    uris: Vec<String>,
    suites: Vec<String>,
    components: Vec<String>,
    architectures: Vec<String>,
    signed_by: Vec<SignedBy>,
}

impl SourceList {
    fn skip(&mut self, place: &Place, reason: SkipReason) {
        self.skipped.push(Skipped { place: place.clone(), reason });
    }

    fn add_paragraph(&mut self, file: &str, paragraph: &Paragraph<'_>) -> Result<(), SourcesError> {
        let place = Place { file: file.to_owned(), line: paragraph.first_line() };
        let field = |name: &str| {
            let form = |source| SourcesError::Form { file: file.to_owned(), source };
            paragraph.get(name).map(Option::unwrap_or_default).map_err(form)
        };
        if matches!(
            field("Enabled")?.to_ascii_lowercase().as_str(),
            "no" | "false" | "0" | "off" | "without" | "disable"
        ) {
            self.skip(&place, SkipReason::Disabled);
            return Ok(());
        }
        for option in ["Architectures-Add", "Architectures-Remove"] {
            if !field(option)?.is_empty() {
                self.skip(&place, SkipReason::Option { option: option.to_owned() });
                return Ok(());
            }
        }
        let words = |name: &str| field(name).map(|v| v.split_ascii_whitespace().map(str::to_owned).collect::<Vec<_>>());
        let entry = Entry {
            types: words("Types")?,
            uris: words("URIs")?,
            suites: words("Suites")?,
            components: words("Components")?,
            architectures: words("Architectures")?,
            signed_by: signed_by(field("Signed-By")?),
        };
        self.add_entry(&place, &entry)
    }

    fn add_line(&mut self, place: Place, text: &str) -> Result<(), SourcesError> {
        let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
        if !matches!(word, "deb" | "deb-src") {
            return Err(SourcesError::Type { place, word: printable(word) });
        }
        let mut entry = Entry { types: vec![word.to_owned()], ..Entry::default() };
        let mut rest = rest.trim_start();
        if let Some(inner) = rest.strip_prefix('[') {
            let Some((options, after)) = inner.split_once(']') else { return Err(SourcesError::Options { place }) };
            rest = after;
            for option in options.split_ascii_whitespace() {
                match option.split_once('=') {
                    Some(("arch", value)) => entry.architectures = value.split(',').map(str::to_owned).collect(),
                    Some(("signed-by", value)) => entry.signed_by = value.split(',').flat_map(signed_by).collect(),
                    Some((name, _)) if name.ends_with(['+', '-']) && name.starts_with("arch") => {
                        self.skip(&place, SkipReason::Option { option: printable(option) });
                        return Ok(());
                    }
                    // `trusted=yes`, `lang=`, `by-hash=` and the like say nothing about what to mirror.
                    _ => {}
                }
            }
        }
        let mut words = rest.split_ascii_whitespace().map(str::to_owned);
        entry.uris.extend(words.next());
        entry.suites.extend(words.next());
        entry.components.extend(words);
        self.add_entry(&place, &entry)
    }

    fn add_entry(&mut self, place: &Place, entry: &Entry) -> Result<(), SourcesError> {
        let missing = |part| Err(SourcesError::Missing { place: place.clone(), part });
        if entry.types.iter().any(|t| t == "deb-src") {
            self.skip(place, SkipReason::SourcePackages);
        }
        match entry {
            Entry { types, .. } if types.is_empty() => return missing("type"),
            Entry { types, .. } if !types.iter().any(|t| t == "deb") => return Ok(()),
            Entry { uris, .. } if uris.is_empty() => return missing("address"),
            Entry { suites, .. } if suites.is_empty() => return missing("suite"),
            _ => {}
        }
        for uri in &entry.uris {
            for suite in &entry.suites {
                if suite.ends_with('/') {
                    self.skip(place, SkipReason::Flat { uri: printable(uri), suite: printable(suite) });
                } else if !["http://", "https://", "file:"].iter().any(|scheme| uri.starts_with(scheme)) {
                    self.skip(place, SkipReason::Scheme { uri: printable(uri) });
                } else if entry.components.is_empty() {
                    return missing("component");
                } else {
                    self.sources.push(entry.source(uri, suite, place));
                }
            }
        }
        Ok(())
    }
}

impl Entry {
    fn source(&self, uri: &str, suite: &str, place: &Place) -> AptSource {
        AptSource {
            uri: uri.to_owned(),
            suite: suite.to_owned(),
            components: self.components.clone(),
            architectures: self.architectures.clone(),
            signed_by: self.signed_by.clone(),
            place: place.clone(),
        }
    }
}

fn signed_by(value: &str) -> Vec<SignedBy> {
    if value.contains("-----BEGIN PGP PUBLIC KEY BLOCK-----") {
        return vec![SignedBy::Inline(inline_key(value))];
    }
    // A trailing `!` asks for exactly this subkey.
    let word = |word: &str| {
        if word.starts_with('/') {
            SignedBy::Keyring(word.to_owned())
        } else {
            SignedBy::Fingerprint(word.trim_end_matches('!').to_owned())
        }
    };
    value.split([' ', '\t', '\n', ',']).filter(|w| !w.is_empty()).map(word).collect()
}

/// Undoes the indentation of a folded key; an empty line stands there as ` .`.
fn inline_key(value: &str) -> String {
    let mut key = String::with_capacity(value.len());
    for line in value.lines().map(str::trim) {
        key.push_str(if line == "." { "" } else { line });
        key.push('\n');
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_forms() {
        let text = "Types: deb deb-src\n# a remark\nURIs: http://deb.example.org/debian\nSuites: bookworm bookworm-updates\n\
            Components: main\nSigned-By: /usr/share/keyrings/k.gpg\n\nTypes: deb\nEnabled: no\nURIs: x\n";
        let list = parse("debian.sources", text).unwrap();
        assert_eq!(list.sources.iter().map(|s| s.suite.as_str()).collect::<Vec<_>>(), ["bookworm", "bookworm-updates"]);
        assert_eq!(list.sources[0].signed_by, [SignedBy::Keyring("/usr/share/keyrings/k.gpg".into())]);
        assert_eq!(
            list.skipped.iter().map(|s| &s.reason).collect::<Vec<_>>(),
            [&SkipReason::SourcePackages, &SkipReason::Disabled]
        );

        let text = "# list\ndeb [ arch=amd64,arm64 signed-by=/k.asc,ABCD! ] https://deb.example.org/x suite main contrib # end\ndeb-src x y z\n";
        let list = parse("x.list", text).unwrap();
        assert_eq!(list.sources[0].architectures, ["amd64", "arm64"]);
        assert_eq!(list.sources[0].components, ["main", "contrib"]);
        assert_eq!(
            list.sources[0].signed_by,
            [SignedBy::Keyring("/k.asc".into()), SignedBy::Fingerprint("ABCD".into())]
        );
        assert_eq!(list.sources[0].place.to_string(), "x.list:2");
    }

    #[test]
    fn passes_over_the_files_apt_passes_over() {
        assert!(is_list_name("debian.sources") && is_list_name("x.list"));
        for other in ["x.sources.disabled", "x.list~", ".list", ".x.list", "x.save", "a b.list", "list"] {
            assert!(!is_list_name(other), "{other}");
        }
    }

    #[test]
    fn inline_keys_lose_their_indentation() {
        let text = "Types: deb\nURIs: https://deb.example.org\nSuites: s\nComponents: c\nSigned-By:\n \
            -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc=\n -----END PGP PUBLIC KEY BLOCK-----\n";
        let list = parse("x.sources", text).unwrap();
        let key = "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nabc=\n-----END PGP PUBLIC KEY BLOCK-----\n";
        assert_eq!(list.sources[0].signed_by, [SignedBy::Inline(key.into())]);
    }

    #[test]
    fn names_what_it_cannot_follow() {
        let text = "deb http://deb.example.org/flat ./\ndeb cdrom:[x]/ stable main\ndeb [arch+=i386] http://deb.example.org s c\n";
        let list = parse("x.list", text).unwrap();
        let reasons: Vec<_> = list.skipped.iter().map(|s| format!("{}: {}", s.place, s.reason)).collect();
        assert_eq!(
            reasons,
            [
                "x.list:1: flat repository http://deb.example.org/flat ./ is not supported",
                "x.list:2: cdrom:[x]/ is neither http, https nor file",
                "x.list:3: option `arch+=i386` is not supported",
            ]
        );
        assert!(list.sources.is_empty());
    }

    #[test]
    fn faults_come_with_file_and_line() {
        for (text, message) in [
            ("\nrpm http://x y z\n", "x.list:2: `rpm` is not a source type"),
            ("deb\n", "x.list:1: no address"),
            ("deb http://x\n", "x.list:1: no suite"),
            ("deb http://x y\n", "x.list:1: no component"),
            ("deb [arch=amd64 http://x y z\n", "x.list:1: options are not closed by `]`"),
        ] {
            assert_eq!(parse("x.list", text).unwrap_err().to_string(), message);
        }
        assert_eq!(parse("x.sources", "\n\nURIs: http://x\n").unwrap_err().to_string(), "x.sources:3: no type");
    }
}
