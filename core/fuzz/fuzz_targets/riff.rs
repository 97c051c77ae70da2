#![no_main]
//! Wav files: the bytes after `RIFF....WAVE`.

use callweave::config::DecodeOptions;
use callweave::decode::{Input, decode};
use callweave::units::Millis;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let file = [b"RIFF\0\0\0\0WAVE", bytes].concat();
    let options = DecodeOptions { max_duration_ms: Millis(60_000.0), ..DecodeOptions::default() };
    let _ = decode(Input::bytes("fuzz", file), &options);
});
