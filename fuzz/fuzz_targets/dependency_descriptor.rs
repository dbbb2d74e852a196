//! The engine's door to [`fanlight_fuzz::dependency_descriptor`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::dependency_descriptor(data));
