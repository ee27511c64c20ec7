//! Package indexes of a published suite, streamed: memory does not grow with them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, BufRead, BufWriter, Read, Write};
use std::path::Path;

use flate2::write::GzEncoder;
use sealift_fs::{OutFile, PathError, Store, StoreError, Tree};
use sealift_model::{Digest, Hasher, RelPath};
use sealift_pkg::PackageEntry;
use sealift_pkg::decompress::open_index;
use sealift_pkg::index::{INDEX_LIMIT, IndexReader};
use sealift_pkg::packages::with_filename;
use sealift_pkg::release::ReleaseFile;

use super::PublishError;
use super::plan::{Plan, SourceIndex, Suite};
use crate::refusal::Refusal;

/// Every package version of the tree, with its content and where it was first found.
pub(super) type Seen = BTreeMap<(String, String, String), (Digest, RelPath)>;

/// The indexes of one suite.
#[derive(Debug, Default)]
pub(super) struct Written {
    /// Names below the suite's directory, sizes, digests.
    pub(super) files: Vec<ReleaseFile>,
    /// Entries in all of them.
    pub(super) packages: u64,
}

/// Writes the indexes of a suite, each plain and as gzip, and names both by their digests.
pub(super) fn write(
    tree: &mut Tree,
    name: &str,
    suite: &Suite,
    plan: &Plan,
    store: &Store,
    seen: &mut Seen,
) -> Result<Written, PublishError> {
    let mut written = Written::default();
    for ((component, architecture), sources) in &suite.indexes {
        let relative = format!("{component}/binary-{architecture}/Packages");
        let mut output = Output::create(tree, name, &relative)?;
        let mut here = BTreeSet::new();
        for source in sources {
            written.packages += copy_entries(source, plan, store, seen, &mut here, &mut output)?;
        }
        for file in output.finish()? {
            let by_hash = in_suite(name, file.by_hash().map_err(|e| layout(name, &e))?.as_str())?;
            let path = in_suite(name, file.name.as_str())?;
            tree.link(&tree.path(&path), &by_hash)?;
            written.files.push(file);
        }
    }
    Ok(written)
}

/// Copies the paragraphs of an upstream's index whose packages the manifests list; returns how many.
fn copy_entries(
    source: &SourceIndex,
    plan: &Plan,
    store: &Store,
    seen: &mut Seen,
    here: &mut BTreeSet<(String, String, String)>,
    output: &mut Output,
) -> Result<u64, PublishError> {
    let path = &source.entry.path;
    let expected = source.entry.sha256;
    let lost = |source| PublishError::Lost { path: path.clone(), source: Some(source) };
    let unreadable = |source| lost(StoreError::Source { digest: expected, source });
    let file = store.open_blob(&expected).map_err(|e| lost(e.into()))?;
    let mut watched = Watched { file, hasher: Hasher::new() };
    let copied = open_index(path.file_name(), &mut watched, INDEX_LIMIT)
        .map_err(unreadable)
        .and_then(|input| copy_paragraphs(IndexReader::new(path.as_str(), input), source, plan, (seen, here), output));
    // The site's own signature will vouch for every word of it; a bad digest explains whatever went wrong as well.
    let got = watched.finish().map_err(unreadable)?;
    if got == expected { copied } else { Err(lost(StoreError::WrongDigest { expected, got })) }
}

/// What was published of the whole tree, and of the index being written.
type Places<'a> = (&'a mut Seen, &'a mut BTreeSet<(String, String, String)>);

fn copy_paragraphs(
    mut reader: IndexReader<impl BufRead>,
    source: &SourceIndex,
    plan: &Plan,
    (seen, here): Places<'_>,
    output: &mut Output,
) -> Result<u64, PublishError> {
    let mut count = 0;
    while let Some((entry, raw)) = reader.next_entry().map_err(Box::new).map_err(PublishError::Index)? {
        let Some(published) = published_path(source, &entry, plan) else { continue };
        let key = (entry.package.clone(), entry.version.to_string(), entry.architecture.clone());
        check_conflict(seen, &key, &entry, &published)?;
        if !here.insert(key) {
            continue;
        }
        let stanza = with_filename(raw, &published);
        let stanza = stanza.map_err(|source| PublishError::Stanza { package: entry.package.clone(), source })?;
        output.stanza(&stanza)?;
        count += 1;
    }
    Ok(count)
}

/// Returns the path in the tree, if a manifest lists the very package that the index names.
///
/// The manifest need not be the one that the index came with: two streams may carry one upstream.
fn published_path(source: &SourceIndex, entry: &PackageEntry, plan: &Plan) -> Option<RelPath> {
    let path = RelPath::new(&format!("{}/{}", source.upstream, entry.filename)).ok()?;
    let listed = plan.packages.get(&path)?;
    let same = listed.deb.as_ref().is_some_and(|deb| {
        deb.package == entry.package && deb.version == entry.version.as_str() && deb.architecture == entry.architecture
    });
    (same && listed.sha256 == entry.sha256 && listed.size == entry.size).then_some(path)
}

/// apt takes two packages of one name, version and architecture for the same; two contents would be a matter of luck.
fn check_conflict(
    seen: &mut Seen,
    key: &(String, String, String),
    entry: &PackageEntry,
    path: &RelPath,
) -> Result<(), PublishError> {
    let (digest, first) = seen.entry(key.clone()).or_insert_with(|| (entry.sha256, path.clone()));
    if *digest == entry.sha256 {
        return Ok(());
    }
    let (package, version, architecture) = key;
    Err(PublishError::Refused(Box::new(Refusal::Conflict {
        package: format!("{package} {version} {architecture}"),
        first: first.to_string(),
        second: path.to_string(),
    })))
}

/// Returns a path in the tree of a name below a suite's directory.
pub(super) fn in_suite(suite: &str, name: &str) -> Result<RelPath, PublishError> {
    RelPath::new(&format!("dists/{suite}/{name}")).map_err(|e| layout(suite, &e))
}

fn layout(suite: &str, error: &sealift_model::PathGrammarError) -> PublishError {
    PublishError::Layout { bundle: "of the channel".into(), path: suite.into(), reason: error.to_string() }
}

/// One index being written in both forms.
struct Output {
    relative: String,
    path: std::path::PathBuf,
    plain: Hashed,
    packed: GzEncoder<Hashed>,
    empty: bool,
}

impl Output {
    fn create(tree: &mut Tree, suite: &str, relative: &str) -> Result<Self, PublishError> {
        let plain = in_suite(suite, relative)?;
        let packed = in_suite(suite, &format!("{relative}.gz"))?;
        Ok(Self {
            relative: relative.to_owned(),
            path: tree.path(&plain),
            plain: Hashed::new(tree.create(&plain)?),
            packed: GzEncoder::new(Hashed::new(tree.create(&packed)?), flate2::Compression::new(6)),
            empty: true,
        })
    }

    fn stanza(&mut self, bytes: &[u8]) -> Result<(), PathError> {
        let separator: &[u8] = if self.empty { b"" } else { b"\n" };
        self.empty = false;
        for part in [separator, bytes] {
            let written = self.plain.write_all(part).and_then(|()| self.packed.write_all(part));
            written.map_err(|e| fault(&self.path, e))?;
        }
        Ok(())
    }

    fn finish(self) -> Result<Vec<ReleaseFile>, PublishError> {
        let path = self.path;
        let packed = self.packed.finish().and_then(Hashed::finish).map_err(|e| fault(&path, e))?;
        let plain = self.plain.finish().map_err(|e| fault(&path, e))?;
        let file = |name: &str, (sha256, size)| -> Result<ReleaseFile, PublishError> {
            let name = RelPath::new(name).map_err(|e| layout(name, &e))?;
            Ok(ReleaseFile { name, size, sha256 })
        };
        Ok(vec![file(&self.relative, plain)?, file(&format!("{}.gz", self.relative), packed)?])
    }
}

fn fault(path: &Path, error: io::Error) -> PathError {
    PathError::new("write", path, error)
}

/// A file of the store whose digest is known when it was read.
struct Watched {
    file: File,
    hasher: Hasher,
}

impl Watched {
    /// Reads what a parser left unread, and returns the digest of it all.
    fn finish(mut self) -> io::Result<Digest> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(self.hasher.finish())
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read(buffer)?;
        self.hasher.update(buffer.get(..read).unwrap_or_default());
        Ok(read)
    }
}

/// A file whose digest is known when it is written.
struct Hashed {
    file: BufWriter<OutFile>,
    hasher: Hasher,
}

impl Hashed {
    fn new(file: OutFile) -> Self {
        Self { file: BufWriter::with_capacity(128 << 10, file), hasher: Hasher::new() }
    }

    fn finish(mut self) -> io::Result<(Digest, u64)> {
        self.file.flush()?;
        let size = self.hasher.len();
        Ok((self.hasher.finish(), size))
    }
}

impl Write for Hashed {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.file.write(bytes)?;
        self.hasher.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
