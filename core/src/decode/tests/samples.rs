//! The samples of `fixtures/codecs`: every container and codec, decoded without any other program.
//! The expected results were recorded when they were made (`fixtures/codecs.py`).

use std::path::Path;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::against_ffmpeg::{interleaved, snr_db};
use super::*;
use crate::config::hex;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/codecs");

/// Samples without a known codec delay.
const UNTOLD: [&str; 6] = ["untagged.mp3", "mp3.wav", "fragmented.mp4", "adts.aac", "layer1.mp1", "layer2.mp2"];

/// Expected properties of a sample.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Sample {
    pub(super) file: String,
    container: Container,
    codec: Codec,
    sample_rate_hz: u32,
    samples: usize,
    /// Hash of its samples as interleaved f32, if the codec is exact.
    sha256: Option<String>,
    /// File to compare with, and how closely, if the codec is not exact.
    reference: Option<String>,
    at_least_db: Option<f64>,
}

impl Sample {
    pub(super) fn bytes(&self) -> Vec<u8> {
        read(&self.file)
    }

    /// Returns the format of a file without a header, from its extension.
    pub(super) fn raw(&self) -> Option<Raw> {
        let extension = Path::new(&self.file).extension()?.to_str()?;
        (self.container == Container::Raw).then(|| Raw::from_name(extension).unwrap())
    }

    /// Returns whether interleaved samples are the codec's expected ones, if it is exact.
    pub(super) fn is_exactly(&self, samples: &[f32]) -> bool {
        let bytes: Vec<u8> = samples.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.sha256.as_ref() == Some(&hex(&Sha256::digest(bytes)))
    }

    pub(super) fn input(&self, bytes: &[u8]) -> Input {
        let input = Input::bytes(self.file.clone(), bytes);
        if let Some(raw) = self.raw() { input.raw(raw) } else { input }
    }
}

pub(super) fn read(file: &str) -> Vec<u8> {
    std::fs::read(Path::new(FOLDER).join(file)).unwrap()
}

/// Returns all samples that this build reads, from `fixtures/codecs` in the repository.
pub(super) fn samples() -> Vec<Sample> {
    let read = |sample: &Sample| cfg!(feature = "opus") || sample.codec != Codec::Opus;
    every_sample().into_iter().filter(read).collect()
}

fn every_sample() -> Vec<Sample> {
    serde_json::from_slice(&read("index.json")).unwrap()
}

#[test]
fn every_sample_decodes_to_what_it_was() {
    for sample in samples() {
        let (name, bytes) = (&sample.file, sample.bytes());
        let (planes, info) = run(sample.input(&bytes), &DecodeOptions::default()).unwrap();
        let ours = interleaved(&planes);
        assert_eq!(
            (info.container, info.codec, info.sample_rate_hz.hz(), ours.len()),
            (sample.container, sample.codec, sample.sample_rate_hz, sample.samples),
            "{name}"
        );
        let silent = UNTOLD.contains(&name.as_str());
        let expected: &[&str] = if silent { &["delay_unknown"] } else { &[] };
        assert_eq!(codes(&info), expected, "{name}");
        if sample.sha256.is_some() {
            assert!(sample.is_exactly(&ours), "{name}");
        } else {
            let reference = sample.reference.as_deref().unwrap();
            let theirs = run_bytes(&read(reference)).unwrap().0.remove(0);
            let snr = snr_db(&theirs, &ours);
            eprintln!("{name}: {snr:.1} dB");
            assert!(theirs.len() == ours.len() && snr >= sample.at_least_db.unwrap(), "{name}: {snr:.1} dB");
        }
    }
}

#[test]
fn every_sample_is_the_same_from_a_stream() {
    for sample in samples() {
        let bytes = sample.bytes();
        let options = DecodeOptions::default();
        let whole = run(sample.input(&bytes), &options).unwrap();
        let dribble = Input::reader(sample.file.clone(), Dribble(bytes, 7));
        let dribble = if let Some(raw) = sample.raw() { dribble.raw(raw) } else { dribble };
        let streamed = run(dribble, &options).unwrap();
        assert!(whole.0 == streamed.0, "{}", sample.file);
        assert_eq!(whole.1, streamed.1, "{}", sample.file);
    }
}

#[test]
fn what_is_read_has_a_sample() {
    let all = every_sample();
    // Signed 8-bit samples occur only in AIFF, which is compared with ffmpeg. BW64 and RIFX are
    // covered by the wav tests. Samples in memory are not a file. HE-AAC needs its feature, and is
    // tested separately.
    let without = [
        Codec::PcmS8.name(),
        Codec::HeAac.name(),
        Container::Bw64.name(),
        Container::Rifx.name(),
        Container::Samples.name(),
    ];
    let codecs = Codec::ALL.iter().map(|codec| (codec.name(), all.iter().any(|s| s.codec == *codec)));
    let containers = Container::ALL.iter().map(|c| (c.name(), all.iter().any(|s| s.container == *c)));
    for (name, found) in codecs.chain(containers) {
        assert!(found != without.contains(&name), "{name}");
    }
}

#[test]
fn channels_of_recorders_take_turns_frame_by_frame() {
    if samples().is_empty() {
        return;
    }
    let (planes, info) = run_bytes(&read("verint.wav")).unwrap();
    let mono = run_bytes(&read("g7231.wav")).unwrap().0.remove(0);
    assert_eq!((info.codec, info.channels, planes[0].len()), (Codec::G7231, 2, 8 * 240));
    assert!(planes[0] == mono[..8 * 240] && planes[1] != planes[0] && planes[1][..240] == mono[..240]);
}

/// The header says AAC-LC at half the rate. The reference is ffmpeg's output.
#[cfg(feature = "he-aac")]
#[test]
fn he_aac_is_decoded_in_mp4() {
    let (planes, info) = run_bytes(&read("he-aac.m4a")).unwrap();
    let reference = run_bytes(&read("he-aac.m4a.reference.flac")).unwrap().0.remove(0);
    assert_eq!((info.codec, info.sample_rate_hz.hz(), info.channels), (Codec::HeAac, 32_000, 1));
    assert!(planes[0].len().abs_diff(reference.len()) <= 2048, "{} of {}", planes[0].len(), reference.len());
    let power = |x: f32| f64::from(x).powi(2);
    let signal: f64 = reference.iter().map(|&x| power(x)).sum();
    let error: f64 = planes[0].iter().zip(&reference).map(|(a, b)| power(a - b)).sum();
    assert!(10.0 * (signal / error).log10() > 60.0, "{} dB", 10.0 * (signal / error).log10());
}

#[cfg(not(feature = "he-aac"))]
#[test]
fn he_aac_is_named_even_where_nothing_announces_it() {
    // Its header says AAC-LC at half the rate.
    let bytes = read("he-aac.m4a");
    for error in [run_bytes(&bytes).unwrap_err(), run_bytes(&bytes[..6000]).map(|_| ()).unwrap_err()] {
        let expected = if error.kind() == ErrorKind::Unsupported { "HE-AAC" } else { "without its index" };
        assert!(error.to_string().contains(expected), "{error}");
    }
    let probed = probe_head(Input::bytes("a.m4a", bytes), &DecodeOptions::default()).unwrap();
    assert_eq!(probed.problem.unwrap().code, "unsupported");
}

#[test]
fn he_aac_in_matroska_is_named() {
    let error = run_bytes(&read("he-aac.mkv")).unwrap_err();
    assert!(error.kind() == ErrorKind::Unsupported && error.to_string().contains("HE-AAC"), "{error}");
    assert!(error.to_string().contains("ffmpeg -i IN OUT.wav"), "{error}");
}

#[test]
fn every_tag_of_amr_in_wav_is_the_file_of_its_own() {
    for (tag, name, magic, rate) in
        [(0x38, "modes.amr", 6, 8000), (0x57, "modes.amr", 6, 8000), (0x58, "modes.awb", 9, 16_000)]
    {
        let file = read(name);
        let (own, _) = run_bytes(&file).unwrap();
        let (planes, info) = run_bytes(&wav(tag, 1, rate, 0, &file[magic..])).unwrap();
        assert!(planes == own && info.container == Container::Wav && info.warnings.is_empty(), "{tag:#x}: {info:?}");
        assert_eq!(info.codec, if tag == 0x58 { Codec::AmrWb } else { Codec::AmrNb });
    }
}

#[test]
fn an_archive_gives_its_members() {
    let sample = samples().into_iter().find(|s| s.file == "s16.wav").unwrap();
    let tracks = decode(Input::bytes("two.zip", read("two.zip")), &DecodeOptions::default()).unwrap();
    assert_eq!((tracks.len(), tracks[0].samples.len()), (2, sample.samples));
    let single = decode(Input::bytes("s16.wav", sample.bytes()), &DecodeOptions::default()).unwrap();
    assert_eq!(tracks[0].samples, single[0].samples);
}
