//! The address of an upstream, which may hold a user name and password that nothing must ever show.

use std::fmt;
use std::path::PathBuf;

use reqwest::Url;
use sealift_model::RelPath;
use sealift_model::escape::printable;
use serde::{Deserialize, Deserializer};

/// An `http`, `https` or `file` address. Printed without user name and password.
#[derive(Clone, PartialEq, Eq)]
pub struct Uri(Url);

/// Why a text is not the address of an upstream. Never repeats it: a mistyped address can still hold a password.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum UriError {
    /// Not a URI.
    #[error("not a URI: {0}")]
    Malformed(String),
    /// Another scheme.
    #[error("the scheme `{0}` is not supported: use http, https or file")]
    Scheme(String),
    /// A query or fragment, below which no path can be.
    #[error("the address of a repository has no `?` or `#`")]
    Query,
    /// A `file` address that names no local directory.
    #[error("a file address names an absolute path of this machine: file:///srv/repository")]
    File,
}

impl Uri {
    /// Checks `text`.
    pub fn new(text: &str) -> Result<Self, UriError> {
        let mut url = Url::parse(text).map_err(|e| UriError::Malformed(e.to_string()))?;
        if url.query().is_some() || url.fragment().is_some() {
            return Err(UriError::Query);
        }
        match url.scheme() {
            "http" | "https" => {}
            "file" if url.to_file_path().is_ok() => {}
            "file" => return Err(UriError::File),
            other => return Err(UriError::Scheme(printable(other))),
        }
        let path = url.path().trim_end_matches('/').to_owned();
        url.set_path(&path);
        Ok(Self(url))
    }

    /// Tells whether the address holds a user name or password.
    pub fn has_credentials(&self) -> bool {
        !self.0.username().is_empty() || self.0.password().is_some()
    }

    /// Returns the local directory a `file` address names.
    pub fn to_dir(&self) -> Option<PathBuf> {
        (self.0.scheme() == "file").then(|| self.0.to_file_path().ok()).flatten()
    }

    /// Tells whether the connection is to be encrypted.
    pub fn is_https(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// Returns the address of a file below this one, **with the credentials**: for requests only.
    pub(crate) fn request_url(&self, path: &RelPath) -> Url {
        let mut url = self.0.clone();
        url.set_path(&format!("{}/{}", self.0.path().trim_end_matches('/'), quoted(path)));
        url
    }

    /// Returns the address of a file below this one as it may be shown.
    pub fn shown(&self, path: &RelPath) -> String {
        format!("{}/{path}", self.to_string().trim_end_matches('/'))
    }
}

/// Quotes what servers read otherwise: `%` begins a quotation, and some object stores take `+` for a space.
fn quoted(path: &RelPath) -> String {
    path.as_str().replace('%', "%25").replace('+', "%2B")
}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut bare = self.0.clone();
        // Both fail only for addresses without a host, which hold neither.
        let _ = bare.set_username("");
        let _ = bare.set_password(None);
        f.write_str(bare.as_str().trim_end_matches('/'))
    }
}

impl fmt::Debug for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uri({self})")
    }
}

impl<'de> Deserialize<'de> for Uri {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_sent_and_never_shown() {
        let uri = Uri::new("https://user:insecure-test-secret@example.org/debian/").unwrap();
        let path = RelPath::new("pool/a/a_1%3a2+b_all.deb").unwrap();
        assert!(uri.has_credentials());
        for shown in [uri.to_string(), format!("{uri:?}"), uri.shown(&path)] {
            assert!(!shown.contains("secret") && !shown.contains("user"), "{shown}");
        }
        let sent = uri.request_url(&path);
        assert_eq!(sent.as_str(), "https://user:insecure-test-secret@example.org/debian/pool/a/a_1%253a2%2Bb_all.deb");
        assert_eq!(Uri::new("http://example.org").unwrap().shown(&path), "http://example.org/pool/a/a_1%3a2+b_all.deb");
    }

    #[test]
    fn refuses_addresses_that_name_no_tree() {
        for bad in
            ["example.org/debian", "ftp://example.org/x", "https://example.org/?x", "file://other/srv", "http://"]
        {
            assert!(Uri::new(bad).is_err(), "{bad}");
        }
        let error = Uri::new("https://user:insecure-test-secret@:bad:/").unwrap_err().to_string();
        assert!(!error.contains("secret"), "{error}");
        assert_eq!(Uri::new("file:///srv/debian/").unwrap().to_dir(), Some(PathBuf::from("/srv/debian")));
    }
}
