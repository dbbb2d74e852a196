//! The engine's door to [`fanlight_fuzz::sequence`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::sequence(data));
