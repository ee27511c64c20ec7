//! `--need`: the need-lists that `sync`, `select plan` and `bundle build` go by.

use std::path::PathBuf;

use clap::Args;
use sealift_term::CommandError;

use super::failure;
use crate::need::{self, Taken};
use crate::state::State;

#[derive(Debug, Args)]
pub(in crate::cli) struct NeedArgs {
    /// Go by what the hosts of this need-list lack, with what that needs; may be repeated
    #[arg(long = "need", value_name = "FILE")]
    files: Vec<PathBuf>,
}

impl NeedArgs {
    /// Reads and checks the lists.
    pub(in crate::cli) fn take(&self, state: &State) -> Result<Vec<Taken>, CommandError> {
        let taken = need::take(state.dir(), state.config(), &self.files, sealift_term::now());
        taken.map_err(|e| failure::need(&e))
    }
}
