//! Measures the pitch of windows: a cue to the voice that short words show, too.

use super::encoder::HOP;
use super::likeness::VoiceWindow;
use crate::track::Narrowband;

/// Samples of a frame (40 ms: two periods of the deepest voice and more), and between frames.
const FRAME: usize = 4 * HOP;
const STEP: usize = 2 * HOP;
/// Periods of a voice in samples at 8 kHz: 400 to 60 Hz.
const PERIODS: std::ops::Range<usize> = 20..134;
/// Lowest correlation of a frame with itself, a period later, that shows a pitch.
const VOICED: f64 = 0.6;
/// Part of the highest correlation that the shortest period must reach. Two periods correlate as
/// well as one.
const NEARLY: f64 = 0.87;
/// Frames with less than this part of the power of the loud ones show none.
const LOUD: f64 = 0.1;
/// Fewest voiced frames that show a window's pitch.
const ENOUGH: usize = 5;

/// Sets the pitch of windows, where they show one.
pub(super) fn measure(samples: &dyn Narrowband, windows: &mut [VoiceWindow]) {
    for window in windows {
        let mut heard = vec![0.0; window.end.saturating_sub(window.start) * HOP];
        samples.read(window.start * HOP, &mut heard);
        window.pitch = pitch(&heard);
    }
}

/// Returns the median pitch in octaves (the logarithm of the frequency to base 2).
fn pitch(samples: &[f32]) -> Option<f32> {
    let last = samples.len().checked_sub(FRAME)?;
    let frames: Vec<&[f32]> = (0..=last).step_by(STEP).filter_map(|at| samples.get(at..at + FRAME)).collect();
    let power = |frame: &[f32]| frame.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>();
    let mut powers: Vec<f64> = frames.iter().map(|frame| power(frame)).collect();
    let floors = powers.clone();
    powers.sort_by(f64::total_cmp);
    let loud = LOUD * powers.get(powers.len() * 9 / 10).copied()?;
    let voiced = frames.iter().zip(floors).filter(|(_, power)| *power > loud);
    let mut found: Vec<f32> = voiced.filter_map(|(frame, _)| period(frame)).map(|p| -(p as f32).log2()).collect();
    found.sort_by(f32::total_cmp);
    let median = found.get(found.len() / 2).copied()?;
    (found.len() >= ENOUGH).then_some(median)
}

/// Returns the period of a frame in samples, if it is voiced.
fn period(frame: &[f32]) -> Option<usize> {
    let mean = frame.iter().sum::<f32>() / frame.len() as f32;
    let frame: Vec<f32> = frame.iter().map(|x| x - mean).collect();
    let correlations: Vec<f64> = PERIODS.map(|lag| correlation(&frame, lag)).collect();
    let highest = correlations.iter().copied().fold(0.0, f64::max);
    let is_peak = |at: &usize| {
        let value = correlations[*at];
        value >= correlations[at - 1] && value >= correlations[at + 1] && value > NEARLY * highest
    };
    let peak = (1..correlations.len() - 1).find(is_peak).filter(|_| highest >= VOICED)?;
    Some(PERIODS.start + peak)
}

/// Returns the correlation of a frame with itself some samples later.
fn correlation(frame: &[f32], lag: usize) -> f64 {
    let (first, second) = (&frame[..frame.len() - lag], &frame[lag..]);
    let (mut product, mut one, mut other) = (0.0f32, 0.0f32, 0.0f32);
    for (a, b) in first.iter().zip(second) {
        product += a * b;
        one += a * a;
        other += b * b;
    }
    f64::from(product) / (f64::from(one) * f64::from(other)).sqrt().max(1e-12)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Half a second of a tone with harmonics.
    fn hum(hertz: f32) -> Vec<f32> {
        let sample = |n: usize| {
            let phase = std::f32::consts::TAU * hertz * n as f32 / 8000.0;
            (1..6).map(|k| (phase * k as f32).sin() / k as f32).sum::<f32>() * 0.1
        };
        (0..4_000).map(sample).collect()
    }

    #[test]
    fn a_voice_shows_its_pitch() {
        let apart = |a: f32, b: f32| 12.0 * (pitch(&hum(a)).unwrap() - pitch(&hum(b)).unwrap());
        assert!((apart(200.0, 100.0) - 12.0).abs() < 0.3);
        assert!((apart(150.0, 100.0) - 7.02).abs() < 0.3);
        assert!(apart(220.0, 220.0) == 0.0);
    }

    #[test]
    fn noise_silence_and_a_click_show_none() {
        let mut state = 1u32;
        let noise = (0..4_000).map(|_| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            state as f32 / u32::MAX as f32 - 0.5
        });
        assert_eq!(pitch(&noise.collect::<Vec<f32>>()), None);
        assert_eq!(pitch(&[0.0; 4_000]), None);
        assert_eq!(pitch(&hum(200.0)[..400]), None, "one frame is too few");
        assert_eq!(pitch(&[]), None);
    }
}
