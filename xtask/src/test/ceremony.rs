//! A key ceremony with other people's signers: openssl, and a PKCS#11 token (SoftHSM).
//!
//! Continues where the built-in demo ended. Root 2 gets keys of a token and of openssl beside our own key files; its
//! targets threshold needs the token, so the bundle that is built afterwards cannot be sealed without it; a person approves
//! it with a key of the token.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, ensure};
use serde_json::Value;

use crate::journey::{Journey, STREAM};
use crate::shell::Shell;
use crate::{system, workspace};

const NEEDS: &[&str] = &["softhsm2", "opensc", "openssl"];
const MODULE: &str = "/usr/lib/softhsm/libsofthsm2.so";
const TOKEN: &str = "insecure-test-token";
const PIN: &str = "271828";
/// Who approves bundles, with a key that never leaves the token.
const PERSON: &str = "alice";
const PASSPHRASE: [&str; 2] = ["--passphrase-file", "passphrase"];

/// Plays the ceremony on what the built-in demo left.
pub fn run(journey: &Journey) -> anyhow::Result<()> {
    system::require("the key ceremony", NEEDS)?;
    workspace::run_cargo(&["build", "--quiet", "--package", "sealift-hsm"])?;
    let shell = &journey.shell;
    keys(shell)?;
    draft(shell)?;
    faults(shell)?;
    signatures(shell)?;
    shell.run("sealift-keys", &["root", "publish", "2.draft", "--to", "keys"])?;
    bundle(journey)?;
    revocation(shell)
}

fn keys(shell: &Shell) -> anyhow::Result<()> {
    shell.tell("A token with four keys, and keys of openssl's; all of them are for this test only.");
    let conf = shell.dir().join(".config/softhsm2");
    fs::create_dir_all(&conf)?;
    let tokens = shell.dir().join("tokens");
    fs::create_dir_all(&tokens)?;
    let text = format!("directories.tokendir = {}\nobjectstore.backend = file\n", tokens.display());
    fs::write(conf.join("softhsm2.conf"), text)?;
    private(&shell.dir().join("pin"), PIN)?;
    private(&shell.dir().join("wrong-pin"), "314159")?;
    let pins = ["--label", TOKEN, "--pin", PIN, "--so-pin", "161803"];
    shell.answer("softhsm2-util", &[&["--init-token", "--free"][..], &pins].concat())?;
    for (id, kind, label) in [
        ("01", "EC:edwards25519", "root-ed"),
        ("02", "EC:prime256v1", "root-p256"),
        ("03", "EC:prime256v1", "targets"),
        ("04", "EC:edwards25519", PERSON),
    ] {
        let login = ["--module", MODULE, "--token-label", TOKEN, "--login", "--pin", PIN, "--keypairgen"];
        shell.answer("pkcs11-tool", &[&login[..], &["--key-type", kind, "--label", label, "--id", id]].concat())?;
        hsm(shell, "public", &["--key-label", label, "-o", &format!("{label}.pub")])?;
    }
    shell.run("sealift-hsm", &["list", "--module", MODULE])?;
    shell.run("sealift-hsm", &["list", "--module", MODULE, "--token-label", TOKEN])?;
    for (name, more) in [("o-ed", &["ed25519"][..]), ("o-p256", &["ec", "-pkeyopt", "ec_paramgen_curve:P-256"])] {
        let secret = format!("insecure-test-{name}.pem");
        shell.answer("openssl", &[&["genpkey", "-out", &secret, "-algorithm"][..], more].concat())?;
        shell.run("openssl", &["pkey", "-in", &secret, "-pubout", "-out", &format!("{name}.pub")])?;
    }
    Ok(())
}

fn hsm(shell: &Shell, verb: &str, more: &[&str]) -> anyhow::Result<String> {
    shell.run("sealift-hsm", &[&[verb, "--module", MODULE, "--token-label", TOKEN][..], more].concat())
}

fn root(shell: &Shell, verb: &[&str]) -> anyhow::Result<String> {
    shell.run("sealift-keys", &[&["root"][..], verb].concat())
}

fn draft(shell: &Shell) -> anyhow::Result<()> {
    shell.tell(
        "The next root: a token's key for root-1's, three more root keys, the token for one of the targets keys, and a \
         person who must approve every bundle.",
    );
    root(shell, &["draft", "keys/root.json", "-o", "2.draft"])?;
    let replace = |role: &str, old: &str, new: &str| {
        root(shell, &["replace-key", "2.draft", "--role", role, "--old", old, "--new", new])
    };
    replace("root", "keys/keys/root-1.key", "root-ed.pub")?;
    replace("targets", "keys/keys/targets-1.key", "targets.pub")?;
    for key in ["root-p256.pub", "o-ed.pub", "o-p256.pub"] {
        root(shell, &["add-key", "2.draft", "--role", "root", "--key", key])?;
    }
    root(shell, &["threshold", "2.draft", "--role", "root", "4"])?;
    root(shell, &["add-person", "2.draft", PERSON, "--key", "alice.pub", "--may", "approve"])?;
    root(shell, &["policy", "2.draft", "--kind", "approve", "1"])?;
    shell.run("sealift-keys", &["export", "2.draft", "-o", "to-sign"])?;
    Ok(())
}

/// What goes wrong with tokens ends cleanly, and no signature is written or attached.
fn faults(shell: &Shell) -> anyhow::Result<()> {
    shell.tell("A wrong PIN three times, a key and a token that are not there, a token that goes away in the middle.");
    let sign = |token: &str, key: &str, pin: &str, says: &str| {
        let names =
            ["--module", MODULE, "--token-label", token, "--key-label", key, "--pin-file", pin, "-o", "bad.sig"];
        let said = shell.try_run("sealift-hsm", &[&["sign", "to-sign"][..], &names].concat())?;
        ensure!(said.code == 1 && said.output.contains(says), "exit code {}, no `{says}`", said.code);
        ensure!(!shell.dir().join("bad.sig").exists(), "a signature was written");
        anyhow::Ok(())
    };
    for _ in 0..3 {
        sign(TOKEN, "root-ed", "wrong-pin", "refused the PIN")?;
    }
    sign(TOKEN, "no-such-key", "pin", "has no key")?;
    sign("no-such-token", "root-ed", "pin", "there is no token")?;
    gone_in_the_middle(shell)?;
    shell.tell("A signature by another key of the token than the one it is attached for; bytes that are no metadata.");
    let before = fs::read(shell.dir().join("2.draft"))?;
    token_signature(shell, "to-sign", "root-p256", "p256.sig")?;
    let attach = ["attach", "2.draft", "--key", "root-ed.pub", "--signature", "p256.sig"];
    let said = shell.try_run("sealift-keys", &attach)?;
    ensure!(said.code == 10 && fs::read(shell.dir().join("2.draft"))? == before, "a wrong signature was attached");
    fs::write(shell.dir().join("anything"), "transfer all packages")?;
    let anything = ["sign", "anything", "--module", MODULE, "--token-label", TOKEN, "--key-label", "root-ed"];
    let said = shell.try_run("sealift-hsm", &[&anything[..], &["--pin-file", "pin", "-o", "bad.sig"]].concat())?;
    ensure!(said.code == 10 && !shell.dir().join("bad.sig").exists(), "the token signed anything");
    Ok(())
}

/// The token is opened, then taken away while the tool waits for the PIN.
fn gone_in_the_middle(shell: &Shell) -> anyhow::Result<()> {
    let names =
        ["--module", MODULE, "--token-label", TOKEN, "--key-label", "root-ed", "--pin-fd", "0", "-o", "bad.sig"];
    let mut command = shell.command("sealift-hsm", &[&["sign", "to-sign"][..], &names].concat());
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn()?;
    // Long enough to load the library and open the token; the pipe holds the tool there.
    std::thread::sleep(std::time::Duration::from_secs(2));
    let (tokens, away) = (shell.dir().join("tokens"), shell.dir().join("tokens-away"));
    fs::rename(&tokens, &away)?;
    child.stdin.take().context("the tool has an input")?.write_all(PIN.as_bytes())?;
    let output = child.wait_with_output()?;
    fs::rename(&away, &tokens)?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    println!("{said}");
    ensure!(output.status.code() == Some(1) && said.contains("Nothing was changed."), "no clean end: {said}");
    ensure!(!shell.dir().join("bad.sig").exists(), "a signature was written");
    Ok(())
}

fn token_signature(shell: &Shell, file: &str, key: &str, out: &str) -> anyhow::Result<()> {
    let names = ["--module", MODULE, "--token-label", TOKEN, "--key-label", key, "--pin-file", "pin", "-o", out];
    shell.run("sealift-hsm", &[&["sign", file][..], &names].concat()).map(drop)
}

fn signatures(shell: &Shell) -> anyhow::Result<()> {
    shell.tell("Each holder signs where the key is; the order does not matter.");
    let attach = |public: &str, signature: &str| {
        shell.run("sealift-keys", &["attach", "2.draft", "--key", public, "--signature", signature])
    };
    attach("root-p256.pub", "p256.sig")?;
    token_signature(shell, "to-sign", "root-ed", "ed.sig")?;
    attach("root-ed.pub", "ed.sig")?;
    for name in ["o-ed", "o-p256"] {
        let (secret, out) = (format!("insecure-test-{name}.pem"), format!("{name}.sig"));
        shell.run("openssl", &["pkeyutl", "-sign", "-rawin", "-inkey", &secret, "-in", "to-sign", "-out", &out])?;
        attach(&format!("{name}.pub"), &out)?;
    }
    let publish = shell.try_run("sealift-keys", &["root", "publish", "2.draft", "--to", "keys"])?;
    ensure!(publish.code == 10, "published without the old root's keys (exit code {})", publish.code);
    for n in [2, 3] {
        let (key, out) = (format!("keys/keys/root-{n}.key"), format!("{n}.sig"));
        shell.run("sealift-keys", &[&["sign", "to-sign", "--key", &key, "-o", &out][..], &PASSPHRASE].concat())?;
        attach(&key, &out)?;
    }
    root(shell, &["show", "2.draft"]).map(drop)
}

fn bundle(journey: &Journey) -> anyhow::Result<()> {
    let shell = &journey.shell;
    shell.tell("A bundle under root 2: the mirror signs what it can, the token the rest.");
    fs::remove_file(shell.dir().join("keys/keys/targets-1.key"))?;
    let build = ["bundle", "build", "--dir", "connected", "--stream", STREAM, "--full", "--keys", "keys", "--json"];
    let answer = journey.json("sealift-mirror", &[&build[..], &PASSPHRASE].concat())?;
    let file = answer.pointer("/awaiting/file").and_then(Value::as_str).context("the bundle awaits no signature")?;
    shell.run("sealift-keys", &["export", file, "-o", "list"])?;
    token_signature(shell, "list", "targets", "list.sig")?;
    let attach = ["attach", file, "--root", "keys/root.json", "--key", "targets.pub", "--signature", "list.sig"];
    shell.run("sealift-keys", &attach)?;
    let seal = ["bundle", "seal", "--dir", "connected", "--stream", STREAM, "--to", "media-2", "--keys", "keys"];
    shell.run("sealift-mirror", &[&seal[..], &PASSPHRASE].concat())?;
    approval(shell)?;
    shell.run("sealift-bundle", &["verify", "media-2", "--root", "keys/1.root.json"])?;
    shell.run("sealift-import", &["receive", "--dir", "isolated", "media-2"])?;
    Ok(())
}

/// A person says on the token that the bundle may be imported. Before that nothing takes it.
fn approval(shell: &Shell) -> anyhow::Result<()> {
    shell.tell("Without the approval that root 2 asks for, the bundle is refused; the token signs the statement.");
    let said = shell.try_run("sealift-import", &["receive", "--dir", "isolated", "media-2"])?;
    ensure!(said.code == 12, "taken without an approval (exit code {})", said.code);
    let unsigned = ["approve", "media-2", "--unsigned", "--person", PERSON, "--root", "keys/root.json", "--json"];
    let written: Value = serde_json::from_slice(&shell.answer("sealift-keys", &unsigned)?)?;
    let file = written.get("file").and_then(Value::as_str).context("the statement has a file")?;
    shell.run("sealift-keys", &["statement", "export", file, "-o", "to-say"])?;
    let attach = |signature: &str| {
        let line = ["statement", "attach", file, "--key", "alice.pub", "--signature", signature];
        shell.try_run("sealift-keys", &line)
    };
    // The same token, but the key of a role.
    token_signature(shell, "to-say", "root-ed", "role.sig")?;
    let before = fs::read(shell.dir().join(file))?;
    let said = attach("role.sig")?;
    ensure!(said.code == 10 && fs::read(shell.dir().join(file))? == before, "another key's signature was attached");
    token_signature(shell, "to-say", PERSON, "said.sig")?;
    ensure!(attach("said.sig")?.code == 0, "the token's signature was not attached");
    let beside = ["bundle", "attach", file, "--dir", "connected", "--stream", STREAM, "--keys", "keys"];
    shell.run("sealift-mirror", &[&beside[..], &["--to", "media-2"]].concat()).map(drop)
}

fn revocation(shell: &Shell) -> anyhow::Result<()> {
    shell.tell("The trust metadata alone: small, and taken by the site.");
    let revoke = ["bundle", "revoke", "--dir", "connected", "--to", "cd", "--keys", "keys"];
    shell.run("sealift-mirror", &[&revoke[..], &PASSPHRASE].concat())?;
    shell.run("sealift-import", &["receive", "--dir", "isolated", "cd"])?;
    shell.run("sealift-import", &["ledger", "verify", "--dir", "isolated"]).map(drop)
}

fn private(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    Ok(file.write_all(text.as_bytes())?)
}
