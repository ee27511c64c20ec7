//! The kernel's table of mounts (proc(5), `/proc/self/mountinfo`).

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

use sealift_fs::PathError;
use sealift_model::escape::printable;
use serde::{Deserialize, Serialize};

const LIMIT: u64 = 16 << 20;

/// A mounted file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mount {
    /// Major and minor number of its device, `8:17`.
    pub device: String,
    /// Its kind: `vfat`, `ext4`, `iso9660`.
    pub filesystem: String,
    /// The options of this mount, and `ro` if the file system itself is read-only.
    pub options: Vec<String>,
    /// Where it is mounted.
    pub point: PathBuf,
    /// What is mounted: a device, an image, a share.
    pub source: String,
}

impl Mount {
    /// Returns source, kind and options for people.
    pub fn describe(&self) -> String {
        format!("{} {} ({})", self.source, self.filesystem, self.options.join(","))
    }

    /// Returns the size in bytes of the largest file that the file system takes, where its kind has a limit that a blob
    /// can meet: 4 GiB less one byte on FAT.
    pub fn largest_file(&self) -> Option<u64> {
        let fat = ["vfat", "msdos", "fuse.fusefat"].contains(&self.filesystem.as_str());
        fat.then_some(u64::from(u32::MAX))
    }

    /// Tells whether files are kept in memory only, so that nothing read from there was ever on a disk.
    pub fn in_memory(&self) -> bool {
        ["tmpfs", "ramfs"].contains(&self.filesystem.as_str())
    }
}

/// The table, as text.
#[derive(Debug)]
pub struct Table {
    text: String,
}

impl Table {
    /// Reads the table at `path`.
    pub fn read(path: &Path) -> Result<Self, PathError> {
        let bytes = sealift_fs::read_capped(path, LIMIT)?;
        Ok(Self { text: String::from_utf8_lossy(&bytes).into_owned() })
    }

    /// Returns the mount with the kernel's number `id`.
    pub fn find(&self, id: u64) -> Option<Mount> {
        self.text.lines().find_map(|line| line_with(id, line))
    }
}

/// Reads `id parent major:minor root point options [more]… - kind source superoptions`.
fn line_with(id: u64, line: &str) -> Option<Mount> {
    let mut fields = line.split(' ');
    if fields.next()?.parse() != Ok(id) {
        return None;
    }
    let (_parent, device, _root, point, own) =
        (fields.next()?, fields.next()?, fields.next()?, fields.next()?, fields.next()?);
    let mut rest = fields.skip_while(|field| *field != "-").skip(1);
    let (filesystem, source, whole) = (rest.next()?, rest.next()?, rest.next().unwrap_or_default());
    let mut options: Vec<String> = own.split(',').map(printable).collect();
    if whole.split(',').any(|option| option == "ro") && !options.iter().any(|option| option == "ro") {
        options.push("ro".into());
    }
    let text = |field: &str| printable(&String::from_utf8_lossy(&unescape(field)));
    Some(Mount {
        point: OsString::from_vec(unescape(point)).into(),
        filesystem: text(filesystem),
        source: text(source),
        options,
        device: printable(device),
    })
}

/// Undoes the kernel's `\040` for blanks, tabs, line ends and backslashes.
fn unescape(field: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(field.len());
    let mut rest = field.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        let octal = after.get(..3).filter(|_| *first == b'\\').and_then(octal);
        if let Some(byte) = octal {
            out.push(byte);
            rest = after.get(3..).unwrap_or_default();
        } else {
            out.push(*first);
            rest = after;
        }
    }
    out
}

fn octal(digits: &[u8]) -> Option<u8> {
    let text = std::str::from_utf8(digits).ok()?;
    u8::from_str_radix(text, 8).ok()
}
