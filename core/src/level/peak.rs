//! True peak by ITU-R BS.1770-5, annex 2: four times oversampled.
//!
//! The interpolator's gain is bounded, so only stretches whose samples could set a new maximum are interpolated: on
//! speech that is next to none.

use std::sync::LazyLock;

use crate::units::Decibels;

/// Taps of one phase of the interpolator.
pub(crate) const TAPS: usize = 12;
/// Phases between two samples, the sample itself left out.
const PHASES: usize = 3;
/// Samples that are looked at together.
const BLOCK: usize = 64;

/// A Hann-windowed sinc at a quarter, a half and three quarters between two samples.
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

/// The most by which interpolation can exceed the largest sample.
static GAIN: LazyLock<f32> =
    LazyLock::new(|| INTERPOLATOR.iter().map(|p| p.iter().map(|t| t.abs()).sum()).fold(1.0, f32::max));

/// Whether a peak of these samples, or between them, could exceed a value.
pub(crate) fn may_exceed(samples: &[f32], value: f32) -> bool {
    samples.iter().fold(0.0f32, |m, x| m.max(x.abs())) * *GAIN > value
}

/// The largest interpolated value between the middle two of [`TAPS`] samples.
pub(crate) fn between(around: &[f32]) -> f32 {
    let value = |taps: &[f32; TAPS]| taps.iter().zip(around).map(|(t, x)| t * x).sum::<f32>().abs();
    INTERPOLATOR.iter().map(value).fold(0.0, f32::max)
}

/// Follows the true peak of one channel.
#[derive(Debug)]
pub(super) struct TruePeak {
    /// The last samples of the block before, then the block.
    window: Vec<f32>,
    peak: f32,
}

impl Default for TruePeak {
    fn default() -> Self {
        Self { window: vec![0.0; TAPS - 1], peak: 0.0 }
    }
}

impl TruePeak {
    pub(super) fn hear(&mut self, mut samples: &[f32]) {
        while !samples.is_empty() {
            let room = BLOCK + TAPS - 1 - self.window.len();
            let (now, rest) = samples.split_at(room.min(samples.len()));
            self.window.extend_from_slice(now);
            if self.window.len() == BLOCK + TAPS - 1 {
                self.measure();
            }
            samples = rest;
        }
    }

    fn measure(&mut self) {
        if may_exceed(&self.window, self.peak) {
            let samples = self.window.iter().map(|x| x.abs());
            self.peak = samples.chain(self.window.windows(TAPS).map(between)).fold(self.peak, f32::max);
        }
        let keep = self.window.len().saturating_sub(TAPS - 1);
        self.window.drain(..keep);
    }

    /// The true peak in dBTP; `None` for digital silence.
    pub(super) fn finish(mut self) -> Option<Decibels> {
        self.hear(&[0.0; TAPS]);
        self.measure();
        (self.peak > 0.0).then(|| Decibels::from_amplitude(f64::from(self.peak)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peak_of(samples: &[f32]) -> Option<Decibels> {
        let mut peak = TruePeak::default();
        peak.hear(samples);
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
        samples.chunks(7).for_each(|c| pieces.hear(c));
        assert_eq!(peak_of(&samples), pieces.finish());
    }
}
