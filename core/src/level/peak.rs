//! True peak (ITU-R BS.1770-5, annex 2) with fourfold oversampling.
//!
//! The interpolator's gain is bounded, so only stretches that could set a new maximum are
//! interpolated. On speech these are rare.

use std::sync::LazyLock;

use fearless_simd::{Level, Simd, SimdBase, dispatch, f32x8};

use super::lanes;
use crate::units::Decibels;

/// Taps per phase of the interpolator.
pub(crate) const TAPS: usize = 12;
/// Phases between two samples, without the sample itself.
const PHASES: usize = 3;
/// Samples examined together.
const BLOCK: usize = 64;

/// A Hann-windowed sinc at one, two and three quarters of the way between two samples.
static INTERPOLATOR: LazyLock<[[f32; TAPS]; PHASES]> = LazyLock::new(|| {
    std::array::from_fn(|phase| {
        let fraction = (phase + 1) as f64 / (PHASES + 1) as f64;
        let taps: [f64; TAPS] = std::array::from_fn(|i| {
            let x = i as f64 - (TAPS / 2 - 1) as f64 - fraction;
            let hann = (std::f64::consts::PI * x / TAPS as f64).cos().powi(2);
            hann * (std::f64::consts::PI * x).sin() / (std::f64::consts::PI * x)
        });
        let sum: f64 = taps.iter().sum();
        taps.map(|tap| (tap / sum) as f32)
    })
});

/// Largest factor by which interpolation can exceed the largest sample.
static GAIN: LazyLock<f32> =
    LazyLock::new(|| INTERPOLATOR.iter().map(|p| p.iter().map(|t| t.abs()).sum()).fold(1.0, f32::max));

/// Returns `true` if a peak of these samples, or between them, could exceed a value.
#[inline]
pub(crate) fn may_exceed(samples: &[f32], value: f32) -> bool {
    lanes::largest(samples) * *GAIN > value
}

/// Returns the largest interpolated value between the middle two of [`TAPS`] samples.
pub(crate) fn between(around: &[f32]) -> f32 {
    let value = |taps: &[f32; TAPS]| taps.iter().zip(around).map(|(t, x)| t * x).sum::<f32>().abs();
    INTERPOLATOR.iter().map(value).fold(0.0, f32::max)
}

/// Returns the largest interpolated value between the middle two of every [`TAPS`] consecutive
/// samples: [`between`] of them all, eight at a time.
#[inline(always)]
fn largest_between<S: Simd>(cpu: S, samples: &[f32]) -> f32 {
    let count = samples.len().saturating_sub(TAPS - 1);
    let whole = count - count % 8;
    let mut most = f32x8::splat(cpu, 0.0);
    for from in (0..whole).step_by(8) {
        for phase in INTERPOLATOR.iter() {
            let mut sum = f32x8::splat(cpu, 0.0);
            for (tap, x) in phase.iter().zip(samples[from..].windows(8)) {
                sum += f32x8::splat(cpu, *tap) * f32x8::from_slice(cpu, x);
            }
            most = most.max(sum.abs());
        }
    }
    let rest = samples[whole..].windows(TAPS).map(between);
    rest.chain(most.to_array()).fold(0.0, f32::max)
}

/// Measures the true peak of one channel.
#[derive(Debug, Clone)]
pub(super) struct TruePeak {
    /// The last samples before the current ones, followed by these.
    window: Vec<f32>,
    peak: f32,
}

impl Default for TruePeak {
    fn default() -> Self {
        Self { window: vec![0.0; TAPS - 1], peak: 0.0 }
    }
}

impl TruePeak {
    #[inline(always)]
    pub(super) fn push<S: Simd>(&mut self, cpu: S, samples: &[f32]) {
        self.window.extend_from_slice(samples);
        if may_exceed(&self.window, self.peak) {
            for from in (0..self.window.len()).step_by(BLOCK) {
                let part = &self.window[from..self.window.len().min(from + BLOCK + TAPS - 1)];
                if may_exceed(part, self.peak) {
                    self.peak = self.peak.max(lanes::largest(part)).max(largest_between(cpu, part));
                }
            }
        }
        self.window.drain(..samples.len());
    }

    /// Returns the true peak in dBTP, or `None` for digital silence.
    pub(super) fn finish(mut self) -> Option<Decibels> {
        dispatch!(Level::new(), cpu => self.push(cpu, &[0.0; TAPS]));
        (self.peak > 0.0).then(|| Decibels::from_amplitude(f64::from(self.peak)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak_of(samples: &[f32]) -> Option<Decibels> {
        let mut peak = TruePeak::default();
        dispatch!(Level::new(), cpu => peak.push(cpu, samples));
        peak.finish()
    }

    #[test]
    fn a_peak_between_samples_is_found() {
        // A quarter of the rate, 45° off: the samples reach 0.707 of the amplitude.
        let samples: Vec<f32> = (0..4000)
            .map(|n| (std::f64::consts::FRAC_PI_2 * f64::from(n) + std::f64::consts::FRAC_PI_4).sin() as f32 * 0.5)
            .collect();
        let peak = peak_of(&samples).unwrap();
        assert!((peak.0 + 6.02).abs() < 0.3, "{peak}");
    }

    #[test]
    fn a_single_sample_peaks_at_itself_wherever_it_is() {
        for at in [0, 1, 63, 64, 65, 99] {
            let mut samples = [0.0; 100];
            samples[at] = -0.5;
            assert!((peak_of(&samples).unwrap().0 + 6.0206).abs() < 1e-3, "at {at}");
        }
    }

    #[test]
    fn silence_has_no_peak() {
        assert_eq!(peak_of(&[0.0; 300]), None);
        assert_eq!(peak_of(&[]), None);
    }

    #[test]
    fn chunking_changes_nothing() {
        let samples: Vec<f32> = (0..1000).map(|n| (n as f32 * 0.7).sin() * (n as f32 / 1000.0)).collect();
        let mut pieces = TruePeak::default();
        // On the least of CPUs, too.
        dispatch!(Level::baseline(), cpu => samples.chunks(7).for_each(|c| pieces.push(cpu, c)));
        assert_eq!(peak_of(&samples), pieces.finish());
    }
}
