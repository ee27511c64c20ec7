//! Runs one program of this machine: input given, output kept line by line and capped, time limited.
//!
//! The program gets a process group of its own, so that its end by timeout is the end of everything it started in that
//! group, and so that an interrupt from our terminal does not hit dpkg in the middle.

use std::io::{self, Read, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::Output;

/// Most bytes of output that are kept.
pub const OUTPUT_LIMIT: usize = 64 << 20;
/// Longest line that is kept whole.
pub const LINE_LIMIT: usize = 64 << 10;
/// How long output is still read after the program has ended: something it left behind may hold the pipe open.
const DRAIN: Duration = Duration::from_secs(2);
/// Time between the polite and the final signal.
const GRACE: Duration = Duration::from_secs(5);

/// Runs `command` with `stdin`, for at most `timeout`.
pub fn run(mut command: Command, stdin: &[u8], timeout: Duration) -> io::Result<Output> {
    let (reader, writer) = io::pipe()?;
    command.stdin(Stdio::piped()).stdout(writer.try_clone()?).stderr(writer).process_group(0);
    let mut child = command.spawn()?;
    // The writing ends live in `command`; while one is open here, the reader never sees the end.
    drop(command);
    feed(&mut child, stdin.to_vec());
    let chunks = listen(reader);
    let mut collector = Collector::default();
    let deadline = Instant::now() + timeout;
    let status = wait(&mut child, &chunks, &mut collector, deadline)?;
    let timed_out = status.is_none();
    let status = match status {
        Some(status) => status,
        None => end_group(&mut child, &chunks, &mut collector)?,
    };
    collector.take_until(&chunks, Instant::now() + DRAIN);
    let code = if timed_out { None } else { status.code() };
    Ok(collector.finish(code, timed_out))
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

fn listen(mut reader: io::PipeReader) -> Receiver<Vec<u8>> {
    let (sender, receiver) = sync_channel(16);
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(n) = reader.read(&mut buffer) {
            let chunk = buffer.get(..n).unwrap_or_default().to_vec();
            if n == 0 || sender.send(chunk).is_err() {
                break;
            }
        }
    });
    receiver
}

/// Collects output until the program ends; `None` if its time was over first.
fn wait(
    child: &mut Child,
    chunks: &Receiver<Vec<u8>>,
    collector: &mut Collector,
    deadline: Instant,
) -> io::Result<Option<ExitStatus>> {
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        let now = Instant::now();
        if now >= deadline {
            return Ok(None);
        }
        let step = (deadline - now).min(Duration::from_millis(20));
        match chunks.recv_timeout(step) {
            Ok(chunk) => collector.add(&chunk),
            Err(RecvTimeoutError::Timeout) => {}
            // All output is closed; the program may still run.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(step),
        }
    }
}

fn end_group(child: &mut Child, chunks: &Receiver<Vec<u8>>, collector: &mut Collector) -> io::Result<ExitStatus> {
    let group = Pid::from_child(child);
    // A group that is gone is what we want.
    let _ = kill_process_group(group, Signal::TERM);
    let status = wait(child, chunks, collector, Instant::now() + GRACE)?;
    let _ = kill_process_group(group, Signal::KILL);
    match status {
        Some(status) => Ok(status),
        None => child.wait(),
    }
}

#[derive(Default)]
struct Collector {
    lines: Vec<String>,
    partial: Vec<u8>,
    kept: usize,
    truncated: bool,
}

impl Collector {
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

    fn take_until(&mut self, chunks: &Receiver<Vec<u8>>, deadline: Instant) {
        while let Ok(chunk) = chunks.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            self.add(&chunk);
        }
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
    fn output_is_capped() {
        let output = sh("head -c 200000 /dev/zero; echo; echo end", b"", Duration::from_secs(20));
        assert!(output.truncated);
        assert_eq!(output.lines.len(), 2);
        assert_eq!(output.lines[0].len(), LINE_LIMIT);
    }
}
