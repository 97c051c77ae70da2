//! Converts samples to the encoder's mel frames: power, not its logarithm, in 40 bands up to 8 kHz.
//!
//! The network was trained at 16 kHz. A telephone has nothing in the bands above 4 kHz, so the
//! transform uses the 8 kHz samples directly, at half the length, and its power is multiplied by
//! four.

use std::sync::Arc;

use num_complex::Complex32;
use rustfft::{Fft, FftPlanner, FftPlannerScalar};

use super::model::BANDS;

/// Samples between frames: 10 ms.
pub const HOP: usize = 80;
/// Samples per frame: 25 ms.
const WINDOW: usize = 200;
/// Bins of a frame's spectrum, 40 Hz apart.
const BINS: usize = WINDOW / 2 + 1;
/// Upper limit of the bands in Hz.
const TOP_HZ: f64 = 8_000.0;

/// Power by band.
pub type MelFrame = [f32; BANDS];

/// Computes mel frames of 8 kHz samples. Frame `n` is centered on sample `80 · n`.
pub struct MelFrames {
    fft: Arc<dyn Fft<f32>>,
    hann: [f32; WINDOW],
    /// First bin and weights of every band.
    bands: Vec<(usize, Vec<f32>)>,
}

impl MelFrames {
    /// Creates a converter. With `portable`, it computes the same bits on every kind of CPU.
    pub fn new(portable: bool) -> Self {
        let fft = if portable {
            FftPlannerScalar::new().plan_fft_forward(WINDOW)
        } else {
            FftPlanner::new().plan_fft_forward(WINDOW)
        };
        let hann = |n: usize| (0.5 - 0.5 * (std::f64::consts::TAU * n as f64 / WINDOW as f64).cos()) as f32;
        Self { fft, hann: std::array::from_fn(hann), bands: bands() }
    }

    /// Computes frames `hop` samples apart. The first `before` samples lie before the first frame's
    /// center; beyond the samples there is silence.
    pub fn frames(&self, samples: &[f32], before: usize, count: usize, hop: usize) -> Vec<MelFrame> {
        let mut frames = vec![[0.0; BANDS]; count];
        let mut pair = [Complex32::default(); WINDOW];
        let mut work = vec![Complex32::default(); self.fft.get_inplace_scratch_len()];
        for (number, two) in frames.chunks_mut(2).enumerate() {
            // Two real frames are the parts of one complex one.
            let at = |n: usize| {
                let sample = |frame: usize| {
                    let place = (before + frame * hop + n).checked_sub(WINDOW / 2);
                    place.and_then(|place| samples.get(place)).copied().unwrap_or(0.0)
                };
                (sample(2 * number), sample(2 * number + 1))
            };
            for (n, (value, hann)) in pair.iter_mut().zip(self.hann).enumerate() {
                let (a, b) = at(n);
                *value = Complex32::new(a * hann, b * hann);
            }
            self.fft.process_with_scratch(&mut pair, &mut work);
            let power = untangled(&pair);
            for (frame, power) in two.iter_mut().zip(&power) {
                *frame = self.banded(power);
            }
        }
        frames
    }

    fn banded(&self, power: &[f32; BINS]) -> MelFrame {
        let mut frame = [0.0; BANDS];
        for (band, (first, weights)) in frame.iter_mut().zip(&self.bands) {
            *band = power.iter().skip(*first).zip(weights).map(|(p, w)| p * w).sum();
        }
        frame
    }
}

/// Returns the power of two real signals, multiplied by four, from the transform of one as the real
/// and the other as the imaginary part.
fn untangled(pair: &[Complex32; WINDOW]) -> [[f32; BINS]; 2] {
    let mut power = [[0.0; BINS]; 2];
    for k in 0..BINS {
        let (z, m) = (pair[k], pair[(WINDOW - k) % WINDOW].conj());
        power[0][k] = (z + m).norm_sqr();
        power[1][k] = (z - m).norm_sqr();
    }
    power
}

/// Returns Slaney's mel scale: linear to 1 kHz, logarithmic above (Auditory Toolbox, 1998).
fn mel(hz: f64) -> f64 {
    if hz < 1000.0 { hz * 3.0 / 200.0 } else { 15.0 + (hz / 1000.0).ln() * 27.0 / 6.4f64.ln() }
}

fn hertz(mel: f64) -> f64 {
    if mel < 15.0 { mel * 200.0 / 3.0 } else { 1000.0 * ((mel - 15.0) * 6.4f64.ln() / 27.0).exp() }
}

/// Returns triangles of unit area, evenly spaced in mel.
fn bands() -> Vec<(usize, Vec<f32>)> {
    let edge = |i: usize| hertz(mel(TOP_HZ) * i as f64 / (BANDS + 1) as f64);
    let band = |i: usize| {
        let (low, middle, high) = (edge(i), edge(i + 1), edge(i + 2));
        let weight = |bin: usize| {
            let hz = bin as f64 * 40.0;
            let height = ((hz - low) / (middle - low)).min((high - hz) / (high - middle)).max(0.0);
            (height * 2.0 / (high - low)) as f32
        };
        let first = (0..BINS).find(|&bin| weight(bin) > 0.0).unwrap_or(BINS);
        (first, (first..BINS).map(weight).take_while(|&w| w > 0.0).collect())
    };
    (0..BANDS).map(band).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sine_lies_in_the_bands_about_its_frequency() {
        let samples: Vec<f32> =
            (0..8_000).map(|n| (std::f32::consts::TAU * 1000.0 * n as f32 / 8_000.0).sin()).collect();
        let frames = MelFrames::new(true).frames(&samples, 0, 101, HOP);
        for frame in &frames[2..98] {
            let loudest = (0..BANDS).max_by(|&a, &b| frame[a].total_cmp(&frame[b])).unwrap();
            assert!((13..=15).contains(&loudest), "band {loudest}");
            assert!(frame[30..].iter().all(|&p| p < frame[loudest] * 1e-4));
        }
    }

    #[test]
    fn a_frame_does_not_depend_on_where_a_stretch_begins() {
        let samples: Vec<f32> = (0..4_000).map(|n| ((n * n % 1009) as f32 / 1009.0) - 0.5).collect();
        let mel = MelFrames::new(true);
        let (all, some) = (mel.frames(&samples, 0, 50, HOP), mel.frames(&samples[800 - 100..], 100, 20, HOP));
        for (a, b) in all[10..30].iter().zip(&some) {
            assert_eq!(a.map(f32::to_bits), b.map(f32::to_bits));
        }
    }
}
