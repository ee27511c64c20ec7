//! Who runs the command, as the system knows it. Nothing is taken from the environment, which anybody can set.

use std::path::Path;

const PASSWD_LIMIT: u64 = 4 << 20;

/// Returns login name and user id, `alice(1000)`; `?` where the system has no name.
pub(super) fn actor() -> String {
    let uid = rustix::process::getuid().as_raw();
    let name = sealift_fs::read_capped(Path::new("/etc/passwd"), PASSWD_LIMIT)
        .ok()
        .and_then(|bytes| login_name(&String::from_utf8_lossy(&bytes), uid));
    format!("{}({uid})", name.unwrap_or_else(|| "?".into()))
}

fn login_name(passwd: &str, uid: u32) -> Option<String> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        let (name, _, id) = (fields.next()?, fields.next()?, fields.next()?);
        (id.parse() == Ok(uid)).then(|| sealift_model::escape::printable(name))
    })
}

#[cfg(test)]
mod tests {
    use super::login_name;

    #[test]
    fn names_come_from_the_users_file() {
        let passwd = "root:x:0:0::/root:/bin/sh\nbroken\nalice:x:1000:1000::/home/alice:/bin/sh\n";
        assert_eq!(login_name(passwd, 1000).as_deref(), Some("alice"));
        assert_eq!(login_name(passwd, 7), None);
    }
}
