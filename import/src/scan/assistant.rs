//! A second process that reaches the scanners, so that the one that takes packages apart can give up sockets and programs.
//!
//! The assistant is this same tool, started before anything foreign is read. It takes bytes and passes them on, never looks
//! into them, and asks only the scanners of `import.toml`, which it read itself: whoever speaks to it can pick one of them by
//! number and nothing else.

use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use sealift_model::RelPath;

use super::{Answer, Hands, shown};

/// The verb that starts one; not for people.
pub const VERB: &str = "scan-assistant";
const CHUNK: usize = 64 << 10;
/// Stands where a length belongs if the content could not be read to its end.
const BROKEN: u32 = u32::MAX;
const LONGEST_LINE: u64 = 4096;

/// An assistant that runs.
#[derive(Debug)]
pub struct Assistant {
    child: Child,
    to: Option<BufWriter<ChildStdin>>,
    from: BufReader<ChildStdout>,
    quarantine: std::path::PathBuf,
}

impl Assistant {
    /// Starts `program` as the assistant of the state directory `dir`, whose scanning places lie below `quarantine`.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(program: &Path, dir: &Path, quarantine: &Path) -> io::Result<Self> {
        let mut command = Command::new(program);
        command.arg(VERB).arg("--dir").arg(dir).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn()?;
        let to = child.stdin.take().map(|to| BufWriter::with_capacity(CHUNK + 4, to));
        let from = child.stdout.take().ok_or_else(|| io::Error::other("the assistant has no output"))?;
        Ok(Self { child, to, from: BufReader::new(from), quarantine: quarantine.to_owned() })
    }

    fn ask(&mut self, request: &str) -> io::Result<String> {
        self.tell(request.as_bytes())?;
        self.hear()
    }

    fn tell(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.to.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.write_all(bytes)
    }

    fn hear(&mut self) -> io::Result<String> {
        self.to.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.flush()?;
        line(&mut self.from)?.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
    }

    /// Passes content on. Outside: what reading it said; inside: what the assistant's pipe said.
    fn pass(&mut self, content: &mut dyn Read) -> io::Result<io::Result<()>> {
        let mut chunk = vec![0; CHUNK];
        let mut passed = Ok(());
        loop {
            let read = match content.read(&mut chunk) {
                Ok(0) => break,
                Ok(read) => read,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(e) => {
                    let _ = self.tell(&BROKEN.to_be_bytes()).and_then(|()| self.hear());
                    return Err(e);
                }
            };
            if passed.is_ok() {
                let length = u32::try_from(read).unwrap_or(0).to_be_bytes();
                passed = self.tell(&length).and_then(|()| self.tell(chunk.get(..read).unwrap_or_default()));
            }
        }
        Ok(passed.and_then(|()| self.tell(&[0; 4])))
    }
}

impl Hands for Assistant {
    fn engine(&mut self, scanner: usize) -> Result<String, String> {
        let said = self.ask(&format!("engine {scanner}\n")).map_err(|e| gone(&e))?;
        match said.split_once(' ') {
            Some(("says", text)) => Ok(shown(text)),
            Some(("silent", reason)) => Err(shown(reason)),
            _ => Err("the assistant answered what it was not asked".into()),
        }
    }

    fn stream(&mut self, scanner: usize, content: &mut dyn Read) -> io::Result<Answer> {
        let begun = self.tell(format!("stream {scanner}\n").as_bytes());
        let passed = self.pass(content)?;
        Ok(match begun.and(passed).and_then(|()| self.hear()) {
            Ok(said) => read_answer(&said),
            Err(error) => Answer::silent(gone(&error)),
        })
    }

    fn look(&mut self, scanner: usize, dir: &Path) -> Answer {
        let Ok(below) = dir.strip_prefix(&self.quarantine) else { return Answer::silent("no place for scanning") };
        match self.ask(&format!("look {scanner} {}\n", below.display())) {
            Ok(said) => read_answer(&said),
            Err(error) => Answer::silent(gone(&error)),
        }
    }
}

impl Drop for Assistant {
    fn drop(&mut self) {
        // Without input it ends by itself.
        self.to = None;
        let _ = self.child.wait();
    }
}

fn gone(error: &io::Error) -> String {
    format!("the process that reaches the scanners has ended: {error}")
}

fn read_answer(said: &str) -> Answer {
    match said.split_once(' ') {
        None if said == "clean" => Answer::Clean,
        Some(("found", name)) => Answer::Found(shown(name)),
        Some(("silent", reason)) => Answer::silent(reason),
        _ => Answer::silent("the assistant answered what it was not asked"),
    }
}

fn write_answer(answer: &Answer) -> String {
    match answer {
        Answer::Clean => "clean\n".into(),
        Answer::Found(name) => format!("found {}\n", shown(name)),
        Answer::Silent(reason) => format!("silent {}\n", shown(reason)),
    }
}

/// Serves one [`Assistant`] until its input ends. `quarantine` is where directories to look at lie.
///
/// # Errors
/// The other side is gone, or asks what cannot be asked.
pub fn serve(
    hands: &mut dyn Hands,
    quarantine: &Path,
    mut input: impl BufRead,
    mut output: impl Write,
) -> io::Result<()> {
    while let Some(request) = line(&mut input)? {
        let mut words = request.splitn(3, ' ');
        let verb = words.next().unwrap_or_default();
        let scanner = words.next().and_then(|word| word.parse().ok()).ok_or(io::ErrorKind::InvalidData)?;
        let answer = match verb {
            "engine" => match hands.engine(scanner) {
                Ok(text) => format!("says {}\n", shown(&text)),
                Err(reason) => format!("silent {}\n", shown(&reason)),
            },
            "stream" => {
                let mut content = Chunks { input: &mut input, left: 0, state: State::More };
                let answer = hands.stream(scanner, &mut content).unwrap_or_else(Answer::silent);
                content.drain()?;
                write_answer(&answer)
            }
            "look" => {
                let below = words.next().and_then(|word| RelPath::new(word).ok()).ok_or(io::ErrorKind::InvalidData)?;
                write_answer(&hands.look(scanner, &quarantine.join(&below)))
            }
            _ => return Err(io::ErrorKind::InvalidData.into()),
        };
        output.write_all(answer.as_bytes())?;
        output.flush()?;
    }
    Ok(())
}

/// Reads one line without its end; `None` at the end of the input.
fn line(input: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut bytes = Vec::new();
    input.take(LONGEST_LINE).read_until(b'\n', &mut bytes)?;
    match bytes.pop() {
        None => Ok(None),
        Some(b'\n') => String::from_utf8(bytes).map(Some).map_err(|_| io::ErrorKind::InvalidData.into()),
        Some(_) => Err(io::ErrorKind::UnexpectedEof.into()),
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    More,
    Ended,
    Broken,
}

/// Content as it comes in chunks; a broken one is never taken for a short one.
struct Chunks<'a, R> {
    input: &'a mut R,
    left: u32,
    state: State,
}

impl<R: BufRead> Chunks<'_, R> {
    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; CHUNK];
        while self.state == State::More {
            match self.read(&mut buffer) {
                Ok(_) => {}
                Err(_) if self.state == State::Broken => {}
                Err(e) => return Err(e),
            }
        }
        Ok(())
    }
}

impl<R: BufRead> Read for Chunks<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.left == 0 && self.state == State::More {
            let mut length = [0; 4];
            self.input.read_exact(&mut length)?;
            match u32::from_be_bytes(length) {
                0 => self.state = State::Ended,
                BROKEN => self.state = State::Broken,
                length => self.left = length,
            }
        }
        match self.state {
            State::Ended => return Ok(0),
            State::Broken => return Err(io::Error::other("the content could not be read to its end")),
            State::More => {}
        }
        let read = (&mut *self.input).take(u64::from(self.left)).read(buffer)?;
        if read == 0 && !buffer.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.left = self.left.saturating_sub(u32::try_from(read).unwrap_or(u32::MAX));
        Ok(read)
    }
}

#[cfg(test)]
mod tests;
