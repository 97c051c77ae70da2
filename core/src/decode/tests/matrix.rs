//! The damage matrix: every container truncated at many places and corrupted in many ways. Nothing
//! panics, and no more is decoded than the bytes can account for.
//!
//! The full matrix (200 cuts and 2,000 corruptions of each container) runs with
//! `CALLWEAVE_FULL_DAMAGE=1 cargo test --release -p callweave --all-features --lib
//! decode::tests::matrix`. Without the variable a part of it runs. A part of a file's name instead
//! of 1 selects the containers that run in full, such as `CALLWEAVE_FULL_DAMAGE=mp3`, or with `!`
//! before it all others: `!he-aac` leaves out the slowest.

use std::path::Path;

use super::samples::samples;
use super::*;

/// Returns the inputs of the matrix: name, bytes, and format if there is no header.
fn containers() -> Vec<(String, Vec<u8>, Option<Raw>)> {
    let narrow = babble(8000, 2.0, 32);
    let thin = wav(1, 1, 8000, 16, &s16(&narrow));
    let mut all = vec![
        ("pcm.wav".to_owned(), wav(1, 1, 16_000, 16, &s16(&babble(16_000, 2.0, 31))), None),
        ("noise.gsm".to_owned(), s16(&narrow), Some(Raw::Gsm)),
        ("a.zip".to_owned(), archive::tests::zip(&[("a.wav", &thin, true, true)]), None),
    ];
    #[cfg(feature = "he-aac")]
    all.push(("he-aac.m4a".to_owned(), samples::read("he-aac.m4a"), None));
    all.extend(samples().iter().map(|sample| (sample.file.clone(), sample.bytes(), sample.raw())));
    all
}

/// Decodes, and checks what must hold for any bytes. Returns the samples, or none if the input is
/// rejected.
fn survive(name: &str, bytes: &[u8], raw: Option<Raw>) -> Vec<f32> {
    let options = DecodeOptions { max_duration_ms: Millis(600_000.0), ..DecodeOptions::default() };
    let input = Input::bytes(name, bytes);
    let input = if let Some(raw) = raw { input.raw(raw) } else { input };
    let Ok(mut decoder) = Decoder::open(input, &options) else { return Vec::new() };
    let mut first = Vec::new();
    // No codec here packs samples more densely than a few bits each. Silence for lost audio is
    // bounded by the duration.
    loop {
        match decoder.next_block() {
            Ok(Some(block)) => {
                assert!(block.frames() > 0 && block.frames() <= 2 * FRAMES + 16, "{name}: {} frames", block.frames());
                assert!(block.channel(0).iter().all(|x| x.is_finite()), "{name}: not a number");
                first.extend_from_slice(block.channel(0));
            }
            Ok(None) => break,
            Err(e) => {
                assert_eq!(e.kind(), ErrorKind::LimitExceeded, "{name}: {e}");
                return first;
            }
        }
    }
    let info = decoder.finish().unwrap();
    assert!(info.warnings.len() < 200, "{name}: {} warnings", info.warnings.len());
    first
}

struct DamageRandom(u64);

impl DamageRandom {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

fn corrupt(bytes: &[u8], dice: &mut DamageRandom) -> Vec<u8> {
    let mut broken = bytes.to_vec();
    // Half of the faults hit the first bytes, where headers are.
    let reach = if dice.roll(2) == 0 { bytes.len().min(512) } else { bytes.len() };
    for _ in 0..1 + dice.roll(4) {
        let at = dice.roll(reach);
        match dice.roll(5) {
            0 => broken[at] ^= 1 << dice.roll(8),
            1 => broken[at] = dice.roll(256) as u8,
            2 => broken[at] = [0, 0xFF, 0x7F, 0x80][dice.roll(4)],
            3 => {
                let until = (at + 1 + dice.roll(64)).min(broken.len());
                broken[at..until].fill(dice.roll(256) as u8);
            }
            _ => {
                let until = (at + 1 + dice.roll(16)).min(broken.len());
                broken.drain(at..until);
                if broken.is_empty() {
                    return broken;
                }
            }
        }
        if broken.len() < reach {
            break;
        }
    }
    broken
}

#[test]
fn what_the_fuzzers_begin_with_and_have_found_survives() {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
    let Ok(folders) = std::fs::read_dir(corpus) else { return };
    for folder in folders.map(|folder| folder.unwrap()).filter(|folder| folder.file_name() != "provider") {
        for file in std::fs::read_dir(folder.path()).unwrap() {
            let path = file.unwrap().path();
            let bytes = std::fs::read(&path).unwrap();
            // The fuzz targets of wav and zip prepend the magic number to their input.
            let begun = match folder.file_name().to_str() {
                Some("riff") => [b"RIFF\0\0\0\0WAVE", &bytes[..]].concat(),
                Some("zip") => [b"PK\x03\x04", &bytes[..]].concat(),
                _ => bytes,
            };
            survive(&path.display().to_string(), &begun, None);
        }
    }
}

#[test]
fn every_container_survives_cuts_and_corruption() {
    let full = std::env::var("CALLWEAVE_FULL_DAMAGE").ok();
    for (name, bytes, raw) in containers() {
        let full = full.as_deref().is_some_and(|part| match part.strip_prefix('!') {
            Some(part) => !name.contains(part),
            None => part == "1" || name.contains(part),
        });
        let (cuts, corruptions) = if full { (200, 2000) } else { (8, 25) };
        let clean = survive(&name, &bytes, raw);
        assert!(!clean.is_empty(), "{name} cannot be decoded at all");
        let mut dice = DamageRandom(bytes.len() as u64);
        for i in 0..cuts {
            let length = (bytes.len() * i / cuts + dice.roll(bytes.len() / cuts)).min(bytes.len());
            let cut = survive(&name, &bytes[..length], raw);
            // Audio before the cut is bit-identical in every format. It may be longer than the
            // whole, because only the end of the file shows how much padding to remove.
            let same = cut.iter().zip(&clean).take_while(|(a, b)| a == b).count();
            assert_eq!(same, cut.len().min(clean.len()), "{name} cut at {length}");
        }
        for i in 0..corruptions {
            let broken = corrupt(&bytes, &mut dice);
            let samples = survive(&name, &broken, raw);
            let most = 600 * 48_000 + 2 * FRAMES;
            assert!(samples.len() <= most, "{name}, corruption {i}: {} samples of {}", samples.len(), clean.len());
        }
    }
}
