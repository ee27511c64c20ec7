//! Why state records are refused, apart from why they could not be read.

use sealift_fs::PathError;
use sealift_trust::EvidenceRefusal;

use crate::record::RecordForm;

/// Why the records as a whole, or one of them, are refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordRefusal {
    /// A record whose envelope is not what it should be.
    #[error("record {sequence} ({file}) is not signed by the site's statement key")]
    Signature {
        /// Its number.
        sequence: u64,
        /// Its file.
        file: String,
        /// What is wrong.
        #[source]
        source: EvidenceRefusal,
    },
    /// A record without envelope.
    #[error("record {sequence} ({file}) has no signature beside it")]
    Unsigned {
        /// Its number.
        sequence: u64,
        /// Its file.
        file: String,
    },
    /// A record that is no record.
    #[error("record {sequence} ({file}) is malformed")]
    Form {
        /// Its number.
        sequence: u64,
        /// Its file.
        file: String,
        /// What is wrong.
        #[source]
        source: RecordForm,
    },
    /// A record under another's name.
    #[error("record {sequence} ({file}) says it is {says}")]
    Name {
        /// The number of its file.
        sequence: u64,
        /// Its file.
        file: String,
        /// Its own words.
        says: String,
    },
    /// A number is missing.
    #[error("record {missing} is missing: the chain goes on with {next}")]
    Gap {
        /// The number that is not there.
        missing: u64,
        /// The next file.
        next: String,
    },
    /// Two files with one number.
    #[error("there are two records with number {sequence}: {file} is the second")]
    Twice {
        /// The number.
        sequence: u64,
        /// The second file.
        file: String,
    },
    /// The chain is broken.
    #[error("record {sequence} ({file}) does not follow the record before it: that one was changed or exchanged")]
    Chain {
        /// Its number.
        sequence: u64,
        /// Its file.
        file: String,
    },
}

/// Why records cannot be read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RecordsError {
    /// The disk.
    #[error(transparent)]
    Fs(#[from] PathError),
    /// A refusal.
    #[error(transparent)]
    Refused(#[from] RecordRefusal),
    /// A record that cannot be written in its format.
    #[error("the state record cannot be written")]
    Form(#[from] RecordForm),
    /// There is no such record.
    #[error("there is no record `{0}`")]
    Unknown(String),
}
