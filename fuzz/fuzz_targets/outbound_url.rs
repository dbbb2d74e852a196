//! The engine's door to [`fanlight_fuzz::outbound_url`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::outbound_url(data));
