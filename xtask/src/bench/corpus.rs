//! The corpus: real packages fetched by apt, as a small archive signed with a throwaway key. Made once and kept.

use std::fs;
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, ensure};

use crate::shell::Shell;

/// The corpus' only suite.
pub const SUITE: &str = "bench";
const SIGNER: &str = "insecure-test-bench <insecure-test@example.org>";
/// Packages asked of apt at once: a command line has a length.
const AT_ONCE: usize = 50;

/// A kept archive of real packages.
pub struct Corpus {
    dir: PathBuf,
    architecture: String,
}

impl Corpus {
    /// Makes the corpus of `count` packages in `cache`, unless it is there.
    pub fn prepare(cache: &Path, count: usize) -> anyhow::Result<Self> {
        fs::create_dir_all(cache).with_context(|| format!("could not create {}", cache.display()))?;
        let shell = Shell::new(&cache.canonicalize()?, Path::new("/nonexistent"));
        let architecture = String::from_utf8(shell.answer("dpkg", &["--print-architecture"])?)?.trim().to_owned();
        let corpus = Self { dir: shell.dir().to_owned(), architecture };
        if !corpus.dir.join("dists").exists() {
            corpus.fetch(&shell, count)?;
            corpus.index(&shell)?;
        }
        Ok(corpus)
    }

    /// Makes `count` packages of `bytes` random bytes each in `dir`: as good as real ones where only size counts.
    pub fn generate(dir: &Path, count: usize, bytes: u64) -> anyhow::Result<Self> {
        fs::create_dir_all(dir.join("pool"))?;
        let shell = Shell::new(&dir.canonicalize()?, Path::new("/nonexistent")).quiet();
        let corpus = Self { dir: shell.dir().to_owned(), architecture: "amd64".to_owned() };
        let tree = corpus.dir.join("tree");
        for number in 0..count {
            fs::create_dir_all(tree.join("DEBIAN"))?;
            let control = format!(
                "Package: insecure-test-{number}\nVersion: 1.0\nArchitecture: all\nMaintainer: {SIGNER}\nDescription: \
                 random bytes\n"
            );
            fs::write(tree.join("DEBIAN/control"), control)?;
            let mut random = fs::File::open("/dev/urandom")?.take(bytes);
            std::io::copy(&mut random, &mut fs::File::create(tree.join("random"))?)?;
            let name = format!("pool/insecure-test-{number}_1.0_all.deb");
            shell.answer("dpkg-deb", &["-Znone", "--root-owner-group", "--build", "tree", &name])?;
        }
        fs::remove_dir_all(&tree)?;
        corpus.index(&shell)?;
        Ok(corpus)
    }

    /// Returns where it lies.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Returns the architecture of its packages.
    pub fn architecture(&self) -> &str {
        &self.architecture
    }

    /// Returns the public key, binary, as every program here reads it.
    pub fn keyring(&self) -> PathBuf {
        self.dir.join("keyring.gpg")
    }

    /// Returns how many packages it has.
    pub fn packages(&self) -> usize {
        self.sizes().len()
    }

    /// Returns the size of all packages.
    pub fn bytes(&self) -> u64 {
        self.sizes().into_iter().sum()
    }

    fn sizes(&self) -> Vec<u64> {
        let entries = fs::read_dir(self.dir.join("pool")).into_iter().flatten().flatten();
        entries.filter_map(|entry| Some(entry.metadata().ok()?.len())).collect()
    }

    fn fetch(&self, shell: &Shell, count: usize) -> anyhow::Result<()> {
        let pool = self.dir.join("pool");
        fs::create_dir_all(&pool)?;
        let names = choose(shell, count)?;
        println!("fetching {} packages by apt", names.len());
        let (pool, mut fetched) = (shell.within(&pool).quiet().with_proxy(), 0);
        for names in names.chunks(AT_ONCE) {
            let mut arguments = vec!["--quiet=2", "-o", "APT::Sandbox::User=root", "download"];
            arguments.extend(names.iter().map(String::as_str));
            pool.run("apt-get", &arguments)?;
            fetched += names.len();
            println!("  {fetched}");
        }
        self.drop_epochs()
    }

    /// Names the files as archives do, without an epoch; apt writes it as `1%3a`, which debmirror asks for unescaped.
    fn drop_epochs(&self) -> anyhow::Result<()> {
        for entry in fs::read_dir(self.dir.join("pool"))? {
            let path = entry?.path();
            let name = path.file_name().and_then(|name| name.to_str()).context("a package's name is not UTF-8")?;
            if let Some((package, (_, rest))) = name.split_once('_').and_then(|(p, v)| Some((p, v.split_once("%3a")?)))
            {
                fs::rename(&path, path.with_file_name(format!("{package}_{rest}")))?;
            }
        }
        Ok(())
    }

    fn index(&self, shell: &Shell) -> anyhow::Result<()> {
        let dists = self.dir.join("dists.new").join(SUITE);
        let index = dists.join("main").join(format!("binary-{}", self.architecture));
        fs::create_dir_all(&index)?;
        let options = ["-o", "APT::FTPArchive::MD5=false", "-o", "APT::FTPArchive::SHA1=false"];
        let packages = shell.answer("apt-ftparchive", &[&options[..], &["packages", "pool"]].concat())?;
        fs::write(index.join("Packages"), packages)?;
        let plain = index.join("Packages");
        let plain = plain.to_str().context("path is not UTF-8")?;
        shell.answer("xz", &["--keep", plain])?;
        shell.answer("gzip", &["--keep", "--no-name", plain])?;
        let fields = [
            format!("APT::FTPArchive::Release::Suite={SUITE}"),
            format!("APT::FTPArchive::Release::Codename={SUITE}"),
            format!("APT::FTPArchive::Release::Architectures={}", self.architecture),
            "APT::FTPArchive::Release::Components=main".to_owned(),
            "APT::FTPArchive::Release::Origin=insecure-test".to_owned(),
        ];
        let mut arguments: Vec<&str> = fields.iter().flat_map(|field| ["-o", field]).collect();
        arguments.extend(["release", dists.to_str().context("path is not UTF-8")?]);
        let release = shell.answer("apt-ftparchive", &arguments)?;
        self.sign(shell, &dists, &release)?;
        // The name `dists` appears last: an interrupted run begins the archive anew, not the downloads' results.
        Ok(fs::rename(self.dir.join("dists.new"), self.dir.join("dists"))?)
    }

    fn sign(&self, shell: &Shell, dists: &Path, release: &[u8]) -> anyhow::Result<()> {
        fs::write(dists.join("Release"), release)?;
        let home = self.dir.join("gnupg");
        fs::create_dir_all(&home)?;
        let home = home.to_str().context("path is not UTF-8")?;
        shell.answer("chmod", &["700", home])?;
        let gpg =
            |arguments: &[&str]| shell.answer("gpg", &[&["--homedir", home, "--batch", "--quiet"], arguments].concat());
        let unprotected = ["--passphrase", "", "--pinentry-mode", "loopback"];
        gpg(&[&unprotected[..], &["--quick-gen-key", SIGNER, "ed25519", "sign", "never"]].concat())?;
        fs::write(self.keyring(), gpg(&["--export"])?)?;
        let release = dists.join("Release");
        let release = release.to_str().context("path is not UTF-8")?;
        fs::write(dists.join("InRelease"), gpg(&["--output", "-", "--clearsign", release])?)?;
        fs::write(dists.join("Release.gpg"), gpg(&["--output", "-", "--armor", "--detach-sign", release])?)?;
        Ok(())
    }
}

/// Returns names of packages of middling size, spread evenly over the alphabet so that the choice is nobody's.
fn choose(shell: &Shell, count: usize) -> anyhow::Result<Vec<String>> {
    let mut child = Command::new("apt-cache")
        .args(["dumpavail"])
        .stdout(Stdio::piped())
        .spawn()
        .context("could not start apt-cache")?;
    let mut text = String::new();
    std::io::Read::read_to_string(&mut child.stdout.take().context("apt-cache has an output")?, &mut text)?;
    child.wait()?;
    let mut names: Vec<&str> = text.split("\n\n").filter_map(middling).collect();
    names.sort_unstable();
    names.dedup();
    ensure!(names.len() >= count, "this machine's apt knows only {} packages of middling size", names.len());
    let step = names.len() / count;
    let chosen: Vec<String> = names.into_iter().step_by(step.max(1)).take(count).map(str::to_owned).collect();
    let _ = writeln!(std::io::stderr(), "chosen {} packages in {}", chosen.len(), shell.dir().display());
    Ok(chosen)
}

fn middling(paragraph: &str) -> Option<&str> {
    let field = |name: &str| paragraph.lines().find_map(|line| line.strip_prefix(name));
    let size: u64 = field("Size: ")?.parse().ok()?;
    let debian = field("Filename: ")?.starts_with("pool/main/");
    (debian && (400_000..8_000_000).contains(&size)).then(|| field("Package: "))?
}
