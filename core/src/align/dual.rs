//! Detects one recording delivered as two tracks: the same sound at the same level throughout.

use super::sound::{FRAMES, Sound};
use super::vote::Vote;

/// Smallest share of frames with sound on both tracks, among those with sound on either.
const BOTH_SOUND: f64 = 0.9;
/// Largest difference of the mean levels, and largest spread of the difference, in decibels. A
/// silent party's track may contain only bleed, whose level difference is as constant but much
/// larger.
const LEVEL_DB: f64 = 6.0;
const SPREAD_DB: f64 = 2.5;
/// Smallest correlation of the waveforms.
const ALIKE: f64 = 0.9;
/// Samples at 8 kHz compared at a time, and lags tried around the expected one.
const WINDOW: usize = 8_000;
const AROUND: i64 = 8;
/// Smallest peak that determines the lag.
const CLEAR_Z: f32 = 12.0;

/// Returns the lag in seconds at which two tracks are the same recording, if they are.
pub(super) fn same_recording(a: &Sound, b: &Sound, votes: &[Vote]) -> Option<f64> {
    let tops = votes.iter().filter_map(|v| v.peaks.first().map(|p| (v.direction.lag(p.0, 0.0), p.1)));
    let lags = tops.filter(|t| t.1 >= CLEAR_Z).map(|t| t.0);
    let lag = lags.into_iter().find(|&lag| same_level(a, b, lag))?;
    let found: Vec<f64> =
        a.busiest(0..usize::MAX, FRAMES, FRAMES / 4, 3).iter().filter_map(|&f| alike(a, b, f, lag)).collect();
    (found.len() >= 2).then(|| super::drift::median(found)).flatten()
}

/// Returns `true` if the levels agree over the frames with sound.
fn same_level(a: &Sound, b: &Sound, lag_s: f64) -> bool {
    let shift = (lag_s * FRAMES as f64).round() as i64;
    let (mut either, mut both, mut sum, mut squares) = (0.0, 0.0, 0.0, 0.0);
    for (i, (&x, &active)) in a.energy.iter().zip(&a.active).enumerate() {
        let Some(j) = usize::try_from(i as i64 - shift).ok().filter(|&j| j < b.energy.len()) else { continue };
        either += f64::from(u8::from(active || b.active[j]));
        if active && b.active[j] {
            let db = 10.0 * f64::from(x / b.energy[j]).log10();
            both += 1.0;
            sum += db;
            squares += db * db;
        }
    }
    let mean = sum / both;
    both >= FRAMES as f64
        && both >= BOTH_SOUND * either
        && mean.abs() <= LEVEL_DB
        && squares / both - mean * mean <= SPREAD_DB * SPREAD_DB
}

/// Returns the lag in seconds, near the expected one, at which a second of both waveforms is alike.
fn alike(a: &Sound, b: &Sound, frame: usize, lag_s: f64) -> Option<f64> {
    let from = frame * 80;
    let expected = (lag_s * 8_000.0).round() as i64;
    let mut x = vec![0.0f32; WINDOW];
    a.input.samples.read(from, &mut x);
    let start = usize::try_from(from as i64 - expected - AROUND).ok()?;
    let mut y = vec![0.0f32; WINDOW + 2 * AROUND as usize];
    b.input.samples.read(start, &mut y);
    let product = |p: &[f32], q: &[f32]| -> f64 { p.iter().zip(q).map(|(s, t)| f64::from(s * t)).sum() };
    let own = product(&x, &x);
    let best = (0..=2 * AROUND as usize)
        .map(|k| (product(&x, &y[k..]) / (own * product(&y[k..k + WINDOW], &y[k..k + WINDOW])).sqrt(), k))
        .filter(|c| c.0.is_finite())
        .max_by(|c, d| c.0.total_cmp(&d.0))?;
    let later = best.1 as i64 - AROUND;
    (best.0 >= ALIKE).then_some((expected - later) as f64 / 8_000.0)
}
