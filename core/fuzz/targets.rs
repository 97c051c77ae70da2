//! What is fuzzed: functions over bytes, the same for libFuzzer and for the mutations of
//! `mutate.rs`.

use callweave::config::{Config, DecodeOptions};
use callweave::decode::{AmrPackets, Decoder, Input, Raw, decode, probe};
use callweave::units::{Millis, Rate};
use callweave::{Report, RunOptions, analyze, provider};
use std::sync::LazyLock;

/// A target: it takes any bytes.
type Target = fn(&[u8]);

/// Every target by its name.
#[allow(dead_code, reason = "libFuzzer names them one by one")]
pub const TARGETS: [(&str, Target); 8] = [
    ("sniff", sniff),
    ("riff", riff),
    ("decode", whole),
    ("speech", speech),
    ("rtp", rtp),
    ("zip", zip),
    ("provider", document),
    ("process", process),
];

fn limits(seconds: f64) -> DecodeOptions {
    let (max_duration_ms, max_samples) = (Millis(seconds * 1000.0), 20_000_000);
    DecodeOptions { max_duration_ms, max_samples, max_buffered_bytes: 1 << 20, ..DecodeOptions::default() }
}

/// Opening whatever the bytes are, without decoding.
pub fn sniff(bytes: &[u8]) {
    let _ = Decoder::open(Input::bytes("fuzz", bytes), &DecodeOptions::default());
}

/// Wav files: the bytes after `RIFF....WAVE`.
pub fn riff(bytes: &[u8]) {
    let _ = decode(Input::bytes("fuzz", [b"RIFF\0\0\0\0WAVE", bytes].concat()), &limits(60.0));
}

/// Whole recordings of any kind, at their own rate and at half the rate of wideband ones.
pub fn whole(bytes: &[u8]) {
    for downsample_hz in [None, Some(Rate::NARROWBAND)] {
        let _ = decode(Input::bytes("fuzz", bytes), &DecodeOptions { downsample_hz, ..limits(60.0) });
    }
}

/// Zip archives, their members read to the end.
pub fn zip(bytes: &[u8]) {
    let options = DecodeOptions { max_members: 50, max_members_bytes: 1 << 20, ..limits(10.0) };
    let _ = probe(Input::bytes("fuzz", [b"PK\x03\x04", bytes].concat()), &options);
}

/// Providers' JSON, manifests, vCons and SIPREC metadata; a vCon is written with a report too.
pub fn document(bytes: &[u8]) {
    static REPORT: LazyLock<Report> = LazyLock::new(|| {
        let silence = Input::samples("fuzz", vec![0i16; 8000], Rate::NARROWBAND);
        analyze(vec![silence], &Config::default(), &RunOptions::default()).unwrap()
    });
    if let Ok(text) = std::str::from_utf8(bytes) {
        let _ = provider::read(text);
        if let Ok(with_report) = provider::vcon::with_report(text, &REPORT) {
            assert_eq!(provider::detect_text(&with_report).unwrap(), Some(provider::Kind::Vcon));
        }
    }
}

/// A whole call of one recording, from its bytes to its report.
pub fn process(bytes: &[u8]) {
    let config = Config { decode: limits(20.0), ..Config::default() };
    let run = RunOptions { threads: Some(1), ..RunOptions::default() };
    if let Ok(report) = analyze(vec![Input::bytes("fuzz", bytes)], &config, &run) {
        assert!(report.to_json().unwrap().starts_with('{'));
    }
}

/// What the first byte of [`speech`] chooses from: formats without a header, then headers of
/// formats of frames.
const RAW: [Raw; 8] =
    [Raw::Gsm, Raw::G722, Raw::Vox(Rate::NARROWBAND), Raw::G726(2), Raw::G726(3), Raw::G726(5), Raw::G729, Raw::G7231];
const MAGIC: [&[u8]; 2] = [b"#!AMR\n", b"#!AMR-WB\n"];

/// Codecs of speech: the first byte chooses one, the rest is what it is given.
pub fn speech(bytes: &[u8]) {
    let Some((&first, bytes)) = bytes.split_first() else { return };
    let choice = usize::from(first) % (RAW.len() + MAGIC.len());
    let input = match (RAW.get(choice), MAGIC.get(choice.wrapping_sub(RAW.len()))) {
        (Some(&raw), _) => Input::bytes("fuzz", bytes).raw(raw),
        (None, magic) => Input::bytes("fuzz", [magic.copied().unwrap_or_default(), bytes].concat()),
    };
    let _ = decode(input, &limits(60.0));
}

/// Packets of AMR: the first byte chooses the codec and the form, then each packet has a byte for
/// how far its clock goes on, one for its length, and its payload.
pub fn rtp(bytes: &[u8]) {
    let Some((&form, mut bytes)) = bytes.split_first() else { return };
    let packets = AmrPackets::new(form & 1 != 0, form & 2 != 0);
    let mut packets = if form & 4 != 0 { packets.with_crc() } else { packets };
    let mut clock = 0u32;
    while let Some((&[ahead, length], rest)) = bytes.split_first_chunk() {
        let (payload, rest) = rest.split_at(rest.len().min(length.into()));
        clock = clock.wrapping_add(u32::from(ahead) * 80);
        let _ = packets.push(clock, payload);
        bytes = rest;
    }
    let _ = decode(Input::bytes("fuzz", packets.finish()), &limits(60.0));
}
