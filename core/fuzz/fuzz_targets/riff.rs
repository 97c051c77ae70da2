#![no_main]
//! Wav files: the bytes after `RIFF....WAVE`.

use callweave::config::DecodeOptions;
use callweave::decode::{Input, decode};
use callweave::units::Millis;
use libfuzzer_sys::fuzz_target;

// A panic that the library catches is no finding: only one that leaves it ends the run.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |bytes: &[u8]| {
    let file = [b"RIFF\0\0\0\0WAVE", bytes].concat();
    let options = DecodeOptions { max_duration_ms: Millis(60_000.0), ..DecodeOptions::default() };
    let _ = decode(Input::bytes("fuzz", file), &options);
});
