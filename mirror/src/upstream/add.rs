//! Adding upstreams to `mirror.toml` without touching what the operator wrote there.
//!
//! Blocks are appended as text; the whole is read again as configuration before it replaces the file.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use sealift_fs::{Lock, Mode, PathError};
use sealift_model::UpstreamId;
use sealift_pkg::openpgp::{Fingerprint, Keyring, KeyringError};

use crate::config::{self, Config, ConfigError, UpstreamConfig, Uri};
use crate::upstream::KEYRING_LIMIT;

/// Why upstreams were not added.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AddError {
    /// The name is taken.
    #[error("there is already an upstream `{0}`")]
    Exists(UpstreamId),
    /// The keyring cannot be read.
    #[error("cannot read the keyring")]
    KeyringFile(#[source] PathError),
    /// The keyring file holds no usable keyring.
    #[error("{} is not a keyring", .file.display())]
    Keyring {
        /// The file.
        file: PathBuf,
        /// Why.
        source: KeyringError,
    },
    /// An address with a user name or password, which would stay in the shell's history.
    #[error("the address holds a user name or password")]
    Credentials,
    /// What would be written is not valid.
    #[error("the upstream cannot be added")]
    Config(#[from] ConfigError),
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
}

/// Reads a keyring file and returns the fingerprints of its keys.
pub fn fingerprints(file: &Path) -> Result<Vec<Fingerprint>, AddError> {
    fingerprints_of(&sealift_fs::read_capped(file, KEYRING_LIMIT).map_err(AddError::KeyringFile)?, file)
}

/// Returns the fingerprints of the keys in the bytes of a keyring; `file` is for messages.
pub fn fingerprints_of(bytes: &[u8], file: &Path) -> Result<Vec<Fingerprint>, AddError> {
    match Keyring::parse(bytes) {
        Ok(keyring) => Ok(keyring.fingerprints()),
        Err(source) => Err(AddError::Keyring { file: file.to_owned(), source }),
    }
}

/// Refuses an address that holds credentials: those are for the file, not for a command line.
pub fn refuse_credentials(uri: &Uri) -> Result<(), AddError> {
    if uri.has_credentials() { Err(AddError::Credentials) } else { Ok(()) }
}

/// Appends `upstreams` to the configuration of the mirror in `dir`.
pub fn append(dir: &Path, _writer: &Lock, upstreams: &[UpstreamConfig]) -> Result<(), AddError> {
    let file = dir.join(config::FILE);
    let bytes = sealift_fs::read_capped(&file, config::LIMIT)?;
    let before = Config::load(&file)?;
    if let Some(taken) = upstreams.iter().find(|u| before.upstream(&u.name).is_some()) {
        return Err(AddError::Exists(taken.name.clone()));
    }
    let mut text = String::from_utf8_lossy(&bytes).into_owned();
    for upstream in upstreams {
        if !text.is_empty() && !text.ends_with('\n') {
            text.push('\n');
        }
        text.push_str(&block(upstream));
    }
    // A file that ends inside something a block cannot follow, such as `upstream = []`, is found out here.
    Config::parse(&text, &file)?;
    Ok(sealift_fs::replace(&file, text.as_bytes(), Mode::Private)?)
}

/// Returns the block of one upstream, as an operator would write it.
pub fn block(upstream: &UpstreamConfig) -> String {
    let text = |value: &str| toml::Value::from(value).to_string();
    let list = |values: &[String]| toml::Value::from(values.to_vec()).to_string();
    let mut block = String::from("\n[[upstream]]\n");
    for (key, value) in [
        ("name", text(upstream.name.as_str())),
        ("uri", text(&upstream.uri.to_string())),
        ("suite", text(&upstream.suite)),
        ("components", list(&upstream.components)),
        ("architectures", list(&upstream.architectures)),
        ("signed_by", text(&upstream.signed_by.to_string_lossy())),
    ] {
        let _ = writeln!(block, "{key} = {value}");
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::State;

    fn upstream(name: &str) -> UpstreamConfig {
        UpstreamConfig {
            name: UpstreamId::new(name).unwrap(),
            uri: Uri::new("https://example.org/debian").unwrap(),
            suite: "bookworm".into(),
            components: vec!["contrib".into(), "main".into()],
            architectures: vec!["amd64".into()],
            signed_by: "/etc/a \"quoted\" key.gpg".into(),
        }
    }

    #[test]
    fn comments_stay_and_the_upstream_reads_back() {
        let dir = tempfile::tempdir().unwrap();
        State::init(dir.path()).unwrap();
        let file = dir.path().join(config::FILE);
        let before = std::fs::read_to_string(&file).unwrap() + "# my own remark";
        std::fs::write(&file, &before).unwrap();
        let state = State::open(dir.path()).unwrap();
        append(dir.path(), &state.lock().unwrap(), &[upstream("a"), upstream("b")]).unwrap();
        assert!(std::fs::read_to_string(&file).unwrap().starts_with(&before));
        assert_eq!(State::open(dir.path()).unwrap().config().upstreams, [upstream("a"), upstream("b")]);
    }

    #[test]
    fn refuses_what_would_break_the_file_and_leaves_it() {
        let dir = tempfile::tempdir().unwrap();
        State::init(dir.path()).unwrap();
        let state = State::open(dir.path()).unwrap();
        let lock = state.lock().unwrap();
        append(dir.path(), &lock, &[upstream("a")]).unwrap();
        let file = dir.path().join(config::FILE);
        let before = std::fs::read(&file).unwrap();
        assert!(matches!(append(dir.path(), &lock, &[upstream("a")]), Err(AddError::Exists(_))));
        let flat = UpstreamConfig { suite: "./".into(), ..upstream("b") };
        assert!(matches!(append(dir.path(), &lock, &[flat]), Err(AddError::Config(_))));
        assert_eq!(std::fs::read(&file).unwrap(), before);
    }

    #[test]
    fn refuses_files_that_are_no_keyring() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("k.gpg");
        assert!(matches!(fingerprints(&file), Err(AddError::KeyringFile(_))));
        std::fs::write(&file, "not a key").unwrap();
        assert!(matches!(fingerprints(&file), Err(AddError::Keyring { .. })));
    }
}
