#![no_main]
//! Codecs of speech: the first byte chooses one, the rest is what it is given.

use callweave::config::DecodeOptions;
use callweave::decode::{Input, Raw, decode};
use callweave::units::{Millis, Rate};
use libfuzzer_sys::fuzz_target;

const RAW: [Raw; 8] = [
    Raw::Gsm,
    Raw::G722,
    Raw::Vox(Rate::NARROWBAND),
    Raw::G726(2),
    Raw::G726(3),
    Raw::G726(5),
    Raw::G729,
    Raw::G7231,
];
const MAGIC: [&[u8]; 2] = [b"#!AMR\n", b"#!AMR-WB\n"];

// A panic that the library catches is no finding: only one that leaves it ends the run.
fuzz_target!(init: std::panic::set_hook(Box::new(|_| ())), |bytes: &[u8]| {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let options = DecodeOptions { max_duration_ms: Millis(60_000.0), ..DecodeOptions::default() };
    let choice = usize::from(first) % (RAW.len() + MAGIC.len());
    let input = match (RAW.get(choice), MAGIC.get(choice.wrapping_sub(RAW.len()))) {
        (Some(&raw), _) => Input::bytes("fuzz", bytes).raw(raw),
        (None, magic) => Input::bytes("fuzz", [magic.copied().unwrap_or_default(), bytes].concat()),
    };
    let _ = decode(input, &options);
});
