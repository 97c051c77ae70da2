//! Decodes one file in one of several ways, to count what each costs:
//!
//! ```text
//! cargo build --release -p callweave-benches --example decode_cost
//! valgrind --tool=callgrind --callgrind-out-file=cost.out target/release/examples/decode_cost ours call.mp3
//! valgrind --tool=callgrind --callgrind-out-file=cost.out target/release/examples/decode_cost symphonia call.mp3
//! ```
//!
//! `ours` (without the input's hash, which is no part of decoding) and `ours-hashed`; `symphonia`
//! for mp3; `copy` for 16-bit wav of one channel: the file read in chunks of 64 KiB and its samples
//! turned into f32, 4096 at a time. Take files of some minutes: what a process and the opening of a
//! file cost is in the count too.
#![allow(clippy::unwrap_used, clippy::panic)]

use std::fs::File;
use std::io::Read;

use callweave::config::DecodeOptions;
use callweave::decode::{Decoder, Input};
use symphonia::core::codecs::audio::{AudioDecoder, AudioDecoderOptions};
use symphonia::core::formats::{FormatReader, TrackType};
use symphonia::core::io::MediaSourceStream;
use symphonia::default::codecs::MpaDecoder;
use symphonia::default::formats::MpaReader;

/// Samples, and the sum of one of each block, so that nothing is computed for nothing.
type Sum = (usize, f64);

fn ours(path: &str, sha256: bool) -> Sum {
    let mut sum = (0, 0.0);
    let options = DecodeOptions { sha256, ..DecodeOptions::default() };
    let mut decoder = Decoder::open(Input::path(path), &options).unwrap();
    while let Some(block) = decoder.next_block().unwrap() {
        sum = (sum.0 + block.frames(), sum.1 + f64::from(block.channel(0)[0]));
    }
    decoder.finish().unwrap();
    sum
}

fn symphonia(path: &str) -> Sum {
    let mut sum = (0, 0.0);
    let stream = MediaSourceStream::new(Box::new(File::open(path).unwrap()), Default::default());
    let mut reader = MpaReader::try_new(stream, Default::default()).unwrap();
    let track = reader.default_track(TrackType::Audio).unwrap();
    let params = track.codec_params.as_ref().unwrap().audio().unwrap().clone();
    let mut decoder = MpaDecoder::try_new(&params, &AudioDecoderOptions::default().gapless(false)).unwrap();
    let mut planes: Vec<Vec<f32>> = Vec::new();
    while let Some(packet) = reader.next_packet().unwrap() {
        decoder.decode(&packet).unwrap().copy_to_vecs_planar::<f32>(&mut planes);
        sum = (sum.0 + planes[0].len(), sum.1 + f64::from(planes[0][0]));
    }
    sum
}

fn copy(path: &str) -> Sum {
    let mut sum = (0, 0.0);
    let mut file = File::open(path).unwrap();
    let (mut bytes, mut plane) = (vec![0u8; 64 << 10], Vec::<f32>::new());
    file.read_exact(&mut bytes[..44]).unwrap();
    loop {
        let got = file.read(&mut bytes).unwrap();
        if got == 0 {
            return sum;
        }
        for part in bytes[..got].chunks(2 * 4096) {
            plane.clear();
            plane.extend(part.as_chunks::<2>().0.iter().map(|&b| f32::from(i16::from_le_bytes(b)) / 32768.0));
            sum = (sum.0 + plane.len(), sum.1 + f64::from(plane[0]));
        }
    }
}

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [way, path] = &args[..] else { panic!("decode_cost ours|ours-hashed|symphonia|copy FILE") };
    let (frames, sum) = match way.as_str() {
        "ours" => ours(path, false),
        "ours-hashed" => ours(path, true),
        "symphonia" => symphonia(path),
        _ => copy(path),
    };
    println!("{frames} samples, {sum}");
}
