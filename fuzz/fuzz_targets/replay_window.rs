//! The engine's door to [`fanlight_fuzz::replay_window`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::replay_window(data));
