//! The trust decision: documents go in one after the other, each is believed or refused.
//!
//! Order is root, newer roots, timestamp, snapshot, targets, delegated targets, each judged by what was believed before
//! it. The set does no I/O and does not know where bytes come from; the time is fixed when it is made. After a refusal
//! the set stands where it stood before the refused document. Clause numbers are those of the TUF specification 1.0.34.
//!
//! [`TrustedSet`] is what media are judged by. [`TufSet`] is the same workflow on the whole of TUF, with delegations,
//! which a [`Search`] walks; it exists so that others can hold us to the specification (format/trust §8).

mod search;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use sealift_model::{RelPath, Timestamp};

pub use search::{MOST_ROLES, Need, Search, Step};

use crate::key::{PublicKey, Role};
use crate::metadata::{
    Body, DelegatingTargets, Profile, RoleName, Root, Signed, Snapshot, TargetInfo, Targets, TimestampMeta,
};
use crate::refusal::Refusal;
use crate::strict::Object;

/// Documents trusted in an earlier run, as stored; they set the floor against rollback.
#[derive(Debug, Clone, Copy, Default)]
pub struct Previous<'a> {
    /// The last trusted timestamp metadata.
    pub timestamp: Option<&'a [u8]>,
    /// The last trusted snapshot metadata.
    pub snapshot: Option<&'a [u8]>,
}

/// How many newer roots are followed in one go; the specification's Y (5.3.3).
pub const MOST_ROOTS: u64 = 256;

/// Targets metadata of either kind.
pub trait TargetsBody: Body {
    /// Which documents go with it.
    const PROFILE: Profile;
}

impl TargetsBody for Targets {
    const PROFILE: Profile = Profile::Sealift;
}

impl TargetsBody for DelegatingTargets {
    const PROFILE: Profile = Profile::Tuf;
}

/// The set for the whole of TUF.
pub type TufSet = TrustedSet<DelegatingTargets>;

/// What is believed so far.
#[derive(Debug, Clone)]
pub struct TrustedSet<T = Targets> {
    now: Timestamp,
    first_root: Signed<Root>,
    root: Signed<Root>,
    old_timestamp: Option<Signed<TimestampMeta>>,
    old_snapshot: Option<Signed<Snapshot>>,
    timestamp: Option<Signed<TimestampMeta>>,
    snapshot: Option<Signed<Snapshot>>,
    targets: Option<Signed<T>>,
    delegated: BTreeMap<RoleName, Signed<T>>,
}

impl TrustedSet {
    /// Starts from a root that the caller trusts (pinned, or stored by an earlier run).
    ///
    /// An expired root is taken: a newer one may follow. `now` is used for every expiry.
    pub fn new(root: &[u8], now: Timestamp) -> Result<Self, Refusal> {
        Self::with_previous(root, Previous::default(), now)
    }

    /// Starts from a trusted root and the documents trusted under it, which nothing may roll back behind.
    pub fn with_previous(root: &[u8], previous: Previous<'_>, now: Timestamp) -> Result<Self, Refusal> {
        let mut set = Self::start(root, now)?;
        set.old_timestamp = previous.timestamp.map(read_stored).transpose()?;
        set.old_snapshot = previous.snapshot.map(read_stored).transpose()?;
        Ok(set)
    }

    /// Returns what is signed of a target; `None` if it is not listed or no targets metadata is trusted yet.
    pub fn target(&self, path: &RelPath) -> Option<&TargetInfo> {
        self.targets.as_ref()?.body().get(path)
    }

    /// Returns the keys that may sign evidence.
    pub fn evidence_keys(&self) -> &[PublicKey] {
        self.root.body().evidence_keys()
    }
}

impl TufSet {
    /// Starts from a root that the caller trusts, for the whole of TUF.
    ///
    /// Documents of an earlier run that do not verify are left out, as the reference implementation does; who needs
    /// them to count uses [`TrustedSet::with_previous`].
    pub fn for_tuf(root: &[u8], previous: Previous<'_>, now: Timestamp) -> Result<Self, Refusal> {
        let mut set = Self::start(root, now)?;
        set.old_timestamp = previous.timestamp.and_then(|bytes| Signed::parse_as(bytes, Profile::Tuf).ok());
        set.old_snapshot = previous.snapshot.and_then(|bytes| Signed::parse_as(bytes, Profile::Tuf).ok());
        Ok(set)
    }
}

impl<T: TargetsBody> TrustedSet<T> {
    fn start(root: &[u8], now: Timestamp) -> Result<Self, Refusal> {
        // 5.2: the trusted root comes from outside; that it signs itself shows that it is whole.
        let root = Signed::<Root>::parse_as(root, T::PROFILE)?;
        root.check_threshold(&root)?;
        Ok(Self {
            now,
            first_root: root.clone(),
            root,
            old_timestamp: None,
            old_snapshot: None,
            timestamp: None,
            snapshot: None,
            targets: None,
            delegated: BTreeMap::new(),
        })
    }

    /// Takes the root that follows the trusted one. Call for N+1, N+2, … in order.
    pub fn update_root(&mut self, bytes: &[u8]) -> Result<&Signed<Root>, Refusal> {
        if self.timestamp.is_some() {
            return Err(Refusal::RootTooLate);
        }
        // 5.3.3: the end of the chain comes within a bounded number of steps.
        if self.root.version().saturating_sub(self.first_root.version()) >= MOST_ROOTS {
            return Err(Refusal::TooManyRoots { limit: MOST_ROOTS });
        }
        let new = Signed::<Root>::parse_as(bytes, T::PROFILE)?;
        // 5.3.4: signed by a threshold of the old keys and of its own.
        new.check_threshold(&self.root)?;
        new.check_threshold(&new)?;
        // 5.3.5: exactly the next version; a gap would skip a revocation.
        let expected = self.root.version().saturating_add(1);
        if new.version() < expected {
            return Err(Refusal::Rollback { role: Role::Root, trusted: self.root.version(), found: new.version() });
        }
        if new.version() != expected {
            return Err(Refusal::VersionMismatch { role: Role::Root, expected, found: new.version() });
        }
        // 5.3.6, 5.3.7: an intermediate root may be expired; the last one is checked before timestamp metadata.
        self.root = new;
        Ok(&self.root)
    }

    /// Takes timestamp metadata. No root can be added afterwards.
    pub fn update_timestamp(&mut self, bytes: &[u8]) -> Result<&Signed<TimestampMeta>, Refusal> {
        // 5.3.10: against freeze by an old root. 5.3.11: `floor` leaves out what rotated keys signed.
        self.root.check_expiry(self.now)?;
        let old_timestamp = self.floor(self.old_timestamp.as_ref())?;
        let old_snapshot = self.floor(self.old_snapshot.as_ref())?;
        // 5.4.2
        let new = Signed::<TimestampMeta>::parse_as(bytes, T::PROFILE)?;
        new.check_threshold(&self.root)?;
        // 5.4.3: neither it nor the snapshot it names goes back.
        if let Some(old) = self.timestamp.as_ref().or(old_timestamp) {
            check_not_older(old, &new)?;
            check_snapshot_version(old.body().snapshot().version(), &new)?;
        }
        if let Some(old) = old_snapshot {
            check_snapshot_version(old.version(), &new)?;
        }
        // 5.4.4
        new.check_expiry(self.now)?;
        self.snapshot = None;
        self.targets = None;
        self.delegated.clear();
        Ok(self.timestamp.insert(new))
    }

    /// Takes the snapshot metadata that the timestamp metadata names.
    pub fn update_snapshot(&mut self, bytes: &[u8]) -> Result<&Signed<Snapshot>, Refusal> {
        let named = self.timestamp.as_ref().ok_or(premature(Role::Snapshot, Role::Timestamp))?.body().snapshot();
        // 5.5.2, before anything of it is parsed
        named.check_bytes(Role::Snapshot, bytes)?;
        // 5.5.3
        let new = Signed::<Snapshot>::parse_as(bytes, T::PROFILE)?;
        new.check_threshold(&self.root)?;
        // 5.5.4
        check_named_version(named.version(), &new)?;
        // 5.5.5: no listed document vanishes or goes back.
        if let Some(old) = self.floor(self.old_snapshot.as_ref())? {
            // Stricter than 5.5.5: one version has one content. The reference client goes on with the one it stored.
            check_not_older(old, &new)?;
            check_listed(old, &new)?;
        }
        // 5.5.6
        new.check_expiry(self.now)?;
        self.targets = None;
        self.delegated.clear();
        Ok(self.snapshot.insert(new))
    }

    /// Takes the targets metadata that the snapshot metadata names.
    pub fn update_targets(&mut self, bytes: &[u8]) -> Result<&Signed<T>, Refusal> {
        let named = self.snapshot.as_ref().ok_or(premature(Role::Targets, Role::Snapshot))?.body().targets();
        // 5.6.2
        named.check_bytes(Role::Targets, bytes)?;
        // 5.6.3
        let new = Signed::<T>::parse_as(bytes, T::PROFILE)?;
        new.check_threshold(&self.root)?;
        // 5.6.4
        check_named_version(named.version(), &new)?;
        // 5.6.5
        new.check_expiry(self.now)?;
        Ok(self.targets.insert(new))
    }

    /// Returns the trusted root.
    pub fn root(&self) -> &Signed<Root> {
        &self.root
    }

    /// Returns the trusted timestamp metadata.
    pub fn timestamp(&self) -> Option<&Signed<TimestampMeta>> {
        self.timestamp.as_ref()
    }

    /// Returns the trusted snapshot metadata.
    pub fn snapshot(&self) -> Option<&Signed<Snapshot>> {
        self.snapshot.as_ref()
    }

    /// Returns the trusted targets metadata.
    pub fn targets(&self) -> Option<&Signed<T>> {
        self.targets.as_ref()
    }

    /// Returns the time the set was made for.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// Returns a stored document if it still sets the floor under the current root.
    ///
    /// 5.3.11: after its role's keys were replaced, a document that the new keys do not vouch for is forgotten;
    /// otherwise whoever held the old keys could have pushed the version so high that nothing ever passes again.
    fn floor<'a, B: Body>(&self, old: Option<&'a Signed<B>>) -> Result<Option<&'a Signed<B>>, Refusal> {
        let Some(document) = old else { return Ok(None) };
        if document.check_threshold(&self.root).is_ok() {
            return Ok(Some(document));
        }
        let unchanged = self.root.body().role(B::ROLE) == self.first_root.body().role(B::ROLE);
        if unchanged && T::PROFILE == Profile::Sealift {
            // The keys did not change, so nothing but damage explains it: fail closed.
            return Err(Refusal::PreviousDamaged { role: B::ROLE });
        }
        Ok(None)
    }
}

fn read_stored<T: Body>(bytes: &[u8]) -> Result<Signed<T>, Refusal> {
    Signed::parse(bytes).map_err(|_| Refusal::PreviousDamaged { role: T::ROLE })
}

const fn premature(role: Role, needs: Role) -> Refusal {
    Refusal::Premature { role, needs }
}

fn check_not_older<T: Body>(old: &Signed<T>, new: &Signed<T>) -> Result<(), Refusal> {
    if new.version() < old.version() {
        return Err(Refusal::Rollback { role: T::ROLE, trusted: old.version(), found: new.version() });
    }
    // Stricter than 5.4.3, which lets an equal version be ignored: two contents under one version are an attack or a
    // producer running twice, and either must be seen.
    if new.version() == old.version() && new.covered() != old.covered() {
        return Err(Refusal::Equivocation { role: T::ROLE, version: new.version() });
    }
    Ok(())
}

fn check_snapshot_version(trusted: u64, new: &Signed<TimestampMeta>) -> Result<(), Refusal> {
    let found = new.body().snapshot().version();
    if found < trusted { Err(Refusal::Rollback { role: Role::Snapshot, trusted, found }) } else { Ok(()) }
}

fn check_named_version<T: Body>(expected: u64, new: &Signed<T>) -> Result<(), Refusal> {
    let found = new.version();
    if found == expected { Ok(()) } else { Err(Refusal::VersionMismatch { role: T::ROLE, expected, found }) }
}

fn check_listed(old: &Signed<Snapshot>, new: &Signed<Snapshot>) -> Result<(), Refusal> {
    for (file, Object(before)) in old.body().meta() {
        let Some(Object(after)) = new.body().meta().get(file) else {
            let file = sealift_model::escape::printable(file);
            return Err(Refusal::Dropped { version: new.version(), file });
        };
        if after.version() < before.version() {
            let (trusted, found) = (before.version(), after.version());
            return Err(Refusal::Rollback { role: Role::Targets, trusted, found });
        }
    }
    Ok(())
}
