//! Edges of drawn speech.

use proptest::prelude::*;

use super::*;
use crate::speech::spans;

/// Power and probabilities of a track of 10 s: levels in dB by time, and a detector that lags as
/// Silero does.
fn track(level: impl Fn(f64) -> f64, voice: &[(f64, f64)]) -> (Vec<f32>, Probabilities) {
    let wobble = |i: usize| ((i * 7_919 % 13) as f64 - 6.0) / 6.0;
    let power = (0..1000).map(|i| 10f64.powf((level((i as f64 + 0.5) * 10.0) + wobble(i)) / 10.0) as f32).collect();
    let p = |i: usize| {
        let at = i as f64 * 32.0 + 16.0;
        let before = voice.iter().map(|v| at - v.0 + 16.0).filter(|&d| d >= 0.0).fold(f64::INFINITY, f64::min);
        let after = voice.iter().filter(|v| at >= v.0).map(|v| at - v.1).fold(f64::INFINITY, f64::min);
        match () {
            () if before.is_infinite() || after > 160.0 => 0.02,
            () if after > 0.0 => (1.0 - after / 130.0).clamp(0.05, 0.99) as f32,
            () => 0.99,
        }
    };
    (power, Probabilities { hop: Millis(32.0), values: (0..312).map(p).collect() })
}

fn found(power: &[f32], probabilities: &Probabilities, config: &SpeechConfig) -> Vec<(f64, f64)> {
    let spans = located(probabilities, power, Millis(10_000.0), config);
    spans.iter().map(|s| (s.start.0, s.end.0)).collect()
}

fn near(found: &[(f64, f64)], expected: &[(f64, f64)], within: f64) {
    assert_eq!(found.len(), expected.len(), "{found:?}");
    let off = |a: &(f64, f64), b: &(f64, f64)| (a.0 - b.0).abs().max((a.1 - b.1).abs());
    assert!(found.iter().zip(expected).all(|(a, b)| off(a, b) <= within), "{found:?}, expected {expected:?}");
}

#[test]
fn edges_are_where_the_level_and_the_detector_say() {
    let voice = [(1_000.0, 2_500.0), (4_000.0, 4_600.0), (7_000.0, 9_000.0)];
    for (loud, noise) in [(-20.0, -70.0), (-40.0, -65.0), (-26.0, -45.0), (-60.0, -80.0)] {
        let level = |t: f64| if voice.iter().any(|v| t >= v.0 && t < v.1) { loud } else { noise };
        let (power, probabilities) = track(level, &voice);
        near(&found(&power, &probabilities, &SpeechConfig::metrics()), &voice, 20.0);
    }
}

#[test]
fn a_breath_after_a_word_is_not_its_end() {
    let voice = [(1_000.0, 2_500.0)];
    let level = |t: f64| match t {
        1_000.0..2_500.0 => -25.0,
        2_500.0..2_800.0 => -58.0,
        _ => -72.0,
    };
    let (power, probabilities) = track(level, &voice);
    near(&found(&power, &probabilities, &SpeechConfig::metrics()), &voice, 40.0);
}

#[test]
fn a_soft_last_sound_is_part_of_the_word() {
    let voice = [(1_000.0, 2_500.0)];
    let level = |t: f64| match t {
        1_000.0..2_380.0 => -22.0,
        2_380.0..2_500.0 => -42.0,
        _ => -70.0,
    };
    let (power, probabilities) = track(level, &voice);
    near(&found(&power, &probabilities, &SpeechConfig::metrics()), &voice, 20.0);
}

#[test]
fn the_detectors_own_edges_stay_available() {
    let voice = [(1_000.0, 2_500.0), (4_000.0, 4_600.0)];
    let (power, probabilities) = track(|t| if (1_000.0..2_500.0).contains(&t) { -20.0 } else { -70.0 }, &voice);
    for config in [SpeechConfig::metrics(), SpeechConfig::asr()] {
        let config = SpeechConfig { edges: Edges::Detector, ..config };
        let plain = spans(&probabilities, Millis(10_000.0), &config);
        assert_eq!(located(&probabilities, &power, Millis(10_000.0), &config), plain);
    }
    let without = located(&probabilities, &[], Millis(10_000.0), &SpeechConfig::metrics());
    assert_eq!(without, spans(&probabilities, Millis(10_000.0), &SpeechConfig::metrics()), "no level is known");
}

#[test]
fn digital_silence_between_words_is_no_trouble() {
    let voice = [(1_000.0, 2_500.0), (7_000.0, 9_000.0)];
    let (mut power, probabilities) = track(|_| -25.0, &voice);
    for (i, power) in power.iter_mut().enumerate() {
        *power = if voice.iter().any(|v| (v.0..v.1).contains(&(i as f64 * 10.0))) { *power } else { 0.0 };
    }
    near(&found(&power, &probabilities, &SpeechConfig::metrics()), &voice, 20.0);
}

proptest! {
    #[test]
    fn spans_stay_in_order_apart_on_the_track_and_within_the_limit(
        values in prop::collection::vec(0.0f32..1.0, 0..400),
        power in prop::collection::vec(0.0f32..1.0, 0..1300),
        pad in 0.0..300.0f64,
        max in prop::option::of(1000.0..3000.0f64),
    ) {
        let probabilities = Probabilities { hop: Millis(32.0), values };
        let duration = Millis(32.0 * probabilities.values.len() as f64);
        let config = SpeechConfig { speech_pad_ms: Millis(pad), max_speech_ms: max.map(Millis), ..SpeechConfig::metrics() };
        let got = located(&probabilities, &power, duration, &config);
        for pair in got.windows(2) {
            prop_assert!(pair[0].end <= pair[1].start);
        }
        for span in &got {
            prop_assert!(span.start.0 >= 0.0 && span.start < span.end, "{got:?}");
            prop_assert!(max.is_none_or(|max| span.duration().0 <= max + 1e-6), "{span:?}");
        }
    }
}
