//! Runs programs the way the transcript shows them: the command line, then what it printed, both streams in order.
//!
//! The environment is the same everywhere: nothing of the caller's but the search path, so that a run on one machine can
//! be compared with a run on another, and so that no proxy or locale of the caller's changes it.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

/// Where commands run and where the tools are.
#[derive(Debug, Clone)]
pub struct Shell {
    dir: PathBuf,
    tools: PathBuf,
    quiet: bool,
    proxy: bool,
}

/// What apt may need of the caller's environment to reach its archive.
const PROXY: [&str; 6] = ["http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"];

/// What a command did.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; -1 if a signal ended it.
    pub code: i32,
    /// Everything it printed.
    pub output: String,
}

impl Shell {
    /// Returns a shell in `dir` that finds the tools in `tools`.
    pub fn new(dir: &Path, tools: &Path) -> Self {
        Self { dir: dir.to_owned(), tools: tools.to_owned(), quiet: false, proxy: false }
    }

    /// Returns the same shell printing nothing.
    #[must_use]
    pub fn quiet(&self) -> Self {
        Self { quiet: true, ..self.clone() }
    }

    /// Returns the same shell for apt, which may need the caller's proxy.
    #[must_use]
    pub fn with_proxy(&self) -> Self {
        Self { proxy: true, ..self.clone() }
    }

    /// Returns the same shell in another directory.
    #[must_use]
    pub fn within(&self, dir: &Path) -> Self {
        Self { dir: dir.to_owned(), ..self.clone() }
    }

    /// Returns the directory commands run in.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Runs a command, prints it and its output, and fails unless it exits with 0.
    pub fn run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let finished = self.try_run(program, arguments)?;
        ensure!(finished.code == 0, "`{}` failed with exit code {}", spell(program, arguments), finished.code);
        Ok(finished.output)
    }

    /// Runs a command, prints it and its output, and returns its exit code.
    pub fn try_run(&self, program: &str, arguments: &[&str]) -> anyhow::Result<Finished> {
        self.print(&format!("\n$ {}", spell(program, arguments)));
        let (reader, writer) = std::io::pipe()?;
        let mut child = {
            let mut command = self.command(program, arguments);
            command.stdin(Stdio::null()).stdout(writer.try_clone()?).stderr(writer);
            command.spawn().with_context(|| format!("could not start {program}"))?
            // The command holds the write ends; dropped here, so that the pipe ends with the child.
        };
        let mut output = String::new();
        for line in BufReader::new(reader).split(b'\n') {
            let line = String::from_utf8_lossy(&line?).into_owned();
            self.print(&line);
            output.push_str(&line);
            output.push('\n');
        }
        let status = child.wait()?;
        Ok(Finished { code: status.code().unwrap_or(-1), output })
    }

    /// Runs a command unseen and returns its standard output, or fails with what it said.
    pub fn answer(&self, program: &str, arguments: &[&str]) -> anyhow::Result<Vec<u8>> {
        let output = self
            .command(program, arguments)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("could not start {program}"))?;
        ensure!(
            output.status.success(),
            "`{}` failed:\n{}",
            spell(program, arguments),
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(output.stdout)
    }

    /// Prints a line of the story.
    pub fn tell(&self, text: &str) {
        self.print(&format!("\n# {text}"));
    }

    /// Returns the path of a tool of ours, or the name of another program as it is.
    pub fn locate(&self, program: &str) -> String {
        let path = self.tools.join(program);
        if path.is_file() { path.display().to_string() } else { program.to_owned() }
    }

    /// Returns the command, not yet started.
    pub fn command(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.locate(program));
        command
            .args(arguments)
            .current_dir(&self.dir)
            .env_clear()
            .env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
            .env("HOME", &self.dir)
            .env("LC_ALL", "C.UTF-8")
            .env("COLUMNS", "120");
        if self.proxy {
            command.envs(PROXY.iter().filter_map(|name| Some((*name, std::env::var_os(name)?))));
        }
        command
    }

    fn print(&self, text: &str) {
        if !self.quiet {
            // A reader that went away (`| head`) does not fail the run.
            let _ = std::io::Write::write_fmt(&mut std::io::stdout(), format_args!("{text}\n"));
        }
    }
}

/// Returns a command line as one would type it.
pub fn spell(program: &str, arguments: &[&str]) -> String {
    let plain =
        |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=+,@%~".contains(c));
    let mut line = program.to_owned();
    for argument in arguments {
        line.push(' ');
        if plain(argument) {
            line.push_str(argument);
        } else {
            let _ = write!(line, "'{}'", argument.replace('\'', r"'\''"));
        }
    }
    line
}
