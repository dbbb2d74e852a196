//! The engine's door to [`fanlight_fuzz::extensions`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::extensions(data));
