//! One recording delivered as two tracks: the same sound, as loud, at every moment.

use super::sound::{FRAMES, Sound};
use super::vote::Vote;

/// Of the frames that sound on either track, this share sounds on both.
const BOTH_SOUND: f64 = 0.9;
/// Levels differ by this at most on the whole, and spread by this, in decibels. A silent party's
/// track may hold nothing but bleed, and is as constant, but fainter by far.
const LEVEL_DB: f64 = 6.0;
const SPREAD_DB: f64 = 2.5;
/// Correlation of the waveforms.
const ALIKE: f64 = 0.9;
/// Samples at 8 kHz compared at a time, and lags tried around the one expected.
const WINDOW: usize = 8_000;
const AROUND: i64 = 8;
/// A peak this high at least shows the lag.
const CLEAR_Z: f32 = 12.0;

/// The lag in seconds at which two tracks are the same recording, if they are.
pub(super) fn same_recording(a: &Sound, b: &Sound, votes: &[Vote]) -> Option<f64> {
    let tops = votes.iter().filter_map(|v| v.peaks.first().map(|p| (v.direction.lag(p.0, 0.0), p.1)));
    let lags = tops.filter(|t| t.1 >= CLEAR_Z).map(|t| t.0);
    let lag = lags.into_iter().find(|&lag| same_level(a, b, lag))?;
    let found: Vec<f64> =
        a.busiest(0..usize::MAX, FRAMES, FRAMES / 4, 3).iter().filter_map(|&f| alike(a, b, f, lag)).collect();
    (found.len() >= 2).then(|| super::drift::median(found)).flatten()
}

/// Whether levels go together over the frames that sound.
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

/// The lag in seconds at which a second of both waveforms is alike, near the one expected.
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
