//! `sealift-media`, the custodian's tool.

fn main() -> std::process::ExitCode {
    sealift_media::main()
}
