//! The need-list: a page of text by which a site says what its hosts have installed (format/need-list).
//!
//! Text for the same reasons as the receipt, and as strict: what is read must be what would be printed, byte for byte.
//! There is no place in it for anything but what is listed here, so that whoever carries it knows what leaves. It only
//! ever makes a bundle smaller or larger; nothing is believed because of it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sealift_model::digest::hex;
use sealift_model::{SiteId, Timestamp};

use crate::key::{KeyError, PublicKey};
use crate::refusal::ExitClass;
use crate::signed_text::{LineFault, Lines, Signing, number, rises};

/// Largest need-list that is read, in bytes: some 250 000 lines.
pub const LIMIT: usize = 16 << 20;
/// Most hosts that one list can speak of.
pub const MAX_HOSTS: u64 = 1_000_000;

const FIRST_LINE: &str = "sealift need-list 1";
const HAVE: &str = "have: PACKAGE VERSION ARCHITECTURE HOSTS";
const DISTRIBUTION: &str = "distribution: CODENAME ARCHITECTURE LABEL HOSTS";
/// Stands where a distribution has no label.
const NO_LABEL: &str = "-";

/// What the hosts of a site have installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeedList {
    /// The site.
    pub site: SiteId,
    /// When it was written, by the site's clock.
    pub issued: Timestamp,
    /// When the first of the hosts was asked; none of what is listed is older.
    pub as_of: Timestamp,
    /// Hosts that should be in it and could not be asked.
    pub left_out: u64,
    /// The hosts' distributions, sorted; at least one.
    pub distributions: Vec<Distribution>,
}

/// Hosts of one distribution and architecture, merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Distribution {
    /// The distribution's codename, as os-release has it.
    pub codename: String,
    /// dpkg's architecture of the hosts.
    pub architecture: String,
    /// What tells these hosts from others of the same distribution; by default they are not told apart.
    pub label: Option<String>,
    /// How many hosts there are.
    pub hosts: u64,
    /// What they have installed, sorted by package, version and architecture; at least one.
    pub have: Vec<Have>,
}

/// A package version and how many hosts have it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Have {
    /// The package.
    pub package: String,
    /// Its version.
    pub version: String,
    /// Its architecture, or `all`.
    pub architecture: String,
    /// On how many of the hosts it is installed; at least one.
    pub hosts: u64,
}

/// A need-list whose signature is good.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedNeed {
    /// What it says.
    pub list: NeedList,
    /// The key that signed it.
    pub key: PublicKey,
}

/// Why a need-list was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum NeedRefusal {
    /// Larger than the limit.
    #[error("need-list is larger than {LIMIT} bytes")]
    TooLarge,
    /// A line is not what belongs there.
    #[error("line {line} of the need-list is not `{expected}`")]
    Line {
        /// Its number, from 1.
        line: usize,
        /// The form it should have.
        expected: &'static str,
    },
    /// Every line is right but the text is not the one spelling of its content, or the numbers cannot be.
    #[error(
        "need-list is not in its one written form (lines sorted, each once, at least one; no more hosts than there are)"
    )]
    NotCanonical,
    /// The key it names cannot be used.
    #[error("the key in the need-list is not usable")]
    Key(#[source] KeyError),
    /// Signed by a key that is not the site's.
    #[error("need-list of site `{site}` names key {found}, which is not a key of this site")]
    OtherKey {
        /// The site it names.
        site: SiteId,
        /// The key it names, in hexadecimal digits.
        found: String,
    },
    /// The signature does not fit the text.
    #[error("the signature of the need-list is not good")]
    Signature,
}

impl NeedRefusal {
    /// Returns the class that picks the exit code.
    pub const fn exit_class(&self) -> ExitClass {
        ExitClass::Signature
    }
}

impl NeedList {
    /// Returns the text that is signed, with `key` named in it.
    pub fn unsigned_text(&self, key: &PublicKey) -> String {
        let Self { site, issued, as_of, left_out, distributions } = self;
        let mut out = format!("{FIRST_LINE}\nsite: {site}\nissued: {issued}\nas-of: {as_of}\nleft-out: {left_out}\n");
        for distribution in distributions {
            let Distribution { codename, architecture, label, hosts, have } = distribution;
            let label = label.as_deref().unwrap_or(NO_LABEL);
            let _ = writeln!(out, "distribution: {codename} {architecture} {label} {hosts}");
            for Have { package, version, architecture, hosts } in have {
                let _ = writeln!(out, "have: {package} {version} {architecture} {hosts}");
            }
        }
        let _ = writeln!(out, "key: ed25519:{}", key.to_hex());
        out
    }

    /// Returns the whole list from a signature made elsewhere over [`NeedList::unsigned_text`].
    pub fn signed_text(&self, key: &PublicKey, signature: &[u8; 64]) -> String {
        format!("{}signature: {}\n", self.unsigned_text(key), hex(signature))
    }

    /// Reads a need-list and checks its signature: by one of `keys`, or without any by the key it names itself, which
    /// shows only that it is whole.
    ///
    /// # Errors
    /// Why it is refused.
    pub fn parse_verified(bytes: &[u8], keys: &[[u8; 32]]) -> Result<VerifiedNeed, NeedRefusal> {
        if bytes.len() > LIMIT {
            return Err(NeedRefusal::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| NeedRefusal::NotCanonical)?;
        let (list, signing) = read(text)?;
        let key = signing.public().map_err(NeedRefusal::Key)?;
        if !keys.is_empty() && !keys.contains(&signing.key) {
            return Err(NeedRefusal::OtherKey { site: list.site, found: key.to_hex() });
        }
        if !list.is_well_formed() || list.signed_text(&key, &signing.signature) != text {
            return Err(NeedRefusal::NotCanonical);
        }
        if !key.verifies(list.unsigned_text(&key).as_bytes(), &signing.signature) {
            return Err(NeedRefusal::Signature);
        }
        Ok(VerifiedNeed { list, key })
    }

    /// Tells whether a reader would take this: words of their grammar, lists in their one order, numbers that can be.
    pub fn is_well_formed(&self) -> bool {
        let names: Vec<_> = self.distributions.iter().map(Distribution::name).collect();
        self.as_of <= self.issued
            && self.left_out <= MAX_HOSTS
            && !names.is_empty()
            && rises(&names)
            && self.distributions.iter().all(Distribution::is_well_formed)
    }

    /// Returns how many hosts the list speaks of.
    pub fn hosts(&self) -> u64 {
        self.distributions.iter().fold(0, |sum, distribution| sum.saturating_add(distribution.hosts))
    }
}

impl Distribution {
    /// Returns what no two distributions of a list share, in the order they are listed.
    pub fn name(&self) -> (&str, &str, Option<&str>) {
        (&self.codename, &self.architecture, self.label.as_deref())
    }

    fn is_well_formed(&self) -> bool {
        let words = is_word(&self.codename)
            && is_architecture(&self.architecture)
            && self.label.as_deref().is_none_or(|label| label != NO_LABEL && is_word(label));
        let names: Vec<_> = self.have.iter().map(|h| (&h.package, &h.version, &h.architecture)).collect();
        words
            && (1..=MAX_HOSTS).contains(&self.hosts)
            && !names.is_empty()
            && rises(&names)
            && self.have.iter().all(Have::is_well_formed)
            && self.counts_can_be()
    }

    /// A host has one version of a package of an architecture, so no more hosts have it than there are.
    fn counts_can_be(&self) -> bool {
        let mut on: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        self.have.iter().all(|have| {
            let sum = on.entry((&have.package, &have.architecture)).or_default();
            *sum = sum.saturating_add(have.hosts);
            have.hosts > 0 && *sum <= self.hosts
        })
    }
}

impl Have {
    /// Tells whether package, version and architecture are words that a list can hold.
    pub fn is_well_formed(&self) -> bool {
        let name = |b: u8| b.is_ascii_alphanumeric() || b"+._-".contains(&b);
        let version = |b: u8| b.is_ascii_alphanumeric() || b".+~:-".contains(&b);
        is_of(&self.package, 128, name) && is_of(&self.version, 256, version) && is_architecture(&self.architecture)
    }
}

/// Merges distributions of the same name: hosts are added up, and so is who has what. What comes out is sorted.
pub fn merge(distributions: impl IntoIterator<Item = Distribution>) -> Vec<Distribution> {
    type Counts = BTreeMap<(String, String, String), u64>;
    let mut merged: BTreeMap<(String, String, Option<String>), (u64, Counts)> = BTreeMap::new();
    for Distribution { codename, architecture, label, hosts, have } in distributions {
        let (sum, counts) = merged.entry((codename, architecture, label)).or_default();
        *sum = sum.saturating_add(hosts);
        for Have { package, version, architecture, hosts } in have {
            let count = counts.entry((package, version, architecture)).or_default();
            *count = count.saturating_add(hosts);
        }
    }
    let have = |((package, version, architecture), hosts)| Have { package, version, architecture, hosts };
    let one = |((codename, architecture, label), (hosts, counts)): (_, (u64, Counts))| Distribution {
        codename,
        architecture,
        label,
        hosts,
        have: counts.into_iter().map(have).collect(),
    };
    merged.into_iter().map(one).collect()
}

impl std::fmt::Display for Distribution {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.codename, self.architecture)?;
        self.label.as_ref().map_or(Ok(()), |label| write!(f, " {label}"))
    }
}

impl From<LineFault> for NeedRefusal {
    fn from(LineFault { line, expected }: LineFault) -> Self {
        Self::Line { line, expected }
    }
}

/// Tells whether `text` can be a codename or label: lower case, as in the names of sealift.
pub fn is_word(text: &str) -> bool {
    is_of(text, 64, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(&b))
}

fn is_architecture(text: &str) -> bool {
    is_of(text, 32, |b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// Words begin with a letter or digit, so that none can be taken for an option or for nothing.
fn is_of(text: &str, longest: usize, may: impl Fn(u8) -> bool) -> bool {
    text.len() <= longest && text.bytes().next().is_some_and(|b| b.is_ascii_alphanumeric()) && text.bytes().all(may)
}

fn read(text: &str) -> Result<(NeedList, Signing), LineFault> {
    let mut lines = Lines::new(text);
    lines.first(FIRST_LINE)?;
    let site = lines.field("site: ", "site: NAME", |t| t.parse().ok())?;
    let issued = lines.field("issued: ", "issued: TIME", |t| t.parse().ok())?;
    let as_of = lines.field("as-of: ", "as-of: TIME", |t| t.parse().ok())?;
    let left_out = lines.field("left-out: ", "left-out: NUMBER", number)?;
    let mut distributions = Vec::new();
    while lines.begins("distribution: ") {
        let mut next = lines.field("distribution: ", DISTRIBUTION, distribution)?;
        next.have = lines.list("have: ", HAVE, have)?;
        distributions.push(next);
    }
    let signing = lines.signed_by()?;
    Ok((NeedList { site, issued, as_of, left_out, distributions }, signing))
}

fn distribution(text: &str) -> Option<Distribution> {
    let mut parts = text.split(' ');
    let [codename, architecture, label] = [parts.next()?, parts.next()?, parts.next()?].map(str::to_owned);
    let label = (label != NO_LABEL).then_some(label);
    let hosts = number(parts.next()?)?;
    parts.next().is_none().then_some(Distribution { codename, architecture, label, hosts, have: Vec::new() })
}

fn have(text: &str) -> Option<Have> {
    let mut parts = text.split(' ');
    let [package, version, architecture] = [parts.next()?, parts.next()?, parts.next()?].map(str::to_owned);
    let hosts = number(parts.next()?)?;
    parts.next().is_none().then_some(Have { package, version, architecture, hosts })
}

#[cfg(test)]
mod tests;
