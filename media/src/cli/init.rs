//! `sealift-media init`: a register begins.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use sealift_model::{Digest, PersonId};
use sealift_term::{CommandError, Term};
use serde::Serialize;

use super::signing::RecordOptions;
use super::{DirArgs, error};
use crate::record::{Manner, Policy};
use crate::register::{Begin, Signer, begin};
use crate::text::Line;

/// Begin a register
///
/// Makes the directory and its first record, signed by its first keeper. Note the id it prints and tell it to the other
/// side by voice: it names this register and no other.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Directory, new or empty
    dir: PathBuf,
    /// What the register is called
    #[arg(long, value_name = "TEXT")]
    name: Line,
    /// Your name in the register; you are its first keeper
    #[arg(long, value_name = "NAME")]
    keeper: PersonId,
    #[command(flatten)]
    policy: PolicyFlags,
    #[command(flatten)]
    record: RecordOptions,
}

/// How a register is kept.
#[derive(Debug, Args)]
pub(super) struct PolicyFlags {
    /// A rewritable medium that carried something and was not sanitised is written again [refuse]
    #[arg(long, value_name = "MANNER")]
    reuse: Option<MannerArg>,
    /// A new rewritable medium that was not sanitised is written [warn]
    #[arg(long, value_name = "MANNER")]
    first_use: Option<MannerArg>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MannerArg {
    Refuse,
    Warn,
    Off,
}

impl From<MannerArg> for Manner {
    fn from(manner: MannerArg) -> Self {
        match manner {
            MannerArg::Refuse => Self::Refuse,
            MannerArg::Warn => Self::Warn,
            MannerArg::Off => Self::Off,
        }
    }
}

impl PolicyFlags {
    pub(super) fn over(&self, before: Policy) -> Policy {
        Policy {
            first_use: self.first_use.map_or(before.first_use, Manner::from),
            reuse: self.reuse.map_or(before.reuse, Manner::from),
        }
    }
}

#[derive(Serialize)]
struct Answer {
    dir: PathBuf,
    register: Digest,
    keeper: PersonId,
}

pub(super) fn run(args: &InitArgs, term: Term) -> Result<ExitCode, CommandError> {
    let why = args.record.circumstances()?;
    let key = args.record.key.open()?;
    let policy = args.policy.over(Policy { first_use: Manner::Warn, reuse: Manner::Refuse });
    let signer = Signer { person: args.keeper.clone(), key: &key };
    let dir = DirArgs { dir: args.dir.clone() };
    let writer = begin(&args.dir, &Begin { name: args.name.clone(), policy }, &signer, &why)
        .map_err(|e| error::register(&e, &dir))?;
    let answer = Answer { dir: args.dir.clone(), register: writer.roster().id(), keeper: args.keeper.clone() };
    term.answer(&answer, |answer| {
        format!(
            "Began a register of media; {} keeps it.\nId of the register, to be noted and told by voice:\n  {}\n\
             Next: sealift-media person add NAME --public NAME.pub --may carry{}",
            answer.keeper,
            answer.register.tagged(),
            dir.repeated()
        )
    });
    Ok(ExitCode::SUCCESS)
}
