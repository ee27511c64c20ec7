//! `sealift-keys`, the key desk's tool.

fn main() -> std::process::ExitCode {
    sealift_keys::main()
}
