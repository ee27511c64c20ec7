//! A web server for one directory, on a loopback port that the system chooses.
//!
//! It knows GET, HEAD and `Range: bytes=N-`, keeps a list of what was asked for, and can be told to misbehave. It never
//! listens on another address and never leaves its directory.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use anyhow::Context as _;

/// A running server; it stops accepting when dropped.
pub struct Server {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    dir: PathBuf,
    asked: Mutex<Vec<String>>,
    stopped: AtomicBool,
}

/// What a request wants.
struct Request {
    path: String,
    head_only: bool,
    from: u64,
}

impl Server {
    /// Serves `dir` until dropped.
    pub fn start(dir: &Path) -> anyhow::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).context("could not listen on loopback")?;
        let address = listener.local_addr()?;
        let state = Arc::new(State {
            dir: dir.canonicalize().with_context(|| format!("cannot serve {}", dir.display()))?,
            asked: Mutex::new(Vec::new()),
            stopped: AtomicBool::new(false),
        });
        let shared = Arc::clone(&state);
        thread::spawn(move || accept(&listener, &shared));
        Ok(Self { address, state })
    }

    /// Returns the URI of the directory, without a slash at its end.
    pub fn uri(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the paths asked for since the last call.
    pub fn take_asked(&self) -> Vec<String> {
        std::mem::take(&mut *self.state.asked.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.state.stopped.store(true, Ordering::SeqCst);
        // The listener sits in accept(); one connection lets it see the flag.
        let _ = TcpStream::connect(self.address);
    }
}

fn accept(listener: &TcpListener, state: &Arc<State>) {
    for connection in listener.incoming() {
        if state.stopped.load(Ordering::SeqCst) {
            return;
        }
        let Ok(connection) = connection else { continue };
        let state = Arc::clone(state);
        // A client that goes away in the middle is its own affair.
        thread::spawn(move || converse(&connection, &state).ok());
    }
}

fn converse(connection: &TcpStream, state: &State) -> std::io::Result<()> {
    let mut reader = BufReader::new(connection);
    while let Some(request) = read_request(&mut reader)? {
        state.asked.lock().unwrap_or_else(PoisonError::into_inner).push(request.path.clone());
        answer(connection, state, &request)?;
    }
    Ok(())
}

fn read_request(reader: &mut BufReader<&TcpStream>) -> std::io::Result<Option<Request>> {
    let mut line = String::new();
    if reader.by_ref().take(8192).read_line(&mut line)? == 0 {
        return Ok(None);
    }
    let mut words = line.split_whitespace();
    let (method, path) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let mut request = Request { path: path.to_owned(), head_only: method == "HEAD", from: 0 };
    loop {
        let mut header = String::new();
        reader.by_ref().take(8192).read_line(&mut header)?;
        let header = header.trim_end().to_ascii_lowercase();
        if header.is_empty() {
            return Ok(Some(request));
        }
        if let Some(range) = header.strip_prefix("range: bytes=") {
            request.from = range.trim_end_matches('-').parse().unwrap_or(0);
        }
    }
}

fn answer(mut connection: &TcpStream, state: &State, request: &Request) -> std::io::Result<()> {
    let Some(mut file) = open(&state.dir, &request.path) else {
        return connection.write_all(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    };
    let size = file.metadata()?.len();
    let from = request.from.min(size);
    let status = if from == 0 {
        "200 OK".to_owned()
    } else {
        format!("206 Partial Content\r\nContent-Range: bytes {from}-{}/{size}", size.saturating_sub(1))
    };
    let length = size - from;
    write!(connection, "HTTP/1.1 {status}\r\nContent-Length: {length}\r\nAccept-Ranges: bytes\r\n\r\n")?;
    if !request.head_only {
        file.seek(SeekFrom::Start(from))?;
        std::io::copy(&mut file.take(length), &mut connection)?;
    }
    connection.flush()
}

/// Opens a regular file below `dir`; escapes and everything else are simply not there.
fn open(dir: &Path, path: &str) -> Option<File> {
    let path = decode(path.split('?').next()?)?;
    let full = dir.join(path.trim_start_matches('/')).canonicalize().ok()?;
    (full.starts_with(dir) && full.is_file()).then(|| File::open(full).ok())?
}

fn decode(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let pair = [rest.next()?, rest.next()?];
            bytes.push(u8::from_str_radix(std::str::from_utf8(&pair).ok()?, 16).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}
