#![no_main]
//! Whole recordings of any kind.

use callweave::config::DecodeOptions;
use callweave::decode::{Input, decode};
use callweave::units::Millis;
use libfuzzer_sys::fuzz_target;

// A panic that the library catches is no finding: only one that leaves it ends the run.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |bytes: &[u8]| {
    let options =
        DecodeOptions { max_duration_ms: Millis(60_000.0), max_buffered_bytes: 1 << 20, ..DecodeOptions::default() };
    let _ = decode(Input::bytes("fuzz", bytes), &options);
});
