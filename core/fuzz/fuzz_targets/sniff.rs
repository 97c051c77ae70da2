#![no_main]
//! Opening whatever the bytes are, without decoding.

use callweave::config::DecodeOptions;
use callweave::decode::{Decoder, Input};
use libfuzzer_sys::fuzz_target;

// A panic that the library catches is no finding: only one that leaves it ends the run.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |bytes: &[u8]| {
    let _ = Decoder::open(Input::bytes("fuzz", bytes), &DecodeOptions::default());
});
