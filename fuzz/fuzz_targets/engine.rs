#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| ephemeral_broker_fuzz::engine(input));
