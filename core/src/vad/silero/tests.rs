#![allow(clippy::unwrap_used)]

use super::*;

/// A minute of a real call and what onnxruntime answers to it.
const REFERENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/reference");

/// Every arithmetic that this machine has.
fn ways() -> Vec<Arithmetic> {
    let fused = Arithmetic::Fused(fearless_simd::Level::new());
    let best = Arithmetic::new(false);
    let mut ways = vec![Arithmetic::Portable, fused];
    ways.extend((best.name() != fused.name()).then_some(best));
    ways
}

/// The largest difference from f32 that an arithmetic may have.
fn tolerance(way: Arithmetic) -> f32 {
    if way.name() == "int16" { 2e-3 } else { 1e-4 }
}

fn furthest(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

/// Probabilities of whole tracks pushed at once.
fn detect(portable: bool, tracks: &[&[f32]]) -> Vec<Vec<f32>> {
    detect_by(Arithmetic::new(portable), tracks)
}

fn detect_by(way: Arithmetic, tracks: &[&[f32]]) -> Vec<Vec<f32>> {
    detect_with(Silero::by(tracks.len(), way), tracks)
}

fn detect_with(mut detector: Silero, tracks: &[&[f32]]) -> Vec<Vec<f32>> {
    let mut out = vec![Vec::new(); tracks.len()];
    detector.push(tracks, &mut out).unwrap();
    detector.finish(&mut out).unwrap();
    out
}

fn bits(probabilities: &[f32]) -> Vec<u32> {
    probabilities.iter().map(|p| p.to_bits()).collect()
}

/// Uniform noise in [−1, 1).
fn noise(samples: usize, mut seed: u32) -> Vec<f32> {
    let next = || {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (seed >> 8) as f32 / 8_388_608.0 - 1.0
    };
    std::iter::repeat_with(next).take(samples).collect()
}

/// Something like a voice: falling glides of a pulse train of 200 to 150 Hz with some breath,
/// through two resonances that change with every syllable, 1.5 s on and 1.5 s off over faint noise.
/// Only +, −, × and ÷, so the same samples everywhere.
fn voice(samples: usize) -> Vec<f32> {
    /// 2r·cos of 700, 300, 500, 400 Hz at r = 0.97, and of 1200, 2200, 900, 1700 Hz at r = 0.95.
    const VOWELS: [[f32; 2]; 4] = [[1.654, 1.117], [1.886, -0.297], [1.792, 1.445], [1.845, 0.443]];
    let (mut phase, mut low, mut high) = (0.0f32, [0.0f32; 2], [0.0f32; 2]);
    let sound = |(n, noise): (usize, f32)| {
        let (at, [first, second]) = (n % 1_200, VOWELS[n / 1_200 % 4]);
        let loud = if n / 12_000 % 2 == 0 { at.min(1_200 - at).min(600) as f32 / 600.0 } else { 0.0 };
        phase += 0.025 - 0.006 * (at as f32 / 1_200.0);
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase -= pulse;
        low = [pulse - 0.025 + 0.05 * noise + first * low[0] - 0.9409 * low[1], low[0]];
        high = [low[0] + second * high[0] - 0.9025 * high[1], high[0]];
        0.01 * loud * high[0] + 0.002 * noise
    };
    (0..samples).zip(noise(samples, 7)).map(sound).collect()
}

fn wav(path: &str) -> Vec<f32> {
    let reader = hound::WavReader::open(path).unwrap();
    reader.into_samples::<i16>().map(|s| f32::from(s.unwrap()) / 32_768.0).collect()
}

#[test]
fn probabilities_are_onnxruntimes() {
    let json = std::fs::read_to_string(format!("{REFERENCE}/silero-8k.json")).unwrap();
    let reference: std::collections::BTreeMap<String, Vec<f32>> = serde_json::from_str(&json).unwrap();
    assert_eq!(reference.keys().collect::<Vec<_>>(), ["agent.wav", "caller.wav"]);
    let tracks: Vec<_> = reference.keys().map(|name| wav(&format!("{REFERENCE}/{name}"))).collect();
    let tracks: Vec<_> = tracks.iter().map(Vec::as_slice).collect();
    for way in ways() {
        for ((name, expected), found) in reference.iter().zip(detect_by(way, &tracks)) {
            assert_eq!((expected.len(), found.len()), (1_875, 1_875), "{name}: a minute of frames of 32 ms");
            let furthest = furthest(expected, &found);
            assert!(furthest < tolerance(way), "{name}, {}: off by {furthest}", way.name());
        }
    }
}

/// Every eighth probability of four seconds, bit for bit. They change only with the weights, the
/// signal or the order of a sum; the last is a change of results that users are told of.
#[test]
fn portable_bits_are_golden() {
    const GOLDEN: [u32; 16] = [
        0x3d6ca80a, 0x3f720928, 0x3f7a22a2, 0x3f7dbc4a, 0x3f7f1516, 0x3f7ec863, 0x3f7354f8, 0x3df7ec1e, 0x3d646d3c,
        0x3d4392cc, 0x3d12be94, 0x3cfbb191, 0x3f7f0bb6, 0x3f7fec14, 0x3f7820df, 0x3f7fce3e,
    ];
    let found: Vec<u32> = bits(&detect(true, &[&voice(32_000)])[0]).into_iter().step_by(8).collect();
    let shown: Vec<f32> = found.iter().map(|&b| f32::from_bits(b)).collect();
    assert_eq!(found, GOLDEN, "{shown:?} {found:#010x?}");
}

#[test]
fn every_arithmetic_agrees_with_the_portable_one() {
    let glides: Vec<f32> = (0..80_000).map(|n| (n as f32 * n as f32 * 2e-6).sin() * 0.3).collect();
    let faint: Vec<f32> = voice(80_000).iter().map(|x| x * 1e-3).collect();
    let tracks = [voice(80_000), noise(80_000, 3), glides, faint];
    let tracks = tracks.each_ref().map(Vec::as_slice);
    let portable = detect_by(Arithmetic::Portable, &tracks);
    assert!(portable[0].iter().any(|&p| p > 0.9) && portable[0].iter().any(|&p| p < 0.1));
    for way in ways() {
        for (track, (portable, found)) in portable.iter().zip(detect_by(way, &tracks)).enumerate() {
            let furthest = furthest(portable, &found);
            assert!(furthest < tolerance(way), "track {track}, {}: off by {furthest}", way.name());
        }
    }
}

/// Fused multiply-adds round alike in registers of any width.
#[test]
#[cfg(target_arch = "x86_64")]
fn avx2_and_avx512_agree_bit_for_bit() {
    use fearless_simd::Simd;

    let level = fearless_simd::Level::new();
    let (Some(avx2), Some(avx512)) = (level.as_avx2(), level.as_avx512()) else {
        eprintln!("skipped: no AVX-512 here");
        return;
    };
    let (a, b) = (voice(80_000), noise(60_000, 3));
    let [narrow, wide] = [avx2.level(), avx512.level()].map(|level| detect_by(Arithmetic::Fused(level), &[&a, &b]));
    assert!(narrow.iter().zip(&wide).all(|(n, w)| bits(n) == bits(w)));
}

#[test]
fn threads_do_not_show() {
    let (a, b) = (voice(3 * BLOCK * FRAME + 20_000), noise(60_000, 3));
    for way in ways() {
        let [one, three] = [1, 3].map(|n| threads::Pool::new(n).unwrap().run(|| detect_by(way, &[&a, &b])));
        assert!(one.iter().zip(&three).all(|(a, b)| bits(a) == bits(b)));
    }
}

#[test]
fn chunks_do_not_show() {
    let track = voice(3 * BLOCK * FRAME + 1_000);
    for way in ways() {
        let whole = detect_by(way, &[&track]);
        for sizes in [&[97][..], &[256], &[257, 1, 0, 4_095], &[BLOCK * FRAME + 32, 5], &[60_000]] {
            let (mut detector, mut out, mut rest) = (Silero::by(1, way), [Vec::new()], &track[..]);
            for &size in sizes.iter().cycle() {
                let (chunk, tail) = rest.split_at(size.min(rest.len()));
                detector.push(&[chunk], &mut out).unwrap();
                rest = tail;
                if rest.is_empty() {
                    break;
                }
            }
            detector.finish(&mut out).unwrap();
            assert_eq!(bits(&out[0]), bits(&whole[0]), "chunks of {sizes:?}, {}", way.name());
        }
    }
}

#[test]
fn other_lanes_do_not_show() {
    let tracks = [voice(60_000), noise(90_123, 1), voice(45_001)];
    let tracks = tracks.each_ref().map(Vec::as_slice);
    for way in ways() {
        let alone: Vec<_> = tracks.iter().flat_map(|track| detect_by(way, &[track])).collect();
        assert_eq!(alone[..2], detect_by(way, &tracks[..2]));
        assert_eq!(alone, detect_by(way, &tracks));
    }
}

#[test]
fn lanes_may_be_pushed_at_different_paces() {
    let (a, b) = (voice(120_000), noise(70_000, 5));
    let (mut detector, mut out) = (Silero::new(2, false), vec![Vec::new(); 2]);
    detector.push(&[&a[..30_000], &[]], &mut out).unwrap();
    detector.push(&[&a[30_000..90_000], &b[..10]], &mut out).unwrap();
    detector.push(&[&[], &b[10..]], &mut out).unwrap();
    detector.push(&[&a[90_000..], &[]], &mut out).unwrap();
    detector.finish(&mut out).unwrap();
    assert_eq!(out, detect(false, &[&a, &b]));
}

#[test]
fn a_finished_detector_is_as_new() {
    let track = voice(30_000);
    let (mut detector, expected) = (Silero::new(1, false), detect(false, &[&track]));
    for _ in 0..2 {
        let mut out = vec![Vec::new()];
        detector.push(&[&track], &mut out).unwrap();
        detector.finish(&mut out).unwrap();
        assert_eq!(out, expected);
    }
}

#[test]
fn after_a_long_pause_a_track_begins_anew() {
    let after = |frames: usize| Millis(frames as f64 * 32.0);
    let said = voice(40_000);
    let paused = [vec![0.0; 125 * FRAME], said.clone()].concat();
    let forgetful = |tracks: &[&[f32]], frames, chunk: usize| {
        let (mut detector, mut out) =
            (Silero::new(tracks.len(), false).forgetting(after(frames), 0.35), vec![Vec::new(); tracks.len()]);
        let longest = tracks.iter().map(|t| t.len()).max().unwrap();
        for at in (0..longest).step_by(chunk) {
            let part = |t: &&'_ [f32]| t.len().min(at)..t.len().min(at + chunk);
            let parts: Vec<&[f32]> = tracks.iter().map(|t| &t[part(t)]).collect();
            detector.push(&parts, &mut out).unwrap();
        }
        detector.finish(&mut out).unwrap();
        out
    };
    let remembered = detect(false, &[&paused]);
    let fresh = detect(false, &[&said]);
    assert_ne!(bits(&remembered[0][125..]), bits(&fresh[0]));
    let forgotten = forgetful(&[&paused], 125, 1 << 20);
    assert_eq!(bits(&forgotten[0][..125]), bits(&remembered[0][..125]));
    assert_eq!(bits(&forgotten[0][125..]), bits(&fresh[0]));
    // A pause that is a frame shorter is remembered.
    assert_eq!(forgetful(&[&paused[FRAME..]], 125, 1 << 20), detect(false, &[&paused[FRAME..]]));
    // Neither chunks nor other tracks change a track.
    assert_eq!(forgetful(&[&paused, &said], 125, 777)[0], forgotten[0]);
    assert_eq!(forgetful(&[&said, &paused], 125, 30_000)[1], forgotten[0]);
}

#[test]
fn every_sample_is_covered() {
    for (samples, frames) in
        [(0, 0), (1, 1), (255, 1), (256, 1), (257, 2), (BLOCK * FRAME, BLOCK), (BLOCK * FRAME + 1, BLOCK + 1)]
    {
        assert_eq!(detect(false, &[&voice(samples)])[0].len(), frames, "{samples} samples");
    }
    let mut filled = voice(1_000);
    filled.resize(1_024, 0.0);
    assert_eq!(detect(false, &[&voice(1_000)]), detect(false, &[&filled]));
}

#[test]
fn damaged_samples_count_as_zero() {
    let mut damaged = voice(20_000);
    let mut mended = damaged.clone();
    for (n, bad) in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, -32_769.0, -f32::NAN].into_iter().enumerate()
    {
        damaged[3_000 + 777 * n] = bad;
        mended[3_000 + 777 * n] = 0.0;
    }
    for way in ways() {
        assert_eq!(detect_by(way, &[&damaged]), detect_by(way, &[&mended]));
    }
    assert_eq!(detect(false, &[&[f32::NAN; 3_000]]), detect(false, &[&[0.0; 3_000]]));
}

#[test]
fn extreme_signals_have_answers() {
    let square: Vec<f32> = (0..40_000).map(|n| if n / 13 % 2 == 0 { 32_768.0 } else { -32_768.0 }).collect();
    let tiny = vec![f32::MIN_POSITIVE / 4.0; 40_000];
    for (name, track) in [
        ("zeros", vec![0.0; 40_000]),
        ("full-scale noise", noise(40_000, 9)),
        ("DC", vec![1.0; 40_000]),
        ("at the limit", square),
        ("subnormal", tiny),
    ] {
        for way in ways() {
            let found = &detect_by(way, &[&track])[0];
            assert!(found.iter().all(|p| (0.0..=1.0).contains(p)), "{name}: {found:?}");
        }
    }
    let zeros = &detect(false, &[&[0.0; 40_000]])[0];
    assert!(zeros.iter().all(|&p| p < 0.3), "speech in silence: {zeros:?}");
}

#[test]
fn another_number_of_lanes_is_refused() {
    let mut out = vec![Vec::new(); 2];
    let error = Silero::new(2, false).push(&[&[0.0]], &mut out).unwrap_err();
    assert_eq!(error.to_string(), "speech: wrong number of tracks: found 1, expected 2");
    assert!(Silero::new(1, false).finish(&mut out).is_err());
}

#[test]
fn a_track_as_it_comes_has_the_bits_of_a_block() {
    let track = [voice(60_000), vec![0.0; 130 * FRAME], voice(70_000), noise(20_123, 4)].concat();
    let cases = ways().into_iter().flat_map(|way| [(way, None), (way, FORGET)]);
    for (way, forget) in cases {
        for rests in [false, true] {
            let (mut detector, mut whole) = (silero(1, way, forget, rests), [Vec::new()]);
            detector.push(&[&track], &mut whole).unwrap();
            detector.finish(&mut whole).unwrap();
            let mut stream = SileroStream::with_gate(way, forget, rests.then(SilenceGate::new));
            for chunk in [160, 1, 255, 4_000] {
                let mut found = Vec::new();
                track.chunks(chunk).for_each(|samples| stream.push(samples, |p| found.push(p)));
                stream.finish(|p| found.push(p));
                assert_eq!(bits(&found), bits(&whole[0]), "chunks of {chunk}, {}, {forget:?}, {rests}", way.name());
            }
        }
    }
}

/// As the default configuration has it.
const FORGET: Option<(Millis, f32)> = Some((Millis(4000.0), 0.35));

fn silero(lanes: usize, way: Arithmetic, forget: Option<(Millis, f32)>, rests: bool) -> Silero {
    let silero = Silero::by(lanes, way);
    let silero = if rests { silero.resting() } else { silero };
    match forget {
        Some((after, below)) => silero.forgetting(after, below),
        None => silero,
    }
}

/// Frames at rest.
fn rested(probabilities: &[f32]) -> usize {
    probabilities.iter().filter(|&&p| p == 0.0).count()
}

#[test]
fn at_rest_neither_threads_nor_blocks_nor_other_lanes_show() {
    let tracks = [[voice(150_000), vec![0.0; 90_000]].concat(), noise(90_123, 1), voice(205_001)];
    let tracks = tracks.each_ref().map(Vec::as_slice);
    let resting = |tracks: &[&[f32]]| {
        detect_with(silero(tracks.len(), Arithmetic::new(false), Some((Millis(1000.0), 0.35)), true), tracks)
    };
    let alone: Vec<_> = tracks.iter().flat_map(|track| resting(&[track])).collect();
    assert_eq!(alone, resting(&tracks));
    assert!(rested(&alone[0]) > 250 && rested(&alone[1]) == 0, "{} {}", rested(&alone[0]), rested(&alone[1]));
    let [one, three] = [1, 3].map(|n| threads::Pool::new(n).unwrap().run(|| resting(&tracks)));
    assert!(one == alone && three == alone);
    let (mut detector, mut out) = (silero(1, Arithmetic::new(false), Some((Millis(1000.0), 0.35)), true), [Vec::new()]);
    tracks[0].chunks(777).for_each(|chunk| detector.push(&[chunk], &mut out).unwrap());
    detector.finish(&mut out).unwrap();
    assert_eq!(out[0], alone[0]);
}

#[test]
fn sound_that_never_rests_has_the_bits_of_the_network() {
    let loud = noise(120_000, 11);
    assert_eq!(
        detect_with(silero(1, Arithmetic::new(true), FORGET, true), &[&loud]),
        detect_with(silero(1, Arithmetic::new(true), FORGET, false), &[&loud])
    );
    // A pause as long as the warm-up changes nothing but the answers within it.
    let pause = [noise(20_000, 2), vec![0.0; 18 * FRAME], noise(40_000, 3)].concat();
    let [plain, resting] =
        [false, true].map(|rests| detect_with(silero(1, Arithmetic::new(true), FORGET, rests), &[&pause]));
    let differ = plain[0].iter().zip(&resting[0]).filter(|(a, b)| a != b).count();
    assert_eq!((differ, rested(&resting[0])), (5, 5));
}

#[test]
fn a_faint_pause_rests_and_speech_over_it_does_not() {
    let track = voice(400_000);
    let [plain, resting] =
        [false, true].map(|rests| detect_with(silero(1, Arithmetic::new(false), FORGET, rests), &[&track]));
    let speech = plain[0].iter().filter(|&&p| p >= 0.35).count();
    let missed = plain[0].iter().zip(&resting[0]).filter(|&(&p, &r)| (p >= 0.35) != (r >= 0.35)).count();
    assert!(speech > 500 && rested(&resting[0]) > 400 && missed <= speech / 100, "{speech} {missed}");
    // The same 18 dB louder has noise that may hide somebody, and is heard throughout.
    let loud: Vec<f32> = track.iter().map(|x| x * 8.0).collect();
    let [plain, resting] =
        [false, true].map(|rests| detect_with(silero(1, Arithmetic::new(false), FORGET, rests), &[&loud]));
    assert_eq!(plain, resting);
    assert_eq!(
        rested(&detect_with(silero(1, Arithmetic::new(false), None, true), &[&track])[0]),
        0,
        "too much to catch up with"
    );
    assert_eq!(rested(&detect_with(silero(1, Arithmetic::new(false), FORGET, true), &[&[0.0; 40_000]])[0]), 157);
}

#[test]
fn a_real_call_has_the_same_speech_where_silence_rests() {
    let tracks = ["agent.wav", "caller.wav"].map(|name| wav(&format!("{REFERENCE}/{name}")));
    let tracks = tracks.each_ref().map(Vec::as_slice);
    let [plain, resting] =
        [false, true].map(|rests| detect_with(silero(2, Arithmetic::new(false), FORGET, rests), &tracks));
    assert!(resting.iter().map(|track| rested(track)).sum::<usize>() > 500);
    for (plain, resting) in plain.into_iter().zip(resting) {
        for threshold in [0.35, 0.5] {
            let over = |values: &[f32]| values.iter().map(|&p| p >= threshold).collect::<Vec<_>>();
            assert_eq!(over(&plain), over(&resting), "above {threshold}");
        }
    }
}
