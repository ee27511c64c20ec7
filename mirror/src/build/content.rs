//! The whole content of a stream as its upstreams' newest snapshots give it.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use sealift_bundle::blob;
use sealift_bundle::manifest::{Encoding, FileEntry, FileRole, ReleaseFiles, Stored, UpstreamEntry, within_ratio};
use sealift_fs::Store;
use sealift_model::{Digest, RelPath, UpstreamId};
use sealift_pkg::decompress::Compression;

use super::BuildError;
use super::narrow::{Narrow, Narrowed};
use crate::budget;
use crate::config::StreamConfig;
use crate::need::Taken;
use crate::selection::need::{Hosts, NeedSelection, Needed};
use crate::selection::{self, SelectedPackage, StreamSelection, Why};
use crate::snapshot::{HEAD_SCHEMA, Head, Snapshot, SnapshotFile};
use crate::state::State;
use crate::withdrawn;

/// What a bundle of the stream would hold now. No file has its stored form yet.
pub(super) struct Content {
    /// All files, sorted by path.
    pub(super) files: Vec<FileEntry>,
    /// The upstreams, sorted by name.
    pub(super) upstreams: Vec<UpstreamEntry>,
    /// What was selected, with the dependencies that stay unresolved.
    pub(super) selection: StreamSelection,
    /// Why each package is there, by path.
    pub(super) why: BTreeMap<RelPath, Why>,
    /// Content that must not be installed any more.
    pub(super) withdrawn: BTreeSet<Digest>,
    /// Packages that were selected and are left out because they are withdrawn.
    pub(super) left_out: Vec<String>,
    /// What it was narrowed to.
    pub(super) narrowed: Narrowed,
}

/// Gathers the content of a stream, or what `narrow` leaves of it. Everything in it is in the store. `held` is what need
/// not be carried.
pub(super) fn gather(
    state: &State,
    stream: &StreamConfig,
    narrow: &Narrow,
    held: &BTreeSet<Digest>,
) -> Result<Content, BuildError> {
    let mut snapshots = BTreeMap::new();
    for name in &stream.upstreams {
        let id = state.head(name)?.and_then(|head| head.current_snapshot);
        let id = id.ok_or_else(|| BuildError::NoSnapshot(name.clone()))?;
        snapshots.insert(name.clone(), (id, state.snapshot(name, &id)?));
    }
    // Selected again from the snapshots' own indexes: heads may be newer after `sync --metadata-only`.
    let heads = snapshots.iter().map(|(name, (_, snapshot))| (name.clone(), head_of(snapshot))).collect();
    let (mut selection, mut narrowed, hosts) = select(stream, &heads, state.store(), narrow)?;
    let withdrawn = withdrawn::digests(state.dir())?;
    let left_out = leave_out(&mut selection, &withdrawn);
    check_fetched(state.store(), &selection.packages)?;
    let mut files = Vec::new();
    let mut upstreams = Vec::new();
    for (name, (id, snapshot)) in &snapshots {
        signed_files(name, snapshot, &mut files)?;
        upstreams.push(upstream_entry(*id, snapshot)?);
    }
    if let Some(budget) = &narrow.budget {
        let firm = (files.as_slice(), held);
        narrowed.budget = Some(budget::fit(state, stream, (&heads, &hosts), firm, (budget, &mut selection))?);
    }
    if let Some(need) = &mut narrowed.need {
        need.needed = selection.packages.iter().map(Needed::of).collect();
    }
    let mut why = BTreeMap::new();
    for package in &selection.packages {
        let file = package_entry(package)?;
        why.insert(file.path.clone(), package.why.clone());
        files.push(file);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    let missing = files.iter().find(|file| !state.store().has(&file.sha256, file.size));
    match missing {
        Some(file) => Err(BuildError::NotStored(file.path.clone())),
        None => Ok(Content { files, upstreams, selection, why, withdrawn, left_out, narrowed }),
    }
}

/// Selects by the stream's rules, or by what hosts lack. The last of what it returns is what is known of hosts.
fn select(
    stream: &StreamConfig,
    heads: &BTreeMap<UpstreamId, Head>,
    store: &Store,
    narrow: &Narrow,
) -> Result<(StreamSelection, Narrowed, Hosts), BuildError> {
    if narrow.needs.is_empty() {
        return Ok((selection::select_stream(stream, heads, store)?, Narrowed::default(), Hosts::default()));
    }
    let NeedSelection { selection, report, hosts } = selection::need::select(stream, heads, store, &narrow.needs)?;
    if selection.packages.is_empty() {
        return Err(BuildError::NothingNeeded { stream: stream.name.clone(), hosts: report.hosts });
    }
    let lists = narrow.needs.iter().map(Taken::reference).collect();
    Ok((selection, Narrowed { lists, need: Some(report), budget: None }, hosts))
}

/// Takes withdrawn packages out of a selection and returns what they are.
fn leave_out(selection: &mut StreamSelection, withdrawn: &BTreeSet<Digest>) -> Vec<String> {
    let gone = selection.packages.extract_if(.., |package| withdrawn.contains(&package.sha256));
    gone.map(|package| format!("{} {} ({})", package.deb.package, package.deb.version, package.deb.architecture))
        .collect()
}

fn check_fetched(store: &Store, packages: &[SelectedPackage]) -> Result<(), BuildError> {
    let mut missing = packages.iter().filter(|p| !store.has(&p.sha256, p.size));
    let Some(first) = missing.next() else { return Ok(()) };
    let count = missing.count().saturating_add(1);
    Err(BuildError::NotFetched { count, first: first.path.clone(), upstream: first.upstream.clone() })
}

fn head_of(snapshot: &Snapshot) -> Head {
    Head {
        architectures: snapshot.architectures.clone(),
        codename: snapshot.codename.clone(),
        components: snapshot.components.clone(),
        current_snapshot: None,
        date: snapshot.date,
        etag: None,
        files: snapshot.files.iter().filter(|file| file.role != FileRole::Package).cloned().collect(),
        keyring: snapshot.keyring,
        last_modified: None,
        release: snapshot.release.clone(),
        schema: HEAD_SCHEMA.into(),
        selection: None,
        signers: snapshot.signers.clone(),
        suite: snapshot.suite.clone(),
        upstream: snapshot.upstream.clone(),
        uri: snapshot.uri.clone(),
        valid_until: snapshot.valid_until,
    }
}

/// Adds Release files, indexes and the keyring.
fn signed_files(name: &UpstreamId, snapshot: &Snapshot, files: &mut Vec<FileEntry>) -> Result<(), BuildError> {
    for SnapshotFile { path, role, sha256, size, .. } in &snapshot.files {
        if *role != FileRole::Package {
            let path = carried(name, path.as_str())?;
            files.push(FileEntry {
                deb: None,
                path,
                role: *role,
                sha256: *sha256,
                size: *size,
                stored: None,
                upstream: name.clone(),
            });
        }
    }
    files.push(FileEntry {
        deb: None,
        path: carried(name, "keyring.pgp")?,
        role: FileRole::Keyring,
        sha256: snapshot.keyring.sha256,
        size: snapshot.keyring.size,
        stored: None,
        upstream: name.clone(),
    });
    Ok(())
}

fn package_entry(package: &SelectedPackage) -> Result<FileEntry, BuildError> {
    Ok(FileEntry {
        deb: Some(package.deb.clone()),
        path: carried(&package.upstream, package.path.as_str())?,
        role: FileRole::Package,
        sha256: package.sha256,
        size: package.size,
        stored: None,
        upstream: package.upstream.clone(),
    })
}

fn upstream_entry(id: Digest, snapshot: &Snapshot) -> Result<UpstreamEntry, BuildError> {
    let name = &snapshot.upstream;
    let path = |path: &RelPath| carried(name, path.as_str());
    Ok(UpstreamEntry {
        architectures: snapshot.architectures.clone(),
        codename: snapshot.codename.clone(),
        components: snapshot.components.clone(),
        date: snapshot.date,
        keyring: carried(name, "keyring.pgp")?,
        kind: "apt".into(),
        name: name.clone(),
        release: ReleaseFiles {
            form: snapshot.release.form,
            path: path(&snapshot.release.path)?,
            signature_path: snapshot.release.signature_path.as_ref().map(path).transpose()?,
        },
        signers: snapshot.signers.clone(),
        snapshot: id,
        suite: snapshot.suite.clone(),
        uri: snapshot.uri.clone(),
        valid_until: snapshot.valid_until,
    })
}

fn carried(upstream: &UpstreamId, path: &str) -> Result<RelPath, BuildError> {
    RelPath::new(&format!("{upstream}/{path}"))
        .map_err(|source| BuildError::Path { upstream: upstream.clone(), source })
}

/// Gives every file that the bundle carries its stored form: indexes that are plain text as zstd, the rest as it is.
///
/// Content in `held`, which every state has that the bundle must be valid from, is left out: packages and indexes.
/// Keyrings, Release files and their signatures are small and come along, changed or not, and so do the indexes that vouch
/// for a package which is carried: with them the medium shows the chain of what it brings.
pub(super) fn store_all(store: &Store, files: &mut [FileEntry], held: &BTreeSet<Digest>) -> Result<(), BuildError> {
    let alone = rests_on_old_indexes(files, held);
    let carried = |file: &FileEntry| match file.role {
        FileRole::Package => !held.contains(&file.sha256),
        FileRole::Index => !held.contains(&file.sha256) || alone.contains(&file.upstream),
        _ => true,
    };
    let mut encoded: BTreeMap<Digest, Stored> = BTreeMap::new();
    for file in files.iter().filter(|file| is_plain_index(file) && carried(file)) {
        if let Entry::Vacant(slot) = encoded.entry(file.sha256) {
            let stored = compress(store, file, &mut io::sink())?;
            // No reader takes a blob that grows beyond this, not even ours.
            let as_is = Stored { encoding: Encoding::Identity, sha256: file.sha256, size: file.size };
            slot.insert(if within_ratio(file.size, stored.size) { stored } else { as_is });
        }
    }
    for file in files.iter_mut().filter(|file| carried(file)) {
        let as_is = Stored { encoding: Encoding::Identity, sha256: file.sha256, size: file.size };
        file.stored = Some(encoded.get(&file.sha256).copied().unwrap_or(as_is));
    }
    Ok(())
}

/// Returns the upstreams of which packages are new while no index is: a rule selects more than it did.
fn rests_on_old_indexes(files: &[FileEntry], held: &BTreeSet<Digest>) -> BTreeSet<UpstreamId> {
    let with_new =
        |role| files.iter().filter(move |f| f.role == role && !held.contains(&f.sha256)).map(|f| &f.upstream);
    let new_indexes: BTreeSet<&UpstreamId> = with_new(FileRole::Index).collect();
    with_new(FileRole::Package).filter(|upstream| !new_indexes.contains(upstream)).cloned().collect()
}

/// Puts the compressed form of every index that has one into the store.
pub(super) fn keep_compressed(store: &Store, files: &[FileEntry]) -> Result<(), BuildError> {
    for file in files {
        let Some(stored) = file.stored.filter(|s| s.encoding == Encoding::Zstd) else { continue };
        if !store.has(&stored.sha256, stored.size) {
            // An index's compressed form is a few MB; the whole never is in memory.
            let mut bytes = Vec::new();
            compress(store, file, &mut bytes)?;
            store.insert(&bytes)?;
        }
    }
    Ok(())
}

fn compress(store: &Store, file: &FileEntry, output: &mut dyn io::Write) -> Result<Stored, BuildError> {
    let mut content = store.open_blob(&file.sha256)?;
    blob::encode(&mut content, file.size, output)
        .map_err(|source| BuildError::Compress { path: file.path.clone(), source })
}

fn is_plain_index(file: &FileEntry) -> bool {
    file.role == FileRole::Index && Compression::of_name(file.path.as_str()) == Compression::Plain
}
