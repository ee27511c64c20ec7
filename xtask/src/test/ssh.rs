//! One host reached the way real ones are: the system's ssh, a daemon of its own, the repository over HTTP.
//!
//! The daemon runs in a chroot of its own mount and process namespaces and listens on loopback; it ends with this stage.

use std::fs;
use std::net::TcpListener;
use std::process::{Child, Stdio};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context as _, ensure};

use crate::demo::server::Server;
use crate::journey::Journey;
use crate::shell::Shell;

const HOST: &str = "ssh1";

/// Patches a host over ssh.
pub fn host(journey: &Journey) -> anyhow::Result<()> {
    let shell = &journey.shell;
    let group = journey.groups.last().context("the demo has a group")?;
    build(shell, &group.host)?;
    let port = free_port()?;
    let _daemon = Daemon::start(shell, port)?;
    let server = Server::start(shell, &shell.dir().join("isolated/published"))?;
    inventory(shell, &server, port)?;
    let on = |verb: &[&str]| shell.run("sealift-apply", verb);
    on(&["facts", "--dir", "apply-ssh", "--host", HOST])?;
    on(&["plan", "--dir", "apply-ssh", "--group", "remote", "--out", "plan-ssh.json"])?;
    let said = on(&["run", "--dir", "apply-ssh", "plan-ssh.json"])?;
    ensure!(said.contains(&format!("{HOST}: changed")), "the run over ssh does not say that the host changed");
    on(&["verify", "--dir", "apply-ssh"]).map(drop)
}

/// Builds another host like `model` before it was patched, with an ssh daemon.
fn build(shell: &Shell, model: &str) -> anyhow::Result<()> {
    let recipe = fs::read_to_string(shell.dir().join("hosts").join(format!("{model}.mmdebstrap")))
        .context("the demo left no recipe of its host")?;
    let root = format!("hosts/{HOST}");
    let mut arguments: Vec<String> = recipe.lines().map(str::to_owned).collect();
    for argument in &mut arguments {
        if argument.starts_with("--include=") {
            argument.push_str(",openssh-server");
        }
        *argument = argument.replace(&format!("hosts/{model}"), &root);
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    shell.with_proxy().run("mmdebstrap", &arguments)?;
    fs::write(shell.dir().join(&root).join("etc/apt/sources.list"), "")?;
    // Throwaway keys of this run; the directory is root's alone.
    shell.answer("ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "insecure-test-operator", "-f", "operator"])?;
    let ssh = shell.dir().join(&root).join("root/.ssh");
    fs::create_dir_all(&ssh)?;
    fs::copy(shell.dir().join("operator.pub"), ssh.join("authorized_keys"))?;
    shell.answer("chmod", &["-R", "go=", &format!("{root}/root/.ssh")])?;
    Ok(())
}

fn inventory(shell: &Shell, server: &Server, port: u16) -> anyhow::Result<()> {
    let key = fs::read_to_string(shell.dir().join(format!("hosts/{HOST}/etc/ssh/ssh_host_ed25519_key.pub")))?;
    fs::write(shell.dir().join("known_hosts"), format!("[127.0.0.1]:{port} {key}"))?;
    shell.run("sealift-apply", &["init", "apply-ssh", "--site", "plant-a", "--site-keys", "isolated/site"])?;
    let suites = fs::read_to_string(shell.dir().join("apply/inventory.toml"))?;
    let suites =
        suites.lines().find(|line| line.starts_with("suites")).context("the inventory names suites")?.to_owned();
    let here = shell.dir().to_str().context("path is not UTF-8")?;
    let text = format!(
        "[site]\nname = \"plant-a\"\nkeyring = \"../isolated/published/sealift-archive-keyring.asc\"\n\
         statement_key = \"../isolated/site\"\n\n[[group]]\nname = \"remote\"\nrepository = \"{}/production\"\n{suites}\n\
         components = [\"main\"]\nhosts = [\"{HOST}\"]\n\n[[host]]\nname = \"{HOST}\"\nssh = \"root@127.0.0.1\"\n\
         ssh_options = [\"Port={port}\", \"IdentityFile={here}/operator\", \"IdentitiesOnly=yes\", \
         \"UserKnownHostsFile={here}/known_hosts\"]\n",
        server.uri()
    );
    Ok(fs::write(shell.dir().join("apply-ssh/inventory.toml"), text)?)
}

fn free_port() -> anyhow::Result<u16> {
    // Given back before sshd takes it: a race that a test on loopback can bear.
    Ok(TcpListener::bind(("127.0.0.1", 0))?.local_addr()?.port())
}

struct Daemon(Child);

impl Daemon {
    fn start(shell: &Shell, port: u16) -> anyhow::Result<Self> {
        let root = format!("hosts/{HOST}");
        shell.answer("chroot", &[&root, "ssh-keygen", "-A"])?;
        fs::create_dir_all(shell.dir().join(&root).join("run/sshd"))?;
        let (proc, port_text) = (format!("--mount-proc={root}/proc"), port.to_string());
        let namespaces = ["--mount", "--pid", "--fork", "--kill-child", &proc, "chroot", &root];
        let daemon =
            ["/usr/sbin/sshd", "-D", "-e", "-p", &port_text, "-o", "ListenAddress=127.0.0.1", "-o", "UsePAM=no"];
        let mut command = shell.command("unshare", &[&namespaces[..], &daemon].concat());
        let log = fs::File::create(shell.dir().join("sshd.log"))?;
        let child = command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).spawn()?;
        let daemon = Self(child);
        for _ in 0..100 {
            if std::net::TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(daemon);
            }
            sleep(Duration::from_millis(100));
        }
        anyhow::bail!("sshd does not listen; see sshd.log")
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
