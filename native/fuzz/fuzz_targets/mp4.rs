#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| reelkeeper_fuzz::mp4::check(data));
