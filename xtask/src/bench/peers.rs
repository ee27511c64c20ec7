//! The others: nginx as the upstream's server, aptly and debmirror doing the same job, each verifying signatures and digests.

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use super::corpus::{Corpus, SUITE};
use super::measure::measure;
use super::{Figures, fresh, text};
use crate::shell::Shell;

/// nginx on loopback, in the foreground, ended with this value.
pub struct Nginx {
    child: Child,
    address: String,
    uri: String,
}

impl Nginx {
    /// Serves `root`.
    pub fn start(dir: &Path, root: &Path) -> anyhow::Result<Self> {
        let port = std::net::TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port();
        let place = dir.join("nginx");
        fs::create_dir_all(&place)?;
        let (place, root) = (text(&place)?, text(root)?);
        let configuration = format!(
            "daemon off; pid {place}/pid; error_log {place}/error.log; worker_processes 1; user root;\n\
             events {{}}\nhttp {{ access_log off; sendfile on; client_body_temp_path {place}; proxy_temp_path {place};\n\
             fastcgi_temp_path {place}; uwsgi_temp_path {place}; scgi_temp_path {place};\n\
             server {{ listen 127.0.0.1:{port}; root {root}; }} }}\n"
        );
        fs::write(format!("{place}/nginx.conf"), configuration)?;
        let arguments = ["-p", &place, "-c", "nginx.conf"];
        let child = Command::new("/usr/sbin/nginx").args(arguments).stdin(Stdio::null()).spawn();
        let address = format!("127.0.0.1:{port}");
        let server = Self { child: child.context("could not start nginx")?, uri: format!("http://{address}"), address };
        for _ in 0..50 {
            if std::net::TcpStream::connect(&server.address).is_ok() {
                return Ok(server);
            }
            sleep(Duration::from_millis(100));
        }
        anyhow::bail!("nginx does not listen; see {place}/error.log")
    }

    /// Returns the URI of the corpus.
    pub fn uri(&self) -> &str {
        &self.uri
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        // SIGTERM lets the master end its worker; a plain kill would leave that behind.
        let asked = Command::new("kill").arg(self.child.id().to_string()).status();
        if !asked.is_ok_and(|status| status.success()) {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
    }
}

/// Measures `aptly mirror update` into an empty root.
pub fn aptly(shell: &Shell, server: &Nginx, corpus: &Corpus) -> anyhow::Result<Figures> {
    let (root, keyring) = (text(&shell.dir().join("aptly"))?, text(&corpus.keyring())?);
    let configuration = text(&shell.dir().join("aptly.conf"))?;
    fs::write(
        &configuration,
        format!("{{\"rootDir\": \"{root}\", \"downloadConcurrency\": 4, \"gpgProvider\": \"gpg\"}}"),
    )?;
    let (config, keys) = (format!("-config={configuration}"), format!("-keyring={keyring}"));
    let architecture = format!("-architectures={}", corpus.architecture());
    let prepare = || {
        fresh(shell, "aptly")?;
        let create = [&config, &architecture, "mirror", "create", &keys, "bench", server.uri(), SUITE, "main"];
        let finished = shell.try_run("aptly", &create)?;
        ensure!(finished.code == 0, "aptly mirror create failed:\n{}", finished.output);
        Ok(())
    };
    measure(shell, prepare, "/usr/bin/aptly", &[&config, "mirror", "update", &keys, "bench"])
}

/// Measures `debmirror` into an empty directory.
pub fn debmirror(shell: &Shell, server: &Nginx, corpus: &Corpus) -> anyhow::Result<Figures> {
    let (host, dist) = (format!("--host={}", server.address), format!("--dist={SUITE}"));
    let (keyring, arch) =
        (format!("--keyring={}", text(&corpus.keyring())?), format!("--arch={}", corpus.architecture()));
    let job = ["--method=http", "--root=/", "--section=main", "--nosource", "--i18n", "--omit-suite-symlinks"];
    let job = [&job[..], &[&host, &dist, &keyring, &arch, "--rsync-extra=none", "debmirror"]].concat();
    measure(shell, || fresh(shell, "debmirror").map(drop), "/usr/bin/debmirror", &job)
}
