//! One content in front of the scanners: the file as it is, and every file of a package.

use std::io::{self, Read};
use std::path::Path;

use sealift_bundle::chain::Content;
use sealift_bundle::manifest::{FileEntry, FileRole};
use sealift_fs::Tree;
use sealift_model::{Digest, Hasher, RelPath};
use sealift_pkg::deb::{DebLimits, read_deb};

use super::verdicts::{Finding, MOST_FINDINGS};
use super::{Answer, Hands, Scanner, ScannerKind};

/// Longest name that a file gets in front of a command.
const LONGEST_NAME: usize = 80;
/// How every package begins that dpkg takes.
const PACKAGE: &[u8] = b"!<arch>\ndebian-binary";

/// One content to be scanned.
#[derive(Clone, Copy)]
pub struct Item<'a> {
    /// What the manifest says of it.
    pub entry: &'a FileEntry,
    /// Where its bytes come from.
    pub content: &'a dyn Content,
}

/// What one scanner said of one content.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Examined {
    /// All of it was looked at. Clean if nothing was found.
    Whole {
        /// Files looked at.
        files: u64,
        /// What was found.
        findings: Vec<Finding>,
    },
    /// Not all of it was looked at, and nothing was found in the rest: why.
    Unknown(String),
}

/// Has one scanner look at one content. `place` is a directory that does not exist, for scanners that want files.
///
/// # Errors
/// The content cannot be read or is not what its digest says, or `place` cannot be written.
pub fn examine(
    item: Item<'_>,
    (number, scanner): (usize, &Scanner),
    hands: &mut dyn Hands,
    place: &Path,
) -> io::Result<Examined> {
    let mut look = Look { scanner, number, hands, files: 0, findings: Vec::new(), silent: None };
    if scanner.kind == ScannerKind::Command {
        look.directory(item, place)?;
    } else {
        look.streams(item)?;
    }
    Ok(match look.silent {
        // What was found stands, whatever else was not looked at.
        Some(reason) if look.findings.is_empty() => Examined::Unknown(reason),
        _ => Examined::Whole { files: look.files, findings: look.findings },
    })
}

/// A scanner at work on one content.
struct Look<'l> {
    scanner: &'l Scanner,
    number: usize,
    hands: &'l mut dyn Hands,
    files: u64,
    findings: Vec<Finding>,
    silent: Option<String>,
}

impl Look<'_> {
    fn streams(&mut self, item: Item<'_>) -> io::Result<()> {
        let mut whole = Checked::open(item)?;
        self.file("", item.entry.size, &mut whole)?;
        whole.finish()?;
        if is_package(item)? {
            let content = item.content.open(item.entry)?;
            let outcome = read_deb(content, &DebLimits::default(), &mut |inside, file| {
                self.file(&inside.name(), inside.size, file)
            });
            self.unreadable(outcome.err());
        }
        Ok(())
    }

    fn file(&mut self, inside: &str, size: u64, content: &mut dyn Read) -> io::Result<()> {
        if !self.takes(inside, size) {
            return io::copy(content, &mut io::sink()).map(drop);
        }
        self.files += 1;
        if size > 0 {
            let answer = self.hands.stream(self.number, content)?;
            self.take(inside, answer);
        }
        Ok(())
    }

    fn takes(&mut self, inside: &str, size: u64) -> bool {
        if size <= self.scanner.most() {
            return true;
        }
        let what = if inside.is_empty() { "it" } else { inside };
        self.keep_silent(format!(
            "{what} has {size} bytes, more than the {} that this scanner is given (`max_bytes`)",
            self.scanner.most()
        ));
        false
    }

    fn take(&mut self, inside: &str, answer: Answer) {
        match answer {
            Answer::Clean => {}
            Answer::Found(name) => {
                if self.findings.len() < MOST_FINDINGS {
                    self.findings.push(Finding { inside: inside.to_owned(), name });
                }
            }
            Answer::Silent(reason) if inside.is_empty() => self.keep_silent(reason),
            Answer::Silent(reason) => self.keep_silent(format!("{inside}: {reason}")),
        }
    }

    fn keep_silent(&mut self, reason: String) {
        self.silent.get_or_insert(reason);
    }

    /// A package that cannot be taken apart was not looked into.
    fn unreadable(&mut self, error: Option<sealift_pkg::deb::DebError>) {
        if let Some(error) = error {
            self.keep_silent(format!("it cannot be looked into: {}", sealift_model::escape::with_causes(&error)));
        }
    }

    fn directory(&mut self, item: Item<'_>, place: &Path) -> io::Result<()> {
        let mut tree = Tree::begin(place).map_err(io::Error::other)?;
        let laid = self.lay_out(item, &mut tree);
        drop(tree);
        let looked = laid.map(|()| {
            let answer = self.hands.look(self.number, place);
            self.take("", answer);
        });
        sealift_fs::remove_tree(place).map_err(io::Error::other)?;
        looked
    }

    fn lay_out(&mut self, item: Item<'_>, tree: &mut Tree) -> io::Result<()> {
        let mut whole = Checked::open(item)?;
        if self.takes("", item.entry.size) {
            self.put(tree, &format!("content/{}", item.entry.path.file_name()), &mut whole)?;
        }
        whole.finish()?;
        if is_package(item)? {
            let content = item.content.open(item.entry)?;
            let outcome = read_deb(content, &DebLimits::default(), &mut |inside, file| {
                if self.takes(&inside.name(), inside.size) {
                    let name = format!("payload/{:07}-{}", self.files, plain_name(&inside.path));
                    return self.put(tree, &name, file);
                }
                io::copy(file, &mut io::sink()).map(drop)
            });
            self.unreadable(outcome.err());
        }
        Ok(())
    }

    fn put(&mut self, tree: &mut Tree, name: &str, content: &mut dyn Read) -> io::Result<()> {
        let path = RelPath::new(name).map_err(io::Error::other)?;
        let mut file = tree.create(&path).map_err(io::Error::other)?;
        io::copy(content, &mut file)?;
        self.files += 1;
        Ok(())
    }
}

/// Packages are looked into whatever this manifest calls them: the verdict counts for the same bytes in any other.
fn is_package(item: Item<'_>) -> io::Result<bool> {
    let mut begin = Vec::new();
    item.content.open(item.entry)?.take(PACKAGE.len() as u64).read_to_end(&mut begin)?;
    Ok(begin == PACKAGE || item.entry.role == FileRole::Package)
}

/// The end of a path, in characters that no program takes for anything else.
fn plain_name(path: &str) -> String {
    let name = path.rsplit('/').next().unwrap_or(path);
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    let kept: Vec<char> = name.chars().map(safe).collect();
    // The ending is what scanners go by.
    kept.iter().skip(kept.len().saturating_sub(LONGEST_NAME)).collect::<String>().trim_end_matches('.').to_owned()
}

/// Content whose digest is compared when it was read: a verdict is about exactly these bytes.
struct Checked<'a> {
    input: Box<dyn Read + Send + 'a>,
    hasher: Hasher,
    expected: Digest,
}

impl<'a> Checked<'a> {
    fn open(item: Item<'a>) -> io::Result<Self> {
        Ok(Self { input: item.content.open(item.entry)?, hasher: Hasher::new(), expected: item.entry.sha256 })
    }

    fn finish(mut self) -> io::Result<()> {
        io::copy(&mut self, &mut io::sink())?;
        if self.hasher.finish() == self.expected {
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "its bytes are not those that its digest names"))
    }
}

impl Read for Checked<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
