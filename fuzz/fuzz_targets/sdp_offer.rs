//! The engine's door to [`fanlight_fuzz::sdp_offer`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::sdp_offer(data));
