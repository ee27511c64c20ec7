//! `sealift-hsm`, the tool for keys on tokens.

fn main() -> std::process::ExitCode {
    sealift_hsm::main()
}
