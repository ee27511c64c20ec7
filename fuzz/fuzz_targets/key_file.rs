#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sealift_fuzz::key_file::key_file(data));
