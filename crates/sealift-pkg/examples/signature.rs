//! Says what sealift makes of an upstream's signature, to compare with gpg's answer:
//! `cargo run -p sealift-pkg --example signature -- KEYRING [INRELEASE]`. Without a file it lists the keyring.
#![expect(clippy::print_stdout, reason = "a tool for developers")]

use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use sealift_model::Timestamp;
use sealift_pkg::openpgp::{Keyring, verify_inrelease};

fn main() -> ExitCode {
    let files: Vec<_> = std::env::args_os().skip(1).map(|path| std::fs::read(path).expect("a readable file")).collect();
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_secs());
    let (keyring, now) = (Keyring::parse(&files[0]).expect("a keyring"), Timestamp::from_unix(now));
    let Some(signed) = files.get(1) else {
        for key in keyring.keys(now) {
            let expires = key.expires.map_or_else(String::new, |time| time.to_string());
            println!(
                "{} [{expires}] {} {}",
                key.fingerprint,
                key.unusable.as_deref().unwrap_or("good"),
                key.user_ids.join(", ")
            );
        }
        return ExitCode::SUCCESS;
    };
    match verify_inrelease(signed, &keyring, now) {
        Ok(good) => println!("good: {} bytes by {:?} at {}", good.text.len(), good.signers, good.signed_at),
        Err(refusal) => println!("refused: {refusal}"),
    }
    ExitCode::SUCCESS
}
