//! Three gigabytes over the gap on small media, of which one is lost and one is damaged.
//!
//! The upstream is generated: packages of random bytes that no compression makes smaller. The bundle is cut to five volumes
//! and two of parity: the lost one erases every stripe, so that the damage of another needs a second one. The volumes are
//! verified one by one and received in an order of their own, one a run; what is lost is rebuilt twice, by
//! `sealift-bundle repair` and by `receive` itself.

use std::fs;
use std::path::Path;
use std::time::Instant;

use anyhow::{Context as _, ensure};

use crate::bench::corpus::{Corpus, SUITE};
use crate::demo::server::Server;
use crate::shell::Shell;
use crate::workspace::{self, Profile};
use crate::{scratch, system};

const NEEDS: &[&str] = &["apt-utils", "gpg", "xz-utils", "dpkg"];
const PACKAGES: usize = 300;
const PACKAGE_BYTES: u64 = 10_400_000;
/// Five of them hold the bundle.
const VOLUME: &str = "700MB";
const DATA_VOLUMES: usize = 5;
const PARITY_VOLUMES: usize = 2;
const PARITY: &str = "40%";
/// All but the lost one, as a courier might bring them.
const ORDER: [usize; 6] = [5, 7, 2, 6, 1, 3];
const PASSPHRASE: &str = "passphrase";
const SIGNING: [&str; 4] = ["--keys", "keys", "--passphrase-file", PASSPHRASE];

/// Plays the whole story; what it made is removed if it went well.
pub fn run() -> anyhow::Result<()> {
    system::require("three gigabytes on small media", NEEDS)?;
    let tools = workspace::build_tools(Profile::Debug)?;
    let dir = scratch::prepare(None, "sneakernet")?;
    let story = Story { shell: Shell::new(&dir, &tools) };
    story.bundle()?;
    story.discs()?;
    story.lose_and_damage()?;
    story.repair()?;
    story.receive()?;
    story.shell.within(Path::new("/")).run("rm", &["--recursive", "--force", text(&dir)?]).map(drop)
}

struct Story {
    shell: Shell,
}

impl Story {
    fn bundle(&self) -> anyhow::Result<()> {
        let start = Instant::now();
        let corpus = Corpus::generate(&self.shell.dir().join("upstream"), PACKAGES, PACKAGE_BYTES)?;
        println!("made {} packages, {} MB, in {:.0} s", PACKAGES, corpus.bytes() / 1_000_000, seconds(start));
        let server = Server::start(&self.shell, corpus.dir())?;
        fs::write(self.shell.dir().join(PASSPHRASE), "insecure-test-passphrase\n")?;
        self.shell.run("chmod", &["600", PASSPHRASE])?;
        self.shell.run("sealift-keys", &["init", "keys", "--passphrase-file", PASSPHRASE])?;
        self.mirror("init", &["connected"])?;
        let keyring = corpus.keyring();
        let place = ["--name", "corpus", "--uri", server.uri(), "--suite", SUITE, "--component", "main"];
        let scope = ["--arch", corpus.architecture(), "--signed-by", text(&keyring)?];
        self.mirror("upstream add", &[&place[..], &scope].concat())?;
        let toml = self.shell.dir().join("connected/mirror.toml");
        let stream = "\n[[stream]]\nname = \"discs\"\nupstreams = [\"corpus\"]\nall = true\nclosure = false\n";
        fs::write(&toml, fs::read_to_string(&toml)? + stream)?;
        self.mirror("sync", &[])?;
        self.mirror("bundle build", &[&["--stream", "discs"][..], &SIGNING].concat()).map(drop)
    }

    fn discs(&self) -> anyhow::Result<()> {
        let cut = ["--stream", "discs", "--volume-size", VOLUME, "--parity", PARITY];
        let start = Instant::now();
        let written = self.mirror("bundle write", &[&cut[..], &["--to", "discs"], &SIGNING].concat())?;
        let took = seconds(start);
        ensure!(
            written.contains(&format!("{} volumes, {PARITY_VOLUMES} of them parity", DATA_VOLUMES + PARITY_VOLUMES)),
            "{written}"
        );
        let bytes = tree_bytes(&self.shell.dir().join("discs"))?;
        println!("cut, parity made, written and read back: {} MB in {took:.0} s", bytes / 1_000_000);
        for number in 1..=DATA_VOLUMES + PARITY_VOLUMES {
            self.bundle_tool(&["verify", &disc(number), "--root", "keys/root.json"])?;
        }
        Ok(())
    }

    /// Volume 4 is lost on the way, and one blob of volume 2 arrives with other bytes.
    fn lose_and_damage(&self) -> anyhow::Result<()> {
        self.shell.run("mv", &[&disc(4), "lost"])?;
        let blobs = self.shell.dir().join(disc(2)).join("SEALIFT/blobs/sha256");
        let victim = fs::read_dir(&blobs)?.next().context("volume 2 has no blob")??.path();
        let mut bytes = fs::read(&victim)?;
        let middle = bytes.len() / 2;
        *bytes.get_mut(middle).context("the blob is empty")? ^= 1;
        // The name may be a hard link into the mirror's store: replace it, not the bytes behind it.
        fs::remove_file(&victim)?;
        fs::write(&victim, bytes)?;
        let refused = self.shell.try_run("sealift-bundle", &["verify", &disc(2), "--root", "keys/root.json"])?;
        ensure!(refused.code == 10, "a damaged volume was not refused: {}", refused.code);
        Ok(())
    }

    fn repair(&self) -> anyhow::Result<()> {
        let at_hand = ORDER.map(disc);
        let mut arguments = vec!["repair", "--root", "keys/root.json", "--to", "anew"];
        arguments.extend(at_hand.iter().map(String::as_str));
        let start = Instant::now();
        self.shell.run("sealift-bundle", &arguments)?;
        let bytes = tree_bytes(&self.shell.dir().join("anew"))?;
        println!("rebuilt and written anew: {} MB in {:.0} s", bytes / 1_000_000, seconds(start));
        for number in [2, 4] {
            self.bundle_tool(&["verify", &format!("anew/volume-{number}"), "--root", "keys/root.json"])?;
        }
        self.shell.run("diff", &["--recursive", "lost/SEALIFT", "anew/volume-4/SEALIFT"]).map(drop)
    }

    /// Each run but the last leaves the bundle waiting and says so; the last rebuilds the lost volume and the damaged blob.
    fn receive(&self) -> anyhow::Result<()> {
        self.shell.run("sealift-import", &["init", "isolated", "--root", "keys/root.json", "--site", "plant-a"])?;
        for (run, volume) in (1..).zip(ORDER.map(disc)) {
            let start = Instant::now();
            let received = self.shell.try_run("sealift-import", &["receive", "--dir", "isolated", &volume])?;
            let expected = if run == ORDER.len() { 0 } else { 3 };
            println!("run {run} took {:.0} s", seconds(start));
            ensure!(received.code == expected, "run {run} ended with {}, not {expected}", received.code);
        }
        self.shell.run("sealift-import", &["promote", "--dir", "isolated", "--channel", "testing", "1"])?;
        self.shell.run("sealift-import", &["publish", "--dir", "isolated"]).map(drop)
    }

    fn mirror(&self, verb: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let mut all: Vec<&str> = verb.split(' ').collect();
        if verb != "init" {
            all.extend(["--dir", "connected"]);
        }
        all.extend(arguments);
        self.shell.run("sealift-mirror", &all)
    }

    fn bundle_tool(&self, arguments: &[&str]) -> anyhow::Result<()> {
        self.shell.run("sealift-bundle", arguments).map(drop)
    }
}

fn disc(number: usize) -> String {
    format!("discs/volume-{number}")
}

fn seconds(start: Instant) -> f64 {
    start.elapsed().as_secs_f64()
}

fn text(path: &Path) -> anyhow::Result<&str> {
    path.to_str().context("path is not UTF-8")
}

fn tree_bytes(dir: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        sum += if metadata.is_dir() { tree_bytes(&entry.path())? } else { metadata.len() };
    }
    Ok(sum)
}
