//! The package indexes that a verified Release file lists.

use sealift_bundle::manifest::FileRole;
use sealift_model::{Progress, RelPath};
use sealift_pkg::Release;
use sealift_pkg::index::INDEX_LIMIT;
use sealift_pkg::release::{IndexChoice, ReleaseFile};

use super::{UpstreamError, UpstreamRefusal};
use crate::config::UpstreamConfig;
use crate::fetch::download::{self, DownloadError, Wanted};
use crate::fetch::{FetchError, Fetcher};
use crate::snapshot::SnapshotFile;
use crate::state::State;

/// One index and the forms it is offered in, the preferred first.
pub(super) struct WantedIndex {
    forms: Vec<ReleaseFile>,
    by_hash: bool,
}

/// The indexes of an upstream, all in the store.
pub(super) struct FetchedIndexes {
    pub(super) files: Vec<SnapshotFile>,
    pub(super) count: usize,
}

/// Chooses the indexes of the configured components and architectures.
pub(super) fn wanted(release: &Release, config: &UpstreamConfig) -> Result<Vec<WantedIndex>, UpstreamError> {
    let mut wanted = Vec::new();
    for component in &config.components {
        if !release.has_component(component) {
            let offered = sealift_model::escape::printable(&release.components.join(", "));
            return Err(UpstreamError::NoComponent { component: component.clone(), offered });
        }
        let mut forms = |architecture: &str| {
            let choices: Vec<IndexChoice<'_>> = release.choose_index(component, architecture);
            let forms: Vec<_> = choices.into_iter().map(|choice| choice.file.clone()).collect();
            let found = !forms.is_empty();
            if found {
                wanted.push(WantedIndex { forms, by_hash: release.acquire_by_hash });
            }
            found
        };
        for architecture in &config.architectures {
            if !forms(architecture) {
                let (component, architecture) = (component.clone(), architecture.clone());
                return Err(UpstreamError::NoIndex { component, architecture });
            }
        }
        // Where packages of `all` have an index of their own, the others do not repeat them.
        if release.separate_all && !config.architectures.iter().any(|a| a == "all") {
            forms("all");
        }
    }
    Ok(wanted)
}

/// Brings the indexes into the store; those that are there already are not fetched.
pub(super) fn fetch(
    state: &State,
    config: &UpstreamConfig,
    wanted: &[WantedIndex],
    fetcher: &Fetcher,
    progress: &dyn Progress,
) -> Result<FetchedIndexes, UpstreamError> {
    let partial_dir = state.partial_dir()?;
    let store = state.store();
    let there = |index: &WantedIndex| index.forms.iter().find(|f| store.has(&f.sha256, f.size)).cloned();
    let missing: Vec<_> = wanted.iter().filter(|index| there(index).is_none()).collect();
    if !missing.is_empty() {
        let total = missing.iter().filter_map(|index| index.forms.first()).map(|form| form.size).sum();
        progress.phase(&format!("Fetching the indexes of {}", config.name), Some(total));
    }
    let mut result = FetchedIndexes { files: Vec::new(), count: missing.len() };
    for index in wanted {
        let form = match there(index) {
            Some(form) => form,
            None => one(index, config, state, &partial_dir, &Via { fetcher, progress })?,
        };
        let path = RelPath::new(&format!("dists/{}/{}", config.suite, form.name))?;
        result.files.push(SnapshotFile {
            deb: None,
            path,
            role: FileRole::Index,
            sha256: form.sha256,
            size: form.size,
        });
    }
    Ok(result)
}

struct Via<'a> {
    fetcher: &'a Fetcher,
    progress: &'a dyn Progress,
}

/// Fetches one index in the first form that is there, by its digest where the upstream has it so.
fn one(
    index: &WantedIndex,
    config: &UpstreamConfig,
    state: &State,
    partial_dir: &std::path::Path,
    via: &Via<'_>,
) -> Result<ReleaseFile, UpstreamError> {
    let mut missing = None;
    for form in &index.forms {
        if form.size > INDEX_LIMIT {
            let uri = config.uri.shown(&form.name);
            return Err(FetchError::TooLarge { uri, limit: INDEX_LIMIT }.into());
        }
        let by_hash = index.by_hash.then(|| form.by_hash()).transpose()?;
        for name in by_hash.into_iter().chain([form.name.clone()]) {
            let path = RelPath::new(&format!("dists/{}/{name}", config.suite))?;
            let wanted = Wanted { uri: &config.uri, path, sha256: form.sha256, size: form.size };
            let mut done = download::download(via.fetcher, &[wanted], state.store(), partial_dir, via.progress)?;
            match done.failed.pop() {
                None => return Ok(form.clone()),
                // An upstream may list forms, and promise digests, that it does not have.
                Some((_, error)) if error.is_not_found() => missing.get_or_insert(error),
                Some((_, error @ DownloadError::Wrong { .. })) => {
                    return Err(UpstreamRefusal::Index(error).into());
                }
                Some((_, error)) => return Err(UpstreamError::Download(error)),
            };
        }
    }
    Err(UpstreamError::Download(missing.expect("`wanted` leaves out an index without forms")))
}
