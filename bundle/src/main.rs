//! `sealift-bundle`, the tool that reads and checks bundles.

fn main() -> std::process::ExitCode {
    sealift_bundle::main()
}
