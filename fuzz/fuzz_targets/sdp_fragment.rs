//! The engine's door to [`fanlight_fuzz::sdp_fragment`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::sdp_fragment(data));
