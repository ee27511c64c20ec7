//! Arguments every tool has, and the two forms of its answers.

use std::io::{IsTerminal, Write};
use std::process::ExitCode;
use std::time::{SystemTime, UNIX_EPOCH};

use clap::{Args, FromArgMatches, Parser};
use sealift_model::escape::{printable_json, printable_lines};
use sealift_model::{Progress, Silent, Timestamp};
use serde::Serialize;

use crate::error::CommandError;
use crate::progress::{Bar, Lines};

/// Options every tool understands, before or after its verb.
#[derive(Debug, Clone, Default, Args)]
pub struct GlobalArgs {
    /// Answer in JSON on standard output
    #[arg(long, global = true, display_order = 901)]
    pub json: bool,
    /// Say nothing but errors on standard error
    #[arg(short, long, global = true, display_order = 902)]
    pub quiet: bool,
}

/// Where a command's words go.
#[derive(Debug, Clone, Copy)]
pub struct Term {
    json: bool,
    quiet: bool,
}

impl Term {
    /// Makes an output of the form the options ask for.
    pub fn new(args: &GlobalArgs) -> Self {
        Self { json: args.json, quiet: args.quiet }
    }

    /// Tells whether answers are to be JSON.
    pub fn is_json(self) -> bool {
        self.json
    }

    /// Prints the answer: `document` as JSON, or the text that `human` makes of it.
    pub fn answer<T: Serialize>(self, document: &T, human: impl FnOnce(&T) -> String) {
        if self.json {
            match serde_json::to_string_pretty(document) {
                Ok(text) => print_line(&printable_json(&text)),
                Err(error) => self.warn(&format!("the answer cannot be written as JSON: {error}")),
            }
        } else {
            print_line(&printable_lines(human(document).trim_end_matches('\n')));
        }
    }

    /// Prints raw bytes as the answer (a receipt, a document).
    pub fn raw(self, bytes: &[u8]) {
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(bytes).and_then(|()| out.flush());
    }

    /// Tells the story on stderr, unless quiet.
    pub fn say(self, sentence: &str) {
        if !self.quiet {
            error_line(sentence);
        }
    }

    /// Asks something of a person on stderr, quiet or not: what is not said cannot be answered.
    pub fn ask(self, question: &str) {
        error_line(question);
    }

    /// Reports on stderr, quiet or not, a failure after which the command goes on.
    pub fn failed(self, error: &CommandError) {
        report(error, self);
    }

    /// Warns on stderr, quiet or not.
    pub fn warn(self, sentence: &str) {
        error_line(&format!("Warning: {sentence}"));
    }

    /// Returns the progress display that fits: a bar on a terminal, a line a phase otherwise, nothing when quiet.
    pub fn progress(self) -> Box<dyn Progress> {
        if self.quiet {
            Box::new(Silent)
        } else if std::io::stderr().is_terminal() {
            Box::new(Bar::default())
        } else {
            Box::new(Lines::default())
        }
    }
}

// A reader that went away (`| head`) is not a failure of the command.
fn print_line(text: &str) {
    let _ = writeln!(std::io::stdout(), "{text}");
}

pub(crate) fn error_line(text: &str) {
    // Whoever made the text may have forgotten that a name in it came from elsewhere.
    let _ = writeln!(std::io::stderr(), "{}", printable_lines(text));
}

/// Returns the system's time. Only `cli` modules call it; libraries get times as arguments.
pub fn now() -> Timestamp {
    #[cfg(feature = "clock")]
    if let Some(fixed) = FIXED.get() {
        return *fixed;
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix(since.as_secs())
}

#[cfg(feature = "clock")]
static FIXED: std::sync::OnceLock<Timestamp> = std::sync::OnceLock::new();

/// Stops the clock of this process: [`now`] returns `time` from here on.
#[cfg(feature = "clock")]
pub fn fix_clock(time: Timestamp) {
    let _ = FIXED.set(time);
}

/// Parses the command line, runs the command and reports a failure: the whole of a tool's `main`.
///
/// `A` is the tool's argument type with [`GlobalArgs`] flattened in; `globals` finds them.
pub fn run<A: Parser + FromArgMatches>(
    globals: impl FnOnce(&A) -> GlobalArgs,
    command: impl FnOnce(A, Term) -> Result<ExitCode, CommandError>,
) -> ExitCode {
    let args = match A::try_parse() {
        Ok(args) => args,
        Err(error) => {
            let _ = error.print();
            return if error.use_stderr() { ExitCode::from(2) } else { ExitCode::SUCCESS };
        }
    };
    let term = Term::new(&globals(&args));
    match command(args, term) {
        Ok(code) => code,
        Err(error) => {
            report(&error, term);
            error.exit.into()
        }
    }
}

fn report(error: &CommandError, term: Term) {
    if term.is_json() {
        let document = serde_json::json!({
            "type": "error", "exit": error.exit as u8, "message": error.message, "causes": error.causes,
            "hints": error.hints, "state": error.state,
        });
        error_line(&document.to_string());
    } else {
        error_line(&error.render());
    }
}
