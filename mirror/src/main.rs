//! `sealift-mirror`; see [`sealift_mirror`].

fn main() -> std::process::ExitCode {
    sealift_mirror::main()
}
