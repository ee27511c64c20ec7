//! Debian binary packages (.deb), read as a stream: every regular file inside is handed to a visitor with its path.
//!
//! Nothing is written anywhere and no path of the package is used for anything but a name to show. What dpkg reads in two
//! ways, or not at all, is an error here: a reader that skips what an installer unpacks is worth nothing to a scanner.
//! Links, devices and directories have no content and are counted. All sizes and numbers are capped by [`DebLimits`].

mod ar;
mod tar;

use std::io::{self, Read};

use crate::decompress::open_index;

/// How much of a package is read before it is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DebLimits {
    /// Members of the package itself.
    pub members: u64,
    /// Entries of the archives in it.
    pub entries: u64,
    /// Bytes that come out of the archives in it.
    pub unpacked: u64,
    /// Bytes that come out for each byte that goes in, unless they are fewer than `free`.
    pub ratio: u64,
    /// Bytes that may come out of an archive whatever the ratio: small ones of text compress well.
    pub free: u64,
}

impl Default for DebLimits {
    fn default() -> Self {
        Self { members: 16, entries: 1_000_000, unpacked: 32 << 30, ratio: 1000, free: 256 << 20 }
    }
}

/// Why a package cannot be read to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DebError {
    /// It breaks a rule of the format, or one that only some readers know.
    #[error("the package is not well formed: {0}")]
    Form(String),
    /// It is larger inside than the limits.
    #[error("the package holds {0}")]
    TooMuch(String),
    /// Packed in a way that is not read here.
    #[error("member {0} is packed in a way that is not read here")]
    Packing(String),
    /// Its bytes, or what the visitor does with them.
    #[error("the package cannot be read")]
    Read(#[source] io::Error),
}

/// Which part of a package a file lies in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// A member of the package itself, such as a signature.
    Member,
    /// `control.tar`: what the package is, and the programs that install it.
    Control,
    /// `data.tar`: what is installed.
    Data,
}

impl Part {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Member => "",
            Self::Control => "control.tar/",
            Self::Data => "data.tar/",
        }
    }
}

/// A regular file in a package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inside {
    /// Where it lies.
    pub part: Part,
    /// Its path as the package has it, in printable characters.
    pub path: String,
    /// Its size in bytes.
    pub size: u64,
}

impl Inside {
    /// Returns part and path, as it is shown to people.
    pub fn name(&self) -> String {
        format!("{}{}", self.part.as_str(), self.path)
    }
}

/// What was seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DebSummary {
    /// Regular files.
    pub files: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Directories, links, devices: entries without content.
    pub others: u64,
}

/// Reads a package to its end; `visit` gets every regular file and may leave content unread.
///
/// # Errors
/// Whatever is not a package as dpkg reads it, is larger than `limits`, or cannot be read; and the first error of `visit`.
pub fn read_deb(
    input: impl Read,
    limits: &DebLimits,
    visit: &mut dyn FnMut(&Inside, &mut dyn Read) -> io::Result<()>,
) -> Result<DebSummary, DebError> {
    let mut reader = Reader { limits: *limits, out: 0, entries: 0, summary: DebSummary::default(), visit };
    let mut archive = ar::Archive::open(input)?;
    let mut stage = Stage::Version;
    let mut members = 0;
    while let Some(mut member) = archive.next()? {
        members += 1;
        if members > limits.members {
            return Err(DebError::TooMuch(format!("more than {} members", limits.members)));
        }
        stage = reader.member(stage, &mut member)?;
        member.skip_rest()?;
    }
    match stage {
        Stage::Done => Ok(reader.summary),
        _ => Err(DebError::Form("a member that every package has is missing".into())),
    }
}

/// Which member of a package has to come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Version,
    Control,
    Data,
    Done,
}

struct Reader<'v> {
    limits: DebLimits,
    out: u64,
    entries: u64,
    summary: DebSummary,
    visit: &'v mut dyn FnMut(&Inside, &mut dyn Read) -> io::Result<()>,
}

impl Reader<'_> {
    fn member<R: Read>(&mut self, stage: Stage, member: &mut ar::Member<'_, R>) -> Result<Stage, DebError> {
        let name = member.name().to_owned();
        let packed = |stem: &str| name == stem || name.strip_prefix(stem).is_some_and(|rest| rest.starts_with('.'));
        match stage {
            Stage::Version if name == "debian-binary" => {
                check_version(member)?;
                Ok(Stage::Control)
            }
            Stage::Control if packed("control.tar") => {
                self.archive(Part::Control, member)?;
                Ok(Stage::Data)
            }
            Stage::Data if packed("data.tar") => {
                self.archive(Part::Data, member)?;
                Ok(Stage::Done)
            }
            // dpkg passes over these; what lies in them is looked at all the same.
            Stage::Control | Stage::Data if name.starts_with('_') => self.plain(member).map(|()| stage),
            Stage::Done if !packed("data.tar") && !packed("control.tar") => self.plain(member).map(|()| stage),
            _ => Err(DebError::Form(format!("member {name} is not where it belongs"))),
        }
    }

    fn plain<R: Read>(&mut self, member: &mut ar::Member<'_, R>) -> Result<(), DebError> {
        let inside = Inside { part: Part::Member, path: member.name().to_owned(), size: member.size() };
        self.summary.files += 1;
        self.summary.bytes = self.summary.bytes.saturating_add(inside.size);
        (self.visit)(&inside, member).map_err(DebError::Read)
    }

    fn archive<R: Read>(&mut self, part: Part, member: &mut ar::Member<'_, R>) -> Result<(), DebError> {
        let (name, size) = (member.name().to_owned(), member.size());
        let ending = name.rsplit_once(".tar").map_or("", |(_, ending)| ending);
        if !matches!(ending, "" | ".gz" | ".xz" | ".zst") {
            return Err(DebError::Packing(name));
        }
        let by_ratio = size.saturating_mul(self.limits.ratio).max(self.limits.free);
        let room = self.limits.unpacked.saturating_sub(self.out).min(by_ratio);
        let plain = open_index(&name, member, room).map_err(DebError::Read)?;
        let mut counted = Counted { input: plain, read: 0 };
        let outcome = self.entries(part, &mut counted);
        self.out = self.out.saturating_add(counted.read);
        match outcome {
            Err(DebError::Read(e)) if e.kind() == io::ErrorKind::FileTooLarge => {
                Err(DebError::TooMuch(format!("more than {room} bytes in {name}")))
            }
            other => other,
        }
    }

    fn entries(&mut self, part: Part, input: &mut dyn Read) -> Result<(), DebError> {
        let mut archive = tar::Archive::new(input);
        while let Some(entry) = archive.next()? {
            self.entries += 1;
            if self.entries > self.limits.entries {
                return Err(DebError::TooMuch(format!("more than {} entries", self.limits.entries)));
            }
            if !entry.is_file {
                self.summary.others += 1;
                continue;
            }
            let inside = Inside { part, path: entry.path, size: entry.size };
            self.summary.files += 1;
            self.summary.bytes = self.summary.bytes.saturating_add(entry.size);
            (self.visit)(&inside, &mut archive.content()).map_err(DebError::Read)?;
        }
        Ok(())
    }
}

fn check_version<R: Read>(member: &mut ar::Member<'_, R>) -> Result<(), DebError> {
    let mut text = Vec::new();
    member.take(64).read_to_end(&mut text).map_err(DebError::Read)?;
    if text.starts_with(b"2.") { Ok(()) } else { Err(DebError::Form("debian-binary does not say 2".into())) }
}

/// Counts what comes out of a member, for the cap over all of them.
struct Counted<R> {
    input: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.input.read(buffer)?;
        self.read = self.read.saturating_add(read as u64);
        Ok(read)
    }
}

/// Reads exactly one block; `false` at the end of the input.
fn fill(input: &mut dyn Read, block: &mut [u8]) -> Result<bool, DebError> {
    let mut at = 0;
    while let Some(rest) = block.get_mut(at..).filter(|rest| !rest.is_empty()) {
        match input.read(rest) {
            Ok(0) if at == 0 => return Ok(false),
            Ok(0) => return Err(DebError::Form("it ends in the middle".into())),
            Ok(read) => at += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(DebError::Read(e)),
        }
    }
    Ok(true)
}

/// Reads and drops `left` bytes that must be there.
fn skip(input: &mut dyn Read, left: u64) -> Result<(), DebError> {
    let skipped = io::copy(&mut input.take(left), &mut io::sink()).map_err(DebError::Read)?;
    if skipped == left { Ok(()) } else { Err(DebError::Form("it ends in the middle".into())) }
}

#[cfg(test)]
mod tests;
