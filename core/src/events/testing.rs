//! EventDetector for the tests of this module.

use super::EventDetector;
use super::event::{EventKind, TrackEvent};
use std::f32::consts::TAU;

const RATE: f32 = 8000.0;

/// A sum of sines (hertz, amplitude) of `ms` milliseconds with edges of 5 ms.
pub fn sines(parts: &[(f32, f32)], ms: f32) -> Vec<f32> {
    let n = (ms * RATE / 1000.0).round() as usize;
    let edge = |i: usize| ((i.min(n - i) as f32) / 40.0).min(1.0);
    (0..n).map(|i| edge(i) * parts.iter().map(|(hz, a)| a * (TAU * hz * i as f32 / RATE).sin()).sum::<f32>()).collect()
}

pub fn silence(ms: f32) -> Vec<f32> {
    vec![0.0; (ms * RATE / 1000.0).round() as usize]
}

/// Adds white noise of `dbov`, the same for the same seed.
pub fn noisy(mut x: Vec<f32>, dbov: f32, mut seed: u32) -> Vec<f32> {
    let scale = 10f32.powf(dbov / 20.0) * 12f32.sqrt();
    for v in &mut x {
        seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        *v += scale * ((seed >> 8) as f32 / (1 << 24) as f32 - 0.5);
    }
    x
}

/// `times` of `on`, with `off` between.
pub fn train(on: &[f32], off_ms: f32, times: usize) -> Vec<f32> {
    let mut x = Vec::new();
    for k in 0..times {
        if k > 0 {
            x.extend(silence(off_ms));
        }
        x.extend_from_slice(on);
    }
    x
}

/// Half a second of silence before and after, a floor of -55 dBov, and all that is heard.
pub fn listen(x: &[f32]) -> Vec<TrackEvent> {
    listen_with(x, &[])
}

pub fn listen_with(x: &[f32], probabilities: &[f32]) -> Vec<TrackEvent> {
    let mut all = silence(500.0);
    all.extend_from_slice(x);
    all.extend(silence(500.0));
    let mut sounds = EventDetector::new(&[], false);
    noisy(all, -55.0, 7).chunks(160).for_each(|block| sounds.push(block));
    sounds.finish(probabilities)
}

pub fn kinds(events: &[TrackEvent]) -> Vec<EventKind> {
    events.iter().map(|e| e.kind).collect()
}

/// The keys among the events, as a string.
pub fn keys(events: &[TrackEvent]) -> String {
    events.iter().filter(|e| e.kind == EventKind::Dtmf).filter_map(|e| e.detail.clone()).collect()
}

/// A voice: harmonics of a gliding pitch under two formants, in syllables of 250 ms.
pub fn voice(ms: f32, pitch: f32) -> Vec<f32> {
    let mut phase = 0.0f32;
    let n = (ms * RATE / 1000.0) as usize;
    (0..n)
        .map(|i| {
            let t = i as f32 / RATE;
            phase += TAU * pitch * (1.0 + 0.08 * (TAU * 1.7 * t).sin() + 0.04 * (TAU * 5.0 * t).sin()) / RATE;
            let formants =
                [(500.0 + 250.0 * (TAU * 1.1 * t).sin(), 90.0), (1500.0 + 500.0 * (TAU * 1.3 * t).cos(), 130.0)];
            let weight = |hz: f32| formants.iter().map(|(f, w)| 1.0 / (1.0 + ((hz - f) / w).powi(2))).sum::<f32>();
            let sound = (1..24).map(|k| (phase * k as f32).sin() * weight(pitch * k as f32)).sum::<f32>();
            0.1 * sound * (TAU * 2.0 * t).sin().max(0.0)
        })
        .collect()
}

/// A melody of plucked chords, one every 300 ms.
pub fn melody(ms: f32) -> Vec<f32> {
    let notes = [392.0, 440.0, 523.3, 587.3, 659.3, 784.0, 880.0];
    (0..(ms * RATE / 1000.0) as usize)
        .map(|i| {
            let (chord, at) = (i / 2400, (i % 2400) as f32 / RATE);
            let voices = [notes[chord * 3 % 7], 1.5 * notes[(chord * 5 + 2) % 7], 2.0 * notes[(chord + 4) % 7]];
            let string = |hz: f32| {
                [1.0, 0.5, 0.3].iter().zip(1..).map(move |(a, k)| a * (k as f32 * TAU * hz * i as f32 / RATE).sin())
            };
            voices.iter().flat_map(|&hz| string(hz)).map(|v| 0.05 * v * (-3.0 * at).exp()).sum::<f32>()
        })
        .collect()
}
