//! The command line of `sealift-media`: one file a verb, each parses, calls the library and renders.
use std::process::ExitCode;
/// Runs the tool.
pub fn main() -> ExitCode {
    ExitCode::SUCCESS
}
