//! The engine's door to [`fanlight_fuzz::red`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::red(data));
