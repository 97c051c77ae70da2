//! Recordings that are decoded at a lower rate: the same sound, time and length as by decoding them
//! whole and resampling, whatever decodes them.

use super::*;
use crate::resample::resample;

fn at(hz: u32) -> DecodeOptions {
    DecodeOptions::default().with_downsample_hz(Rate::new(hz).unwrap())
}

/// Decodes bytes at a lower rate, at once and in dribbles.
fn lowered(bytes: &[u8], hz: u32) -> (Vec<Vec<f32>>, SourceInfo) {
    let whole = run(Input::bytes("call", bytes), &at(hz)).unwrap();
    let dribbled = run(Input::reader("call", Dribble(bytes.to_vec(), 5)), &at(hz)).unwrap();
    assert!(whole.0 == dribbled.0, "chunking changed the samples");
    whole
}

fn path(name: &str) -> String {
    format!("{}/../fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(path(name)).unwrap()
}

const CUSTOMER: &str = "tencent-dual/000-339708930-12360-5b0c7c1e93a44f5d8a430d1f6a2be7c1-000-1779261106.mp3";
const AGENT: &str = "tencent-dual/000-339708931-12361-5b0c7c1e93a44f5d8a430d1f6a2be7c1-001-1779261109.mp3";

/// Returns a signal's power up to 0.425 of its rate, where the resampler to 0.85 of it is flat.
fn power(samples: &[f32], hz: u32) -> f64 {
    let narrowed = resample(samples, Rate::new(hz).unwrap(), Rate::new(hz * 17 / 20).unwrap()).unwrap();
    narrowed.iter().map(|x| f64::from(*x).powi(2)).sum()
}

/// Returns how far the difference of two signals of one length lies below the first, in dB.
fn likeness(a: &[f32], b: &[f32], hz: u32) -> f64 {
    assert_eq!(a.len(), b.len());
    let difference: Vec<f32> = a.iter().zip(b).map(|(a, b)| a - b).collect();
    let (signal, difference) = (power(a, hz), power(&difference, hz));
    assert!(signal > 0.01, "no sound");
    10.0 * (signal / difference).log10()
}

/// Decodes an mp3 of twice the rate both ways, and returns how alike they are.
fn compared(bytes: &[u8], hz: u32) -> f64 {
    let (own, lower) = (Rate::new(2 * hz).unwrap(), Rate::new(hz).unwrap());
    let (whole, half) = (run_bytes(bytes).unwrap(), lowered(bytes, hz));
    assert_eq!((half.1.sample_rate_hz, half.1.decoded_rate_hz), (own, Some(lower)));
    assert_eq!((whole.1.sample_rate_hz, whole.1.decoded_rate_hz), (own, None));
    // Everything else is about the recording and stays.
    let rest = |info: &SourceInfo| SourceInfo { decoded_rate_hz: None, duration_ms: Millis(0.0), ..info.clone() };
    assert_eq!(rest(&half.1), rest(&whole.1));
    assert!((half.1.duration_ms.0 - whole.1.duration_ms.0).abs() < own.millis(1).0 + 1e-9);
    let pairs = whole.0.iter().zip(&half.0);
    let all = pairs.map(|(whole, half)| likeness(&resample(whole, own, lower).unwrap(), half, hz));
    all.fold(f64::INFINITY, f64::min)
}

#[test]
fn an_mp3_at_half_its_rate_is_what_resampling_gives() {
    let tagged = fixture("codecs/mpeg2.mp3");
    for (name, bytes, hz, least) in [
        ("customer", fixture(CUSTOMER), 8_000, 60.0),
        ("agent", fixture(AGENT), 8_000, 60.0),
        ("mpeg2", tagged.clone(), 8_000, 60.0),
        ("vbr", fixture("codecs/vbr.mp3"), 8_000, 60.0),
        ("mpeg1", fixture("codecs/mpeg1.mp3"), 22_050, 60.0),
        ("mp3 in wav", fixture("codecs/mp3.wav"), 8_000, 60.0),
        // Resampling takes the end for the beginning of silence.
        ("cut off", tagged[..tagged.len() - 77].to_vec(), 8_000, 50.0),
        // Lost frames are as much silence either way, which begins and ends at once.
        ("damaged", damaged(tagged.clone()), 8_000, 30.0),
    ] {
        let db = compared(&bytes, hz);
        assert!(db > least, "{name}: {db} dB");
    }
}

/// Overwrites some frames in the middle of an mp3.
fn damaged(mut bytes: Vec<u8>) -> Vec<u8> {
    let middle = bytes.len() / 2;
    bytes[middle..middle + 700].fill(0);
    bytes
}

/// Any delay and padding, odd and even: each keeps the time of the first sample.
#[test]
fn delays_of_either_parity_keep_the_time() {
    let bytes = fixture(CUSTOMER);
    for delay in [0, 1, 2, 575, 576, 577, 1104, 1105, 1106] {
        let options = |hz: Option<u32>| DecodeOptions {
            assumed_mp3_delay: delay,
            downsample_hz: hz.map(|hz| Rate::new(hz).unwrap()),
            ..DecodeOptions::default()
        };
        let whole = run(Input::bytes("call", bytes.clone()), &options(None)).unwrap().0.remove(0);
        let half = run(Input::bytes("call", bytes.clone()), &options(Some(8_000))).unwrap().0.remove(0);
        let db = likeness(&resample(&whole, Rate::WIDEBAND, Rate::NARROWBAND).unwrap(), &half, 8_000);
        assert!(db > 60.0, "{delay}: {db} dB");
    }
}

/// An mp3 of clicks with a tag, whose own length is odd.
fn clicks(test: &str) -> Option<(Vec<u8>, Vec<usize>)> {
    let (length, places) = (40_001, vec![50, 9_001, 20_000, 39_900]);
    let mut samples = vec![0i16; length];
    for &place in &places {
        // A burst of 1 kHz, whose largest sample is its middle.
        for i in 0..41 {
            let t = (i as f64 - 20.0) / 16_000.0;
            let value = 20_000.0 * (-(t / 5e-4).powi(2)).exp() * (std::f64::consts::TAU * 1000.0 * t).cos();
            samples[place + i - 20] = value as i16;
        }
    }
    let dir = folder(test);
    let (source, out) = (dir.join("a.wav").display().to_string(), dir.join("a.mp3").display().to_string());
    std::fs::write(&source, wav(1, 1, 16_000, 16, &s16(&samples))).unwrap();
    tool("lame", &["--quiet", "-b", "64", &source, &out])?;
    Some((std::fs::read(&out).unwrap(), places))
}

fn loudest(samples: &[f32]) -> usize {
    (0..samples.len()).max_by(|&a, &b| samples[a].abs().total_cmp(&samples[b].abs())).unwrap()
}

/// Asserts that the clicks of a recording, which begins at a sample of 16 kHz, are at their places.
fn clicks_at(samples: &[f32], start: usize, places: &[usize], per_sample: f64) {
    for &place in places {
        let want = (start + place) as f64 / per_sample;
        let near = (want as usize).saturating_sub(60);
        let found = near + loudest(&samples[near..(want as usize + 60).min(samples.len())]);
        assert!((found as f64 - want).abs() <= 0.5, "{found} instead of {want}");
    }
}

#[test]
fn files_in_a_row_keep_their_times_although_each_is_odd() {
    let Some((bytes, places)) = clicks("downsample-clicks") else { return };
    for count in 1..4 {
        let whole = run_bytes(&bytes.repeat(count)).unwrap().0.remove(0);
        let half = lowered(&bytes.repeat(count), 8_000).0.remove(0);
        assert_eq!((whole.len(), half.len()), (count * 40_001, (count * 40_001).div_ceil(2)));
        let db = likeness(&resample(&whole, Rate::WIDEBAND, Rate::NARROWBAND).unwrap(), &half, 8_000);
        assert!(db > 60.0, "{count} files: {db} dB");
        (0..count).for_each(|file| clicks_at(&half, file * 40_001, &places, 2.0));
    }
}

#[test]
fn files_of_other_rates_in_a_row_are_converted() {
    let [wide, narrow, high] = ["mpeg2.mp3", "mpeg2.5.mp3", "mpeg1.mp3"].map(|name| fixture(&format!("codecs/{name}")));
    let length = |bytes: &[u8]| run_bytes(bytes).unwrap().1.duration_ms.0;
    let (alone, all) = (length(&wide) + length(&narrow) + length(&high), [&wide[..], &narrow, &high, &wide].concat());
    let half = lowered(&all, 8_000);
    assert_eq!(half.0[0].len(), (half.1.duration_ms.0 * 8.0).round() as usize);
    assert!((half.1.duration_ms.0 - alone - length(&wide)).abs() < 1.0, "{}", half.1.duration_ms);
    // The last part sounds as it does alone.
    let last = lowered(&wide, 8_000).0.remove(0);
    let end = &half.0[0][half.0[0].len() - last.len()..];
    assert!(likeness(&last, end, 8_000) > 60.0);
    // The first part decides: at its own rate nothing is halved.
    let first = lowered(&[&narrow[..], &wide].concat(), 8_000);
    assert!(first == run_bytes(&[&narrow[..], &wide].concat()).unwrap() && first.1.decoded_rate_hz.is_none());
}

#[test]
fn other_recordings_are_resampled_and_keep_their_times() {
    for (from, to) in [(16_000, 8_000), (44_100, 8_000), (48_000, 8_000), (48_000, 16_000), (22_050, 16_000)] {
        let length = from as usize + 1;
        let places = [0, 1, 777, length / 2, length - 1];
        for place in places {
            let mut samples = vec![0i16; length];
            samples[place] = 20_000;
            let file = wav(1, 1, from, 16, &s16(&samples));
            let (planes, info) = lowered(&file, to);
            assert_eq!(planes[0].len(), (length * to as usize).div_ceil(from as usize), "{from} to {to}");
            assert_eq!((info.sample_rate_hz.hz(), info.decoded_rate_hz.unwrap().hz()), (from, to));
            let want = place as f64 * f64::from(to) / f64::from(from);
            let found = loudest(&planes[0]);
            assert!((found as f64 - want).abs() <= 1.0, "{from} to {to}: {want} found at {found}");
        }
    }
}

#[test]
fn resampling_is_that_of_the_other_stages() {
    let both: Vec<i16> =
        babble(48_000, 1.0, 1).into_iter().zip(babble(48_000, 1.0, 2)).flat_map(|(l, r)| [l, r]).collect();
    let file = wav(1, 2, 48_000, 16, &s16(&both));
    let whole = run_bytes(&file).unwrap();
    let rates = (Rate::new(48_000).unwrap(), Rate::NARROWBAND);
    let expected: Vec<_> = whole.0.iter().map(|plane| resample(plane, rates.0, rates.1).unwrap()).collect();
    assert!(lowered(&file, 8_000).0 == expected);
    // Layer II has no path of its own.
    let second = fixture("codecs/layer2.mp2");
    let (whole, own) = run_bytes(&second).map(|(planes, info)| (planes, info.sample_rate_hz)).unwrap();
    let half = Rate::new(own.hz() / 2).unwrap();
    assert!(lowered(&second, half.hz()).0[0] == resample(&whole[0], own, half).unwrap());
}

#[test]
fn recordings_at_the_rate_or_below_stay_as_they_are() {
    for (bytes, hz) in [
        (wav(1, 1, 8_000, 16, &s16(&babble(8_000, 1.0, 1))), 8_000),
        (wav(1, 1, 16_000, 16, &s16(&babble(16_000, 1.0, 1))), 16_000),
        (wav(1, 1, 16_000, 16, &s16(&babble(16_000, 1.0, 1))), 48_000),
        (wav(1, 1, 6_000, 16, &s16(&babble(6_000, 1.0, 1))), 8_000),
        (fixture("keypad-hold/agent.mp3"), 8_000),
    ] {
        assert!(lowered(&bytes, hz) == run_bytes(&bytes).unwrap());
    }
}

#[test]
fn samples_out_of_range_are_told_once_and_do_not_spread() {
    let mut floats = vec![0.1f32; 16_000];
    floats[8_000] = 3e38;
    let data: Vec<u8> = floats.iter().flat_map(|x| x.to_le_bytes()).collect();
    let (planes, info) = lowered(&wav(3, 1, 16_000, 32, &data), 8_000);
    assert_eq!(codes(&info), ["samples_out_of_range"]);
    assert!(info.warnings[0].message.starts_with("1 samples"), "{}", info.warnings[0]);
    assert!(planes[0].iter().all(|x| x.abs() <= 1e3) && planes[0][3_900].abs() < 0.11);
}

#[test]
fn limits_are_those_of_the_recording_at_its_own_rate() {
    let file = wav(1, 1, 16_000, 16, &s16(&babble(16_000, 2.0, 1)));
    for options in [DecodeOptions::default(), at(8_000)] {
        let decoded = |options: DecodeOptions| {
            let budget = Budget::new(&options, crate::run::Cancel::default());
            let mut decoder = Decoder::open(Input::bytes("a.wav", file.clone()).within(&budget), &options)?;
            while decoder.next_block()?.is_some() {}
            Ok(())
        };
        for (name, enough, less) in [
            ("decode.maxDurationMs", options.clone().with_max_duration_ms(Millis(2000.0)), {
                options.clone().with_max_duration_ms(Millis(1999.0))
            }),
            ("decode.maxSamples", options.clone().with_max_samples(32_000), options.clone().with_max_samples(31_999)),
        ] {
            let result: Result<()> = decoded(enough);
            assert!(result.is_ok(), "{name}: {result:?}");
            let error = decoded(less).unwrap_err();
            assert!(error.to_string().contains(name), "{error}");
        }
    }
    let tracks = decode(Input::bytes("a.wav", file), &at(8_000)).unwrap();
    assert_eq!((tracks[0].rate, tracks[0].samples.len()), (Rate::NARROWBAND, 16_000));
}

#[test]
fn a_rate_out_of_range_is_refused_before_anything_is_read() {
    for hz in [4_000, 7_999, 48_001] {
        let missing = || Input::path("/nowhere/call.mp3");
        let options = at(hz);
        let opened = Decoder::open(missing(), &options).map(|_| ());
        let probed = [probe, probe_head].map(|probe| probe(missing(), &options).map(|_| ()));
        let decoded = decode(missing(), &options).map(|_| ());
        for refused in [opened, decoded].into_iter().chain(probed) {
            let error = refused.unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidArgument);
            let says = format!("decode.downsampleHz: found {hz} Hz, expected 8000 to 48000 Hz, or null");
            assert!(error.to_string().contains(&says), "{error}");
        }
    }
}

#[test]
fn the_head_is_about_the_recording() {
    let bytes = fixture("codecs/mpeg2.mp3");
    let probed = |options: &DecodeOptions| probe_head(Input::bytes("a.mp3", bytes.clone()), options).unwrap();
    assert_eq!(probed(&at(8_000)), probed(&DecodeOptions::default()));
    let decoder = Decoder::open(Input::bytes("a.mp3", bytes.clone()), &at(8_000)).unwrap();
    let whole = Decoder::open(Input::bytes("a.mp3", bytes), &DecodeOptions::default()).unwrap();
    assert_eq!(decoder.spec().rate, Rate::NARROWBAND);
    assert_eq!(decoder.spec().declared, whole.spec().declared.map(|samples| samples.div_ceil(2)));
    assert_eq!(decoder.spec().delay, whole.spec().delay);
    let whole = probe(Input::path(path("codecs/mpeg2.mp3")), &at(8_000)).unwrap();
    assert!(
        whole.to_string().contains(", 16000 Hz, 1 channel, ") && whole.to_string().contains("  decoded at 8000 Hz\n")
    );
}
