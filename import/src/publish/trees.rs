//! The trees below `published/.trees`: one a publication, the newest behind the channel's link.

use std::path::{Path, PathBuf};

use sealift_fs::{PathError, Tree};
use sealift_model::{ChannelId, RelPath};
use sealift_pkg::Release;

use super::PublishError;
use super::indexes::in_suite;
use crate::layout::Layout;

/// How many trees of a channel stay, the current one included.
const KEPT: usize = 3;
const RELEASE_LIMIT: u64 = 64 << 20;

/// Returns where a tree lies.
pub(super) fn path(layout: &Layout, channel: &ChannelId, number: u64) -> PathBuf {
    layout.trees().join(name(channel, number))
}

fn name(channel: &ChannelId, number: u64) -> String {
    format!("{channel}-{number}")
}

/// Returns a number above every tree that is there, finished or not, and above the last that was recorded.
pub(super) fn next_number(layout: &Layout, channel: &ChannelId, recorded: u64) -> Result<u64, PathError> {
    let highest = numbers(layout, channel)?.last().copied().unwrap_or(0);
    Ok(highest.max(recorded) + 1)
}

/// Returns the numbers of the channel's trees, ascending.
fn numbers(layout: &Layout, channel: &ChannelId) -> Result<Vec<u64>, PathError> {
    let prefix = format!("{channel}-");
    let names = match sealift_fs::list_dir(&layout.trees()) {
        Err(e) if e.is_not_found() => Vec::new(),
        other => other?,
    };
    // `testing-2` is no tree of the channel `testing` if it goes on as `testing-2-7`.
    let mut found: Vec<u64> = names.iter().filter_map(|n| n.strip_prefix(&prefix)?.parse().ok()).collect();
    found.sort_unstable();
    Ok(found)
}

/// Points the channel's link at a tree: the moment from which hosts see it.
pub(super) fn switch(layout: &Layout, channel: &ChannelId, number: u64) -> Result<(), PathError> {
    sealift_fs::replace_link(&target(channel, number), &layout.channel(channel))
}

/// Returns what the channel's link holds when it points at a tree.
pub(super) fn target(channel: &ChannelId, number: u64) -> PathBuf {
    Path::new(".trees").join(name(channel, number))
}

/// Tells whether hosts see a tree.
pub(super) fn is_shown(layout: &Layout, channel: &ChannelId, number: u64) -> Result<bool, PathError> {
    Ok(sealift_fs::read_link(&layout.channel(channel))? == Some(target(channel, number)))
}

/// Removes a tree that could not be switched to, and tells whether that is certain. It stays if hosts may see it.
pub(super) fn give_up(layout: &Layout, channel: &ChannelId, number: u64) -> bool {
    let given_up = is_shown(layout, channel, number).is_ok_and(|shown| !shown);
    if given_up {
        // The reason for giving up is the one to report; a leftover goes with a later publication.
        let _ = sealift_fs::remove_tree(&path(layout, channel, number));
    }
    given_up
}

/// Removes trees but the newest few; never one that is newer than the current.
pub(super) fn drop_old(layout: &Layout, channel: &ChannelId, current: u64) -> Result<(), PathError> {
    let older: Vec<u64> = numbers(layout, channel)?.into_iter().filter(|n| *n <= current).collect();
    for number in older.iter().rev().skip(KEPT) {
        sealift_fs::remove_tree(&path(layout, channel, *number))?;
    }
    Ok(())
}

/// Gives the indexes of the tree that hosts read now their names by digest in the new tree.
///
/// A host that fetched the old Release file just before the switch asks for them just after it. Only what the old
/// Release lists is taken over, so each index lives on for one generation.
pub(super) fn keep_previous(layout: &Layout, channel: &ChannelId, tree: &mut Tree) -> Result<(), PublishError> {
    let link = layout.channel(channel);
    if sealift_fs::read_link(&link)?.is_none() {
        return Ok(());
    }
    let dists = link.join("dists");
    for suite in suites(&dists, "")? {
        let bytes = sealift_fs::read_capped(&dists.join(&suite).join("Release"), RELEASE_LIMIT)?;
        // Our own text; should it not read back, hosts only have to ask again.
        let Ok(release) = Release::parse(&String::from_utf8_lossy(&bytes)) else { continue };
        for file in release.files() {
            let Ok(by_hash) = file.by_hash() else { continue };
            let old = dists.join(&suite).join(by_hash.as_path());
            if old.is_file() {
                tree.link(&old, &in_suite(&suite, by_hash.as_str())?)?;
            }
        }
    }
    Ok(())
}

/// Returns the suites of a tree; a suite's name may have several segments.
fn suites(dists: &Path, below: &str) -> Result<Vec<String>, PathError> {
    let mut found = Vec::new();
    let names = match sealift_fs::list_dir(&dists.join(below)) {
        Err(e) if e.is_not_found() => return Ok(found),
        other => other?,
    };
    for name in names {
        let path = if below.is_empty() { name } else { format!("{below}/{name}") };
        let dir = dists.join(&path);
        if !dir.is_dir() || RelPath::new(&path).is_err() {
            continue;
        }
        if dir.join("Release").is_file() {
            found.push(path);
        } else {
            found.extend(suites(dists, &path)?);
        }
    }
    Ok(found)
}
