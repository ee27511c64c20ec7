//! `clamd` by its socket: one session, content as a stream, every answer bounded in length and time.
//!
//! Answers are foreign text. Only `OK` is clean; what `clamd` calls a limit it ran into is no verdict, although it reports
//! it in the form of a finding.

use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::Answer;

const CHUNK: usize = 64 << 10;
const LONGEST_ANSWER: usize = 4096;
/// `AlertExceedsMax yes` makes clamd say so; without it, it would call such content clean.
const LIMITS: &str = "Heuristics.Limits.Exceeded";

/// A clamd, with the session that is open.
#[derive(Debug)]
pub(super) struct Clamd {
    socket: PathBuf,
    timeout: Duration,
    session: Option<Session>,
}

/// An open session: its answers carry the number of the command they belong to.
#[derive(Debug)]
struct Session {
    stream: UnixStream,
    asked: u64,
}

impl Session {
    fn ask(&mut self, command: &[u8]) -> io::Result<()> {
        self.asked += 1;
        self.stream.write_all(command)
    }
}

impl Clamd {
    pub(super) fn new(socket: &Path, timeout: Duration) -> Self {
        Self { socket: socket.to_owned(), timeout, session: None }
    }

    /// Returns what it says of itself: `ClamAV 1.0.7/27123/Fri Nov 20 08:00:00 2026`.
    pub(super) fn version(&mut self) -> Result<String, String> {
        let outcome = self.open().and_then(|session| {
            session.ask(b"zVERSION\0")?;
            answer(session)
        });
        match outcome {
            Ok(text) => Ok(text),
            Err(error) => {
                self.session = None;
                Err(self.told(&error))
            }
        }
    }

    /// Has `content` scanned. The error is that of `content`; whatever clamd does wrong is a silence.
    pub(super) fn stream(&mut self, content: &mut dyn Read) -> io::Result<Answer> {
        let session = match self.open() {
            Ok(session) => session,
            Err(error) => {
                io::copy(content, &mut io::sink())?;
                return Ok(Answer::silent(self.told(&error)));
            }
        };
        let sent = send(session, content).inspect_err(|_| self.session = None)?;
        let said = self.session.as_mut().map_or_else(|| Err(io::ErrorKind::NotConnected.into()), answer);
        match (sent, said) {
            (Ok(()), Ok(text)) => {
                let answer = meaning(&text);
                if matches!(answer, Answer::Silent(_)) {
                    self.session = None;
                }
                Ok(answer)
            }
            // It gave up while we wrote; what it said before says why.
            (Err(error), said) => {
                self.session = None;
                Ok(Answer::silent(said.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| self.told(&error))))
            }
            (Ok(()), Err(error)) => {
                self.session = None;
                Ok(Answer::silent(self.told(&error)))
            }
        }
    }

    fn open(&mut self) -> io::Result<&mut Session> {
        let session = match self.session.take() {
            Some(session) => session,
            None => connect(&self.socket, self.timeout)?,
        };
        Ok(self.session.insert(session))
    }

    fn told(&self, error: &io::Error) -> String {
        let socket = self.socket.display();
        match error.kind() {
            io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => {
                format!("clamd is not running: nobody listens at {socket} (it also ends when its database is missing)")
            }
            io::ErrorKind::PermissionDenied => format!("{socket} may not be used by this user"),
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                format!("clamd gave no answer within {} seconds", self.timeout.as_secs())
            }
            _ => format!("clamd at {socket} broke off: {error}"),
        }
    }
}

fn connect(socket: &Path, timeout: Duration) -> io::Result<Session> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(timeout))?;
    stream.set_write_timeout(Some(timeout))?;
    stream.write_all(b"zIDSESSION\0")?;
    Ok(Session { stream, asked: 0 })
}

/// Sends the content in chunks. Outside: what reading it said; inside: what the socket said.
fn send(session: &mut Session, content: &mut dyn Read) -> io::Result<io::Result<()>> {
    let mut sent = session.ask(b"zINSTREAM\0");
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = match content.read(&mut chunk) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(e) => return Err(e),
        };
        let part = chunk.get(..read).unwrap_or_default();
        if sent.is_ok() {
            let length = u32::try_from(read).unwrap_or(0).to_be_bytes();
            sent = session.stream.write_all(&length).and_then(|()| session.stream.write_all(part));
        }
    }
    Ok(sent.and_then(|()| session.stream.write_all(&[0; 4])))
}

/// Reads the answer to command `number` of a session, `1: stream: OK`, without its number.
fn answer(session: &mut Session) -> io::Result<String> {
    let mut text = Vec::new();
    let mut part = [0; 512];
    while !text.contains(&0) {
        let read = session.stream.read(&mut part)?;
        text.extend(part.iter().take(read));
        if read == 0 || text.len() > LONGEST_ANSWER {
            return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "it said nothing whole"));
        }
    }
    match text.strip_suffix(b"\0").filter(|line| !line.contains(&0)) {
        // Nothing was asked that a second answer could belong to.
        None => Err(io::Error::new(io::ErrorKind::InvalidData, "it said more than it was asked")),
        Some(line) => {
            let line = super::shown(&String::from_utf8_lossy(line));
            let own = line.strip_prefix(&format!("{}: ", session.asked)).map(str::to_owned);
            Ok(own.unwrap_or(format!("(out of turn) {line}")))
        }
    }
}

fn meaning(text: &str) -> Answer {
    let said = text.strip_prefix("stream: ").unwrap_or(text);
    match said.strip_suffix(" FOUND") {
        _ if said == "OK" => Answer::Clean,
        Some(name) if name.starts_with(LIMITS) => Answer::silent(format!("clamd ran into a limit of its own: {name}")),
        Some(name) => Answer::Found(name.to_owned()),
        None if said.contains("size limit exceeded") => {
            Answer::silent("larger than clamd takes: raise StreamMaxLength and MaxFileSize in clamd.conf")
        }
        None => Answer::silent(format!("clamd said: {said}")),
    }
}

#[cfg(test)]
mod tests;
