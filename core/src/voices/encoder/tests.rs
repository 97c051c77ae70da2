#![allow(clippy::unwrap_used)]

use serde::Deserialize;

use super::*;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Reference {
    frames: Vec<Vec<f32>>,
    /// By the weights as they were published.
    embedding: Vec<f32>,
    /// By the weights in half precision, which are those of the crate.
    half_embedding: Vec<f32>,
}

fn given() -> Reference {
    serde_json::from_str(include_str!("reference.json")).unwrap()
}

fn reference() -> (Vec<MelFrame>, Vec<f32>) {
    let given = given();
    (given.frames.iter().map(|frame| frame.as_slice().try_into().unwrap()).collect(), given.embedding)
}

fn cosine(a: &[f32], b: &[f32]) -> f64 {
    let product = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(&a, &b)| f64::from(a) * f64::from(b)).sum::<f64>();
    product(a, b) / (product(a, a) * product(b, b)).sqrt()
}

/// The sound of `fixtures/ge2e_weights.py`.
fn sound(count: usize) -> Vec<f32> {
    const VOWELS: [[f64; 2]; 4] = [[1.654, 1.117], [1.886, -0.297], [1.792, 1.445], [1.845, 0.443]];
    let (mut phase, mut low, mut high) = (0.0f64, [0.0f64; 2], [0.0f64; 2]);
    let sample = |n: usize| {
        let (at, [first, second]) = (n % 1_200, VOWELS[n / 1_200 % 4]);
        phase += 0.025 - 0.006 * at as f64 / 1_200.0;
        let pulse = if phase >= 1.0 { 1.0 } else { 0.0 };
        phase -= pulse;
        low = [pulse - 0.025 + first * low[0] - 0.9409 * low[1], low[0]];
        high = [low[0] + second * high[0] - 0.9025 * high[1], high[0]];
        (high[0] * at.min(1_200 - at).min(600) as f64 / 600.0) as f32
    };
    (0..count).map(sample).collect()
}

#[test]
fn embeddings_are_the_references_from_its_mel_frames() {
    let (frames, expected) = reference();
    for portable in [false, true] {
        let found = VoiceEncoder::new(portable).embed(std::slice::from_ref(&frames));
        let cosine = cosine(&found[0], &expected);
        assert!(cosine > 0.9999, "portable {portable}: {cosine}");
    }
}

/// What is lost is lost by half precision: arithmetic in 32 bits takes next to nothing away.
#[test]
fn embeddings_are_those_of_double_precision_by_the_same_weights() {
    let (frames, _) = reference();
    for (name, level) in in_f32() {
        let most = furthest(&VoiceEncoder { level, cancel: Cancel::default() }, &frames);
        assert!(most < 1e-4, "{name}: {most}");
    }
}

/// The fastest arithmetic may be that of 16-bit integers.
#[test]
fn the_fastest_embeddings_are_near_those_of_double_precision() {
    let (frames, _) = reference();
    let encoder = VoiceEncoder::new(false);
    let found = encoder.embed(std::slice::from_ref(&frames));
    let (most, cosine) = (furthest(&encoder, &frames), cosine(&found[0], &given().half_embedding));
    assert!(most < 2e-3 && cosine > 0.99999, "{most}, cosine {cosine}");
}

/// The levels that compute in f32.
fn in_f32() -> Vec<(&'static str, Option<Level>)> {
    let fused = Level::new();
    #[cfg(target_arch = "x86_64")]
    let fused = fused.as_avx2().map_or(fused, |avx2| avx2.level());
    vec![("portable", None), ("fused", Some(fused))]
}

/// The largest difference of an embedding's components from those of double precision.
fn furthest(encoder: &VoiceEncoder, frames: &[MelFrame]) -> f32 {
    let found = encoder.embed(&[frames.to_vec()]);
    found[0].iter().zip(given().half_embedding).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

#[test]
fn embeddings_are_the_references_from_8_khz_samples() {
    let (_, expected) = reference();
    let samples = sound(12_800);
    let power = samples.iter().map(|x| x * x).sum::<f32>() / samples.len() as f32;
    let mut frames = MelFrames::new(true).frames(&samples, 0, 160, HOP);
    frames.iter_mut().flatten().for_each(|band| *band *= 1e-3 / power);
    let found = VoiceEncoder::new(true).embed(&[frames]);
    let cosine = cosine(&found[0], &expected);
    assert!(cosine > 0.995, "{cosine}");
}

#[test]
fn windows_do_not_show_in_each_other() {
    let (frames, _) = reference();
    let windows: Vec<Vec<MelFrame>> = (0..30).map(|n| frames[n..n + 20 + 3 * n].to_vec()).collect();
    let encoder = VoiceEncoder::new(false);
    let together = encoder.embed(&windows);
    for (window, together) in windows.iter().zip(&together) {
        let alone = encoder.embed(std::slice::from_ref(window));
        assert_eq!(alone[0].map(f32::to_bits), together.map(f32::to_bits));
    }
}

#[test]
fn nothing_and_silence_have_answers() {
    let encoder = VoiceEncoder::new(true);
    assert!(encoder.embed(&[]).is_empty());
    let found = encoder.embed(&[Vec::new(), vec![[0.0; 40]; 50]]);
    assert!(found.iter().flatten().all(|x| x.is_finite()));
}
