//! The engine's door to [`fanlight_fuzz::rtx`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::rtx(data));
