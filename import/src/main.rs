//! `sealift-import`, the isolated repository's tool.

fn main() -> std::process::ExitCode {
    sealift_import::main()
}
