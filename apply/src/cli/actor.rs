//! Who is running this, as the system knows it.

use std::path::Path;

/// Returns `login(uid)` of this process; the login name is left out where the system has none.
pub(super) fn actor() -> String {
    let uid = rustix::process::getuid().as_raw().to_string();
    let passwd = sealift_fs::read_capped(Path::new("/etc/passwd"), 4 << 20).unwrap_or_default();
    let text = String::from_utf8_lossy(&passwd);
    let login = text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        (fields.nth(1)? == uid).then(|| name.to_owned())
    });
    format!("{}({uid})", login.unwrap_or_default())
}

/// Returns name and version of this tool.
pub(super) fn tool() -> String {
    format!("sealift-apply {}", env!("CARGO_PKG_VERSION"))
}
