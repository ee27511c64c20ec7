//! GET over HTTP/1.1 from loopback addresses, every answer capped before it is read.

use std::io::{BufRead, BufReader, Read, Write as _};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use sealift_trust::metadata::percent_encoded;

/// How long one answer may take altogether.
const PATIENCE: Duration = Duration::from_mins(1);
/// How long the other side may say nothing.
const SILENCE: Duration = Duration::from_secs(10);
/// The most bytes of a status line and headers, and of one line of a chunked body.
const HEAD_LIMIT: u64 = 16 * 1024;

/// A base URL: everything that is asked for lies below it.
pub struct Base {
    address: SocketAddr,
    path: String,
}

impl Base {
    /// Takes `http://ADDRESS:PORT/path`, the address being a loopback one.
    pub fn parse(url: &str) -> anyhow::Result<Self> {
        let rest = url.strip_prefix("http://").with_context(|| format!("{url} is not an http URL"))?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:80") };
        let host = host.replacen("localhost:", "127.0.0.1:", 1);
        let address: SocketAddr = host.parse().with_context(|| format!("{url} has no numeric address"))?;
        ensure!(is_loopback(address.ip()), "{url} is not on this machine");
        ensure!(path.bytes().all(|b| b.is_ascii_graphic()), "{url} has characters that are not encoded");
        let slash = if path.is_empty() || path.ends_with('/') { "" } else { "/" };
        Ok(Self { address, path: format!("/{path}{slash}") })
    }

    /// Fetches at most `limit` bytes; `None` if nothing is there. `segments` are names and not yet encoded.
    pub fn get(&self, segments: &[&str], limit: u64) -> anyhow::Result<Option<Vec<u8>>> {
        let encoded: Vec<_> = segments.iter().map(|segment| percent_encoded(segment)).collect();
        let path = format!("{}{}", self.path, encoded.join("/"));
        self.request(&path, limit).with_context(|| format!("could not fetch http://{}{path}", self.address))
    }

    fn request(&self, path: &str, limit: u64) -> anyhow::Result<Option<Vec<u8>>> {
        let deadline = Instant::now() + PATIENCE;
        let mut stream = TcpStream::connect_timeout(&self.address, SILENCE)?;
        stream.set_read_timeout(Some(SILENCE))?;
        stream.set_write_timeout(Some(SILENCE))?;
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {}\r\nConnection: close\r\n\r\n", self.address)?;
        let mut reader = BufReader::new(Timely { stream, deadline });
        let head = Head::read(&mut reader)?;
        match head.status {
            200 => Ok(Some(head.body(&mut reader, limit)?)),
            // As in the reference client: an absent file is an answer, any other failure is not.
            403 | 404 => Ok(None),
            status => bail!("the server answers {status}"),
        }
    }
}

fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => address.is_loopback(),
    }
}

/// A connection on which a drop a second does not last for ever.
struct Timely {
    stream: TcpStream,
    deadline: Instant,
}

impl Read for Timely {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if Instant::now() > self.deadline {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        self.stream.read(buffer)
    }
}

/// What precedes the body of an answer.
struct Head {
    status: u16,
    length: Option<u64>,
    chunked: bool,
}

impl Head {
    fn read(reader: &mut impl BufRead) -> anyhow::Result<Self> {
        let mut head = reader.take(HEAD_LIMIT);
        let status = line(&mut head)?;
        let mut words = status.split(' ');
        ensure!(words.next().is_some_and(|word| word.starts_with("HTTP/1.")), "this is not HTTP/1");
        let status = words.next().and_then(|word| word.parse().ok()).context("the answer has no status")?;
        let (mut length, mut chunked) = (None, false);
        loop {
            let line = line(&mut head)?;
            if line.is_empty() {
                return Ok(Self { status, length, chunked });
            }
            let (name, value) = line.split_once(':').context("a header has no colon")?;
            match (name.to_ascii_lowercase().as_str(), value.trim()) {
                ("content-length", value) => {
                    let value = value.parse().context("the content length is no number")?;
                    ensure!(length.is_none_or(|before| before == value), "there are two content lengths");
                    length = Some(value);
                }
                ("transfer-encoding", value) => {
                    ensure!(value.eq_ignore_ascii_case("chunked"), "the transfer encoding is not known");
                    chunked = true;
                }
                _ => {}
            }
        }
    }

    fn body(&self, reader: &mut impl BufRead, limit: u64) -> anyhow::Result<Vec<u8>> {
        ensure!(!(self.chunked && self.length.is_some()), "the body has a length and chunks");
        if self.chunked {
            return chunks(reader, limit);
        }
        ensure!(self.length.is_none_or(|length| length <= limit), "the file is larger than {limit} bytes");
        let mut body = Vec::new();
        reader.take(self.length.unwrap_or(limit.saturating_add(1))).read_to_end(&mut body)?;
        let found = body.len() as u64;
        ensure!(found <= limit, "the file is larger than {limit} bytes");
        ensure!(self.length.is_none_or(|length| length == found), "the connection ended early");
        Ok(body)
    }
}

fn chunks(reader: &mut impl BufRead, limit: u64) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let size = line(&mut reader.take(HEAD_LIMIT))?;
        let size = size.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size.trim(), 16).context("a chunk has no size")?;
        ensure!(size <= limit.saturating_sub(body.len() as u64), "the file is larger than {limit} bytes");
        if size == 0 {
            return Ok(body);
        }
        let before = body.len() as u64;
        reader.take(size).read_to_end(&mut body)?;
        ensure!(body.len() as u64 - before == size, "the connection ended early");
        ensure!(line(&mut reader.take(2))?.is_empty(), "a chunk is longer than its size");
    }
}

/// Reads a line without its end; a line that is cut off by the limit or the connection is an error.
fn line(reader: &mut impl BufRead) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    reader.read_until(b'\n', &mut bytes)?;
    ensure!(bytes.pop() == Some(b'\n'), "a line does not end");
    if bytes.last() == Some(&b'\r') {
        bytes.pop();
    }
    String::from_utf8(bytes).context("a line is not text")
}
