//! The one block analysis that all listeners share: Hann-windowed power spectra at 8 kHz.
//!
//! realfft does not fit: two windows share one complex transform, where it would make two; and it
//! takes its transforms from rustfft's `FftPlanner` alone, which chooses by the CPU, so that
//! `portable` could not be kept.

use rustfft::num_complex::Complex;
use rustfft::{Fft, FftPlanner, FftPlannerScalar};
use std::sync::Arc;

/// The rate all listeners of this module work at, in Hz.
pub const RATE: usize = 8000;
/// Samples of a frame (32 ms), and the distance of coarse frames: the frames of the speech
/// detector.
pub const FRAME: usize = 256;
/// Distance of fine frames, in samples (8 ms).
pub const HOP: usize = 64;
/// Samples of the long window that tells two close tones apart (128 ms).
pub const LONG: usize = 1024;
/// Width of a bin of a frame, in Hz.
pub const BIN_HZ: f32 = RATE as f32 / FRAME as f32;
/// Bins below this (297 Hz) hold mains hum and rumble, and no tone; they count nowhere.
pub const FIRST_BIN: usize = 10;
/// Bins above this (3875 Hz) hold nothing a telephone carries.
pub const LAST_BIN: usize = 124;
/// Bins either side of a peak that hold a Hann-windowed sine: 99.9 % of its power.
pub const REACH: usize = 2;

/// A frame's power spectrum; the bins add up to the mean square of the windowed samples.
#[derive(Debug, Clone)]
pub struct Frame {
    /// Power of bins 0 to 4000 Hz.
    pub power: [f32; FRAME / 2 + 1],
    /// Sum over the telephone band without hum.
    pub total: f32,
}

impl Default for Frame {
    fn default() -> Self {
        Self { power: [0.0; FRAME / 2 + 1], total: 0.0 }
    }
}

/// Turns samples into power spectra, two windows at a time: one as the real part of a complex
/// transform, one as the imaginary.
#[derive(Clone)]
pub struct Analyser {
    fft: Arc<dyn Fft<f32>>,
    window: Vec<f32>,
    buffer: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Analyser {
    /// An analyser of windows of `length` samples (even); `portable`: with the same bits on every
    /// CPU.
    pub fn new(length: usize, portable: bool) -> Self {
        let fft = if portable {
            FftPlannerScalar::<f32>::new().plan_fft_forward(length)
        } else {
            FftPlanner::<f32>::new().plan_fft_forward(length)
        };
        // Scaled so that the powers of all bins add up to the mean square: 2 / (N * sum of w^2),
        // sum of w^2 = 3 N / 8; and by half for the two windows that are told apart below.
        let scale = 0.5 * (2.0 / (length as f64 * length as f64 * 0.375)).sqrt();
        let step = std::f64::consts::TAU / length as f64;
        Self {
            window: (0..length).map(|i| (scale * (0.5 - 0.5 * (step * i as f64).cos())) as f32).collect(),
            buffer: vec![Complex::default(); length],
            scratch: vec![Complex::default(); fft.get_inplace_scratch_len()],
            fft,
        }
    }

    /// Writes the power spectra of two windows of samples; each has half as many bins as samples,
    /// and one.
    pub fn powers(&mut self, samples: [&[f32]; 2], powers: [&mut [f32]; 2]) {
        let [one, two] = samples;
        for (to, (w, (a, b))) in self.buffer.iter_mut().zip(self.window.iter().zip(one.iter().zip(two))) {
            *to = Complex::new(w * a, w * b);
        }
        self.fft.process_with_scratch(&mut self.buffer, &mut self.scratch);
        let half = self.buffer.len() / 2;
        let [one, two] = powers;
        let split = |z: &Complex<f32>, m: &Complex<f32>, p: &mut f32, q: &mut f32| {
            let (a, b) = (z.re + m.re, z.im - m.im);
            let (c, d) = (z.im + m.im, z.re - m.re);
            *p = a * a + b * b;
            *q = c * c + d * d;
        };
        // Bin N - k beside bin k; bins 0 and N / 2 are their own mirrors.
        for k in [0, half] {
            split(&self.buffer[k], &self.buffer[k], &mut one[k], &mut two[k]);
        }
        let mirrored = self.buffer[1..half].iter().zip(self.buffer[half + 1..].iter().rev());
        for ((z, m), (p, q)) in mirrored.zip(one[1..half].iter_mut().zip(&mut two[1..half])) {
            split(z, m, p, q);
        }
    }

    /// The spectra of two frames.
    pub fn frames(&mut self, samples: [&[f32]; 2], frames: &mut [Frame; 2]) {
        let [one, two] = frames;
        self.powers(samples, [&mut one.power, &mut two.power]);
        for frame in frames {
            frame.total = sum(&frame.power[FIRST_BIN..=LAST_BIN]);
        }
    }
}

/// Sum in eight lanes, so that it compiles to vector instructions; the order is fixed.
fn sum(values: &[f32]) -> f32 {
    let mut lanes = [0.0f32; 8];
    let chunks = values.chunks_exact(8);
    let rest: f32 = chunks.remainder().iter().sum();
    for chunk in chunks {
        for (lane, v) in lanes.iter_mut().zip(chunk) {
            *lane += v;
        }
    }
    lanes.iter().sum::<f32>() + rest
}

/// The strongest bin of `power[first..=last]`.
pub fn strongest(power: &[f32], first: usize, last: usize) -> usize {
    let Some(band) = power.get(first..=last) else {
        return first;
    };
    // Lane by lane, so that it compiles to vector instructions.
    let mut lanes = [0.0f32; 8];
    let chunks = band.chunks_exact(8);
    let rest = chunks.remainder().iter().fold(0.0f32, |a, &b| if b > a { b } else { a });
    for chunk in chunks {
        for (lane, &p) in lanes.iter_mut().zip(chunk) {
            *lane = if p > *lane { p } else { *lane };
        }
    }
    let most = lanes.iter().fold(rest, |a, &b| if b > a { b } else { a });
    first + band.iter().position(|&p| p == most).unwrap_or(0)
}

/// Power within `REACH` bins of `bin`.
pub fn around(power: &[f32], bin: usize) -> f32 {
    power[bin.saturating_sub(REACH)..=(bin + REACH).min(power.len() - 1)].iter().sum()
}

/// Frequency of the sine behind the peak at `bin`, in bins: exact for a Hann window and one sine.
pub fn interpolate(power: &[f32], bin: usize) -> f32 {
    if bin == 0 || bin + 1 >= power.len() || power[bin] <= 0.0 {
        return bin as f32;
    }
    let (below, above) = (power[bin - 1], power[bin + 1]);
    let ratio = (below.max(above) / power[bin]).sqrt();
    let shift = ((2.0 * ratio - 1.0) / (ratio + 1.0)).clamp(-0.5, 0.5);
    if above >= below { bin as f32 + shift } else { bin as f32 - shift }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(hz: f32, amplitude: f32, n: usize) -> Vec<f32> {
        (0..n).map(|i| amplitude * (std::f32::consts::TAU * hz * i as f32 / RATE as f32).sin()).collect()
    }

    #[test]
    fn a_sine_has_its_power_and_frequency() {
        for hz in [425.0, 697.0, 1100.0, 1633.0, 2100.0, 3003.0] {
            let mut frames: [Frame; 2] = Default::default();
            let other = sine(937.0, 0.9, FRAME);
            Analyser::new(FRAME, true).frames([&sine(hz, 0.1, FRAME), &other], &mut frames);
            let [frame, other] = frames;
            assert!((other.total / 0.405 - 1.0).abs() < 0.02, "the other window is another's");
            let peak = strongest(&frame.power, FIRST_BIN, LAST_BIN);
            assert!((around(&frame.power, peak) / 0.005 - 1.0).abs() < 0.02, "{hz}");
            assert!((interpolate(&frame.power, peak) * BIN_HZ - hz).abs() < 0.5, "{hz}");
            assert!((frame.total / 0.005 - 1.0).abs() < 0.02, "{hz}");
        }
    }

    #[test]
    fn hum_does_not_count() {
        let mut frames: [Frame; 2] = Default::default();
        let hum = sine(50.0, 0.5, FRAME);
        Analyser::new(FRAME, true).frames([&hum, &hum], &mut frames);
        assert!(frames.iter().all(|frame| frame.total < 1e-4));
    }
}
