//! What an incremental bundle weighs: Debian's own security updates over a release, everything on the medium counted.
//!
//! The release's packages of a small server are bundle 1, its security suite on top of them is bundle 2. The packages come
//! from this machine's apt, the indexes are Debian's own. A medium may weigh a twentieth more than the packages that changed.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::demo::lists::{self, Suite};
use crate::shell::Shell;
use crate::workspace::{self, Profile};
use crate::{scratch, system};

/// What runs on a small server; those that have no security update now are in both bundles.
const SERVER: &[&str] = &[
    "bind9-host",
    "bind9-libs",
    "curl",
    "git",
    "libc-bin",
    "libc6",
    "libcurl4",
    "libgnutls30",
    "libgssapi-krb5-2",
    "libkrb5-3",
    "libpython3.11-stdlib",
    "libssl3",
    "libsystemd0",
    "libxml2",
    "nginx",
    "nginx-common",
    "openssh-client",
    "openssh-server",
    "openssl",
    "perl",
    "perl-base",
    "perl-modules-5.36",
    "postgresql-15",
    "python3.11",
    "python3.11-minimal",
    "rsync",
    "sudo",
    "systemd",
    "vim",
];
const PASSPHRASE: &str = "passphrase";
const KEYRING: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";
/// Hundredths that the medium may weigh, of the packages on it.
const MOST: u64 = 105;

/// Builds both bundles and weighs the second; what it made is removed if it went well.
pub fn run() -> anyhow::Result<()> {
    system::require("the weight of an incremental bundle", &["debian-archive-keyring"])?;
    let tools = workspace::build_tools(Profile::Debug)?;
    let dir = scratch::prepare(None, "delta")?;
    let shell = Shell::new(&dir, &tools);
    let release = lists::lay_out(&shell, "bookworm", "debian")?;
    let security = lists::lay_out(&shell, "bookworm-security", "debian-security")?;
    for suite in [&release, &security] {
        stock(&shell, suite)?;
    }
    bundles(&shell, &[&release, &security])?;
    weigh(&dir)?;
    shell.run("sealift-import", &["init", "isolated", "--root", "keys/root.json", "--site", "plant-a"])?;
    for medium in ["media1", "media2"] {
        shell.run("sealift-import", &["receive", "--dir", "isolated", medium])?;
    }
    shell.within(Path::new("/")).run("rm", &["--recursive", "--force", dir.to_str().context("not UTF-8")?]).map(drop)
}

/// Fetches the server's packages in the versions of one suite, and puts them where its index says.
fn stock(shell: &Shell, suite: &Suite) -> anyhow::Result<()> {
    let fetched = shell.dir().join(format!("fetched-{}", suite.base));
    fs::create_dir_all(&fetched)?;
    let entries: Vec<_> = SERVER
        .iter()
        .filter_map(|name| Some((*name, suite.packages.get(*name)?)))
        .flat_map(|(name, entries)| entries.iter().map(move |entry| (name, entry)))
        .collect();
    let wanted: Vec<String> = entries.iter().map(|(name, entry)| format!("{name}={}", entry.version)).collect();
    let mut arguments = vec!["--quiet=2", "-o", "APT::Sandbox::User=root", "download"];
    arguments.extend(wanted.iter().map(String::as_str));
    shell.with_proxy().within(&fetched).run("apt-get", &arguments)?;
    for (name, entry) in entries {
        let file = format!("{name}_{}_{}.deb", entry.version.replace(':', "%3a"), entry.architecture);
        let target = shell.dir().join("upstream").join(suite.base).join(&entry.filename);
        fs::create_dir_all(target.parent().context("a package lies in a directory")?)?;
        fs::rename(fetched.join(&file), target).with_context(|| format!("apt fetched no {file}"))?;
    }
    Ok(())
}

fn bundles(shell: &Shell, suites: &[&Suite]) -> anyhow::Result<()> {
    fs::write(shell.dir().join(PASSPHRASE), "insecure-test-passphrase\n")?;
    shell.run("chmod", &["600", PASSPHRASE])?;
    let one = ["--root", "1-of-1", "--targets", "1-of-1", "--snapshot", "1-of-1", "--timestamp", "1-of-1"];
    shell.run("sealift-keys", &[&["init", "keys", "--passphrase-file", PASSPHRASE][..], &one].concat())?;
    shell.run("sealift-mirror", &["init", "connected"])?;
    let architecture = lists::architecture(shell)?;
    for suite in suites {
        let uri = format!("file://{}/upstream/{}", shell.dir().display(), suite.base);
        let place = ["upstream", "add", "--dir", "connected", "--name", suite.base, "--uri", &uri];
        let scope = ["--suite", &suite.name, "--component", "main", "--arch", &architecture, "--signed-by", KEYRING];
        shell.run("sealift-mirror", &[&place[..], &scope].concat())?;
    }
    let file = shell.dir().join("connected/mirror.toml");
    let before = fs::read_to_string(&file)?;
    let stream = |upstreams: &str| {
        format!("{before}\n[[stream]]\nname = \"s\"\nupstreams = {upstreams}\npackages = {SERVER:?}\nclosure = false\n")
    };
    let build = ["bundle", "build", "--dir", "connected", "--stream", "s", "--keys", "keys", "--passphrase-file"];
    for (upstreams, more) in [
        ("[\"debian\"]", ["--full", "--to", "media1"].as_slice()),
        ("[\"debian-security\", \"debian\"]", &["--base", "1", "--to", "media2"]),
    ] {
        fs::write(&file, stream(upstreams))?;
        shell.run("sealift-mirror", &["sync", "--dir", "connected"])?;
        shell.run("sealift-mirror", &[&build[..], &[PASSPHRASE], more].concat())?;
    }
    shell.run("sealift-bundle", &["verify", "media2", "--root", "keys/root.json"]).map(drop)
}

/// Compares all files of the second medium with the packages on it.
fn weigh(dir: &Path) -> anyhow::Result<()> {
    let top = dir.join("media2/SEALIFT");
    let manifest: Value = serde_json::from_slice(&fs::read(top.join("bundles/s/2/manifest.json"))?)?;
    let files = manifest.get("files").and_then(Value::as_array).context("a manifest lists files")?;
    let mut sizes = std::collections::BTreeMap::new();
    for file in files.iter().filter(|file| file.get("role").is_some_and(|role| role == "package")) {
        let stored = file.get("stored");
        let of = |field: &str| stored.and_then(|stored| stored.get(field));
        if let (Some(digest), Some(size)) = (of("sha256").and_then(Value::as_str), of("size").and_then(Value::as_u64)) {
            sizes.insert(digest.to_owned(), size);
        }
    }
    let (packages, all) = (sizes.values().sum::<u64>(), bytes_below(&top)?);
    ensure!(packages > 0, "no package of the list has a security update; choose others");
    println!(
        "{} changed packages of {packages} bytes; the medium has {all} bytes, {} per mille of that",
        sizes.len(),
        all.saturating_mul(1000) / packages
    );
    ensure!(all * 100 <= packages * MOST, "the medium is heavier than {MOST} hundredths of the packages that changed");
    Ok(())
}

fn bytes_below(dir: &Path) -> anyhow::Result<u64> {
    let mut sum = 0;
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        sum += if entry.file_type()?.is_dir() { bytes_below(&entry.path())? } else { entry.metadata()?.len() };
    }
    Ok(sum)
}
