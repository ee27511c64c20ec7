//! Signing a draft that was carried to the holder as a whole.

use std::process::ExitCode;

use sealift_term::{CommandError, Exit, Term, now};

use super::{SignArgs, named_keys, open_keys};
use crate::cli::error;
use crate::cli::root::DraftAnswer;
use crate::cli::show::read_root;
use crate::draft::Draft;

pub(super) fn run(args: &SignArgs, bytes: &[u8], term: Term) -> Result<ExitCode, CommandError> {
    let what = args.file.display().to_string();
    if args.out.is_some() {
        return Err(CommandError::new(Exit::Usage, format!("{what} is a draft: it is signed in place"))
            .hint("leave --out away, or export the bytes to sign first: sealift-keys export"));
    }
    let mut draft = Draft::parse(bytes).map_err(|e| error::draft(&what, &e))?;
    refuse_other_base(args, &draft)?;
    let answer = DraftAnswer::of(&args.file, &draft).map_err(|e| error::metadata(&what, &e))?;
    // What is signed is shown before the passphrase is asked for.
    term.say(&format!("{}\n{}", answer.content(), answer.aloud()));
    let tallies = draft.tallies().map_err(|e| error::metadata(&what, &e))?;
    let files = named_keys(&args.key, &tallies, &args.file)?;
    for secret in open_keys(args, &files)? {
        let signature = secret.sign(draft.to_sign());
        draft = draft.attach(secret.public(), &signature, now()).map_err(|e| error::draft_attach(&what, &e))?;
    }
    draft.replace(&args.file).map_err(|e| error::draft(&what, &e))?;
    let answer = DraftAnswer::of(&args.file, &draft).map_err(|e| error::metadata(&what, &e))?;
    term.answer(&answer, DraftAnswer::signatures);
    Ok(ExitCode::SUCCESS)
}

/// A holder who brings the root they know must not be shown a draft that follows another one.
fn refuse_other_base(args: &SignArgs, draft: &Draft) -> Result<(), CommandError> {
    let Some(path) = &args.root else { return Ok(()) };
    let known = read_root(path)?;
    if draft.base().is_some_and(|base| base.raw() == known.raw()) {
        return Ok(());
    }
    let message = format!("refused {}: it does not follow {}", args.file.display(), path.display());
    Err(CommandError::new(Exit::RefusedSignature, message))
}
