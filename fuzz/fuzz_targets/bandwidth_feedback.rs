//! The engine's door to [`fanlight_fuzz::bandwidth_feedback`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::bandwidth_feedback(data));
