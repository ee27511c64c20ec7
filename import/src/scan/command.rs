//! Scanners that are programs: an argument vector, no shell, an empty environment, an end in time.

use std::io::{self, Read};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

use super::Answer;
use super::config::{PLACE, Scanner};

/// Most of its output that is kept.
const OUTPUT: u64 = 64 << 10;
const PAUSE: Duration = Duration::from_millis(10);

/// Has the program look at a directory.
pub(super) fn look(scanner: &Scanner, dir: &Path) -> Answer {
    // It runs in another directory than we do.
    let path = std::path::absolute(dir).unwrap_or_else(|_| dir.to_owned()).display().to_string();
    let argv: Vec<String> = scanner.argv.iter().map(|argument| argument.replace(PLACE, &path)).collect();
    match run(&argv, scanner.timeout()) {
        Err(reason) => Answer::silent(reason),
        Ok((code, output)) if scanner.infected.contains(&code) => Answer::Found(finding(&output, &path)),
        Ok((code, _)) if scanner.clean.contains(&code) => Answer::Clean,
        Ok((code, output)) => {
            Answer::silent(format!("{} ended with code {code}: {}", program(&argv), last_line(&output)))
        }
    }
}

/// Returns the first line that the program says of itself.
pub(super) fn version(scanner: &Scanner) -> Result<String, String> {
    let (code, output) = run(&scanner.version, scanner.timeout())?;
    let line = super::shown(output.lines().find(|line| !line.trim().is_empty()).unwrap_or_default());
    if code == 0 && !line.is_empty() {
        Ok(line)
    } else {
        Err(format!("{} names no version", program(&scanner.version)))
    }
}

fn program(argv: &[String]) -> &str {
    argv.first().map_or("it", String::as_str)
}

/// The lines that name the directory say what was found in it.
fn finding(output: &str, path: &str) -> String {
    if output.trim().is_empty() {
        return "something that it does not name".into();
    }
    let named = output.lines().find(|line| line.contains(path));
    super::shown(&named.unwrap_or_else(|| last_line(output)).replace(path, ""))
}

fn last_line(output: &str) -> &str {
    output.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no word")
}

/// Runs a program to its end, or ends it with all it started.
fn run(argv: &[String], timeout: Duration) -> Result<(i32, String), String> {
    let Some((program, arguments)) = argv.split_first() else { return Err("no program is named".into()) };
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir("/");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).process_group(0);
    let mut child = command.spawn().map_err(|e| format!("{program} cannot be run: {e}"))?;
    let output = child.stdout.take().map(|output| thread::spawn(move || keep(output)));
    let ended = wait(&mut child, timeout).map_err(|e| format!("{program} cannot be waited for: {e}"))?;
    // Whatever it left running in its group must not hold the output open, nor scan on.
    if let Some(group) = Pid::from_raw(i32::try_from(child.id()).unwrap_or(0)) {
        let _ = kill_process_group(group, Signal::KILL);
    }
    let Some(status) = ended else {
        let _ = child.wait();
        return Err(format!("{program} gave no answer within {} seconds", timeout.as_secs()));
    };
    let output = output.and_then(|thread| thread.join().ok()).unwrap_or_default();
    let output = String::from_utf8_lossy(&output).into_owned();
    status.code().map(|code| (code, output)).ok_or_else(|| format!("{program} was ended by a signal"))
}

fn wait(child: &mut Child, timeout: Duration) -> io::Result<Option<std::process::ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() >= timeout {
            return Ok(None);
        }
        thread::sleep(PAUSE);
    }
}

fn keep(mut output: impl Read) -> Vec<u8> {
    let mut kept = Vec::new();
    let _ = Read::by_ref(&mut output).take(OUTPUT).read_to_end(&mut kept);
    let _ = io::copy(&mut output, &mut io::sink());
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scan::ScannerKind;

    fn scanner(script: &str) -> Scanner {
        let argv = ["/bin/sh", "-c", script, "sh", "{path}"].map(str::to_owned).to_vec();
        let version = ["/bin/sh", "-c", "echo; echo Engine 3"].map(str::to_owned).to_vec();
        Scanner {
            name: "own".into(),
            kind: ScannerKind::Command,
            socket: None,
            argv,
            version,
            clean: vec![0, 3],
            infected: vec![1],
            max_bytes: None,
            timeout_seconds: 1,
            signatures: None,
            max_signature_days: None,
        }
    }

    fn asked(script: &str) -> Answer {
        look(&scanner(script), Path::new("/quarantine/x"))
    }

    #[test]
    fn exit_codes_mean_what_the_configuration_says_and_nothing_else() {
        assert_eq!(asked("exit 0"), Answer::Clean);
        assert_eq!(asked("exit 3"), Answer::Clean);
        assert_eq!(asked("echo $1/a: Bad.Thing; exit 1"), Answer::Found("/a: Bad.Thing".into()));
        assert_eq!(asked("exit 1"), Answer::Found("something that it does not name".into()));
        for script in ["exit 2", "exit 127", "kill -9 $$", "exit 99"] {
            assert!(matches!(asked(script), Answer::Silent(_)), "{script}");
        }
    }

    #[test]
    fn a_program_has_no_environment_no_input_and_an_end() {
        assert_eq!(asked("test -z \"$HOME$USER$CARGO\" && test -z \"$(cat)\""), Answer::Clean);
        let begun = Instant::now();
        let answer = asked("sleep 30 & sleep 30");
        assert_eq!(answer, Answer::Silent("/bin/sh gave no answer within 1 seconds".into()));
        assert!(begun.elapsed() < Duration::from_secs(20), "what it started is ended with it");
    }

    #[test]
    fn a_program_that_is_not_there_or_says_nothing_of_itself_is_no_scanner() {
        let missing = Scanner { argv: vec!["/nonexistent/scan".into(), "{path}".into()], ..scanner("") };
        assert!(matches!(look(&missing, Path::new("/x")), Answer::Silent(_)));
        assert_eq!(version(&scanner("")).unwrap(), "Engine 3");
        assert!(version(&Scanner { version: vec!["/bin/false".into()], ..scanner("") }).is_err());
    }
}
