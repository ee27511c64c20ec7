//! The upstream's web server, which ends with this process.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use anyhow::Context as _;

use crate::shell::Shell;

/// A `loopback-server` that is stopped when dropped.
pub struct Server {
    child: Child,
    uri: String,
}

impl Server {
    /// Serves `dir`.
    pub fn start(shell: &Shell, dir: &Path) -> anyhow::Result<Self> {
        let dir = dir.to_str().context("path is not UTF-8")?;
        let mut child = shell
            .command("loopback-server", &[dir])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("could not start loopback-server")?;
        let mut uri = String::new();
        BufReader::new(child.stdout.take().context("the server has an output")?).read_line(&mut uri)?;
        Ok(Self { child, uri: uri.trim().to_owned() })
    }

    /// Returns its URI, without a slash at the end.
    pub fn uri(&self) -> &str {
        &self.uri
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The end of its input is the sign to stop.
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}
