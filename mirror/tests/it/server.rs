//! A web server on loopback: keeps connections, knows ETag and ranges, remembers what was asked, and can misbehave.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use sealift_model::Digest;

/// Serves files from memory until the process ends.
#[derive(Clone)]
pub struct Server {
    uri: String,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    files: HashMap<String, Vec<u8>>,
    asked: Vec<Asked>,
    cut: Option<(String, usize)>,
    no_ranges: bool,
    failing: HashMap<String, (u16, usize)>,
}

/// A request and its answer.
#[derive(Debug, Clone)]
pub struct Asked {
    pub path: String,
    pub status: u16,
    pub authorization: Option<String>,
    pub sent: usize,
}

impl Server {
    pub fn start(files: HashMap<String, Vec<u8>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let uri = format!("http://{}", listener.local_addr().unwrap());
        let inner = Arc::new(Mutex::new(Inner { files, ..Inner::default() }));
        let shared = Arc::clone(&inner);
        thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                thread::spawn(move || drop(serve(stream.unwrap(), &shared)));
            }
        });
        Self { uri, inner }
    }

    pub fn uri(&self) -> &str {
        &self.uri
    }

    pub fn replace(&self, files: HashMap<String, Vec<u8>>) {
        self.inner.lock().unwrap().files = files;
    }

    pub fn change(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.inner.lock().unwrap().files.get_mut(path).unwrap_or_else(|| panic!("no file {path}")));
    }

    pub fn remove(&self, path: &str) -> Vec<u8> {
        self.inner.lock().unwrap().files.remove(path).unwrap_or_else(|| panic!("no file {path}"))
    }

    pub fn put(&self, path: &str, bytes: Vec<u8>) {
        self.inner.lock().unwrap().files.insert(path.into(), bytes);
    }

    /// Cuts the connection once, after `bytes` of the body of `path`.
    pub fn cut(&self, path: &str, bytes: usize) {
        self.inner.lock().unwrap().cut = Some((path.into(), bytes));
    }

    /// Answers the next `times` requests for `path` with `status`.
    pub fn fail(&self, path: &str, status: u16, times: usize) {
        self.inner.lock().unwrap().failing.insert(path.into(), (status, times));
    }

    pub fn ignore_ranges(&self) {
        self.inner.lock().unwrap().no_ranges = true;
    }

    pub fn take_asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.inner.lock().unwrap().asked)
    }
}

fn serve(stream: TcpStream, inner: &Mutex<Inner>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut writer = stream;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 {
            return Ok(());
        }
        let path = line.split(' ').nth(1).unwrap_or("/").trim_start_matches('/').replace("%2B", "+");
        let mut headers = HashMap::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line)?;
            match line.trim().split_once(':') {
                Some((name, value)) => headers.insert(name.to_ascii_lowercase(), value.trim().to_owned()),
                None => break,
            };
        }
        let (head, body, whole) = answer(&path, &headers, &mut inner.lock().unwrap());
        writer.write_all(head.as_bytes())?;
        writer.write_all(&body)?;
        writer.flush()?;
        if !whole {
            return Ok(());
        }
    }
}

/// Returns head and body of the answer, and whether the body is whole.
fn answer(path: &str, headers: &HashMap<String, String>, inner: &mut Inner) -> (String, Vec<u8>, bool) {
    let failing = inner.failing.get_mut(path).filter(|(_, times)| *times > 0).map(|(status, times)| {
        *times -= 1;
        *status
    });
    let file = inner.files.get(path).cloned();
    let etag = file.as_ref().map(|bytes| format!("\"{}\"", Digest::of(bytes)));
    let from = headers
        .get("range")
        .filter(|_| !inner.no_ranges)
        .and_then(|r| r.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
    let (status, body, extra) = match (failing, file) {
        (Some(status), _) => (status, Vec::new(), String::new()),
        (None, None) => (404, b"not here".to_vec(), String::new()),
        (None, Some(_)) if etag.is_some() && headers.get("if-none-match") == etag.as_ref() => {
            (304, Vec::new(), String::new())
        }
        (None, Some(bytes)) => match from {
            Some(from) if from >= bytes.len() => (416, Vec::new(), String::new()),
            Some(from) => {
                let range = format!("Content-Range: bytes {from}-{}/{}\r\n", bytes.len() - 1, bytes.len());
                (206, bytes[from..].to_vec(), range)
            }
            None => (200, bytes, String::new()),
        },
    };
    let declared = body.len();
    let cut = inner.cut.take_if(|(at, _)| at == path).map(|(_, at)| at);
    let sent = cut.unwrap_or(declared).min(declared);
    let authorization = headers.get("authorization").cloned();
    inner.asked.push(Asked { path: path.to_owned(), status, authorization, sent });
    let etag = etag.map_or_else(String::new, |etag| format!("ETag: {etag}\r\n"));
    let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {declared}\r\n{etag}{extra}\r\n");
    (head, body[..sent].to_vec(), cut.is_none())
}
