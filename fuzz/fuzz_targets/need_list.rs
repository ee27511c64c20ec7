#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sealift_fuzz::evidence::need_list(data));
