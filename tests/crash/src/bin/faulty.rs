//! All tools in one program whose clock stands still and whose disk can fail.
//!
//! `SEALIFT_FAULTY` says which tool, at what time, and what goes wrong where; the arguments are the tool's own:
//! `tool=import clock=1795449600 at=17 fault=kill free=4096 trace=FILE`. Tests only.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write as _;
use std::process::ExitCode;

use anyhow::{Context as _, bail};
use sealift_crash_tests::trace::Step;
use sealift_fs::fault::{self, Fault, Plan};
use sealift_keys::{Ceremony, KdfParams, KeyFile, Passphrase, key_file, pair, person};
use sealift_model::Timestamp;
use sealift_trust::Purpose;

const VARIABLE: &str = "SEALIFT_FAULTY";

fn main() -> anyhow::Result<ExitCode> {
    let text = std::env::var(VARIABLE).context("SEALIFT_FAULTY is not set")?;
    let given: BTreeMap<&str, &str> = text.split(' ').filter_map(|word| word.split_once('=')).collect();
    let number = |name: &str| given.get(name).map(|text| text.parse::<u64>()).transpose();
    if let Some(clock) = number("clock")? {
        sealift_term::fix_clock(Timestamp::from_unix(clock));
    }
    let plan = match (number("at")?, given.get("fault")) {
        (Some(at), Some(fault)) => Some(Plan { at, fault: fault_of(fault)? }),
        _ => None,
    };
    fault::arm(plan, number("free")?, given.get("trace").map(|path| recorder(path)).transpose()?);
    match given.get("tool").copied() {
        Some("keys") => Ok(sealift_keys::main()),
        Some("ceremony") => ceremony(),
        Some("generate") => generate(),
        Some("person") => new_person(),
        Some("reseal") => reseal(),
        Some("mirror") => Ok(sealift_mirror::main()),
        Some("bundle") => Ok(sealift_bundle::main()),
        Some("import") => Ok(sealift_import::main()),
        Some("apply") => Ok(sealift_apply::main()),
        Some("media") => Ok(sealift_media::main()),
        other => bail!("no such tool: {other:?}"),
    }
}

fn fault_of(text: &str) -> anyhow::Result<Fault> {
    let (word, number) = text.split_once(':').unwrap_or((text, "0"));
    let number: i32 = number.parse()?;
    Ok(match word {
        "signal" => Fault::Signal(number),
        "errno" => Fault::Errno(number),
        "full" => Fault::Full(number),
        "gone" => Fault::Gone(number),
        "short" => Fault::Short,
        other => bail!("no such fault: {other}"),
    })
}

fn recorder(path: &str) -> anyhow::Result<fault::Recorder> {
    let mut file = File::create(path).with_context(|| format!("cannot record into {path}"))?;
    Ok(Box::new(move |event| {
        let line = serde_json::to_string(&Step::from(event)).unwrap_or_default();
        let _ = file.write_all((line + "\n").as_bytes());
    }))
}

/// What keys cost here.
const CHEAP: KdfParams = KdfParams { m_kib: 64, t: 1, p: 1 };

/// `sealift-keys generate --purpose targets -o NAME.key` with a key that costs nothing to open:
/// `faulty NAME PASSPHRASE_FILE`.
fn generate() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, name, passphrase] = arguments.as_slice() else { bail!("give a name and a passphrase file") };
    let place = pair::Place { key_file: format!("{name}.key").into(), public_file: format!("{name}.pub").into() };
    pair::make(place, Purpose::Targets, &Passphrase::from_file(passphrase.as_ref())?, CHEAP)?;
    Ok(ExitCode::SUCCESS)
}

/// `sealift-keys person new NAME --out DIR`, likewise: `faulty DIR NAME PASSPHRASE_FILE`.
fn new_person() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, dir, name, passphrase] = arguments.as_slice() else { bail!("give a directory, a name, a passphrase file") };
    person::create(dir.as_ref(), &name.parse()?, &Passphrase::from_file(passphrase.as_ref())?, CHEAP)?;
    Ok(ExitCode::SUCCESS)
}

/// `sealift-keys reseal KEY`, likewise: `faulty KEY OLD_PASSPHRASE_FILE NEW_PASSPHRASE_FILE`.
fn reseal() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, key, old, new] = arguments.as_slice() else { bail!("give a key file and two passphrase files") };
    let secret = KeyFile::read(key.as_ref())?.open(&Passphrase::from_file(old.as_ref())?)?;
    key_file::reseal(key.as_ref(), &secret, &Passphrase::from_file(new.as_ref())?, CHEAP)?;
    Ok(ExitCode::SUCCESS)
}

/// `sealift-keys init DIR` with keys that cost nothing to open: `faulty DIR PASSPHRASE_FILE`.
fn ceremony() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, dir, passphrase] = arguments.as_slice() else { bail!("give a directory and a passphrase file") };
    let now = sealift_term::now();
    let ceremony = Ceremony { quorums: BTreeMap::new(), expires: now.plus_days(365), now, cost: CHEAP };
    sealift_keys::ceremony::create(dir.as_ref(), &ceremony, &Passphrase::from_file(passphrase.as_ref())?)?;
    Ok(ExitCode::SUCCESS)
}
