//! The engine's door to [`fanlight_fuzz::shard_turns`].
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| fanlight_fuzz::shard_turns(data));
