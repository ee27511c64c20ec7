//! What reaches scanners. Everything that reads content goes through [`Hands`], so that it can be confined itself.

use std::io::{self, Read};
use std::path::Path;

use super::clamd::Clamd;
use super::{Answer, Scanner, ScannerKind, command};

/// Asks scanners, by their place in the configuration.
pub trait Hands: Send {
    /// Returns what a scanner says of itself and its signatures.
    ///
    /// # Errors
    /// A sentence for people: it cannot be asked at all.
    fn engine(&mut self, scanner: usize) -> Result<String, String>;

    /// Has a stream scanned; reads it to its end whatever happens. Fails only where `content` does.
    fn stream(&mut self, scanner: usize, content: &mut dyn Read) -> io::Result<Answer>;

    /// Has a directory scanned.
    fn look(&mut self, scanner: usize, dir: &Path) -> Answer;
}

/// Asks them from this process, which therefore can make sockets and start programs.
#[derive(Debug)]
pub struct Direct {
    scanners: Vec<(Scanner, Option<Clamd>)>,
}

impl Direct {
    /// Makes no connection yet.
    pub fn new(scanners: &[Scanner]) -> Self {
        let clamd = |s: &Scanner| s.socket.as_ref().map(|socket| Clamd::new(socket, s.timeout()));
        Self { scanners: scanners.iter().map(|s| (s.clone(), clamd(s))).collect() }
    }
}

impl Hands for Direct {
    fn engine(&mut self, scanner: usize) -> Result<String, String> {
        match self.scanners.get_mut(scanner) {
            Some((_, Some(clamd))) => clamd.version(),
            Some((scanner, None)) if scanner.kind == ScannerKind::Command && scanner.version.is_empty() => {
                Ok(String::new())
            }
            Some((scanner, None)) if scanner.kind == ScannerKind::Command => command::version(scanner),
            _ => Err("it is not asked from here".into()),
        }
    }

    fn stream(&mut self, scanner: usize, content: &mut dyn Read) -> io::Result<Answer> {
        if let Some((_, Some(clamd))) = self.scanners.get_mut(scanner) {
            return clamd.stream(content);
        }
        io::copy(content, &mut io::sink())?;
        Ok(Answer::silent("it takes no streams"))
    }

    fn look(&mut self, scanner: usize, dir: &Path) -> Answer {
        match self.scanners.get(scanner) {
            Some((scanner, None)) if scanner.kind == ScannerKind::Command => command::look(scanner, dir),
            _ => Answer::silent("it looks at no directories"),
        }
    }
}
