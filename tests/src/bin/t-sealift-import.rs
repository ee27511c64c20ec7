//! `sealift-import`, built fresh for the journeys.

use std::process::ExitCode;

fn main() -> ExitCode {
    sealift_import::main()
}
