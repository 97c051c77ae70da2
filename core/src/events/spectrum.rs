//! The block analysis shared by all detectors: Hann-windowed power spectra at 8 kHz.
//!
//! Uses rustfft rather than realfft: two windows share one complex transform, where realfft would
//! need two, and realfft accepts only rustfft's `FftPlanner`, which chooses by the CPU and would
//! break `portable`.

use num_complex::Complex;
use rustfft::{Fft, FftPlanner, FftPlannerScalar};
use std::sync::Arc;

/// Sample rate of all detectors in this module, in Hz.
pub const RATE: usize = 8000;
/// Samples per frame (32 ms), and distance of coarse frames. Equal to the speech detector's frames.
pub const FRAME: usize = 256;
/// Distance of fine frames, in samples (8 ms).
pub const HOP: usize = 64;
/// Samples of the long window that resolves two close tones (128 ms).
pub const LONG: usize = 1024;
/// Width of a frame's bin in Hz.
pub const BIN_HZ: f32 = RATE as f32 / FRAME as f32;
/// Lowest bin used (297 Hz). Bins below it contain mains hum and rumble, but no tones.
pub const FIRST_BIN: usize = 10;
/// Highest bin used (3875 Hz). Telephones carry nothing above it.
pub const LAST_BIN: usize = 124;
/// Bins on either side of a peak that contain a Hann-windowed sine: 99.9 % of its power.
pub const REACH: usize = 2;

/// A frame's power spectrum. Its bins add up to the mean square of the windowed samples.
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

/// Computes power spectra two windows at a time, one as the real and one as the imaginary part of a
/// complex transform.
#[derive(Clone)]
pub struct Analyser {
    fft: Arc<dyn Fft<f32>>,
    window: Vec<f32>,
    buffer: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Analyser {
    /// Creates an analyzer for windows of `length` samples (even). With `portable`, it computes the
    /// same bits on every CPU.
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

    /// Computes the power spectra of two windows of samples. Each has half as many bins as samples,
    /// plus one.
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

    /// Computes the spectra of two frames.
    pub fn frames(&mut self, samples: [&[f32]; 2], frames: &mut [Frame; 2]) {
        let [one, two] = frames;
        self.powers(samples, [&mut one.power, &mut two.power]);
        for frame in frames {
            frame.total = sum(&frame.power[FIRST_BIN..=LAST_BIN]);
        }
    }
}

/// Adds values in eight lanes, so that it compiles to vector instructions. The order is fixed.
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

/// Returns the strongest bin of `power[first..=last]`.
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

/// Returns the power within `REACH` bins of `bin`.
pub fn around(power: &[f32], bin: usize) -> f32 {
    power[bin.saturating_sub(REACH)..=(bin + REACH).min(power.len() - 1)].iter().sum()
}

/// Returns the frequency of the sine at the peak `bin`, in bins. Exact for a Hann window and a
/// single sine.
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
