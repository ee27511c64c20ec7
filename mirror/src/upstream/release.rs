//! The signed Release file: InRelease, or Release with Release.gpg.

use sealift_bundle::manifest::{FileRole, ReleaseForm};
use sealift_fs::Store;
use sealift_model::{Digest, RelPath, Timestamp};
use sealift_pkg::openpgp::{self, Fingerprint, SIGNED_LIMIT, SignatureRefusal};
use sealift_pkg::release::ReleaseRefusal;
use sealift_pkg::{Release, release::RELEASE_LIMIT};

use super::{KeyringFile, UpstreamError, UpstreamRefusal};
use crate::config::UpstreamConfig;
use crate::fetch::{FetchError, Fetcher, Request, Validators};
use crate::snapshot::{HEAD_SCHEMA, Head, ReleaseRef, SnapshotFile};

/// Largest Release.gpg read, in bytes.
const SIGNATURE_LIMIT: u64 = 1 << 20;

/// The signed files as they came, not verified yet.
pub(super) struct SignedFiles {
    release: ReleaseRef,
    bytes: Vec<u8>,
    signature: Option<Vec<u8>>,
    validators: Validators,
}

/// A Release file whose signature holds, and who made it.
pub(super) struct VerifiedRelease {
    pub(super) release: Release,
    signers: Vec<Fingerprint>,
}

impl SignedFiles {
    /// Tells whether these are the signed files of `head`.
    pub(super) fn is_of(&self, head: &Head) -> bool {
        let same = |(path, bytes): (&RelPath, &[u8])| {
            head.files.iter().any(|file| file.path == *path && file.sha256 == Digest::of(bytes))
        };
        self.release == head.release && self.parts().map(|(path, _, bytes)| (path, bytes)).all(same)
    }

    /// Returns `head` with what the server says about the file now.
    pub(super) fn seen_again(self, head: &Head) -> Head {
        Head { etag: self.validators.etag, last_modified: self.validators.last_modified, ..head.clone() }
    }

    fn parts(&self) -> impl Iterator<Item = (&RelPath, FileRole, &[u8])> {
        let release = (&self.release.path, FileRole::Release, self.bytes.as_slice());
        let signature = self.release.signature_path.as_ref().zip(self.signature.as_deref());
        [release].into_iter().chain(signature.map(|(path, bytes)| (path, FileRole::ReleaseSignature, bytes)))
    }
}

/// Fetches InRelease, or Release and Release.gpg where there is none; `None` if `known` is still what the server has.
pub(super) fn fetch(
    config: &UpstreamConfig,
    known: Option<&Head>,
    fetcher: &Fetcher,
) -> Result<Option<SignedFiles>, UpstreamError> {
    let path = |name: &str| RelPath::new(&format!("dists/{}/{name}", config.suite));
    let get = |path: &RelPath, limit: u64| {
        let validators = known
            .filter(|head| head.release.path == *path)
            .map(|head| Validators { etag: head.etag.clone(), last_modified: head.last_modified.clone() });
        fetcher.read(&Request { uri: &config.uri, path, offset: 0, unless: validators.as_ref() }, limit)
    };
    let inrelease = path("InRelease")?;
    match get(&inrelease, SIGNED_LIMIT as u64) {
        Ok(came) => {
            let release = ReleaseRef { form: ReleaseForm::InRelease, path: inrelease, signature_path: None };
            return Ok(came.map(|(bytes, validators)| SignedFiles { release, bytes, signature: None, validators }));
        }
        Err(error) if error.is_not_found() => {}
        Err(error) => return Err(error.into()),
    }
    let (release, signature) = (path("Release")?, path("Release.gpg")?);
    let (bytes, validators) = match get(&release, RELEASE_LIMIT) {
        Ok(None) => return Ok(None),
        Ok(Some(came)) => came,
        // Named after what was looked for first.
        Err(FetchError::NotFound { http, .. }) => {
            return Err(FetchError::NotFound { uri: config.uri.shown(&inrelease), http }.into());
        }
        Err(error) => return Err(error.into()),
    };
    let signed = get(&signature, SIGNATURE_LIMIT)?.map(|(bytes, _)| bytes).unwrap_or_default();
    let release = ReleaseRef { form: ReleaseForm::Detached, path: release, signature_path: Some(signature) };
    Ok(Some(SignedFiles { release, bytes, signature: Some(signed), validators }))
}

/// Verifies signature, suite and dates, in this order: nothing unsigned is ever parsed.
pub(super) fn verify(
    signed: &SignedFiles,
    config: &UpstreamConfig,
    keys: &KeyringFile,
    known: Option<&Head>,
    now: Timestamp,
) -> Result<VerifiedRelease, UpstreamError> {
    let keyring = keys.parse()?;
    let refused = |source: SignatureRefusal| UpstreamRefusal::Signature { keyring: keys.shown.clone(), source };
    let (text, signers) = match &signed.signature {
        None => {
            let verified = openpgp::verify_inrelease(&signed.bytes, &keyring, now).map_err(refused)?;
            (verified.text, verified.signers)
        }
        Some(signature) => {
            let verified = openpgp::verify_detached(&signed.bytes, signature, &keyring, now).map_err(refused)?;
            let text = String::from_utf8(signed.bytes.clone()).map_err(|_| UpstreamError::NotText)?;
            (text, verified.signers)
        }
    };
    let release = Release::parse(&text)?;
    check_suite(&release, config)?;
    release.check_time(now, known.map(|head| head.date)).map_err(UpstreamRefusal::from)?;
    Ok(VerifiedRelease { release, signers })
}

/// A signer's other suites are signed by the same key: only its name tells this one from them.
fn check_suite(release: &Release, config: &UpstreamConfig) -> Result<(), UpstreamRefusal> {
    let names = [&release.suite, &release.codename];
    let named = names.into_iter().flatten().count() > 0;
    if !named || names.into_iter().flatten().any(|name| *name == config.suite) {
        return Ok(());
    }
    let shown = |name: &Option<String>| name.as_deref().map_or_else(|| "-".into(), sealift_model::escape::printable);
    Err(UpstreamRefusal::Suite {
        expected: config.suite.clone(),
        suite: shown(&release.suite),
        codename: shown(&release.codename),
    })
}

/// Decides whether an unchanged head has expired meanwhile.
pub(super) fn check_expiry(head: &Head, now: Timestamp) -> Result<(), UpstreamRefusal> {
    match head.valid_until {
        Some(valid_until) if now > valid_until => {
            Err(ReleaseRefusal::Expired { date: head.date, valid_until, now }.into())
        }
        _ => Ok(()),
    }
}

/// Puts the signed files into the store and returns all files of the head, sorted.
pub(super) fn store(
    store: &Store,
    signed: &SignedFiles,
    mut files: Vec<SnapshotFile>,
) -> Result<Vec<SnapshotFile>, UpstreamError> {
    for (path, role, bytes) in signed.parts() {
        let sha256 = store.insert(bytes)?;
        files.push(SnapshotFile { deb: None, path: path.clone(), role, sha256, size: bytes.len() as u64 });
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

impl VerifiedRelease {
    /// Makes the head, with no snapshot yet.
    pub(super) fn into_head(
        self,
        config: &UpstreamConfig,
        keys: &KeyringFile,
        signed: SignedFiles,
        files: Vec<SnapshotFile>,
    ) -> Head {
        let mut signers: Vec<_> = self.signers.iter().map(|s| s.as_str().to_owned()).collect();
        signers.sort();
        signers.dedup();
        Head {
            architectures: config.architectures.clone(),
            codename: self.release.codename,
            components: config.components.clone(),
            current_snapshot: None,
            date: self.release.date,
            etag: signed.validators.etag,
            files,
            keyring: keys.entry,
            last_modified: signed.validators.last_modified,
            release: signed.release,
            schema: HEAD_SCHEMA.into(),
            selection: None,
            signers,
            suite: config.suite.clone(),
            upstream: config.name.clone(),
            uri: config.uri.to_string(),
            valid_until: self.release.valid_until,
        }
    }
}
