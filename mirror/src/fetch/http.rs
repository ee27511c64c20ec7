//! `http` and `https` requests.

use std::io;

use reqwest::header::{ETAG, HeaderMap, HeaderName, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, RANGE};
use reqwest::redirect::{Attempt, Policy};
use reqwest::{StatusCode, blocking};

use super::{Answer, Body, FetchError, FetchOptions, Request, Validators};

/// Redirections followed for one request.
const REDIRECTIONS: usize = 10;

/// An HTTP client with its connections.
#[derive(Debug)]
pub(super) struct Client(blocking::Client);

impl Client {
    /// Makes a client. A machine without any trusted certificate can still fetch over `http`.
    pub(super) fn new(options: &FetchOptions, encrypted: bool) -> Result<Self, FetchError> {
        // Fails only if some provider is installed already, which is then used.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let builder = || {
            blocking::Client::builder()
                .user_agent(concat!("sealift-mirror/", env!("CARGO_PKG_VERSION")))
                .connect_timeout(options.connect_timeout)
                .timeout(options.stall_timeout)
                .referer(false)
                .redirect(Policy::custom(follow))
        };
        match builder().build() {
            Err(_) if !encrypted => builder().tls_certs_only([]).build(),
            other => other,
        }
        .map(Self)
        .map_err(FetchError::Client)
    }

    pub(super) fn open(&self, request: &Request<'_>) -> Result<Answer, FetchError> {
        let shown = request.uri.shown(request.path);
        let mut get = self.0.get(request.uri.request_url(request.path));
        if request.offset > 0 {
            get = get.header(RANGE, format!("bytes={}-", request.offset));
        }
        if let Some(known) = request.unless {
            // Both where both are known: old proxies understand the date only.
            let pairs = [(IF_NONE_MATCH, &known.etag), (IF_MODIFIED_SINCE, &known.last_modified)];
            for (name, value) in pairs.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?))) {
                get = get.header(name, value);
            }
        }
        let response = get.send().map_err(|error| failed(shown.clone(), error))?;
        match response.status() {
            StatusCode::OK => Ok(Answer::Body(body(response, 0, shown))),
            // A server that sends another range than was asked for is not understood; the caller starts over.
            StatusCode::PARTIAL_CONTENT if begins_at(response.headers(), request.offset) => {
                Ok(Answer::Body(body(response, request.offset, shown)))
            }
            StatusCode::NOT_MODIFIED if request.unless.is_some() => Ok(Answer::Unchanged),
            // Nothing lies beyond the offset; from 0 it can be asked for again.
            StatusCode::RANGE_NOT_SATISFIABLE | StatusCode::PARTIAL_CONTENT if request.offset > 0 => {
                self.open(&Request { offset: 0, ..*request })
            }
            StatusCode::NOT_FOUND | StatusCode::GONE => Err(FetchError::NotFound { uri: shown, http: true }),
            status => Err(FetchError::Status { uri: shown, status: status.as_u16() }),
        }
    }
}

fn body(response: blocking::Response, offset: u64, shown: String) -> Body {
    let text = |name: HeaderName| {
        let value = response.headers().get(name)?.to_str().ok()?;
        // They are kept in a document; what no server needs is not kept.
        (value.len() <= 256 && value.bytes().all(|b| (b' '..=b'~').contains(&b))).then(|| value.to_owned())
    };
    let validators = Validators { etag: text(ETAG), last_modified: text(LAST_MODIFIED) };
    Body { reader: Box::new(response), failed: None, offset, validators, shown }
}

fn begins_at(headers: &HeaderMap, offset: u64) -> bool {
    let range = headers.get(reqwest::header::CONTENT_RANGE).and_then(|value| value.to_str().ok());
    range.and_then(|text| text.strip_prefix("bytes ")?.split_once('-')?.0.parse().ok()) == Some(offset)
}

fn follow(attempt: Attempt<'_>) -> reqwest::redirect::Action {
    // An eavesdropper who can redirect to the clear would learn what a site is about to install.
    let downgraded = attempt.url().scheme() != "https" && attempt.previous().iter().any(|url| url.scheme() == "https");
    if downgraded {
        attempt.error("from https to http")
    } else if attempt.previous().len() > REDIRECTIONS {
        attempt.error("too many redirections")
    } else {
        attempt.follow()
    }
}

fn failed(uri: String, error: reqwest::Error) -> FetchError {
    let source = error.without_url();
    if source.is_redirect() { FetchError::Redirect { uri, source } } else { FetchError::Unreachable { uri, source } }
}

/// Takes the address out of an error of a transfer.
pub(super) fn bare(error: io::Error) -> io::Error {
    let kind = error.kind();
    let Some(inner) = error.into_inner() else { return io::Error::from(kind) };
    match inner.downcast::<reqwest::Error>() {
        Ok(error) => io::Error::new(kind, error.without_url()),
        Err(other) => io::Error::new(kind, other),
    }
}
