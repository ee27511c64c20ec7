//! `sealift-bundle`, built fresh for the journeys.

use std::process::ExitCode;

fn main() -> ExitCode {
    sealift_bundle::main()
}
