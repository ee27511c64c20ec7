//! `sealift-media label` and `handover-sheet`: paper.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use sealift_fs::Mode;
use sealift_model::MediumId;
use sealift_term::{CommandError, Exit, Term};

use super::{DirArgs, error};
use crate::sheet::{self, SheetError};

/// Write the label of a medium as HTML, to be printed
#[derive(Debug, Args)]
pub(super) struct LabelArgs {
    #[command(flatten)]
    paper: PaperArgs,
}

/// Write the sheet of the last hand-over as HTML, to be printed and signed by hand
#[derive(Debug, Args)]
pub(super) struct HandoverSheetArgs {
    #[command(flatten)]
    paper: PaperArgs,
}

#[derive(Debug, Args)]
struct PaperArgs {
    /// Which medium
    id: MediumId,
    /// File to write
    #[arg(long, value_name = "FILE")]
    html: PathBuf,
    #[command(flatten)]
    dir: DirArgs,
}

pub(super) fn label(args: &LabelArgs, term: Term) -> Result<ExitCode, CommandError> {
    args.paper.write(sheet::label, term)
}

pub(super) fn handover(args: &HandoverSheetArgs, term: Term) -> Result<ExitCode, CommandError> {
    args.paper.write(sheet::handover, term)
}

type Draw = fn(&crate::Medium, &crate::register::Held, &crate::roster::Roster) -> Result<String, SheetError>;

impl PaperArgs {
    fn write(&self, draw: Draw, term: Term) -> Result<ExitCode, CommandError> {
        let register = self.dir.open()?;
        let (medium, held) = register.medium(&self.id).map_err(|e| error::register(&e, &self.dir))?;
        let html = draw(medium, held, register.roster()).map_err(|e| CommandError::from_error(Exit::Usage, &e))?;
        sealift_fs::replace(&self.html, html.as_bytes(), Mode::Public)
            .map_err(|e| CommandError::from_error(Exit::Failed, &e))?;
        term.say(&format!("Wrote {}. Open it in a browser and print it.", self.html.display()));
        Ok(ExitCode::SUCCESS)
    }
}
