//! The engine's door to [`fanlight_fuzz::vp9`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::vp9(data));
