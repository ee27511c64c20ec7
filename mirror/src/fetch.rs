//! Getting bytes from an upstream: `http`, `https` and `file`, with resumption, repeated tries and a rate limit.
//!
//! Nothing that arrives here is trusted; [`download`] hashes it on the way and keeps only what has the digest asked for.
//! Proxies and certificate stores are those of the environment, as other programs use them. Addresses in errors never
//! hold credentials.

use std::io::{self, Read, Seek as _, SeekFrom};
use std::sync::OnceLock;
use std::time::Duration;

use sealift_fs::PathError;
use sealift_model::RelPath;

use crate::config::Uri;

pub mod download;
mod http;
mod limit;

pub use limit::{RateError, parse_rate};

/// How to fetch.
#[derive(Debug, Clone)]
pub struct FetchOptions {
    /// How many files at a time.
    pub jobs: usize,
    /// Bytes a second for all of them together.
    pub limit_rate: Option<u64>,
    /// Longest wait for a connection.
    pub connect_timeout: Duration,
    /// Longest wait for the next byte.
    pub stall_timeout: Duration,
    /// How often a file is asked for again after a failure that may pass.
    pub retries: u32,
    /// Wait before the first repetition; doubled for each further one.
    pub backoff: Duration,
}

impl Default for FetchOptions {
    fn default() -> Self {
        Self {
            jobs: 4,
            limit_rate: None,
            connect_timeout: Duration::from_secs(20),
            stall_timeout: Duration::from_secs(30),
            retries: 3,
            backoff: Duration::from_millis(500),
        }
    }
}

/// Fetches files; shared by all threads of a sync.
#[derive(Debug)]
pub struct Fetcher {
    options: FetchOptions,
    limiter: limit::Limiter,
    // Made at the first request: loading the system's certificates is time that a file upstream need not spend.
    client: OnceLock<http::Client>,
}

/// What a server said about a file, to be sent back with the next question for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Validators {
    /// `ETag`.
    pub etag: Option<String>,
    /// `Last-Modified`.
    pub last_modified: Option<String>,
}

/// Which bytes are wanted.
#[derive(Debug, Clone, Copy)]
pub struct Request<'a> {
    /// The upstream's address.
    pub uri: &'a Uri,
    /// The file below it.
    pub path: &'a RelPath,
    /// The first byte wanted.
    pub offset: u64,
    /// Ask only for something newer than this.
    pub unless: Option<&'a Validators>,
}

/// What came of a request.
pub enum Answer {
    /// Nothing newer.
    Unchanged,
    /// The file, or the rest of it.
    Body(Body),
}

/// Bytes that are arriving.
pub struct Body {
    reader: Box<dyn Read + Send>,
    // A reader that failed once says afterwards that it ended; a cut file must not pass for a short one.
    failed: Option<io::Error>,
    /// Where in the file they begin: the offset asked for, or 0 if the server starts over.
    pub offset: u64,
    /// What the server says about the file.
    pub validators: Validators,
    shown: String,
}

/// Why bytes did not arrive.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FetchError {
    /// The file is not there.
    #[error("{uri} does not exist{}", if *.http { " (404)" } else { "" })]
    NotFound {
        /// The address.
        uri: String,
        /// Whether a server says so.
        http: bool,
    },
    /// The server refuses or fails.
    #[error("{uri} answers with status {status}")]
    Status {
        /// The address.
        uri: String,
        /// The HTTP status.
        status: u16,
    },
    /// No connection, or none that an answer came over.
    #[error("cannot reach {uri}")]
    Unreachable {
        /// The address.
        uri: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The server redirects from an encrypted address to one in the clear, or in circles.
    #[error("{uri} is redirected where sealift does not follow")]
    Redirect {
        /// The address.
        uri: String,
        /// Why.
        source: reqwest::Error,
    },
    /// The connection was cut, or nothing came for too long.
    #[error("the transfer of {uri} was cut")]
    Cut {
        /// The address.
        uri: String,
        /// Why.
        source: io::Error,
    },
    /// More bytes than a file of this kind may have.
    #[error("{uri} is larger than {limit} bytes")]
    TooLarge {
        /// The address.
        uri: String,
        /// The bound.
        limit: u64,
    },
    /// The HTTP client cannot be made, for instance because the certificate file it is given is unreadable.
    #[error("cannot set up encrypted connections")]
    Client(#[source] reqwest::Error),
    /// A file of a `file` upstream cannot be read.
    #[error(transparent)]
    File(PathError),
}

impl FetchError {
    /// Tells whether the same request may succeed a moment later.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::Cut { .. } => true,
            Self::Status { status, .. } => matches!(status, 408 | 429 | 500..=599),
            _ => false,
        }
    }

    /// Tells whether the file is not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}

impl Fetcher {
    /// Makes a fetcher. Nothing is connected yet.
    pub fn new(options: FetchOptions) -> Self {
        let limiter = limit::Limiter::new(options.limit_rate);
        Self { options, limiter, client: OnceLock::new() }
    }

    /// Returns how it fetches.
    pub fn options(&self) -> &FetchOptions {
        &self.options
    }

    /// Asks once.
    pub fn open(&self, request: &Request<'_>) -> Result<Answer, FetchError> {
        match request.uri.to_dir() {
            Some(dir) => open_file(&dir.join(request.path), request).map(Answer::Body),
            None => self.client(request.uri)?.open(request),
        }
    }

    /// Asks for the whole of a small file, again after failures that may pass; `None` if there is nothing newer.
    pub fn read(&self, request: &Request<'_>, limit: u64) -> Result<Option<(Vec<u8>, Validators)>, FetchError> {
        self.repeated(|| {
            let mut body = match self.open(request)? {
                Answer::Unchanged => return Ok(None),
                Answer::Body(body) => body,
            };
            let mut bytes = Vec::new();
            while body.read_more(&mut bytes, &self.limiter)? {
                if bytes.len() as u64 > limit {
                    return Err(FetchError::TooLarge { uri: body.shown, limit });
                }
            }
            Ok(Some((bytes, body.validators)))
        })
    }

    /// Runs `attempt` until it succeeds, fails for good, or has failed too often.
    fn repeated<T>(&self, mut attempt: impl FnMut() -> Result<T, FetchError>) -> Result<T, FetchError> {
        let mut wait = self.options.backoff;
        for _ in 0..self.options.retries {
            match attempt() {
                Err(error) if error.may_pass() => std::thread::sleep(wait),
                other => return other,
            }
            wait = wait.saturating_mul(2);
        }
        attempt()
    }

    fn client(&self, uri: &Uri) -> Result<&http::Client, FetchError> {
        if let Some(client) = self.client.get() {
            return Ok(client);
        }
        let client = http::Client::new(&self.options, uri.is_https())?;
        Ok(self.client.get_or_init(|| client))
    }
}

fn open_file(path: &std::path::Path, request: &Request<'_>) -> Result<Body, FetchError> {
    let shown = request.uri.shown(request.path);
    let (mut file, size) = sealift_fs::open_file(path).map_err(|error| {
        if error.is_not_found() {
            FetchError::NotFound { uri: shown.clone(), http: false }
        } else {
            FetchError::File(error)
        }
    })?;
    let offset = if request.offset <= size { request.offset } else { 0 };
    file.seek(SeekFrom::Start(offset)).map_err(|source| FetchError::Cut { uri: shown.clone(), source })?;
    Ok(Body { reader: Box::new(file), failed: None, offset, validators: Validators::default(), shown })
}

impl Body {
    /// Reads one piece to the end of `buffer`; tells whether there was one.
    pub(crate) fn read_more(&mut self, buffer: &mut Vec<u8>, limiter: &limit::Limiter) -> Result<bool, FetchError> {
        if let Some(source) = self.failed.take() {
            return Err(self.cut(source));
        }
        let before = buffer.len();
        let result = (&mut self.reader).take(limiter.piece()).read_to_end(buffer);
        let came = buffer.len() - before;
        limiter.spend(came as u64);
        match result {
            Ok(_) => Ok(came > 0),
            Err(source) if came == 0 => Err(self.cut(source)),
            // What came before the cut is good to keep.
            Err(source) => {
                self.failed = Some(source);
                Ok(true)
            }
        }
    }

    fn cut(&self, source: io::Error) -> FetchError {
        FetchError::Cut { uri: self.shown.clone(), source: http::bare(source) }
    }
}
