//! Symbolic links of our own, switched in one step.

use std::io;
use std::path::{Path, PathBuf};

use crate::error::{Context, PathError};
use crate::file;
use crate::raw;

/// Points the symbolic link `link` at `target`, replacing the link that was there in one step; durable on return.
#[track_caller]
pub fn replace_link(target: &Path, link: &Path) -> Result<(), PathError> {
    let name = link.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let temp = link.with_file_name(format!(".tmp-link-{name}"));
    // Left by a killed run; the caller is the only writer.
    file::remove_file(&temp)?;
    raw::symlink(target, &temp).context("create the link", &temp)?;
    let renamed = file::rename(&temp, link);
    if renamed.is_err() {
        let _ = file::remove_file(&temp);
    }
    renamed
}

/// Returns what a symbolic link points at; `None` if nothing is there.
pub fn read_link(link: &Path) -> Result<Option<PathBuf>, PathError> {
    match std::fs::read_link(link) {
        Ok(target) => Ok(Some(target)),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(PathError::new("read the link", link, e)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn a_link_is_switched_and_a_leftover_does_not_hinder() {
        let dir = tempfile::tempdir().unwrap();
        let link = dir.path().join("current");
        assert_eq!(read_link(&link).unwrap(), None);
        replace_link(Path::new("one"), &link).unwrap();
        symlink("half", dir.path().join(".tmp-link-current")).unwrap();
        replace_link(Path::new("two"), &link).unwrap();
        assert_eq!(read_link(&link).unwrap().unwrap(), Path::new("two"));
        assert_eq!(file::list_dir(dir.path()).unwrap(), ["current"]);
    }
}
