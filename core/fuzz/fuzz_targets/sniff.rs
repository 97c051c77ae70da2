#![no_main]
//! Opening whatever the bytes are, without decoding.

use callweave::config::DecodeOptions;
use callweave::decode::{Decoder, Input};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Decoder::open(Input::bytes("fuzz", bytes), &DecodeOptions::default());
});
