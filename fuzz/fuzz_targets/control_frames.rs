//! The engine's door to [`fanlight_fuzz::control_frames`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::control_frames(data));
