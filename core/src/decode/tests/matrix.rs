//! The damage matrix: every container cut off at many places and corrupted in many ways. Whatever happens, nothing
//! panics, and no more is decoded than the bytes can account for.
//!
//! The full matrix (200 cuts and 2,000 corruptions of each container) runs with
//! `CALLWEAVE_FULL_DAMAGE=1 cargo test --release -p callweave --lib decode::tests::matrix`; without it a part of the same.

use super::*;

/// What the matrix is made of: a name, the bytes, and the format for those without a header.
fn containers(dir: &std::path::Path) -> Vec<(String, Vec<u8>, Option<Raw>)> {
    let samples = babble(16_000, 2.0, 31);
    let narrow = babble(8000, 2.0, 32);
    let (wide, thin) = (wav(1, 1, 16_000, 16, &s16(&samples)), wav(1, 1, 8000, 16, &s16(&narrow)));
    let mut all =
        vec![("pcm.wav".to_owned(), wide.clone(), None), ("raw.gsm".to_owned(), s16(&narrow), Some(Raw::Gsm))];
    let (wide_path, thin_path) = (dir.join("wide.wav"), dir.join("thin.wav"));
    std::fs::write(&wide_path, wide).unwrap();
    std::fs::write(&thin_path, &thin).unwrap();
    all.push(("a.zip".to_owned(), archive::tests::zip(&[("a.wav", &thin, true, true)]), None));
    let ffmpeg = |codec: &'static str| vec!["-c:a", codec];
    for (name, source, options) in [
        ("ulaw.wav", &thin_path, ffmpeg("pcm_mulaw")),
        ("float.wav", &thin_path, ffmpeg("pcm_f32le")),
        ("ima.wav", &thin_path, ffmpeg("adpcm_ima_wav")),
        ("ms.wav", &thin_path, ffmpeg("adpcm_ms")),
        ("gsm.wav", &thin_path, ffmpeg("libgsm_ms")),
        ("g722.wav", &wide_path, ffmpeg("g722")),
        ("mp3.wav", &wide_path, ffmpeg("libmp3lame")),
        ("rf64.wav", &thin_path, vec!["-rf64", "always"]),
        ("pcm.aiff", &thin_path, vec![]),
        ("tagged.mp3", &wide_path, vec!["-b:a", "64k"]),
        ("untagged.mp3", &thin_path, vec!["-b:a", "16k", "-write_xing", "0"]),
        ("vbr.mp3", &wide_path, vec!["-q:a", "5"]),
        ("a.flac", &wide_path, vec![]),
        ("vorbis.ogg", &wide_path, ffmpeg("libvorbis")),
        ("a.opus", &wide_path, ffmpeg("libopus")),
        ("a.webm", &wide_path, ffmpeg("libopus")),
        ("a.m4a", &wide_path, ffmpeg("aac")),
        ("front.m4a", &wide_path, vec!["-c:a", "aac", "-movflags", "+faststart"]),
        (
            "fragmented.mp4",
            &wide_path,
            vec!["-c:a", "aac", "-movflags", "+frag_keyframe+empty_moov", "-frag_duration", "500000"],
        ),
    ] {
        let (source, made) = (source.display().to_string(), dir.join(name).display().to_string());
        let args = [&["-v", "error", "-y", "-i", &source], &options[..], &[&made]].concat();
        if tool("ffmpeg", &args).is_none() {
            break;
        }
        all.push((name.to_owned(), std::fs::read(made).unwrap(), None));
    }
    all
}

/// Decodes and checks what must hold for any bytes; the samples, or nothing where they are refused.
fn survive(name: &str, bytes: &[u8], raw: Option<Raw>) -> Vec<f32> {
    let options = DecodeOptions { max_duration_ms: crate::units::Millis(600_000.0), ..DecodeOptions::default() };
    let input = Input::bytes(name, bytes);
    let input = if let Some(raw) = raw { input.raw(raw) } else { input };
    let Ok(mut decoder) = Decoder::open(input, &options) else { return Vec::new() };
    let mut first = Vec::new();
    // No codec here packs samples closer than some bits of a byte; silence for what is lost is bounded by the duration.
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

struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % sides.max(1)
    }
}

fn corrupt(bytes: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut broken = bytes.to_vec();
    // Half of the faults fall on the first bytes, where headers are.
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
fn every_container_survives_cuts_and_corruption() {
    let full = std::env::var_os("CALLWEAVE_FULL_DAMAGE").is_some();
    let (cuts, corruptions) = if full { (200, 2000) } else { (8, 25) };
    let dir = folder("matrix");
    for (name, bytes, raw) in containers(&dir) {
        let clean = survive(&name, &bytes, raw);
        assert!(!clean.is_empty(), "{name} cannot be decoded at all");
        let mut dice = Dice(bytes.len() as u64);
        for i in 0..cuts {
            let length = (bytes.len() * i / cuts + dice.roll(bytes.len() / cuts)).min(bytes.len());
            let cut = survive(&name, &bytes[..length], raw);
            // What precedes the cut is what it was; the end of a recording may differ where its end trims are gone.
            let same = cut.iter().zip(&clean).take_while(|(a, b)| a == b).count();
            assert!(
                same + 4096 >= cut.len().min(clean.len()),
                "{name} cut at {length}: differs from {same} of {}",
                cut.len()
            );
        }
        for i in 0..corruptions {
            let broken = corrupt(&bytes, &mut dice);
            let samples = survive(&name, &broken, raw);
            let most = 600 * 48_000 + 2 * FRAMES;
            assert!(samples.len() <= most, "{name}, corruption {i}: {} samples of {}", samples.len(), clean.len());
        }
    }
}
