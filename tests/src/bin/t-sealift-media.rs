//! `sealift-media`, built fresh for the journeys.

use std::process::ExitCode;

fn main() -> ExitCode {
    sealift_media::main()
}
