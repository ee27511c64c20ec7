//! Runs one program of this machine: input given, output kept line by line and capped, time limited.
//!
//! The program gets a process group of its own, so that its end by timeout is the end of everything it started in that
//! group, and so that an interrupt from our terminal does not hit dpkg in the middle. What it says goes through a pipe to
//! `cat`, which writes it into a file in memory: if we die, it goes on to its end instead of failing at its next word.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::MemfdFlags;
use rustix::process::{Pid, Signal, kill_process_group};

use super::Output;

/// Most bytes of output that are kept.
pub const OUTPUT_LIMIT: usize = 64 << 20;
/// Longest line that is kept whole.
pub const LINE_LIMIT: usize = 64 << 10;
/// A program that says more than this is ended: its words are in memory.
const MOST_OUTPUT: u64 = 512 << 20;
/// Time between the polite and the final signal.
const GRACE: Duration = Duration::from_secs(5);
/// How long output is still awaited after the program has ended.
const DRAIN: Duration = Duration::from_secs(2);
/// How often we look whether it has ended.
const STEP: Duration = Duration::from_millis(10);

/// Runs `command` with `stdin`, for at most `timeout`.
pub fn run(mut command: Command, stdin: &[u8], timeout: Duration) -> io::Result<Output> {
    let words = File::from(rustix::fs::memfd_create("sealift-output", MemfdFlags::CLOEXEC)?);
    let (reader, writer) = io::pipe()?;
    // The file itself would not do: a script's `> /dev/stderr` empties a file, and means nothing to a pipe.
    let mut listener = Command::new("cat").stdin(reader).stdout(words.try_clone()?).process_group(0).spawn()?;
    command.stdin(Stdio::piped()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let mut child = command.spawn()?;
    // The writing ends live in `command`; while one is open here, the listener never sees the end.
    drop(command);
    feed(&mut child, stdin.to_vec());
    let mut collector = Collector::new(words);
    let ended = wait(&mut child, &mut collector, Instant::now() + timeout)?;
    if ended.is_none() {
        end_group(&mut child, &mut collector)?;
    }
    // Something left behind may hold the pipe open; it keeps its listener.
    wait(&mut listener, &mut collector, Instant::now() + DRAIN)?;
    collector.read()?;
    Ok(collector.finish(ended.and_then(|status| status.code()), ended.is_none()))
}

fn feed(child: &mut Child, bytes: Vec<u8>) {
    if let Some(mut stdin) = child.stdin.take() {
        // In a thread: a program that writes before it reads would block us otherwise. One that does not read at all
        // closes the pipe; that is its business.
        std::thread::spawn(move || {
            let _ = stdin.write_all(&bytes);
        });
    }
}

/// Collects output until the program ends; `None` if its time was over first, or it talks without end.
fn wait(child: &mut Child, collector: &mut Collector, deadline: Instant) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        collector.read()?;
        if Instant::now() >= deadline || collector.position > MOST_OUTPUT {
            return Ok(None);
        }
        std::thread::sleep(STEP);
    }
}

fn end_group(child: &mut Child, collector: &mut Collector) -> io::Result<()> {
    let group = Pid::from_child(child);
    // A group that is gone is what we want.
    let _ = kill_process_group(group, Signal::TERM);
    let deadline = Instant::now() + GRACE;
    while child.try_wait()?.is_none() && Instant::now() < deadline {
        collector.read()?;
        std::thread::sleep(STEP);
    }
    let _ = kill_process_group(group, Signal::KILL);
    child.wait().map(|_| ())
}

struct Collector {
    words: File,
    position: u64,
    lines: Vec<String>,
    partial: Vec<u8>,
    kept: usize,
    truncated: bool,
}

impl Collector {
    fn new(words: File) -> Self {
        Self { words, position: 0, lines: Vec::new(), partial: Vec::new(), kept: 0, truncated: false }
    }

    /// Takes what was said since the last time. Read at a position of our own: the file's is the writers'.
    fn read(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let n = self.words.read_at(&mut buffer, self.position)?;
            if n == 0 {
                return Ok(());
            }
            self.position += n as u64;
            self.add(buffer.get(..n).unwrap_or_default());
        }
    }

    fn add(&mut self, chunk: &[u8]) {
        for piece in chunk.split_inclusive(|b| *b == b'\n') {
            let room = LINE_LIMIT.saturating_sub(self.partial.len());
            let text = piece.strip_suffix(b"\n").unwrap_or(piece);
            self.truncated |= text.len() > room;
            self.partial.extend_from_slice(text.get(..room.min(text.len())).unwrap_or_default());
            if piece.ends_with(b"\n") {
                self.end_line();
            }
        }
    }

    fn end_line(&mut self) {
        let line = std::mem::take(&mut self.partial);
        self.kept = self.kept.saturating_add(line.len() + 1);
        if self.kept > OUTPUT_LIMIT {
            self.truncated = true;
            return;
        }
        self.lines.push(String::from_utf8_lossy(&line).into_owned());
    }

    fn finish(mut self, code: Option<i32>, timed_out: bool) -> Output {
        if !self.partial.is_empty() {
            self.end_line();
        }
        Output { code, lines: self.lines, timed_out, truncated: self.truncated }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, stdin: &[u8], timeout: Duration) -> Output {
        let mut command = Command::new("sh");
        command.arg("-c").arg(script);
        run(command, stdin, timeout).unwrap()
    }

    #[test]
    fn keeps_both_streams_and_the_exit_code() {
        let output = sh("cat; echo two >&2; printf three; exit 7", b"one\n", Duration::from_secs(10));
        assert_eq!(output.lines, ["one", "two", "three"]);
        assert_eq!((output.code, output.timed_out, output.success()), (Some(7), false, false));
    }

    #[test]
    fn ends_the_whole_group_when_time_is_over() {
        let started = Instant::now();
        let output = sh("echo begun; sleep 60 & echo child $!; wait", b"", Duration::from_millis(300));
        assert!(output.timed_out && output.code.is_none());
        assert!(started.elapsed() < Duration::from_secs(20));
        let child: i32 = output.lines[1].strip_prefix("child ").unwrap().parse().unwrap();
        // A zombie that nobody reaped yet is dead as well.
        let stat = std::process::Command::new("ps").args(["-o", "stat=", "-p", &child.to_string()]).output().unwrap();
        let stat = String::from_utf8_lossy(&stat.stdout).trim().to_owned();
        assert!(stat.is_empty() || stat.starts_with('Z'), "{stat}");
    }

    #[test]
    fn something_left_behind_does_not_hold_us() {
        let started = Instant::now();
        let output = sh("sleep 30 & echo done", b"", Duration::from_secs(20));
        assert_eq!(output.lines, ["done"]);
        assert!(started.elapsed() < Duration::from_secs(15));
    }

    #[test]
    fn a_script_that_opens_its_own_output_loses_nothing() {
        let output = sh("echo one; echo two > /dev/stderr; echo three > /dev/stdout; echo four", b"", GRACE);
        assert_eq!(output.lines, ["one", "two", "three", "four"]);
    }

    #[test]
    fn output_is_capped() {
        let output = sh("head -c 200000 /dev/zero; echo; echo end", b"", Duration::from_secs(20));
        assert!(output.truncated);
        assert_eq!(output.lines.len(), 2);
        assert_eq!(output.lines[0].len(), LINE_LIMIT);
    }
}
