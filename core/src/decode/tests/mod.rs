//! Tests of the decoder as a whole, and the tools they share.

mod against_ffmpeg;
mod damage;
mod downsample;
mod hostile;
mod matrix;
mod parts;
mod recovery;
mod samples;
mod second;
mod table;
mod wave;

use std::path::PathBuf;
use std::process::Command;

use super::source::tests::Dribble;
use std::io::Read;

use super::*;

/// Decodes an input. Returns its channels of samples and its final properties.
pub(super) fn run(input: Input, options: &DecodeOptions) -> Result<(Vec<Vec<f32>>, SourceInfo)> {
    let mut decoder = Decoder::open(input, options)?;
    let mut all = vec![Vec::new(); usize::from(decoder.spec().channels)];
    while let Some(block) = decoder.next_block()? {
        assert!(block.frames() > 0 && block.frames() <= 2 * FRAMES, "{} frames in a block", block.frames());
        for (channel, all) in all.iter_mut().enumerate() {
            assert_eq!(block.channel(channel).len(), block.frames());
            all.extend_from_slice(block.channel(channel));
        }
    }
    Ok((all, decoder.finish()?))
}

/// Decodes bytes, at once and in dribbles: chunking must never change anything.
pub(super) fn run_bytes(bytes: &[u8]) -> Result<(Vec<Vec<f32>>, SourceInfo)> {
    let options = DecodeOptions::default();
    let whole = run(Input::bytes("call", bytes), &options);
    let dribbled = run(Input::reader("call", Dribble(bytes.to_vec(), 5)), &options);
    match (&whole, &dribbled) {
        (Ok(a), Ok(b)) => {
            assert!(a.0 == b.0, "chunking changed the samples");
            assert_eq!((&a.1.sha256, a.1.bytes), (&b.1.sha256, b.1.bytes));
        }
        (Err(a), Err(b)) => assert_eq!(a.kind(), b.kind(), "{a} / {b}"),
        (a, b) => panic!("chunking changed the answer: {:?} / {:?}", a.as_ref().err(), b.as_ref().err()),
    }
    whole
}

pub(super) fn codes(info: &SourceInfo) -> Vec<&str> {
    info.warnings.iter().map(|w| w.code.as_ref()).collect()
}

/// Runs a reference program. Returns `None`, with a message, if it is not installed.
pub(super) fn tool(name: &str, args: &[&str]) -> Option<Vec<u8>> {
    match Command::new(name).args(args).output() {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{name} {args:?}: {said}");
            Some(output.stdout)
        }
        Err(_) => {
            skipped(&format!("{name} is not installed"));
            None
        }
    }
}

/// Prints why a test does less than it could. Fails it where nothing may be missing.
pub(crate) fn skipped(why: &str) {
    assert!(std::env::var_os("CALLWEAVE_REQUIRE_TOOLS").is_none(), "{why}");
    eprintln!("skipped: {why}");
}

/// Returns an empty folder for one test.
pub(super) fn folder(test: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("callweave-decode-{}-{test}", std::process::id()));
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// Synthesizes speech-like sound: tones with moving pitch under a syllable-like envelope, and
/// pauses.
pub(super) fn babble(rate: u32, seconds: f64, seed: u32) -> Vec<i16> {
    let n = (seconds * f64::from(rate)) as usize;
    let (mut phase, mut noise) = (0.0f64, seed | 1);
    (0..n)
        .map(|i| {
            let t = i as f64 / f64::from(rate);
            let pitch = 140.0 + 60.0 * (1.7 * t + f64::from(seed)).sin();
            phase += std::f64::consts::TAU * pitch / f64::from(rate);
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let hiss = f64::from(noise >> 16) / 65_536.0 - 0.5;
            let voice: f64 = (1..12).map(|k| (phase * f64::from(k)).sin() / f64::from(k)).sum();
            let loud = (4.0 * std::f64::consts::TAU * t).sin().max(0.0) * if (t % 3.0) < 2.0 { 1.0 } else { 0.01 };
            ((voice * 0.25 + hiss * 0.1) * loud * 12_000.0) as i16
        })
        .collect()
}

/// Builds a canonical wav file.
pub(super) fn wav(tag: u16, channels: u16, rate: u32, bits: u16, data: &[u8]) -> Vec<u8> {
    let align = channels * bits / 8;
    let mut file = b"RIFF".to_vec();
    file.extend((36 + data.len() as u32).to_le_bytes());
    file.extend(b"WAVEfmt \x10\0\0\0");
    file.extend(tag.to_le_bytes());
    file.extend(channels.to_le_bytes());
    file.extend(rate.to_le_bytes());
    file.extend((rate * u32::from(align)).to_le_bytes());
    file.extend(align.to_le_bytes());
    file.extend(bits.to_le_bytes());
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    file
}

pub(super) fn s16(samples: &[i16]) -> Vec<u8> {
    samples.iter().flat_map(|x| x.to_le_bytes()).collect()
}

#[test]
fn a_stereo_file_becomes_two_tracks_unless_told_otherwise() {
    let (left, right) = (babble(8000, 1.0, 1), babble(8000, 1.0, 2));
    let both: Vec<i16> = left.iter().zip(&right).flat_map(|(&l, &r)| [l, r]).collect();
    let file = wav(1, 2, 8000, 16, &s16(&both));
    let options = DecodeOptions::default();
    let tracks = decode(Input::bytes("a", file.clone()).role(Role::Agent), &options).unwrap();
    assert_eq!((tracks.len(), &tracks[0].samples, &tracks[1].samples), (2, &left, &right));
    assert_eq!(tracks[0].role, Role::Unknown);
    let one = decode(Input::bytes("a", file.clone()).channel(1).role(Role::Agent), &options).unwrap();
    assert_eq!((one.len(), &one[0].samples, one[0].role), (1, &right, Role::Agent));
    let down = DecodeOptions { stereo: crate::config::Stereo::Downmix, ..options.clone() };
    assert_eq!(decode(Input::bytes("a", file.clone()), &down).unwrap().len(), 1);
    let none = decode(Input::bytes("a", file).channel(2), &options).unwrap_err();
    assert_eq!(none.kind(), ErrorKind::InvalidArgument);
}

#[test]
fn limits_are_told_with_their_numbers() {
    let file = wav(1, 2, 8000, 16, &[7; 64_000]);
    let strict = |change: fn(&mut DecodeOptions)| {
        let mut options = DecodeOptions::default();
        change(&mut options);
        let error = decode(Input::bytes("a.wav", file.clone()), &options).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::LimitExceeded);
        error.to_string()
    };
    assert!(strict(|o| o.max_bytes = 64_000).contains("64044 bytes"));
    assert!(strict(|o| o.max_duration_ms = Millis(1999.0)).contains("at most 1999 ms"));
    assert!(strict(|o| o.max_channels = 1).contains("found 2, expected at most 1"));
    assert!(strict(|o| o.max_tracks = 1).contains("decode.maxTracks"));
}

#[test]
fn what_is_no_recording_is_told_in_one_line() {
    for (bytes, kind, says) in [
        (&b""[..], ErrorKind::NoAudio, "decode: x.mp3 at byte 0: an empty file: found 0 bytes, expected a recording"),
        (
            br#"{"code": 448, "message": "secret token abc"}"#,
            ErrorKind::Unsupported,
            "decode: x.mp3 at byte 0: not a recording: found JSON (44 bytes, code 448), expected a recording",
        ),
        (&[0; 5000], ErrorKind::NoAudio, "zeros only (5000 bytes)"),
        (b"\x1F\x8B\x08\x00\x00", ErrorKind::Unsupported, "found gzip"),
        (b"\x01\x02\x03\xFF\xFE\x99", ErrorKind::Unsupported, "bytes of no known form (6 bytes)"),
        (b"ID3\x04\x00\x00\x00\x00\x00\x01\x00", ErrorKind::NoAudio, "an ID3 tag and no recording after it"),
    ] {
        let error = Decoder::open(Input::bytes("x.mp3", bytes), &DecodeOptions::default()).unwrap_err();
        assert_eq!(error.kind(), kind, "{error}");
        assert!(error.to_string().contains(says), "{error}");
        let probed = probe(Input::bytes("x.mp3", bytes), &DecodeOptions::default()).unwrap();
        assert_eq!(probed.problem.as_ref().map(|p| p.code), Some(kind.code()));
        assert_eq!(probed.to_string().lines().count(), 1, "{probed}");
    }
}

#[test]
fn probe_prints_what_a_file_is_and_what_is_wrong_with_it() {
    let mut file = wav(1, 1, 8000, 16, &s16(&babble(8000, 1.0, 3)));
    file[40..44].copy_from_slice(&[0; 4]);
    let probed = probe(Input::bytes("a.mp3", file), &DecodeOptions::default()).unwrap();
    let text = probed.to_string();
    assert!(text.starts_with("a.mp3: pcm_s16 in wav, 8000 Hz, 1 channel, 1000 ms\n"), "{text}");
    assert!(text.contains("header_size_wrong: ") && text.contains("(at byte 40)"), "{text}");
    assert_eq!(serde_json::to_value(&probed).unwrap()["source"]["codec"], "pcm_s16");
}

/// Probes a head. Returns it in one line, and the number of bytes read for it.
fn head_of(name: &str, bytes: &[u8]) -> (String, usize) {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    struct Counting(std::io::Cursor<Vec<u8>>, Arc<AtomicUsize>);
    impl Read for Counting {
        fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
            let got = self.0.read(to)?;
            self.1.fetch_add(got, Ordering::Relaxed);
            Ok(got)
        }
    }
    let count = Arc::new(AtomicUsize::new(0));
    let reader = Counting(std::io::Cursor::new(bytes.to_vec()), count.clone());
    let probed = probe_head(Input::reader(name, reader), &DecodeOptions::default()).unwrap();
    assert!(probed.source.is_none(), "{probed}");
    (probed.to_string(), count.load(Ordering::Relaxed))
}

#[test]
fn the_head_is_answered_from_the_first_bytes() {
    let long = wav(1, 1, 8000, 16, &s16(&babble(8000, 60.0, 3)));
    let (said, read) = head_of("a.wav", &long);
    assert_eq!(said, "a.wav: pcm_s16 in wav, 8000 Hz, 1 channel, 60000 ms declared\n");
    assert!(read <= 128 << 10, "{read} of {} bytes", long.len());
    // Declared values are not checked, and a file that was never closed declares none.
    assert_eq!(head_of("a.wav", &long[..1000]).0, said.replace('\n', ", 1000 bytes\n"));
    let unclosed = [&long[..40], &[0; 4], &long[44..]].concat();
    assert_eq!(head_of("u.wav", &unclosed).0, "u.wav: pcm_s16 in wav, 8000 Hz, 1 channel, length not declared\n");
    let (said, _) = head_of("e.mp3", br#"{"code": 448}"#);
    assert!(said.contains("JSON (13 bytes, code 448)"), "{said}");
    let probed = probe_head(Input::bytes("a.wav", long), &DecodeOptions::default()).unwrap();
    let json = serde_json::to_value(&probed).unwrap();
    assert_eq!((&json["head"]["declaredDurationMs"], &json["head"]["bytes"]), (&60_000.into(), &960_044.into()));
    assert!(json["source"].is_null());
}

#[test]
fn the_head_agrees_with_the_whole() {
    for sample in samples::samples() {
        let bytes = sample.bytes();
        let options = DecodeOptions::default();
        let whole = run(sample.input(&bytes), &options).unwrap().1;
        let head = probe_head(sample.input(&bytes), &options).unwrap().head.unwrap();
        let name = &sample.file;
        assert_eq!((head.container, head.codec), (whole.container, whole.codec), "{name}");
        assert_eq!((head.sample_rate_hz, head.channels), (whole.sample_rate_hz, whole.channels), "{name}");
        assert_eq!((head.codec_delay_ms, head.bytes), (whole.codec_delay_ms, Some(whole.bytes)), "{name}");
        if let Some(declared) = head.declared_duration_ms {
            // Matroska's length includes the codec delay and is in whole milliseconds. ffmpeg's
            // packet table counts the last packet as whole.
            let loose = match head.container {
                Container::Matroska => 10.0,
                Container::Caf if head.codec == Codec::Alac => 256.0,
                _ => 0.01,
            };
            assert!((declared.0 - whole.duration_ms.0).abs() <= loose, "{name}: {declared}, {}", whole.duration_ms);
        }
        let silent = ["raw", "ogg", "adts", "avi", "amr"].contains(&head.container.name())
            || ["untagged.mp3", "mp3.wav", "fragmented.mp4", "layer1.mp1", "layer2.mp2", "g7231.wav"]
                .contains(&name.as_str());
        assert_eq!(head.declared_duration_ms.is_none(), silent, "{name}");
    }
}

#[test]
fn the_head_of_an_mp4_is_its_index() {
    let front = samples::samples().into_iter().find(|s| s.file == "front.m4a").unwrap();
    let bytes = front.bytes();
    // The samples are missing, and are not needed.
    let index = bytes.windows(4).position(|w| w == b"mdat").unwrap() + 4;
    let (said, _) = head_of("a.m4a", &bytes[..index]);
    assert!(said.starts_with("a.m4a: aac_lc in mp4, 16000 Hz, 1 channel, 1000 ms declared"), "{said}");
    let mut long = bytes.clone();
    long[index - 8..index - 4].copy_from_slice(&(8u32 + (8 << 20)).to_be_bytes());
    long.resize(index + (8 << 20), 0);
    let (_, read) = head_of("a.m4a", &long);
    assert!(read <= 256 << 10, "{read} bytes");
}

#[test]
fn codecs_that_mp4_and_matroska_only_name_are_told() {
    let front = samples::samples().into_iter().find(|s| s.file == "aac.3gp").unwrap();
    let bytes = front.bytes();
    let at = bytes.windows(4).position(|w| w == b"mp4a").unwrap();
    for (letters, name) in [(b"sevs", "EVS"), (b"enca", "encrypted audio")] {
        let mut other = bytes.clone();
        other[at..at + 4].copy_from_slice(letters);
        let error = run_bytes(&other).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert!(error.to_string().contains(name), "{error}");
    }
}

#[test]
fn a_decoder_crosses_threads() {
    fn crosses<T: Send>() {}
    crosses::<Decoder>();
    crosses::<Input>();
}
