//! Why a register, a record or an event was refused: decisions, apart from faults of the disk.

use sealift_model::{Digest, MediumId, PersonId, Timestamp};
use sealift_trust::EvidenceRefusal;

use crate::record::ChainName;
use crate::text::Line;

/// Why records are not what was signed, or not where they were signed for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Not a record, or not the one its file name says.
    #[error("{file} is damaged")]
    Damaged {
        /// The file, below the register.
        file: String,
        /// What is wrong with it.
        #[source]
        reason: EvidenceRefusal,
    },
    /// A file that no record follows and that follows no record.
    #[error("{file} does not belong to the register")]
    Stray {
        /// The file, below the register.
        file: String,
    },
    /// A record that others follow is not there.
    #[error("record {number} of {chain} is missing ({digits}…)")]
    Missing {
        /// The chain.
        chain: ChainName,
        /// Its number.
        number: u64,
        /// First digits of its digest.
        digits: String,
    },
    /// Records by person who had no say, or with a signature that is none.
    #[error("record {number} of {chain} is not signed by {person}")]
    Signature {
        /// The chain.
        chain: ChainName,
        /// Its number.
        number: u64,
        /// Who should have.
        person: PersonId,
    },
    /// A record refers to people that this register never had, or goes back to earlier ones.
    #[error("record {number} of {chain} was made under other people than this register's")]
    People {
        /// The chain.
        chain: ChainName,
        /// Its number.
        number: u64,
    },
    /// A record breaks a rule: no sealift tool wrote it.
    #[error("record {number} of {chain} breaks a rule")]
    Broken {
        /// The chain.
        chain: ChainName,
        /// Its number.
        number: u64,
        /// Which.
        #[source]
        rule: Rule,
    },
    /// The list of last records is not there or damaged.
    #[error("heads.json, the list of last records, is missing or damaged")]
    Heads,
    /// A signed check names a record that is no longer there.
    #[error("{file} names record {number} of {chain}, which is no longer there ({digits}…)")]
    Forgotten {
        /// The check's file.
        file: String,
        /// The chain.
        chain: ChainName,
        /// Number of the record.
        number: u64,
        /// First digits of its digest.
        digits: String,
    },
    /// Two registers.
    #[error("this is register {found}, not {expected}")]
    OtherRegister {
        /// The id found, first digits.
        found: String,
        /// The id expected, first digits.
        expected: String,
    },
    /// Two copies of one register have each changed its people.
    #[error("both copies of the register changed its people after record {number}")]
    TwoPeople {
        /// The last record they share.
        number: u64,
    },
    /// A single record does not follow what is here.
    #[error("record {number} of {chain} follows a record that is not here")]
    Gap {
        /// The chain.
        chain: ChainName,
        /// Its number.
        number: u64,
    },
}

/// Why something cannot be recorded about a medium, now, by this person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Rule {
    /// No such medium.
    #[error("there is no medium {0}")]
    Unknown(MediumId),
    /// The id is taken.
    #[error("there is a medium {0} already")]
    Taken(MediumId),
    /// The serial number is another medium's.
    #[error("medium {other} has the serial number {serial}")]
    SerialTaken {
        /// Which one.
        other: MediumId,
        /// The number.
        serial: Line,
    },
    /// Another device.
    #[error("this is not medium {id}: the device says its serial number is {found}, registered is {registered}")]
    Serial {
        /// Which medium.
        id: MediumId,
        /// What the device says.
        found: Line,
        /// What the register says.
        registered: Line,
    },
    /// Destroyed or lost.
    #[error("medium {id} is {how}; nothing more can be recorded about it")]
    Gone {
        /// Which medium.
        id: MediumId,
        /// `destroyed` or `lost`.
        how: &'static str,
    },
    /// Somebody has not signed.
    #[error("{what} of medium {id} (record {number}) waits for the countersignature of {waits_for}")]
    Open {
        /// Which medium.
        id: MediumId,
        /// What waits: `the hand-over`, `the destruction`.
        what: &'static str,
        /// Number of the record.
        number: u64,
        /// For whom.
        waits_for: PersonId,
    },
    /// Nothing waits.
    #[error("nothing of medium {0} waits for a countersignature")]
    NothingOpen(MediumId),
    /// Another one has to sign.
    #[error("{waits_for} has to countersign, not {person}")]
    OtherSigner {
        /// Who tried.
        person: PersonId,
        /// Who has to.
        waits_for: PersonId,
    },
    /// It is with somebody else.
    #[error("medium {id} is with {holder}, not with {person}")]
    NotHolder {
        /// Which medium.
        id: MediumId,
        /// Who has it.
        holder: PersonId,
        /// Who tried.
        person: PersonId,
    },
    /// One person twice.
    #[error("{0} cannot be both people; two are needed")]
    OnePerson(PersonId),
    /// Sealed.
    #[error("medium {id} is sealed with {seal}")]
    Sealed {
        /// Which medium.
        id: MediumId,
        /// The seal.
        seal: Line,
    },
    /// Written once.
    #[error("medium {0} can be written once, and was")]
    WriteOnce(MediumId),
    /// Cannot be sanitised.
    #[error("medium {0} can be written once; what is on it goes only with the medium")]
    NotErasable(MediumId),
    /// Carried something since it was sanitised.
    #[error("medium {0} carried something and was not sanitised since")]
    NotSanitised(MediumId),
    /// New and not sanitised.
    #[error("medium {0} is new and was not sanitised before its first use")]
    FirstUse(MediumId),
    /// Not of this register.
    #[error("{0} is not among the people of this register")]
    Nobody(PersonId),
    /// The appointment is over.
    #[error("the appointment of {person} ended at {until}")]
    Appointment {
        /// Whose.
        person: PersonId,
        /// When.
        until: Timestamp,
    },
    /// Not allowed.
    #[error("{person} may not {what} here")]
    Power {
        /// Who.
        person: PersonId,
        /// `keep the register`, `have media`.
        what: &'static str,
    },
    /// Somebody else's key, now or earlier.
    #[error("this key is or was that of {0}; a key belongs to one person")]
    KeyTaken(PersonId),
    /// Nobody would be left to keep it.
    #[error("{0} is the last one who may keep the register")]
    LastKeeper(PersonId),
    /// The register has begun.
    #[error("a register begins once, with its first keeper")]
    Beginning,
    /// In the future.
    #[error("{0} is later than now")]
    Future(Timestamp),
    /// The branch is not one of this register.
    #[error("there are no records of another copy that end with {digits}…", digits = .0.short())]
    NoBranch(Digest),
    /// A key that is not a person's.
    #[error("key {0} is not among the keys of this register's people")]
    Key(Digest),
}
