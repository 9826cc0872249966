#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| reelkeeper_fuzz::segment::check(data));
