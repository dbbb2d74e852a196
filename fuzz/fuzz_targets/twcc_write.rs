//! The engine's door to [`fanlight_fuzz::twcc_write`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::twcc_write(data));
