//! The command `sealift-apply`.
fn main() -> std::process::ExitCode {
    sealift_apply::main()
}
