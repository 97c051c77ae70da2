#![no_main]
//! Zip archives, their members read to the end.

use callweave::config::DecodeOptions;
use callweave::decode::{Input, probe};
use callweave::units::Millis;
use libfuzzer_sys::fuzz_target;

// A panic that the library catches is no finding: only one that leaves it ends the run.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |bytes: &[u8]| {
    let file = [b"PK\x03\x04", bytes].concat();
    let options = DecodeOptions {
        max_duration_ms: Millis(10_000.0),
        max_members: 50,
        max_members_bytes: 1 << 20,
        ..DecodeOptions::default()
    };
    let _ = probe(Input::bytes("fuzz", file), &options);
});
