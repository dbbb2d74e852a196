//! The engine's door to [`fanlight_fuzz::rtp_rewrite`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::rtp_rewrite(data));
