//! Ratios against other programs on one corpus of real packages, in one run on one machine.
//!
//! Seconds depend on the machine and on what else it does; ratios told in one run do not, or less. Each figure is the median of
//! three. The targets are those the project promises itself.

pub mod corpus;
mod measure;
mod peers;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Context as _;

use crate::shell::Shell;
use crate::workspace::{self, Profile};
use crate::{scratch, system};
use corpus::Corpus;
use measure::{Figure, Table, measure};

const NEEDS: &[&str] = &["apt-utils", "gpg", "gpgv", "nginx-light", "aptly", "debmirror", "time", "xz-utils"];
const PASSPHRASE: &str = "passphrase";
/// The medium of the bench, and the file behind it.
const STICK: &str = "stick";
const IMAGE: &str = "stick.image";

/// Runs the bench.
pub fn run(cache: &Path, packages: usize) -> anyhow::Result<()> {
    system::require("the bench", NEEDS)?;
    let tools = workspace::build_tools(Profile::Release)?;
    let dir = scratch::prepare(None, "bench")?;
    println!("Everything is made below {}; the corpus is kept in {}", dir.display(), cache.display());
    let bench = Bench { shell: Shell::new(&dir, &tools).quiet(), corpus: Corpus::prepare(cache, packages)? };
    let server = peers::Nginx::start(&dir, bench.corpus.dir())?;
    let mut table = Table::default();
    bench.initial_sync(&server, &mut table)?;
    bench.nothing_new(&mut table)?;
    bench.build(&mut table)?;
    bench.volumes(&mut table)?;
    bench.verify(&mut table)?;
    bench.receive(&mut table)?;
    bench.write(&mut table)?;
    println!("\n{} packages, {} MB\n{table}", bench.corpus.packages(), bench.corpus.bytes() / 1_000_000);
    Ok(())
}

struct Bench {
    shell: Shell,
    corpus: Corpus,
}

impl Bench {
    fn initial_sync(&self, server: &peers::Nginx, table: &mut Table) -> anyhow::Result<()> {
        let ours =
            measure(&self.shell, || self.fresh_mirror(server), "sealift-mirror", &["sync", "--dir", "connected"])?;
        let aptly = peers::aptly(&self.shell, server, &self.corpus)?;
        let debmirror = peers::debmirror(&self.shell, server, &self.corpus)?;
        table.row("initial sync", &ours, "aptly mirror update", &aptly, 0.6);
        table.row("initial sync", &ours, "debmirror", &debmirror, 0.6);
        Ok(())
    }

    fn fresh_mirror(&self, server: &peers::Nginx) -> anyhow::Result<()> {
        self.remove(&["connected"])?;
        self.shell.run("sealift-mirror", &["init", "connected"])?;
        let keyring = text(&self.corpus.keyring())?;
        let place = ["--name", "corpus", "--uri", server.uri(), "--suite", corpus::SUITE];
        let scope = ["--component", "main", "--arch", self.corpus.architecture(), "--signed-by", &keyring];
        self.shell.run("sealift-mirror", &[&["upstream", "add", "--dir", "connected"][..], &place, &scope].concat())?;
        let path = self.shell.dir().join("connected/mirror.toml");
        let stream = "\n[[stream]]\nname = \"bench\"\nupstreams = [\"corpus\"]\nall = true\nclosure = false\n";
        let old = fs::read_to_string(&path)?;
        Ok(fs::write(path, old + stream)?)
    }

    fn nothing_new(&self, table: &mut Table) -> anyhow::Result<()> {
        let ours = measure(&self.shell, || Ok(()), "sealift-mirror", &["sync", "--dir", "connected"])?;
        table.limit("sync, nothing new", &ours, 0.1);
        Ok(())
    }

    fn build(&self, table: &mut Table) -> anyhow::Result<()> {
        fs::write(self.shell.dir().join(PASSPHRASE), "insecure-test-passphrase\n")?;
        self.shell.answer("chmod", &["600", PASSPHRASE])?;
        self.shell.run("sealift-keys", &["init", "keys", "--passphrase-file", PASSPHRASE])?;
        self.shell.answer("cp", &["--archive", "connected", "pristine"])?;
        let prepare = || {
            self.remove(&["connected", "media"])?;
            self.shell.answer("cp", &["--archive", "--link", "pristine", "connected"])?;
            Ok(fs::create_dir_all(self.shell.dir().join("media"))?)
        };
        let stream = [
            "--dir",
            "connected",
            "--stream",
            "bench",
            "--to",
            "media",
            "--keys",
            "keys",
            "--passphrase-file",
            PASSPHRASE,
        ];
        let ours = measure(&self.shell, prepare, "sealift-mirror", &[&["bundle", "build"][..], &stream].concat())?;
        table.alone("bundle build", &ours);
        Ok(())
    }

    /// Parity is computed with the writing, from the whole bundle; a fifth of it is rebuilt.
    fn volumes(&self, table: &mut Table) -> anyhow::Result<()> {
        let size = (self.corpus.bytes() / 5 + 20_000_000).to_string();
        let cut =
            ["--dir", "connected", "--stream", "bench", "--volume-size", &size, "--parity", "20%", "--to", "discs"];
        let keys = ["--keys", "keys", "--passphrase-file", PASSPHRASE];
        let anew = || {
            self.remove(&["discs", "connected/parity"])?;
            // Without the set that was kept, the cut is made again.
            self.shell.run("rm", &["--recursive", "--force", "connected/streams/bench/1/volumes"]).map(drop)
        };
        let written = measure(&self.shell, anew, "sealift-mirror", &[&["bundle", "write"][..], &cut, &keys].concat())?;
        table.alone("cut with parity", &written);
        let lost = || {
            self.remove(&["discs/volume-1", "anew"])?;
            Ok(fs::create_dir_all(self.shell.dir().join("anew"))?)
        };
        let discs = (2..=6).map(|number| format!("discs/volume-{number}")).collect::<Vec<_>>();
        let mut repair = vec!["repair", "--root", "keys/root.json", "--to", "anew", "--volume", "1"];
        repair.extend(discs.iter().map(String::as_str));
        let rebuilt = measure(&self.shell, lost, "sealift-bundle", &repair)?;
        table.alone("a volume rebuilt", &rebuilt);
        Ok(())
    }

    fn verify(&self, table: &mut Table) -> anyhow::Result<()> {
        let verb = ["verify", "media/SEALIFT", "--root", "keys/root.json"];
        let ours = measure(&self.shell, || Ok(()), "sealift-bundle", &verb)?;
        let bare = measure(&self.shell, || Ok(()), "bare-sha2", &["media/SEALIFT"])?;
        // 80 % of the throughput is 1 / 0.8 of the time.
        table.row("verify", &ours, "two bare sha2 threads", &bare, 1.25);
        Ok(())
    }

    fn receive(&self, table: &mut Table) -> anyhow::Result<()> {
        let fresh = || {
            self.put_aside("isolated")?;
            let trust = ["--root", "keys/root.json", "--site", "bench"];
            self.shell.run("sealift-import", &[&["init", "isolated"][..], &trust].concat()).map(drop)
        };
        let ours = measure(&self.shell, fresh, "sealift-import", &["receive", "--dir", "isolated", "media"])?;
        let copy = "cp -r media copy && sync";
        let bare = measure(&self.shell, || self.put_aside("copy"), "sh", &["-c", copy])?;
        table.row("receive", &ours, "cp -r and sync", &bare, 1.5);
        let checked = "cp -r media copy && sync && cd copy/SEALIFT && sha256sum --quiet --check SHA256SUMS";
        let checked = measure(&self.shell, || self.put_aside("copy"), "sh", &["-c", checked])?;
        table.row("receive", &ours, "cp, sync, sha256sum -c", &checked, 1.3);
        Ok(())
    }

    /// Writing to a medium on the same disk: a file system of its own in a loop device, or blobs would only be linked.
    fn write(&self, table: &mut Table) -> anyhow::Result<()> {
        if !system::is_root() {
            println!("writing to a medium is not measured: mounting one needs root");
            return Ok(());
        }
        let seal = ["bundle", "seal", "--dir", "connected", "--stream", "bench", "--to", STICK];
        let ours = measure(&self.shell, || self.fresh_stick(), "sealift-mirror", &seal)?;
        let copy = format!("cp -r media/SEALIFT {STICK}/ && sync -f {STICK}");
        let check = format!("cd {STICK}/SEALIFT && sha256sum --quiet --check SHA256SUMS");
        // What everybody types checks what memory remembers; to read the medium the cache must go.
        let peers = [
            ("cp, sync, sha256sum -c", format!("{copy} && {check}")),
            ("the same, cache dropped", format!("{copy} && echo 3 > /proc/sys/vm/drop_caches && {check}")),
        ];
        for (whom, script) in &peers {
            let theirs = measure(&self.shell, || self.fresh_stick(), "sh", &["-c", script])?;
            table.row("write, read back", &ours, whom, &theirs, 1.3);
        }
        self.shell.answer("umount", &[STICK]).map(drop)
    }

    /// Mounts an empty medium that is large enough, in the place of the one before.
    fn fresh_stick(&self) -> anyhow::Result<()> {
        let dir = self.shell.dir().join(STICK);
        fs::create_dir_all(&dir)?;
        if self.shell.try_run("mountpoint", &["-q", STICK])?.code == 0 {
            self.shell.answer("umount", &[STICK])?;
        }
        let bytes = self.corpus.bytes() / 2 * 3 + (256 << 20);
        let image = fs::File::create(self.shell.dir().join(IMAGE))?;
        image.set_len(bytes)?;
        self.shell.answer("mkfs.ext4", &["-q", "-F", "-m", "0", IMAGE])?;
        self.shell.answer("mount", &["-o", "loop,nosuid,nodev", IMAGE, STICK]).map(drop)
    }

    /// Gives way to a new `name` without removing the old: ext4 takes longer to place files among inodes freed just before.
    fn put_aside(&self, name: &str) -> anyhow::Result<()> {
        let path = self.shell.dir().join(name);
        if path.exists() {
            let mut names = (1..=u8::MAX).map(|number| path.with_extension(number.to_string()));
            fs::rename(&path, names.find(|aside| !aside.exists()).context("no name is free")?)?;
        }
        self.remove(&[])
    }

    fn remove(&self, names: &[&str]) -> anyhow::Result<()> {
        for name in names {
            let path = self.shell.dir().join(name);
            if path.exists() {
                fs::remove_dir_all(path)?;
            }
        }
        // What was written before must not be flushed on this run's time.
        self.shell.answer("sync", &[]).map(drop)
    }
}

fn text(path: &Path) -> anyhow::Result<String> {
    Ok(path.to_str().context("path is not UTF-8")?.to_owned())
}

/// Returns the figures of one program, for the modules below.
type Figures = Figure;

/// Returns a fresh directory for a peer.
fn fresh(shell: &Shell, name: &str) -> anyhow::Result<PathBuf> {
    let path = shell.dir().join(name);
    if path.exists() {
        fs::remove_dir_all(&path)?;
    }
    fs::create_dir_all(&path)?;
    shell.answer("sync", &[])?;
    Ok(path)
}
